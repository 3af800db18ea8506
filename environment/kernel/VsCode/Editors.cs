namespace Cellar.VsCode;

/// <summary>The VS Codes of this user: where each keeps its user settings.</summary>
/// <remarks>
/// Which characters ask a kernel for completions is a setting of application scope: VS Code reads it from the user settings of the machine
/// that shows the window, and neither from a workspace nor from the far end of a remote connection or container.
/// </remarks>
internal static class Editors
{
    /// <summary>What people see under the line about the setting.</summary>
    public const string Setting = "\"jupyter.completionTriggerCharacters\": { \"csharp\": [\".\"] }";

    private static readonly string[] Products = ["Code", "Code - Insiders", "Code - OSS", "VSCodium", "VSCodium - Insiders"];

    /// <summary>The editors whose folder of user settings is there.</summary>
    public static IReadOnlyList<SettingsFile> Found() => Found(
        OperatingSystem.IsWindows() ? "windows" : OperatingSystem.IsMacOS() ? "macos" : "linux",
        Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), Environment.GetEnvironmentVariable);

    /// <param name="system">linux, macos or windows.</param>
    /// <param name="home">The user's home.</param>
    /// <param name="variable">Reads an environment variable.</param>
    public static IReadOnlyList<SettingsFile> Found(string system, string home, Func<string, string?> variable)
    {
        string Variable(string name, params string[] otherwise) => variable(name) is { Length: > 0 } value ? value : Path.Combine([home, .. otherwise]);
        string settings = system switch
        {
            "windows" => Variable("APPDATA", "AppData", "Roaming"),
            "macos" => Path.Combine(home, "Library", "Application Support"),
            _ => Variable("XDG_CONFIG_HOME", ".config"),
        };
        IEnumerable<string> folders = Products.Select(product => Path.Combine(settings, product, "User"));
        if (system != "windows") folders = folders.Append(Path.Combine(Variable("XDG_DATA_HOME", ".local", "share"), "code-server", "User"));
        if (system == "linux")
        {
            folders = folders.Concat([
                Path.Combine(home, ".var", "app", "com.visualstudio.code", "config", "Code", "User"),
                Path.Combine(home, ".var", "app", "com.vscodium.codium", "config", "VSCodium", "User")]);
        }

        if (variable("VSCODE_PORTABLE") is { Length: > 0 } portable) folders = folders.Append(Path.Combine(portable, "user-data", "User"));
        return [.. folders.Where(Directory.Exists).Distinct().Select(folder => new SettingsFile(Path.Combine(folder, "settings.json")))];
    }
}
