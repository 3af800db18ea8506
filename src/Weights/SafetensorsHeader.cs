using System.Buffers.Binary;
using System.Text.Json;

namespace UnetResnet.Weights;

/// <summary>One tensor as a safetensors header describes it.</summary>
/// <param name="Name">Name of the tensor.</param>
/// <param name="Type">Element type.</param>
/// <param name="Shape">Shape; empty for a scalar.</param>
/// <param name="Begin">First byte, counted from the end of the header.</param>
/// <param name="End">Byte after the last, counted from the end of the header.</param>
internal sealed record SafetensorsEntry(string Name, ElementType Type, long[] Shape, long Begin, long End);

/// <summary>
/// The header of a safetensors file: 8 bytes length (little-endian), that many bytes of JSON, then the tensors without holes.
/// Everything is checked before a single tensor is allocated, since files come from strangers.
/// </summary>
/// <remarks>Format: safetensors README. Strict: offsets must cover the rest of the file exactly, without overlap, and agree with shape and type.</remarks>
internal sealed record SafetensorsHeader(IReadOnlyList<SafetensorsEntry> Entries, IReadOnlyDictionary<string, string> Metadata, long DataStart)
{
    /// <summary>safetensors' own limit.</summary>
    private const long MaximumHeader = 100_000_000;

    internal static SafetensorsHeader Read(Stream file, string path)
    {
        WeightsException Bad(string what) =>
            new($"{path} is not a valid safetensors file: {what}. Download or write it again.");

        if (file.Length < 8) throw Bad($"it has {file.Length} bytes, and the header's length alone takes 8");
        Span<byte> prefix = stackalloc byte[8];
        file.ReadExactly(prefix);
        ulong declared = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (declared > MaximumHeader) throw Bad($"its header claims {declared} bytes, over the format's limit of {MaximumHeader}");
        if ((long)declared > file.Length - 8) throw Bad($"its header claims {declared} bytes, and only {file.Length - 8} follow: it is truncated");

        var json = new byte[declared];
        file.ReadExactly(json);
        long dataLength = file.Length - 8 - (long)declared;
        var entries = new List<SafetensorsEntry>();
        var metadata = new Dictionary<string, string>();
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 8, AllowDuplicateProperties = false });
            foreach (JsonProperty property in document.RootElement.EnumerateObject())
            {
                if (property.Name == Safetensors.Metadata)
                {
                    foreach (JsonProperty item in property.Value.EnumerateObject()) metadata[item.Name] = item.Value.GetString() ?? throw Bad("its metadata holds something other than text");
                }
                else
                {
                    entries.Add(ReadEntry(property, dataLength, Bad));
                }
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            throw Bad($"its header is not the JSON that the format asks for ({e.Message})");
        }

        long position = 0;
        foreach (SafetensorsEntry entry in entries.OrderBy(e => e.Begin).ThenBy(e => e.End))
        {
            if (entry.Begin != position) throw Bad($"tensor '{entry.Name}' starts at byte {entry.Begin} where {position} was expected: tensors overlap or leave a hole");
            position = entry.End;
        }

        if (position != dataLength) throw Bad($"its tensors take {position} bytes and {dataLength} are there");
        return new SafetensorsHeader(entries, metadata, 8 + (long)declared);
    }

    private static SafetensorsEntry ReadEntry(JsonProperty property, long dataLength, Func<string, WeightsException> bad)
    {
        string name = property.Name;
        string found = property.Value.GetProperty("dtype").GetString() ?? "";
        ElementType type = ElementType.All.FirstOrDefault(t => t.Safetensors == found)
            ?? throw bad($"tensor '{name}' has element type '{found}', and known are {string.Join(", ", ElementType.All.Select(t => t.Safetensors))}");
        long[] shape = [.. property.Value.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64())];
        long[] offsets = [.. property.Value.GetProperty("data_offsets").EnumerateArray().Select(d => d.GetInt64())];
        if (offsets.Length != 2) throw bad($"tensor '{name}' has {offsets.Length} offsets instead of 2");
        (long begin, long end) = (offsets[0], offsets[1]);
        if (begin < 0 || end < begin || end > dataLength) throw bad($"tensor '{name}' claims bytes {begin} to {end} of {dataLength}");
        if (end - begin > Array.MaxLength) throw bad($"tensor '{name}' has {end - begin} bytes, and {Array.MaxLength} is the most that this reader takes");
        if (shape.Length > ElementType.MaximumRank) throw bad($"tensor '{name}' has {shape.Length} dimensions, and {ElementType.MaximumRank} is the most that libtorch takes");
        if (shape.Any(d => d < 0)) throw bad($"tensor '{name}' has a negative dimension");
        if (type.Bytes(shape) is not { } bytes) throw bad($"tensor '{name}' has an impossible shape ({string.Join(", ", shape)})");
        if (bytes != end - begin) throw bad($"tensor '{name}' of shape ({string.Join(", ", shape)}) takes {bytes} bytes and its offsets give {end - begin}");
        return new SafetensorsEntry(name, type, shape, begin, end);
    }
}
