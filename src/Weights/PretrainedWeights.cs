using System.Collections.Concurrent;
using System.Security.Cryptography;
using UnetResnet.Runtime;

namespace UnetResnet.Weights;

/// <summary>
/// A weights file on the network: what it is called, where it lies and which checksum it has. Nothing is downloaded without <see cref="DownloadAsync"/>;
/// everything else looks only into the user's cache (<see cref="WeightsCache"/>).
/// </summary>
/// <remarks>
/// Addresses, checksums and sizes are those of <c>keras.applications.resnet50</c> to 2.2.4. A mirror is
/// <c>PretrainedWeights.ImageNet with { Url = … }</c>: the checksum stays.
/// </remarks>
public sealed record PretrainedWeights
{
    private const string Release = "https://github.com/fchollet/deep-learning-models/releases/download/v0.2/";

    /// <summary>Path, length and time of writing of the files whose checksum this process has seen to be right.</summary>
    private static readonly ConcurrentDictionary<(string Path, long Length, DateTime Written, string Md5), bool> Verified = new();

    /// <summary>ResNet50 trained on ImageNet, width 64, without its classifier: the file of the question of 2018.</summary>
    public static PretrainedWeights ImageNet { get; } = Keras("imagenet", "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5", "a268eb855778b3df3c7506639542a6af", 94_653_016);

    /// <summary>The same with the classifier of 1000 classes.</summary>
    public static PretrainedWeights ImageNetWithTop { get; } = Keras("imagenet-top", "resnet50_weights_tf_dim_ordering_tf_kernels.h5", "a7b3fe01876f51b976af0dea6bc144eb", 102_853_048);

    /// <summary>All that are known.</summary>
    public static IReadOnlyList<PretrainedWeights> All { get; } = [ImageNet, ImageNetWithTop];

    /// <summary>Name in commands.</summary>
    public required string Name { get; init; }

    /// <summary>Name of the file.</summary>
    public required string FileName { get; init; }

    /// <summary>Where it lies.</summary>
    public required Uri Url { get; init; }

    /// <summary>MD5 checksum in 32 hexadecimal digits.</summary>
    public required string Md5 { get; init; }

    /// <summary>Length in bytes.</summary>
    public required long Bytes { get; init; }

    /// <summary>The entry of a name, in any case.</summary>
    /// <param name="name">One of <see cref="All"/>'s names.</param>
    /// <exception cref="ArgumentException">There is none of that name.</exception>
    public static PretrainedWeights FromName(string name) =>
        All.FirstOrDefault(w => string.Equals(w.Name, name, StringComparison.OrdinalIgnoreCase))
        ?? throw new ArgumentException($"There are no pre-trained weights '{name}'. Known: {string.Join(", ", All.Select(w => w.Name))}.", nameof(name));

    /// <summary>Where the file is kept, whether it is there or not.</summary>
    /// <param name="folder">The folder; null for <see cref="WeightsCache.Folder"/>.</param>
    public string PathIn(string? folder = null) => Path.Combine(folder ?? WeightsCache.Folder, FileName);

    /// <summary>The path of the file if it is there. Its checksum is compared once in a process (a fifth of a second), so a file put there by hand is checked too.</summary>
    /// <param name="folder">The folder; null for <see cref="WeightsCache.Folder"/>.</param>
    /// <returns>The path, or null where there is no file.</returns>
    /// <exception cref="WeightsException">The file cannot be read, or is another one.</exception>
    public string? Find(string? folder = null)
    {
        string path = PathIn(folder);
        if (!File.Exists(path)) return null;
        if (IsIntact(path)) return path;
        throw new WeightsException(
            $"{path} is not the file that it is called: expected {Bytes} bytes with the MD5 {Md5}, found {new FileInfo(path).Length} bytes. It is damaged or something else. {Cure(path, replaces: true)}");
    }

    /// <summary>The path of the file, which must be there.</summary>
    /// <param name="folder">The folder; null for <see cref="WeightsCache.Folder"/>.</param>
    /// <exception cref="WeightsException">It is not there, or is another file; the message says how to get it.</exception>
    public string Require(string? folder = null) =>
        Find(folder) ?? throw new WeightsException($"The weights of ImageNet ({FileName}, {NumberText.Fixed(Bytes / 1e6, 0)} MB) are not on this machine, and nothing is downloaded without being asked for. {Cure(PathIn(folder), replaces: false)}");

    /// <summary>
    /// Downloads the file unless it is there: goes on where an earlier attempt stopped, compares the checksum, and only then gives the file its name. Two processes
    /// do not collide: the second one waits, and finds the file.
    /// </summary>
    /// <param name="options">Folder and patience; null for the defaults.</param>
    /// <param name="progress">Told about at every hundredth of the file.</param>
    /// <param name="cancellation">Stops; what has come is kept for the next time.</param>
    /// <returns>The path of the file.</returns>
    /// <exception cref="ArgumentException">The options are not valid.</exception>
    /// <exception cref="WeightsException">The file could not be downloaded; the message says why, and where to put it by hand.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public async Task<string> DownloadAsync(DownloadOptions? options = null, IProgress<DownloadProgress>? progress = null, CancellationToken cancellation = default)
    {
        options = (options ?? new DownloadOptions()).Validate();
        string path = PathIn(options.Folder);
        if (!IsIntact(path)) await new FileDownload(this, path, options, progress).RunAsync(cancellation);
        return path;
    }

    /// <summary>Whether the file is there and has the right length and checksum.</summary>
    internal bool IsIntact(string path)
    {
        var file = new FileInfo(path);
        if (!file.Exists || file.Length != Bytes) return false;
        var key = (Path.GetFullPath(path), file.Length, file.LastWriteTimeUtc, Md5);
        if (Verified.ContainsKey(key)) return true;
        try
        {
            using FileStream stream = File.OpenRead(path);
            if (!Convert.ToHexString(MD5.HashData(stream)).Equals(Md5, StringComparison.OrdinalIgnoreCase)) return false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new WeightsException($"{path} cannot be read: {e.Message}", e);
        }

        return Verified[key] = true;
    }

    internal WeightsException Failed(string path, string reason, Exception? inner = null) =>
        new($"{FileName} could not be downloaded from {Url}: {reason.TrimEnd('.')}. Try again, or fetch it on another machine and put it to {path} (MD5 {Md5}, checked when it is loaded). Without it, use \"{NamedWeights.Bundled}\" at width 16.", inner);

    private string Cure(string path, bool replaces) =>
        $"Ask for the download{(replaces ? ", which replaces it" : "")}: 'lab weights download {Name}' (dotnet run --project environment/lab -- weights download {Name}), or await the DownloadAsync of this entry of PretrainedWeights. Or put {Url} (MD5 {Md5}) to {path} by hand. \"{NamedWeights.Bundled}\" at width 16 comes with the kit.";

    private static PretrainedWeights Keras(string name, string file, string md5, long bytes) =>
        new() { Name = name, FileName = file, Url = new Uri(Release + file), Md5 = md5, Bytes = bytes };

    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
