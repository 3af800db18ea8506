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

    /// <summary>Starts it, or says why not and gives null: not built, or not inside the repository.</summary>
    /// <param name="unet">The network that it gets, with batch norm folded and a sigmoid, as <c>Predict</c> computes it.</param>
    /// <param name="side">Side of the images.</param>
    /// <param name="batch">Images of a batch.</param>
    /// <param name="threads">Threads of an operation.</param>
    /// <param name="progress">Told what is missing.</param>
    public static OnnxPeer? Start(UNetResNet50 unet, int side, int batch, int threads, IProgress<string> progress)
    {
        if (Program() is not { } program)
        {
            progress.Report($"no ONNX Runtime beside it: build it inside the repository (dotnet build -c Release {Project})");
            return null;
        }

        DirectoryInfo folder = Directory.CreateTempSubdirectory("unetresnet-onnx-");
        string model = Path.Combine(folder.FullName, "unet.onnx");
        OnnxExport.Write(unet, model, new OnnxExportOptions { Fold = true, Probabilities = true });
        string[] arguments = [program, model, .. new[] { side, batch, threads }.Select(n => n.ToString(CultureInfo.InvariantCulture))];
        var peer = new OnnxPeer(Process.Start(new ProcessStartInfo("dotnet", arguments) { RedirectStandardInput = true, RedirectStandardOutput = true })!, folder);
        if (peer.process.StandardOutput.ReadLine() == "ready") return peer;
        peer.Dispose();
        progress.Report("no ONNX Runtime beside it: its program failed, see above");
        return null;
    }

    /// <summary>Milliseconds of one run.</summary>
    /// <exception cref="InvalidOperationException">The process died.</exception>
    public double Run()
    {
        process.StandardInput.WriteLine();
        process.StandardInput.Flush();
        return process.StandardOutput.ReadLine() is { } line ? double.Parse(line, CultureInfo.InvariantCulture) : throw new InvalidOperationException("The process with ONNX Runtime ended.");
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
