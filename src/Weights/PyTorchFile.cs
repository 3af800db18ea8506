using System.IO.Compression;
using static TorchSharp.torch;

namespace UnetResnet.Weights;

/// <summary>
/// Reads the state dict in a file of <c>torch.save</c> (the zip format of PyTorch 1.6 and later). Nothing in the file is executed: its pickle may build
/// dictionaries and tensors, and everything else is refused by name.
/// </summary>
public static class PyTorchFile
{
    private const long MaximumPickle = 1 << 26;

    /// <summary>How many times larger than the file its contents may be, beyond a megabyte. Weights hardly shrink when they are compressed; zeros shrink a thousandfold.</summary>
    private const int MostUnpacked = 20;

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
            // torch.save never compresses; TorchSharp.PyBridge does.
            if ((total = checked(total + entry.Length)) > MostUnpacked * fileLength + (1 << 20))
                throw new InvalidDataException($"its entries up to '{entry.FullName}' unpack to {total} bytes, more than {MostUnpacked} times those of the file: no weights shrink so much");
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
        ElementType element = ElementType.All.FirstOrDefault(t => t.Storage == type.Name)
            ?? throw new InvalidDataException($"its storage '{key}' is of type {type}, and known are {string.Join(", ", ElementType.All.Select(t => t.Storage))}");
        // The key only selects an entry: nothing is written, so '../' leads nowhere.
        if (!entries.TryGetValue($"{root}data/{key}", out ZipArchiveEntry? entry)) throw new InvalidDataException($"its storage '{key}' is missing");
        if (count < 0 || checked(count * element.Size) != entry.Length) throw new InvalidDataException($"its storage '{key}' claims {count} elements of {element.Size} bytes and has {entry.Length} bytes");
        if (storages.TryGetValue(key, out Tensor? known))
            return known.dtype == element.Type ? known : throw new InvalidDataException($"its storage '{key}' has two types");
        Tensor storage = Content(entry, Array.MaxLength, stream => element.Read(key, [count], stream));
        storages.Add(key, storage);
        return storage;
    }

    private static object Call(PickleGlobal global, object?[] arguments) => (global.ToString(), arguments) switch
    {
        ("collections.OrderedDict", []) => new Dictionary<object, object?>(),
        ("collections.OrderedDict", [IEnumerable<object?> pairs]) => PickleReader.Filled([], [.. pairs.SelectMany(Pair)]),
        ("torch._utils._rebuild_tensor_v2", [Tensor storage, long offset, object?[] size, object?[] stride, ..]) => Rebuild(storage, offset, Numbers(size), Numbers(stride)),
        ("torch._utils._rebuild_parameter", [Tensor data, ..]) => data,
        _ => throw new InvalidDataException($"its pickle calls {global}, which a state dict does not need; it was not called"),
    };

    private static object?[] Pair(object? item) => item switch
    {
        object?[] { Length: 2 } pair => pair,
        List<object?> { Count: 2 } pair => [.. pair],
        _ => throw new InvalidDataException("its pickle makes a dictionary of something other than pairs"),
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

    private static byte[] Bytes(ZipArchiveEntry entry, long limit) => Content(entry, limit, stream =>
    {
        var bytes = new byte[entry.Length];
        stream.ReadExactly(bytes);
        return bytes;
    });

    private static T Content<T>(ZipArchiveEntry entry, long limit, Func<Stream, T> read)
    {
        if (entry.Length > limit) throw new InvalidDataException($"its entry '{entry.FullName}' has {entry.Length} bytes, and {limit} is the most that is read");
        using Stream stream = entry.Open();
        T content = read(stream);
        return stream.ReadByte() < 0 ? content : throw new InvalidDataException($"its entry '{entry.FullName}' unpacks to more than the {entry.Length} bytes that it claims");
    }
}
