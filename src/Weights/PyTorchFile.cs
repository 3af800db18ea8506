using System.IO.Compression;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Weights;

/// <summary>
/// Reads the state dict in a file of <c>torch.save</c> (the zip format of PyTorch 1.6 and later). Nothing in the file is executed: its pickle may build
/// dictionaries and tensors, and everything else is refused by name.
/// </summary>
public static class PyTorchFile
{
    private const long MaximumPickle = 1 << 26;

    private static readonly Dictionary<string, (ScalarType Type, int Size)> Storages = new()
    {
        ["FloatStorage"] = (ScalarType.Float32, 4),
        ["DoubleStorage"] = (ScalarType.Float64, 8),
        ["HalfStorage"] = (ScalarType.Float16, 2),
        ["BFloat16Storage"] = (ScalarType.BFloat16, 2),
        ["LongStorage"] = (ScalarType.Int64, 8),
        ["IntStorage"] = (ScalarType.Int32, 4),
        ["ShortStorage"] = (ScalarType.Int16, 2),
        ["CharStorage"] = (ScalarType.Int8, 1),
        ["ByteStorage"] = (ScalarType.Byte, 1),
    };

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file: a state dict, or a dictionary with one under <c>state_dict</c>.</param>
    /// <returns>The tensors on the CPU by name, owned by the caller; those that shared memory when they were saved share it again.</returns>
    /// <exception cref="WeightsException">The file is missing, damaged, of the format before 1.6, or asks for anything but tensors.</exception>
    public static IReadOnlyDictionary<string, Tensor> Read(string path)
    {
        if (!File.Exists(path)) throw new WeightsException($"There is no weights file {path}.");
        try
        {
            using FileStream file = File.OpenRead(path);
            if (file.ReadByte() == 0x80)
                throw new WeightsException($"{path} has the format of PyTorch before 1.6, which is one pickle program. Convert it with a current PyTorch: torch.save(torch.load(old, weights_only=True), new).");
            using var scope = NewDisposeScope();
            using var zip = new ZipArchive(file, ZipArchiveMode.Read);
            Dictionary<string, Tensor> tensors = Read(zip, file.Length);
            foreach (Tensor tensor in tensors.Values.Distinct()) tensor.MoveToOuterDisposeScope();
            return tensors;
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException or OverflowException or NotSupportedException or ArgumentException or OutOfMemoryException)
        {
            throw new WeightsException($"{path} is not a state dict of torch.save that can be read: {e.Message}. Write it with torch.save(model.state_dict(), path).", e);
        }
    }

    private static Dictionary<string, Tensor> Read(ZipArchive zip, long fileLength)
    {
        long total = 0;
        var entries = new Dictionary<string, ZipArchiveEntry>();
        foreach (ZipArchiveEntry entry in zip.Entries)
        {
            // torch.save never compresses, so contents larger than the file are a bomb.
            if (entry.CompressedLength != entry.Length || (total = checked(total + entry.Length)) > fileLength)
                throw new InvalidDataException($"its entry '{entry.FullName}' is compressed or larger than the file, which torch.save never does");
            if (!entries.TryAdd(entry.FullName, entry)) throw new InvalidDataException($"it has two entries '{entry.FullName}'");
        }

        string pickle = entries.Keys.SingleOrDefault(n => n.EndsWith("/data.pkl", StringComparison.Ordinal) && n.Count(c => c == '/') == 1)
            ?? throw new InvalidDataException("it has no entry 'data.pkl' in one root folder");
        string root = pickle[..^"data.pkl".Length];
        if (entries.TryGetValue(root + "byteorder", out ZipArchiveEntry? order) && !Bytes(order, 16).AsSpan().SequenceEqual("little"u8))
            throw new InvalidDataException("its numbers are not little-endian");

        var storages = new Dictionary<string, Tensor>();
        object? result = new PickleReader(Bytes(entries[pickle], MaximumPickle), id => Storage(id, root, entries, storages), Call).Read();
        if (result is Dictionary<object, object?> outer && outer.TryGetValue("state_dict", out object? inner)) result = inner;
        if (result is not Dictionary<object, object?> state) throw new InvalidDataException("it holds no dictionary");

        var tensors = new Dictionary<string, Tensor>();
        foreach ((object key, object? value) in state)
            tensors.Add(
                key as string ?? throw new InvalidDataException($"its key {key} is not a name"),
                value as Tensor ?? throw new InvalidDataException($"its value '{key}' is not a tensor"));
        return tensors;
    }

    private static object Storage(object? id, string root, Dictionary<string, ZipArchiveEntry> entries, Dictionary<string, Tensor> storages)
    {
        if (id is not object?[] { Length: 5 } parts || parts is not ["storage", PickleGlobal { Module: "torch" } type, string key, string, long count])
            throw new InvalidDataException("its pickle refers to something that is no storage");
        if (!Storages.TryGetValue(type.Name, out (ScalarType Type, int Size) element))
            throw new InvalidDataException($"its storage '{key}' is of type {type}, and known are {string.Join(", ", Storages.Keys)}");
        // The key only selects an entry: nothing is written, so '../' leads nowhere.
        if (!entries.TryGetValue($"{root}data/{key}", out ZipArchiveEntry? entry)) throw new InvalidDataException($"its storage '{key}' is missing");
        if (count < 0 || checked(count * element.Size) != entry.Length) throw new InvalidDataException($"its storage '{key}' claims {count} elements of {element.Size} bytes and has {entry.Length} bytes");
        if (storages.TryGetValue(key, out Tensor? known))
            return known.dtype == element.Type ? known : throw new InvalidDataException($"its storage '{key}' has two types");
        Tensor storage = TensorMemory.New([count], element.Type);
        if (count > 0) Bytes(entry, Array.MaxLength).CopyTo(TensorMemory.Of(storage));
        storages.Add(key, storage);
        return storage;
    }

    private static object Call(PickleGlobal global, object?[] arguments) => (global.ToString(), arguments) switch
    {
        ("collections.OrderedDict", []) => new Dictionary<object, object?>(),
        ("torch._utils._rebuild_tensor_v2", [Tensor storage, long offset, object?[] size, object?[] stride, ..]) => Rebuild(storage, offset, Numbers(size), Numbers(stride)),
        ("torch._utils._rebuild_parameter", [Tensor data, ..]) => data,
        _ => throw new InvalidDataException($"its pickle calls {global}, which a state dict does not need; it was not called"),
    };

    private static Tensor Rebuild(Tensor storage, long offset, long[] size, long[] stride)
    {
        if (size.Length != stride.Length || size.Length > 64 || offset < 0 || size.Any(d => d < 0) || stride.Any(s => s < 0))
            throw new InvalidDataException("one of its tensors has an impossible shape");
        long extent = size.Aggregate(1L, (product, d) => checked(product * Math.Max(d, 1)));
        long elements = size.Contains(0) ? 0 : extent;
        long end = elements == 0 ? offset : checked(offset + size.Zip(stride, (d, s) => checked((d - 1) * s)).Sum() + 1);
        if (elements > storage.numel() || end > storage.numel() || extent > int.MaxValue)
            throw new InvalidDataException($"one of its tensors of shape ({string.Join(", ", size)}) takes elements {offset} to {end} of a storage of {storage.numel()}");
        return storage.as_strided(size, stride, offset);
    }

    private static long[] Numbers(object?[] values) =>
        [.. values.Select(v => v is long number ? number : throw new InvalidDataException("one of its shapes holds something other than numbers"))];

    private static byte[] Bytes(ZipArchiveEntry entry, long limit)
    {
        if (entry.Length > limit) throw new InvalidDataException($"its entry '{entry.FullName}' has {entry.Length} bytes, and {limit} is the most that is read");
        var bytes = new byte[entry.Length];
        using Stream stream = entry.Open();
        stream.ReadExactly(bytes);
        return bytes;
    }
}
