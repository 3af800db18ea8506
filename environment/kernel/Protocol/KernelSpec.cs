using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Cellar.Files;

namespace Cellar.Protocol;

/// <summary>The folder by which Jupyter knows this kernel: <c>kernels/.net-csharp</c> below a folder of Jupyter's data.</summary>
/// <param name="dataFolder">A folder of Jupyter's data, such as <c>~/.local/share/jupyter</c>.</param>
/// <param name="name">Another name for the kernel, so that it stands beside .NET Interactive's: Jupyter and VS Code then offer both for C#.</param>
/// <exception cref="InvalidOperationException">Jupyter would not take the name.</exception>
internal sealed partial class KernelSpec(string dataFolder, string name = KernelSpec.DefaultName)
{
    /// <summary>The name that notebooks carry; it was .NET Interactive's.</summary>
    public const string DefaultName = ".net-csharp";

    /// <summary>What notebooks call the kernel.</summary>
    public string Name { get; } = JupyterName().IsMatch(name) ? name
        : throw new InvalidOperationException($"Jupyter takes letters, digits, '.', '_' and '-' in the name of a kernel, not \"{name}\".");

    /// <summary>What people choose the kernel by.</summary>
    public string DisplayName => Name == DefaultName ? ".NET (C#)" : $"C# ({Name})";

    private const string FileName = "kernel.json";
    private const string Mark = "cellar";
    private const string DotnetRoot = "DOTNET_ROOT";
    private static readonly string[] Files = [FileName, "logo-32x32.png", "logo-64x64.png"];
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Where the files lie, or would lie.</summary>
    public string Folder { get; } = Path.Combine(Path.GetFullPath(dataFolder), "kernels", name);

    /// <summary>Whether a kernel of this name is there, ours or not.</summary>
    public bool Exists => Directory.Exists(Folder);

    /// <summary>Whether the kernel that is there was installed by this program.</summary>
    public bool IsOurs
    {
        get
        {
            try
            {
                return JsonNode.Parse(File.ReadAllText(Path.Combine(Folder, FileName)))?["metadata"]?[Mark] is not null;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException)
            {
                return false;
            }
        }
    }

    /// <summary>The user's own folder of Jupyter's data.</summary>
    public static string UserDataFolder()
    {
        if (Environment.GetEnvironmentVariable("JUPYTER_DATA_DIR") is { Length: > 0 } chosen) return chosen;
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        if (OperatingSystem.IsWindows()) return Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.ApplicationData), "jupyter");
        if (OperatingSystem.IsMacOS()) return Path.Combine(home, "Library", "Jupyter");
        string data = Environment.GetEnvironmentVariable("XDG_DATA_HOME") is { Length: > 0 } xdg ? xdg : Path.Combine(home, ".local", "share");
        return Path.Combine(data, "jupyter");
    }

    /// <summary>Writes the kernelspec. One of ours that is there is brought up to date.</summary>
    /// <param name="program">The program and its arguments before the connection file.</param>
    /// <param name="force">Replace a kernel of this name that somebody else installed.</param>
    /// <exception cref="InvalidOperationException">Somebody else's kernel has the name, and <paramref name="force"/> is not given.</exception>
    public void Install(IReadOnlyList<string> program, bool force)
    {
        if (Exists && !IsOurs)
        {
            if (!force)
                throw new InvalidOperationException($"{Folder} belongs to another kernel, perhaps .NET Interactive, which opens the same notebooks. Give --force to replace it.");
            Directory.Delete(Folder, recursive: true);
        }

        var spec = new JsonObject
        {
            ["argv"] = new JsonArray([.. program.Append("{connection_file}").Select(a => (JsonNode)a)]),
            ["display_name"] = DisplayName,
            ["language"] = "C#",
            ["interrupt_mode"] = "message",
            ["metadata"] = new JsonObject { [Mark] = typeof(KernelSpec).Assembly.GetName().Version?.ToString(3) },
        };
        // A .NET that is not where programs look for it: an editor that was not started from this shell could not start the kernel.
        if (Environment.GetEnvironmentVariable(DotnetRoot) is { Length: > 0 } root) spec["env"] = new JsonObject { [DotnetRoot] = root };
        foreach (int size in (int[])[32, 64]) AtomicFile.Write(Path.Combine(Folder, $"logo-{size}x{size}.png"), stream => CopyResource($"logo-{size}x{size}.png", stream));
        AtomicFile.WriteText(Path.Combine(Folder, FileName), spec.ToJsonString(Indented) + "\n"); // last: a folder without it is no kernel to Jupyter
    }

    /// <summary>Removes what <see cref="Install"/> wrote, and the kernel's folder unless it holds files of somebody else.</summary>
    /// <returns>False where there is nothing to remove.</returns>
    /// <exception cref="InvalidOperationException">Somebody else's kernel has the name.</exception>
    public bool Uninstall()
    {
        if (!Exists) return false;
        if (!IsOurs) throw new InvalidOperationException($"{Folder} belongs to another kernel and stays. Remove it with what installed it, or with: jupyter kernelspec remove {Name}");
        foreach (string file in Files) File.Delete(Path.Combine(Folder, file));
        if (!Directory.EnumerateFileSystemEntries(Folder).Any()) Directory.Delete(Folder);
        return true;
    }

    [GeneratedRegex("^[A-Za-z0-9._-]+$")]
    private static partial Regex JupyterName();

    private static void CopyResource(string name, Stream target)
    {
        using Stream source = typeof(KernelSpec).Assembly.GetManifestResourceStream(name)!;
        source.CopyTo(target);
    }
}
