using System.Diagnostics;
using System.Text.Json.Nodes;
using SkiaSharp;
using Cellar.Protocol;

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
    public void The_command_installs_a_program_that_can_be_started_without_building()
    {
        Assert.Equal(0, Cellar("install", "--prefix", folder.Path).Code);
        JsonNode json = JsonNode.Parse(File.ReadAllText(folder["share", "jupyter", "kernels", ".net-csharp", "kernel.json"]))!;
        Assert.True(File.Exists(json["argv"]![0]!.ToString()));
        Assert.Contains("give one of them", Cellar("install", "--user", "--prefix", folder.Path).Error);
        Assert.Equal(0, Cellar("uninstall", "--prefix", folder.Path).Code);
        Assert.False(Directory.Exists(folder["share", "jupyter", "kernels", ".net-csharp"]));
    }

    private static (int Code, string Error) Cellar(params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo("dotnet", [typeof(KernelSpec).Assembly.Location, .. arguments]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        process.OutputDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, error);
    }
}
