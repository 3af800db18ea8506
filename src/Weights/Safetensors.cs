using System.Buffers.Binary;
using System.Text.Json;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Weights;

/// <summary>Reads and writes safetensors files: tensors by name, no code, nothing to execute.</summary>
public static class Safetensors
{
    /// <summary>The name under which a header keeps its metadata.</summary>
    internal const string Metadata = "__metadata__";

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The tensors on the CPU, in the file's order, owned by the caller, and the file's metadata.</returns>
    /// <exception cref="WeightsException">The file is missing, truncated, or not valid; nothing is allocated from what it claims before that is checked.</exception>
    public static (IReadOnlyDictionary<string, Tensor> Tensors, IReadOnlyDictionary<string, string> Metadata) Read(string path)
    {
        if (!File.Exists(path)) throw new WeightsException($"There is no weights file {path}.");
        try
        {
            using FileStream file = File.OpenRead(path);
            using var scope = NewDisposeScope();
            SafetensorsHeader header = SafetensorsHeader.Read(file, path);
            var tensors = new Dictionary<string, Tensor>();
            foreach (SafetensorsEntry entry in header.Entries)
            {
                file.Position = header.DataStart + entry.Begin;
                tensors.Add(entry.Name, entry.Type.Read(entry.Name, entry.Shape, file));
            }

            foreach (Tensor tensor in tensors.Values) tensor.MoveToOuterDisposeScope();
            return (tensors, header.Metadata);
        }
        catch (InvalidDataException e)
        {
            throw new WeightsException($"{path} is not a valid safetensors file: {e.Message}. Download or write it again.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new WeightsException($"{path} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Writes a file: first a temporary one beside it, then a rename, so that a reader never sees half of it.</summary>
    /// <param name="path">The file; replaced if it exists.</param>
    /// <param name="tensors">The tensors; any device. The caller keeps them.</param>
    /// <param name="metadata">Text by name, or null.</param>
    /// <exception cref="ArgumentException">A tensor has an element type that the format does not know, or two have the same name, or one the format's own.</exception>
    /// <exception cref="WeightsException">The file cannot be written: the disk is full, the folder read-only.</exception>
    public static void Write(string path, IEnumerable<KeyValuePair<string, Tensor>> tensors, IReadOnlyDictionary<string, string>? metadata = null) =>
        WeightsFile.Write(path, Content(tensors, metadata));

    /// <summary>What writes a file's content to a stream; everything is checked before.</summary>
    internal static Action<Stream> Content(IEnumerable<KeyValuePair<string, Tensor>> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        // Largest elements first keeps every tensor aligned to its element size, as the reference implementation does.
        var ordered = tensors.OrderByDescending(t => t.Value.element_size()).ThenBy(t => t.Key, StringComparer.Ordinal).ToList();
        string? taken = ordered.GroupBy(t => t.Key).FirstOrDefault(name => name.Count() > 1 || name.Key == Metadata)?.Key;
        if (taken is not null) throw new ArgumentException($"Tensor name '{taken}' is taken: names must be unique, and {Metadata} is the format's own. Rename it.", nameof(tensors));
        byte[] header = Header(ordered, metadata);
        return stream =>
        {
            Span<byte> length = stackalloc byte[8];
            BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
            stream.Write(length);
            stream.Write(header);
            foreach ((_, Tensor tensor) in ordered) TensorMemory.Read(tensor, stream.Write);
        };
    }

    private static byte[] Header(List<KeyValuePair<string, Tensor>> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                json.WriteStartObject(Metadata);
                foreach ((string key, string value) in metadata) json.WriteString(key, value);
                json.WriteEndObject();
            }

            long position = 0;
            foreach ((string name, Tensor tensor) in tensors)
            {
                string type = ElementType.All.FirstOrDefault(t => t.Type == tensor.dtype)?.Safetensors
                    ?? throw new ArgumentException($"Tensor '{name}' is {tensor.dtype}, which safetensors does not know. Convert it to one of {string.Join(", ", ElementType.All.Select(t => t.Type))}.", nameof(tensors));
                long bytes = tensor.numel() * tensor.element_size();
                json.WriteStartObject(name);
                json.WriteString("dtype", type);
                json.WriteStartArray("shape");
                foreach (long d in tensor.shape) json.WriteNumberValue(d);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(position);
                json.WriteNumberValue(position + bytes);
                json.WriteEndArray();
                json.WriteEndObject();
                position += bytes;
            }

            json.WriteEndObject();
        }

        // Spaces up to a multiple of 8, so that the tensors are aligned.
        while (buffer.Length % 8 != 0) buffer.WriteByte((byte)' ');
        return buffer.ToArray();
    }
}
