using UnetResnet.Runtime;

namespace UnetResnet.Training;

/// <summary>Where a <see cref="FeatureCache"/> keeps features.</summary>
public sealed record FeatureCacheOptions
{
    private readonly long memoryLimit = 512L << 20;

    /// <summary>Bytes of features kept in memory, 0 or more; what comes after goes to disk. Default: 512 MiB. An image of 96×96 at width 16 takes 0.4 MB, one of 224×224 at width 64 9 MB.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Below 0.</exception>
    public long MemoryLimit
    {
        get => memoryLimit;
        init => memoryLimit = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(MemoryLimit), value, "The memory limit must be 0 bytes (everything on disk) or more.");
    }

    /// <summary>Folder in which the cache makes a folder of its own for what memory does not hold, deleted with the cache; null (default) for the system's temporary folder.</summary>
    public string? Directory { get; init; }

    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
