using System.Diagnostics;
using System.Globalization;
using UnetResnet.Lab.Running;
using UnetResnet.Models;
using UnetResnet.Weights;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>A PyTorch process that runs the same steps when asked, with the same weights; between two steps it waits.</summary>
internal sealed class PeerProcess : IDisposable
{
    private readonly Process process;
    private readonly DirectoryInfo folder;

    private PeerProcess(Process process, DirectoryInfo folder) => (this.process, this.folder) = (process, folder);

    /// <summary>Starts it, or says why not and gives null: no Python with PyTorch, or not inside the repository.</summary>
    /// <param name="unet">Whose weights it gets.</param>
    /// <param name="side">Side of the images.</param>
    /// <param name="batch">Images of a batch.</param>
    /// <param name="threads">Threads of an operation.</param>
    /// <param name="progress">Told what is missing.</param>
    public static PeerProcess? Start(UNetResNet50 unet, int side, int batch, int threads, IProgress<string> progress)
    {
        string? script = Repository.TryFindRoot() is { } root ? Path.Combine(root, "tests", "benchmarks", "peers", "unet.py") : null, python = SystemPython.With("torch");
        if (script is null || !File.Exists(script) || python is null)
        {
            progress.Report(python is null ? "no PyTorch beside it: neither /usr/bin/python3 nor python3 has torch (Debian: python3-torch)" : "no PyTorch beside it: start lab from inside the repository, whose tests/benchmarks/peers has the script");
            return null;
        }

        DirectoryInfo folder = Directory.CreateTempSubdirectory("unetresnet-peer-");
        PyTorchExport.Write(unet, folder.FullName);
        string[] arguments = [script, folder.FullName, .. new[] { side, batch, threads }.Select(n => n.ToString(CultureInfo.InvariantCulture))];
        var start = new ProcessStartInfo(python, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true };
        start.Environment["PYTHONDONTWRITEBYTECODE"] = "1";
        var peer = new PeerProcess(Process.Start(start)!, folder);
        if (peer.process.StandardOutput.ReadLine() == "ready") return peer;
        peer.Dispose();
        progress.Report("no PyTorch beside it: its script failed, see above");
        return null;
    }

    /// <summary>Milliseconds of one step.</summary>
    /// <param name="step">frozen, full or infer.</param>
    /// <exception cref="InvalidOperationException">The process died.</exception>
    public double Run(string step)
    {
        process.StandardInput.WriteLine(step);
        process.StandardInput.Flush();
        return process.StandardOutput.ReadLine() is { } line ? double.Parse(line, CultureInfo.InvariantCulture) : throw new InvalidOperationException($"The PyTorch process ended in the step '{step}'.");
    }

    /// <summary>Ends the process.</summary>
    public void Dispose()
    {
        process.StandardInput.Close();
        if (!process.WaitForExit(5000)) process.Kill();
        process.Dispose();
        folder.Delete(recursive: true);
    }
}
