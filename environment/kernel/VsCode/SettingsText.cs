using System.Text;
using System.Text.Json;

namespace Cellar.VsCode;

/// <summary>
/// VS Code's settings as the text that its owner wrote: JSON with comments and trailing commas. A change replaces a few characters; everything
/// else stays as it is, byte for byte.
/// </summary>
internal sealed class SettingsText
{
    private const string Setting = "jupyter.completionTriggerCharacters", Language = "csharp", Trigger = ".";
    private static readonly JsonReaderOptions Relaxed = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };
    private readonly byte[] text;

    /// <param name="text">The file's bytes in UTF-8.</param>
    public SettingsText(byte[] text) => this.text = text;

    private static ReadOnlySpan<byte> Mark => [0xEF, 0xBB, 0xBF];

    private int Begin => text.AsSpan().StartsWith(Mark) ? Mark.Length : 0;

    private string NewLine => text.AsSpan().IndexOf("\r\n"u8) >= 0 ? "\r\n" : "\n";

    /// <summary>The text with completion after a dot in C# cells; the very same bytes where it is there already.</summary>
    /// <exception cref="FormatException">The text is damaged, or the setting has a value that VS Code would not take.</exception>
    public byte[] WithCompletion()
    {
        if (Root() is not { } root) return [.. text, .. Encoding.UTF8.GetBytes($"{(text.Length > Begin && text[^1] != '\n' ? NewLine : "")}{{{NewLine}    {Pair()}{NewLine}}}{NewLine}")];
        if (root.Property(Setting) is not { } setting) return Inserted(root, Pair());
        if (setting.Value.Members is null) throw new FormatException($"\"{Setting}\" is not an object there");
        if (setting.Value.Property(Language) is not { } language) return Inserted(setting.Value, $"\"{Language}\": [\"{Trigger}\"]");
        if (language.Value.Items is not { } items) throw new FormatException($"\"{Language}\" in \"{Setting}\" is not a list there");
        return items.Contains(Trigger) ? text : Spliced(language.Value.Start + 1, language.Value.Start + 1, $"\"{Trigger}\"{(items.Count > 0 ? ", " : "")}");
    }

    /// <summary>The text without completion in C# cells, and without the setting where it holds nothing else; the very same bytes where there is nothing to remove.</summary>
    /// <exception cref="FormatException">The text is damaged.</exception>
    public byte[] WithoutCompletion()
    {
        if (Root()?.Property(Setting) is not { Value.Members: { } languages } setting || setting.Value.Property(Language) is not { } language) return text;
        Property unwanted = languages.Count == 1 ? setting : language;
        (int start, int end) = (unwanted.Start, unwanted.Value.End);
        int comma = Skipped(end);
        if (comma < text.Length && text[comma] == ',') end = comma + 1;
        while (start > 0 && text[start - 1] is (byte)' ' or (byte)'\t') start--;
        if (start > 0 && text[start - 1] == '\n') start -= start > 1 && text[start - 2] == '\r' ? 2 : 1;
        return Spliced(start, end, "");
    }

    private static string Pair() => $"\"{Setting}\": {{ \"{Language}\": [\"{Trigger}\"] }}";

    /// <summary>The text with a property before all others of an object, laid out as they are.</summary>
    private byte[] Inserted(Value parent, string property)
    {
        int at = parent.Start + 1;
        if (parent.Members!.Count == 0)
        {
            bool own = text.AsSpan(at..(parent.End - 1)).Contains((byte)'\n');
            string indent = new(' ', 4);
            return parent.Depth > 0 ? Spliced(at, at, $" {property} ") : Spliced(AfterComment(at), AfterComment(at), $"{NewLine}{indent}{property}{(own ? "" : NewLine)}");
        }

        int first = parent.Members[0].Start, line = text.AsSpan(0, first).LastIndexOf((byte)'\n') + 1;
        if (line <= parent.Start) return Spliced(at, first, Encoding.UTF8.GetString(text.AsSpan(at, first - at)) + property + ", ");
        at = AfterComment(at);
        return Spliced(at, at, $"{NewLine}{Encoding.UTF8.GetString(text.AsSpan(line, Blank(line) - line))}{property},");
    }

    private int Blank(int at)
    {
        while (at < text.Length && text[at] is (byte)' ' or (byte)'\t') at++;
        return at;
    }

    /// <summary>Where the rest of the line begins: after a comment that belongs to what stands before it.</summary>
    private int AfterComment(int at)
    {
        int comment = Blank(at);
        if (text.AsSpan(comment).StartsWith("//"u8))
        {
            int end = text.AsSpan(comment).IndexOfAny((byte)'\r', (byte)'\n');
            return end < 0 ? text.Length : comment + end;
        }

        return text.AsSpan(comment).StartsWith("/*"u8) ? comment + text.AsSpan(comment).IndexOf("*/"u8) + 2 : at;
    }

    /// <summary>The next place that is neither white space nor comment.</summary>
    private int Skipped(int at)
    {
        while (at < text.Length)
        {
            if (text[at] is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n') at++;
            else if (text.AsSpan(at).StartsWith("//"u8) || text.AsSpan(at).StartsWith("/*"u8)) at = AfterComment(at);
            else break;
        }

        return at;
    }

    private byte[] Spliced(int start, int end, string replacement) => [.. text.AsSpan(0, start), .. Encoding.UTF8.GetBytes(replacement), .. text.AsSpan(end)];

    /// <summary>The settings, or null for a file of white space and comments alone, which VS Code takes for no settings.</summary>
    private Value? Root()
    {
        if (Skipped(Begin) == text.Length) return null;
        try
        {
            var reader = new Utf8JsonReader(text.AsSpan(Begin), Relaxed);
            reader.Read();
            Value root = Read(ref reader);
            while (reader.Read()) { }
            return root.Members is null ? throw new FormatException("the settings are not an object") : root;
        }
        catch (JsonException e)
        {
            throw new FormatException($"the settings are damaged at line {e.LineNumber + 1}", e);
        }
    }

    private Value Read(ref Utf8JsonReader reader)
    {
        int start = Begin + (int)reader.TokenStartIndex, depth = reader.CurrentDepth;
        List<Property>? members = null;
        List<string?>? items = null;
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                members = [];
                while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
                {
                    (string name, int at) = (reader.GetString()!, Begin + (int)reader.TokenStartIndex);
                    reader.Read();
                    members.Add(new Property(name, at, Read(ref reader)));
                }

                break;
            case JsonTokenType.StartArray:
                items = [];
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    items.Add(reader.TokenType == JsonTokenType.String ? reader.GetString() : null);
                    reader.Skip();
                }

                break;
            default:
                break;
        }

        return new Value(start, Begin + (int)reader.BytesConsumed, depth, members, items);
    }

    /// <summary>A value's place, and what it holds if it is an object or a list.</summary>
    private sealed record Value(int Start, int End, int Depth, List<Property>? Members, List<string?>? Items)
    {
        /// <summary>The property of a name: of several the last, as VS Code reads them.</summary>
        public Property? Property(string name) => Members?.FindLast(p => p.Name == name);
    }

    private sealed record Property(string Name, int Start, Value Value);
}
