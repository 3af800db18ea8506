using System.Diagnostics;
using System.Globalization;
using UnetResnet.Lab.Running;
using UnetResnet.Models;
using UnetResnet.Weights;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>A process with ONNX Runtime that infers when asked, with the exported network; between two runs it waits. Its package, 160 MB, is the peer's alone.</summary>
internal sealed class OnnxPeer : IDisposable
{
    private const string Project = "tests/benchmarks/peers/onnxruntime";
    private readonly Process process;
    private readonly DirectoryInfo folder;

    private OnnxPeer(Process process, DirectoryInfo folder) => (this.process, this.folder) = (process, folder);

    /// <summary>Whether it has been built.</summary>
    public static bool IsBuilt => Program() is not null;

    /// <summary>What is missing where it has not.</summary>
    public static string Missing => $"no ONNX Runtime beside it: build it inside the repository (dotnet build -c Release {Project})";

    /// <summary>Starts it.</summary>
    /// <param name="unet">The network that it gets.</param>
    /// <param name="side">Side of the images.</param>
    /// <param name="batch">Images of a batch.</param>
    /// <param name="threads">Threads of an operation.</param>
    /// <exception cref="InvalidOperationException">It did not start.</exception>
    public static OnnxPeer Start(UNetResNet50 unet, int side, int batch, int threads)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("unetresnet-onnx-");
        string model = Path.Combine(folder.FullName, "unet.onnx");
        OnnxExport.Write(unet, model, new OnnxExportOptions { Fold = true, Probabilities = true });
        string[] arguments = [Program()!, model, .. new[] { side, batch, threads }.Select(n => n.ToString(CultureInfo.InvariantCulture))];
        var peer = new OnnxPeer(Process.Start(new ProcessStartInfo("dotnet", arguments) { RedirectStandardInput = true, RedirectStandardOutput = true })!, folder);
        if (peer.process.StandardOutput.ReadLine() == "ready") return peer;
        peer.Dispose();
        throw new InvalidOperationException("ONNX Runtime did not start; its reason stands above.");
    }

    /// <summary>One run.</summary>
    /// <exception cref="InvalidOperationException">The process died.</exception>
    public void Run()
    {
        process.StandardInput.WriteLine();
        process.StandardInput.Flush();
        if (process.StandardOutput.ReadLine() is null) throw new InvalidOperationException("The process with ONNX Runtime ended.");
    }

    /// <summary>Ends the process.</summary>
    public void Dispose()
    {
        process.StandardInput.Close();
        if (!process.WaitForExit(5000)) process.Kill();
        process.Dispose();
        folder.Delete(recursive: true);
    }

    private static string? Program() => Repository.TryFindRoot() is { } root
        ? new[] { "release", "debug" }.Select(build => Path.Combine(root, "artifacts", "bin", "OnnxPeer", build, "OnnxPeer.dll")).FirstOrDefault(File.Exists)
        : null;
}
