using System.Diagnostics;
using System.Text.Json.Nodes;
using Cellar.Protocol;
using SkiaSharp;

namespace Cellar.Tests.Protocol;

/// <summary>The kernel becomes known to Jupyter, and unknown again, and somebody else's kernel is left alone.</summary>
public sealed class KernelSpecTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Install_writes_a_kernelspec_with_logos_and_uninstall_removes_it()
    {
        var spec = new KernelSpec(folder["data"]);
        spec.Install(["/opt/cellar/cellar", "start"], force: false);
        spec.Install(["/opt/cellar/cellar", "start"], force: false); // one of ours is brought up to date
        Assert.Equal(["kernel.json", "logo-32x32.png", "logo-64x64.png"], Directory.GetFileSystemEntries(spec.Folder).Select(Path.GetFileName).Order());
        JsonNode json = JsonNode.Parse(File.ReadAllText(Path.Combine(spec.Folder, "kernel.json")))!;
        Assert.Equal(["/opt/cellar/cellar", "start", "{connection_file}"], json["argv"]!.AsArray().Select(a => a!.ToString()));
        Assert.Equal(("C#", "message"), (json["language"]!.ToString(), json["interrupt_mode"]!.ToString()));
        foreach (int size in (int[])[32, 64])
        {
            using SKBitmap logo = SKBitmap.Decode(Path.Combine(spec.Folder, $"logo-{size}x{size}.png"));
            Assert.Equal((size, size), (logo.Width, logo.Height));
            Assert.NotEqual(logo.GetPixel(size / 2, size / 4), logo.GetPixel(size / 2, size * 3 / 4)); // a cell, and the ground below
        }

        Assert.True(spec.Uninstall());
        Assert.False(spec.Uninstall());
        Assert.Empty(Directory.GetFileSystemEntries(folder["data", "kernels"]));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("/home/me/.dotnet")]
    public void A_runtime_that_only_the_shell_knows_is_noted(string? root)
    {
        const string variable = "DOTNET_ROOT";
        string? before = Environment.GetEnvironmentVariable(variable);
        try
        {
            Environment.SetEnvironmentVariable(variable, root);
            var spec = new KernelSpec(folder["data"]);
            spec.Install(["cellar"], force: false);
            Assert.Equal(root, JsonNode.Parse(File.ReadAllText(Path.Combine(spec.Folder, "kernel.json")))!["env"]?[variable]?.ToString());
        }
        finally
        {
            Environment.SetEnvironmentVariable(variable, before);
        }
    }

    [Fact]
    public void Another_kernel_of_the_name_is_replaced_only_when_forced()
    {
        string json = folder.Write("kernels/.net-csharp/kernel.json", """{ "argv": ["dotnet", "interactive"], "display_name": ".NET (C#)", "language": "C#" }""");
        string before = File.ReadAllText(json);
        var spec = new KernelSpec(folder.Path);
        Assert.Contains("--force", Assert.Throws<InvalidOperationException>(() => spec.Install(["cellar"], force: false)).Message);
        Assert.Contains("stays", Assert.Throws<InvalidOperationException>(() => spec.Uninstall()).Message);
        Assert.Equal(before, File.ReadAllText(json));
        spec.Install(["cellar"], force: true);
        Assert.True(spec.IsOurs);
    }

    [Fact]
    public void Under_a_name_of_its_own_the_kernel_stands_beside_another()
    {
        string other = folder.Write("kernels/.net-csharp/kernel.json", "{}");
        var spec = new KernelSpec(folder.Path, "cellar");
        spec.Install(["cellar"], force: false);
        Assert.Equal("C# (cellar)", JsonNode.Parse(File.ReadAllText(folder["kernels", "cellar", "kernel.json"]))!["display_name"]!.ToString());
        Assert.True(spec.Uninstall());
        Assert.Equal([other], Directory.GetFiles(folder["kernels"], "*", SearchOption.AllDirectories));
        Assert.Contains("not \"../up\"", Assert.Throws<InvalidOperationException>(() => new KernelSpec(folder.Path, "../up")).Message);
    }

    [Fact]
    public void The_command_writes_VS_Codes_user_settings_when_asked_and_takes_it_back()
    {
        if (!OperatingSystem.IsLinux()) return; // where they lie elsewhere is tested by itself
        const string before = "{\n    \"a\": 1, // one\n}\n", setting = "\"jupyter.completionTriggerCharacters\": { \"csharp\": [\".\"] }";
        string settings = folder.Write("config/Code/User/settings.json", before);
        (int code, string output, string error) = Cellar("install", "--prefix", folder.Path);
        Assert.Equal((0, ""), (code, error));
        Assert.Contains($"{setting}; install --vscode writes that", output);
        Assert.Equal(before, File.ReadAllText(settings));

        Assert.Equal(0, Cellar("install", "--vscode", "--prefix", folder.Path).Code);
        Assert.Equal($"{{\n    {setting},\n    \"a\": 1, // one\n}}\n", File.ReadAllText(settings));
        Assert.Equal(0, Cellar("uninstall", "--vscode", "--prefix", folder.Path).Code);
        Assert.Equal(before, File.ReadAllText(settings));
        Assert.Equal([settings], Directory.GetFiles(folder["config", "Code", "User"]));

        File.WriteAllText(settings, "{ damaged");
        (code, _, error) = Cellar("install", "--vscode", "--prefix", folder.Path);
        Assert.Equal(1, code);
        Assert.Contains("Nothing was changed", error);
        Directory.Delete(folder["config"], recursive: true);
        (code, _, error) = Cellar("install", "--vscode", "--prefix", folder.Path);
        Assert.Equal(1, code);
        Assert.Contains("No VS Code was found", error);
    }

    [Fact]
    public void The_command_installs_a_program_that_can_be_started_without_building()
    {
        Assert.Equal(0, Cellar("install", "--prefix", folder.Path).Code);
        JsonNode json = JsonNode.Parse(File.ReadAllText(folder["share", "jupyter", "kernels", ".net-csharp", "kernel.json"]))!;
        Assert.True(File.Exists(json["argv"]![0]!.ToString()));
        Assert.Contains("give one of them", Cellar("install", "--user", "--prefix", folder.Path).Error);
        Assert.Equal(0, Cellar("uninstall", "--prefix", folder.Path).Code);
        Assert.False(Directory.Exists(folder["share", "jupyter", "kernels", ".net-csharp"]));
    }

    /// <summary>Runs the program with a home of its own.</summary>
    private (int Code, string Output, string Error) Cellar(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(KernelSpec).Assembly.Location, .. arguments]) { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach ((string name, string value) in (ReadOnlySpan<(string, string)>)[("XDG_CONFIG_HOME", folder["config"]), ("XDG_DATA_HOME", folder["share"]), ("HOME", folder.Path), ("VSCODE_PORTABLE", "")])
            start.Environment[name] = value;
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output.Result, error);
    }
}
