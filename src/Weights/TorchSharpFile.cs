using System.Text;
using static TorchSharp.torch;

namespace UnetResnet.Weights;

/// <summary>
/// Reads the files of TorchSharp's own <c>module.save</c> (<c>.dat</c>): the number of entries, and for each its name, element type, shape and bytes; numbers are
/// LEB128, names have their length before them. The format has no signature and no checksum, so everything it claims is checked before anything is allocated.
/// </summary>
/// <remarks>Source: TorchSharp 0.107, <c>Module.save</c> and <c>TensorExtensionMethods.Save</c>. Write one with <c>module.save(path)</c>.</remarks>
public static class TorchSharpFile
{
    /// <summary>Far above any layer's name; also the first thing that is wrong in a file of another kind.</summary>
    private const int MaximumName = 4096;

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The tensors on the CPU by state key, in the file's order, owned by the caller.</returns>
    /// <exception cref="WeightsException">The file is missing, truncated, or not of this format.</exception>
    public static IReadOnlyDictionary<string, Tensor> Read(string path)
    {
        if (!File.Exists(path)) throw new WeightsException($"There is no weights file {path}.");
        try
        {
            using FileStream file = File.OpenRead(path);
            using var scope = NewDisposeScope();
            var tensors = new Dictionary<string, Tensor>();
            long entries = Number(file);
            // A name of one letter, a type and a rank, with a length before the name.
            if (entries > file.Length / 4) throw new InvalidDataException($"it claims {entries} entries in {file.Length} bytes");
            for (long entry = 0; entry < entries; entry++)
            {
                string name = Name(file);
                if (!tensors.TryAdd(name, ReadTensor(file, name))) throw new InvalidDataException($"it has two entries '{name}'");
            }

            if (file.Position != file.Length) throw new InvalidDataException($"{file.Length - file.Position} bytes are left after its {entries} entries");
            foreach (Tensor tensor in tensors.Values) tensor.MoveToOuterDisposeScope();
            return tensors;
        }
        catch (EndOfStreamException e)
        {
            throw new WeightsException($"{path} is not a file of TorchSharp's module.save that can be read: it ends too early. Save it again.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException or ArgumentException)
        {
            throw new WeightsException($"{path} is not a file of TorchSharp's module.save that can be read: {e.Message.TrimEnd('.')}. Save it again.", e);
        }
    }

    /// <summary>Whether a file without a signature begins like one of these: a count, a length, and that many characters of a state key.</summary>
    internal static bool Begins(ReadOnlySpan<byte> start)
    {
        int at = 0;
        while (at < start.Length && start[at] >= 0x80) at++;
        if (at + 2 >= start.Length || (at == 0 && start[0] == 0)) return false;
        ReadOnlySpan<byte> name = start[(at + 2)..];
        int length = start[at + 1];
        return length is > 0 and < 0x80 && name[..Math.Min(length, name.Length)].IndexOfAnyExcept(KeyCharacters) < 0;
    }

    private static readonly System.Buffers.SearchValues<byte> KeyCharacters =
        System.Buffers.SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"u8);

    private static Tensor ReadTensor(FileStream file, string name)
    {
        long number = Number(file);
        ElementType type = ElementType.All.FirstOrDefault(t => (long)t.Type == number)
            ?? throw new InvalidDataException($"'{name}' has the element type {number}, and known are {string.Join(", ", ElementType.All.Select(t => $"{(int)t.Type} ({t.Type})"))}");
        long rank = Number(file);
        if (rank > ElementType.MaximumRank) throw new InvalidDataException($"'{name}' has {rank} dimensions, and {ElementType.MaximumRank} is the most that libtorch takes");
        var shape = new long[rank];
        for (int i = 0; i < rank; i++) shape[i] = Number(file);

        long left = file.Length - file.Position;
        long bytes = type.Bytes(shape) ?? throw new InvalidDataException($"'{name}' has an impossible shape ({string.Join(", ", shape)})");
        if (bytes > left) throw new InvalidDataException($"'{name}' of shape ({string.Join(", ", shape)}) takes {bytes} bytes, and {left} follow");
        if (bytes > Array.MaxLength) throw new InvalidDataException($"'{name}' has {bytes} bytes, and {Array.MaxLength} is the most that this reader takes");
        return type.Read(name, shape, file);
    }

    /// <summary>LEB128: seven bits in each byte, the lowest first; the top bit says that more follow.</summary>
    private static long Number(FileStream file)
    {
        long value = 0;
        for (int shift = 0; shift < 63; shift += 7)
        {
            long next = Byte(file);
            value |= (next & 0x7F) << shift;
            if (next < 0x80) return value;
        }

        throw new InvalidDataException("it holds a number of more than 63 bits");
    }

    private static string Name(FileStream file)
    {
        long length = Number(file);
        if (length is 0 or > MaximumName) throw new InvalidDataException($"it has a name of {length} bytes, and 1 to {MaximumName} are allowed");
        var bytes = new byte[length];
        file.ReadExactly(bytes);
        return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes);
    }

    private static byte Byte(FileStream file) => file.ReadByte() is var next and >= 0 ? (byte)next : throw new EndOfStreamException();
}
