using UnetResnet.Runtime;

namespace UnetResnet.Weights;

/// <summary>How patiently a file is downloaded.</summary>
public sealed record DownloadOptions
{
    /// <summary>Folder to keep the file in; null for <see cref="WeightsCache.Folder"/>.</summary>
    public string? Folder { get; init; }

    /// <summary>How long an answer or its next 64 KiB may take before the attempt is given up.</summary>
    public TimeSpan StallTime { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Attempts after the first one. Each goes on where the last one ended, if the server allows it.</summary>
    public int Retries { get; init; } = 4;

    /// <summary>Pause before the first retry, doubled before each further one.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Whether an address may begin with <c>http://</c>, as some mirrors inside a house do. Others on the way can then read and change what is sent; the checksum is compared in any case.</summary>
    public bool AllowHttp { get; init; }

    /// <summary>Checks the options.</summary>
    /// <returns>This record.</returns>
    /// <exception cref="ArgumentException">A value is not allowed.</exception>
    public DownloadOptions Validate()
    {
        if (Folder is { Length: 0 }) throw new ArgumentException("Folder is empty. Name a folder, or leave it null for the user's cache.", nameof(Folder));
        if (StallTime <= TimeSpan.Zero || StallTime > TimeSpan.FromHours(1)) throw new ArgumentOutOfRangeException(nameof(StallTime), StallTime, "StallTime must be above 0 and at most an hour.");
        if (Retries is < 0 or > 20) throw new ArgumentOutOfRangeException(nameof(Retries), Retries, "Retries must be 0 to 20.");
        if (RetryDelay < TimeSpan.Zero || RetryDelay > TimeSpan.FromMinutes(1)) throw new ArgumentOutOfRangeException(nameof(RetryDelay), RetryDelay, "RetryDelay must be 0 to one minute.");
        return this;
    }

    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}

/// <summary>How far a download is.</summary>
/// <param name="Bytes">Bytes that are here, of this attempt and earlier ones.</param>
/// <param name="Total">Bytes of the whole file.</param>
public readonly record struct DownloadProgress(long Bytes, long Total)
{
    /// <summary>Such as <c>47 of 95 MB</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{Bytes / 1e6:0} of {Total / 1e6:0} MB");
}
