using System.Diagnostics;
using System.Text.Json.Nodes;
using UnetResnet.Runtime;

namespace Cellar.Tests.Protocol;

/// <summary>A kernel that was published to a folder and installed from there needs neither the sources nor a build.</summary>
[Collection("kernels")]
public sealed class PublishedKernelTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void It_is_installed_started_from_elsewhere_and_has_its_native_libraries()
    {
        string project = Path.Combine(Directory.GetParent(BundledFiles.Root)!.FullName, "environment", "lab");
        // What the tests were built with, linked: libtorch is half a gigabyte.
        Run("dotnet", "publish", project, "--no-build", "-c", Configuration, "-o", folder["lab"], "-p:CreateHardLinksForPublishFilesIfPossible=true");
        string lab = folder["lab", OperatingSystem.IsWindows() ? "lab.exe" : "lab"];
        Run(lab, "kernel", "install", "--prefix", folder["prefix"]);
        JsonNode spec = JsonNode.Parse(File.ReadAllText(folder["prefix", "share", "jupyter", "kernels", ".net-csharp", "kernel.json"]))!;
        string[] argv = [.. spec["argv"]!.AsArray().Select(a => a!.ToString())];
        Assert.Equal(lab, argv[0]);

        using var kernel = new KernelClient(argv: argv);
        Assert.Equal("6", kernel.Execute("#r \"nuget: TorchSharp-cpu, 0.107.0\"\nConsole.Write(TorchSharp.torch.ones(2, 3).sum().item<float>());").Printed);
        Assert.Equal(folder["lab", "UnetResnet.Helpers.dll"], kernel.Execute("#r \"nuget: UnetResnet.Helpers\"\nConsole.Write(typeof(UnetResnet.Training.TrainingHistory).Assembly.Location);").Printed);
    }

    private static string Configuration =>
#if DEBUG
        "Debug";
#else
        "Release";
#endif

    private void Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = folder.Path })!;
        (int code, string output, string errors) = JupyterFixture.Finish(process);
        Assert.True(code == 0, output + errors);
    }
}
