using System.Text.Json.Nodes;

namespace Cellar.Protocol;

/// <summary>The sockets of a kernel that carry messages.</summary>
internal enum KernelChannel
{
    Shell,
    Control,
    Iopub,
    Stdin,
}

/// <summary>A message as it came in, its signature checked.</summary>
/// <param name="Number">Counts the messages of all channels in the order of their arrival.</param>
/// <param name="Identities">Whom to answer.</param>
/// <param name="Header">The bytes of its header, which answers repeat as their parent header.</param>
/// <param name="Type">For example <c>execute_request</c>.</param>
/// <param name="Session">Names the client.</param>
/// <param name="Content">What is asked.</param>
internal sealed record KernelMessage(long Number, IReadOnlyList<byte[]> Identities, byte[] Header, string Type, string Session, JsonObject Content)
{
    public string Text(string name) => Content[name] is JsonValue value && value.TryGetValue(out string? text) ? text : "";

    public bool Flag(string name, bool otherwise) => Content[name] is JsonValue value && value.TryGetValue(out bool flag) ? flag : otherwise;

    public int Integer(string name, int otherwise) => Content[name] is JsonValue value && value.TryGetValue(out int number) ? number : otherwise;
}
