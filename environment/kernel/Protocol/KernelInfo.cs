using System.Text.Json.Nodes;

namespace Cellar.Protocol;

/// <summary>What the kernel says about itself.</summary>
internal static class KernelInfo
{
    private static readonly string Version = typeof(KernelInfo).Assembly.GetName().Version?.ToString(3) ?? "0";

    /// <summary>The content of <c>kernel_info_reply</c>.</summary>
    public static JsonObject Content() => new()
    {
        ["status"] = "ok",
        ["protocol_version"] = MessageCodec.ProtocolVersion,
        ["implementation"] = "cellar",
        ["implementation_version"] = Version,
        // As the notebooks have it: who saves one writes this into it, and each more word would be a change. Editors find their mode by name and MIME type.
        ["language_info"] = new JsonObject
        {
            ["name"] = "csharp", // VS Code's name: it marks every cell whose language is called otherwise
            ["version"] = "14.0",
            ["mimetype"] = "text/x-csharp",
            ["file_extension"] = ".cs",
            ["pygments_lexer"] = "csharp",
        },
        ["banner"] = $"cellar {Version}: C# on .NET {Environment.Version}",
        ["help_links"] = new JsonArray(),
        ["debugger"] = false,
    };
}
