using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Weights;

/// <summary>What the moments of a shard were counted on: everything that must be the same in all shards that are merged, and which of them this is.</summary>
/// <param name="Weights">Name of the network's file, for messages.</param>
/// <param name="Network">Fingerprint of the network, see <see cref="MomentsFile"/>.</param>
/// <param name="Shard">Number of the shard, from 1.</param>
/// <param name="Shards">How many there are.</param>
/// <param name="FolderImages">Images in the folder, of all shards together.</param>
/// <param name="FolderNames">Fingerprint of their names.</param>
/// <param name="Side">Side of the images.</param>
/// <param name="BatchSize">Images of a batch.</param>
/// <param name="Preprocessing">Name of their preprocessing.</param>
internal sealed record ShardHeader(string Weights, string Network, int Shard, int Shards, long FolderImages, string FolderNames, int Side, int BatchSize, string Preprocessing);

/// <summary>Moments of a shard as a file: safetensors with the sums of every layer, what they were counted on, and a checksum.</summary>
internal static class MomentsFile
{
    private const string Kind = "recalibration moments", Checksum = "sha256";

    /// <summary>What a network is, as far as it matters for what arrives at its batch-norm layers: options, kernels, γ and β. Running statistics are no part of it.</summary>
    internal static string Fingerprint(Module network, string options)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(hash, options);
        foreach ((string name, Tensor tensor) in network.state_dict().Where(t => !t.Key.EndsWith("running_mean", StringComparison.Ordinal) && !t.Key.EndsWith("running_var", StringComparison.Ordinal)).OrderBy(t => t.Key, StringComparer.Ordinal))
            Append(hash, name, tensor);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Fingerprint of names in their order.</summary>
    internal static string Fingerprint(IEnumerable<string> names)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string name in names) Append(hash, name);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Writes a shard's moments.</summary>
    internal static void Write(string path, ShardHeader header, RecalibrationMoments moments)
    {
        using var scope = NewDisposeScope();
        var metadata = new Dictionary<string, string>
        {
            ["kind"] = Kind,
            ["weights"] = header.Weights,
            ["network"] = header.Network,
            ["shard"] = Number(header.Shard),
            ["shards"] = Number(header.Shards),
            ["folder_images"] = Number(header.FolderImages),
            ["folder_names"] = header.FolderNames,
            ["side"] = Number(header.Side),
            ["batch_size"] = Number(header.BatchSize),
            ["preprocessing"] = header.Preprocessing,
            ["images"] = Number(moments.Images),
        };
        var tensors = new Dictionary<string, Tensor>();
        foreach ((string layer, PooledStatistics statistics) in moments.Layers)
        {
            tensors[$"{layer}.count"] = tensor(statistics.Count, int64);
            tensors[$"{layer}.sum"] = statistics.Sum;
            tensors[$"{layer}.squares"] = statistics.Squares;
        }

        metadata[Checksum] = ChecksumOf(tensors, metadata);
        Safetensors.Write(path, tensors, metadata);
    }

    /// <summary>Reads a shard's moments.</summary>
    /// <returns>What they were counted on, and the moments, owned by the caller.</returns>
    /// <exception cref="WeightsException">The file cannot be read, is damaged, or is something else.</exception>
    internal static (ShardHeader Header, RecalibrationMoments Moments) Read(string path)
    {
        using var scope = NewDisposeScope();
        (IReadOnlyDictionary<string, Tensor> tensors, IReadOnlyDictionary<string, string> metadata) = Safetensors.Read(path);
        if (metadata.GetValueOrDefault("kind") != Kind) throw new WeightsException($"{path} holds no moments of a recalibration. Files of 'lab recalibrate --shard … --moments FILE' do.");
        if (metadata.GetValueOrDefault(Checksum) != ChecksumOf(tensors, metadata)) throw new WeightsException($"{path} is damaged: its checksum is not that of its content. Count the shard again.");
        try
        {
            long Long(string key) => long.Parse(metadata[key], NumberStyles.None, CultureInfo.InvariantCulture);
            var header = new ShardHeader(
                metadata["weights"], metadata["network"], checked((int)Long("shard")), checked((int)Long("shards")), Long("folder_images"), metadata["folder_names"],
                checked((int)Long("side")), checked((int)Long("batch_size")), metadata["preprocessing"]);
            const string Sum = ".sum";
            var layers = tensors.Keys.Where(name => name.EndsWith(Sum, StringComparison.Ordinal)).Select(name => name[..^Sum.Length])
                .ToDictionary(layer => layer, layer => new PooledStatistics(tensors[layer + Sum], tensors[$"{layer}.squares"], tensors[$"{layer}.count"].item<long>()));
            return (header, new RecalibrationMoments(layers, Long("images")));
        }
        catch (Exception e) when (e is KeyNotFoundException or FormatException or OverflowException)
        {
            throw new WeightsException($"{path} has moments of another version of this program ({e.Message.TrimEnd('.')}). Count the shard again.", e);
        }
    }

    /// <summary>Adds up the shards, which must be all of one count over one folder.</summary>
    /// <param name="paths">Their files, in any order.</param>
    /// <param name="network">Fingerprint of the network that is recalibrated.</param>
    /// <param name="weights">Name of its file, for messages.</param>
    /// <returns>The moments of all images, owned by the caller.</returns>
    /// <exception cref="WeightsException">A shard is missing, there twice, of another network or of another count; the message names the file or the number.</exception>
    internal static RecalibrationMoments Merge(IReadOnlyList<string> paths, string network, string weights)
    {
        var seen = new SortedDictionary<int, string>();
        ShardHeader? first = null;
        RecalibrationMoments? sum = null;
        try
        {
            foreach (string path in paths)
            {
                (ShardHeader header, RecalibrationMoments moments) = Read(path);
                using RecalibrationMoments? added = sum is null ? null : moments;
                sum ??= moments;
                first ??= header;
                if (header.Network != network)
                    throw new WeightsException($"{path} was counted with the network of {header.Weights}, and {weights} holds another one: other weights or other options. Count its shards again, or name the file that they were counted with.");
                if (first with { Shard = header.Shard, Weights = header.Weights } != header)
                    throw new WeightsException($"{path} is no part of the same count as {paths[0]}: {Describe(header)}, and there {Describe(first)}. Count all shards over one folder with the same options.");
                if (!seen.TryAdd(header.Shard, path)) throw new WeightsException($"Shard {Number(header.Shard)} of {Number(header.Shards)} is there twice, in {seen[header.Shard]} and in {path}. Leave one out.");
                if (added is not null) sum.Add(added);
            }

            if (first is null || sum is null) throw new WeightsException("There is no file of moments to merge.");
            int[] missing = [.. Enumerable.Range(1, first.Shards).Where(shard => !seen.ContainsKey(shard))];
            if (missing.Length > 0)
                throw new WeightsException($"Of {Number(first.Shards)} shards {(missing.Length == 1 ? "one is" : $"{Number(missing.Length)} are")} missing: {string.Join(", ", missing.Take(20).Select(m => Number(m)))}{(missing.Length > 20 ? ", …" : "")}. Count {(missing.Length == 1 ? "it" : "them")}, or name {(missing.Length == 1 ? "its file" : "their files")} too.");
            if (sum.Images != first.FolderImages)
                throw new WeightsException($"The shards hold {Number(sum.Images)} images, and the folder had {Number(first.FolderImages)}. Count them again.");
            RecalibrationMoments result = sum;
            sum = null;
            return result;
        }
        finally
        {
            sum?.Dispose();
        }
    }

    private static string Describe(ShardHeader header) =>
        $"{Number(header.Shards)} shards of {Number(header.FolderImages)} images (names {header.FolderNames[..Math.Min(8, header.FolderNames.Length)]}), {Number(header.Side)}×{Number(header.Side)}, batches of {Number(header.BatchSize)}, {header.Preprocessing}";

    private static string ChecksumOf(IReadOnlyDictionary<string, Tensor> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach ((string key, string value) in metadata.Where(m => m.Key != Checksum).OrderBy(m => m.Key, StringComparer.Ordinal))
        {
            Append(hash, key);
            Append(hash, value);
        }

        foreach ((string name, Tensor tensor) in tensors.OrderBy(t => t.Key, StringComparer.Ordinal)) Append(hash, name, tensor);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static void Append(IncrementalHash hash, string name, Tensor tensor)
    {
        Append(hash, $"{name} {tensor.dtype} {string.Join(",", tensor.shape)}");
        TensorMemory.Read(tensor, hash.AppendData);
    }

    /// <summary>With its length, so that no two sequences of texts look alike.</summary>
    private static void Append(IncrementalHash hash, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        hash.AppendData(BitConverter.GetBytes((long)bytes.Length));
        hash.AppendData(bytes);
    }

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
