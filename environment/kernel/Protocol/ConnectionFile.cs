using System.Text.Json;
using System.Text.Json.Serialization;

namespace Cellar.Protocol;

/// <summary>Where a kernel listens and how its messages are signed, as Jupyter's connection file has it.</summary>
internal sealed record ConnectionFile
{
    [JsonPropertyName("transport")]
    public string Transport { get; init; } = "tcp";

    [JsonPropertyName("ip")]
    public string Ip { get; init; } = "127.0.0.1";

    [JsonPropertyName("shell_port")]
    public required int ShellPort { get; init; }

    [JsonPropertyName("control_port")]
    public required int ControlPort { get; init; }

    [JsonPropertyName("iopub_port")]
    public required int IopubPort { get; init; }

    [JsonPropertyName("stdin_port")]
    public required int StdinPort { get; init; }

    [JsonPropertyName("hb_port")]
    public required int HeartbeatPort { get; init; }

    /// <summary>The secret of the signatures; without one, messages are not signed.</summary>
    [JsonPropertyName("key")]
    public string Key { get; init; } = "";

    [JsonPropertyName("signature_scheme")]
    public string SignatureScheme { get; init; } = "hmac-sha256";

    /// <summary>Reads a connection file.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="FormatException">It is no connection file, or asks for what this kernel does not have.</exception>
    public static ConnectionFile Load(string path)
    {
        if (!File.Exists(path)) throw new FileNotFoundException($"There is no connection file {path}. Jupyter writes one when it starts a kernel.", path);
        ConnectionFile? file;
        try
        {
            file = JsonSerializer.Deserialize<ConnectionFile>(File.ReadAllText(path));
        }
        catch (JsonException e)
        {
            throw new FormatException($"{path}: not a connection file: {e.Message} Start the kernel through Jupyter, which writes it.", e);
        }

        if (file is null) throw new FormatException($"{path}: not a connection file: it is empty.");
        if (file.Transport != "tcp") throw new FormatException($"{path}: transport \"{file.Transport}\" is not supported; expected \"tcp\", Jupyter's default.");
        if (file.Key.Length > 0 && file.SignatureScheme != "hmac-sha256")
            throw new FormatException($"{path}: signature scheme \"{file.SignatureScheme}\" is not supported; expected \"hmac-sha256\", Jupyter's default.");
        return file;
    }
}
