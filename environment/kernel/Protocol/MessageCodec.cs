using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Cellar.Protocol;

/// <summary>Frames of Jupyter's wire protocol: identities, a delimiter, the signature, header, parent header, metadata, content.</summary>
internal sealed partial class MessageCodec(string key)
{
    public const string ProtocolVersion = "5.4";

    private static readonly byte[] Delimiter = "<IDS|MSG>"u8.ToArray();
    private static readonly byte[] Empty = "{}"u8.ToArray();
    private static readonly JsonSerializerOptions Format = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly byte[] key = Encoding.UTF8.GetBytes(key);
    private readonly string session = Guid.NewGuid().ToString();

    /// <summary>Reads a message.</summary>
    /// <returns>Null where the frames are no message or the signature is wrong.</returns>
    public KernelMessage? Decode(IReadOnlyList<byte[]> frames, long number)
    {
        int delimiter = 0;
        while (delimiter < frames.Count && !frames[delimiter].AsSpan().SequenceEqual(Delimiter)) delimiter++;
        if (frames.Count < delimiter + 6) return null;

        byte[][] parts = [.. frames.Skip(delimiter + 2).Take(4)];
        if (key.Length > 0 && !CryptographicOperations.FixedTimeEquals(frames[delimiter + 1], Sign(parts))) return null;
        try
        {
            if (Parse(parts[0]) is not JsonObject header || Parse(parts[3]) is not JsonObject content) return null;
            if (header["msg_type"] is not JsonValue type || !type.TryGetValue(out string? name)) return null;
            string session = header["session"] is JsonValue value && value.TryGetValue(out string? text) ? text : "";
            return new KernelMessage(number, [.. frames.Take(delimiter)], parts[0], name, session, content);
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException)
        {
            return null; // not JSON, one key twice, or a key that is no text
        }
    }

    /// <summary>
    /// JSON all of whose texts can be read. An editor may cut a letter of two halves in the middle, and what it sends then is JSON and no text: the half becomes U+FFFD, as do bytes that
    /// are no UTF-8.
    /// </summary>
    private static JsonNode? Parse(byte[] part)
    {
        try
        {
            return Read(JsonNode.Parse(part));
        }
        catch (InvalidOperationException)
        {
            return Read(JsonNode.Parse(HalfLetter().Replace(Encoding.UTF8.GetString(part), "\\ufffd")));
        }
    }

    /// <summary>Reads every name and text once; the parser leaves them for later.</summary>
    /// <exception cref="InvalidOperationException">One of them is no text.</exception>
    private static JsonNode? Read(JsonNode? node)
    {
        if (node is JsonObject members) foreach ((_, JsonNode? member) in members) Read(member);
        if (node is JsonArray items) foreach (JsonNode? item in items) Read(item);
        if (node is JsonValue value) value.TryGetValue(out string? _);
        return node;
    }

    [GeneratedRegex(@"(?<=(?<!\\)(?:\\\\)*)(?:\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2})")]
    private static partial Regex HalfLetter();

    /// <summary>Writes a message.</summary>
    /// <param name="identities">Whom it goes to; on the iopub channel its topic.</param>
    /// <param name="type">For example <c>execute_reply</c>.</param>
    /// <param name="content">What it says.</param>
    /// <param name="parent">Header of the message it answers; null for none.</param>
    public List<byte[]> Encode(IReadOnlyList<byte[]> identities, string type, JsonObject content, byte[]? parent)
    {
        var header = new JsonObject
        {
            ["msg_id"] = Guid.NewGuid().ToString(),
            ["session"] = session,
            ["username"] = "kernel",
            ["date"] = DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture),
            ["msg_type"] = type,
            ["version"] = ProtocolVersion,
        };
        byte[][] parts = [Bytes(header), parent ?? Empty, Empty, Bytes(content)];
        return [.. identities, Delimiter, key.Length > 0 ? Sign(parts) : [], .. parts];
    }

    private static byte[] Bytes(JsonObject json) => JsonSerializer.SerializeToUtf8Bytes(json, Format);

    /// <summary>HMAC-SHA256 over the four parts, in hexadecimal letters.</summary>
    private byte[] Sign(byte[][] parts)
    {
        using var hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key);
        foreach (byte[] part in parts) hash.AppendData(part);
        return Encoding.ASCII.GetBytes(Convert.ToHexStringLower(hash.GetHashAndReset()));
    }
}
