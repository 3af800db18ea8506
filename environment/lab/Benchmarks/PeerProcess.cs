using System.Diagnostics;
using System.Globalization;
using UnetResnet.Lab.Running;
using UnetResnet.Models;
using UnetResnet.Weights;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>A Python process that runs the same steps when asked; between two steps it waits. Its script is one of <c>tests/benchmarks/peers</c>.</summary>
internal sealed class PeerProcess : IDisposable
{
    private readonly Process process;
    private readonly DirectoryInfo? folder;

    private PeerProcess(Process process, DirectoryInfo? folder) => (this.process, this.folder) = (process, folder);

    /// <summary>Starts PyTorch with the same weights, or says why not and gives null: no Python with PyTorch, or not inside the repository.</summary>
    /// <param name="unet">Whose weights it gets.</param>
    /// <param name="side">Side of the images.</param>
    /// <param name="batch">Images of a batch.</param>
    /// <param name="threads">Threads of an operation.</param>
    /// <param name="progress">Told what is missing.</param>
    public static PeerProcess? Start(UNetResNet50 unet, int side, int batch, int threads, IProgress<string> progress) => Start("unet.py", "torch", "PyTorch", "python3-torch", progress, () =>
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("unetresnet-peer-");
        PyTorchExport.Write(unet, folder.FullName);
        return ([folder.FullName, .. new[] { side, batch, threads }.Select(n => n.ToString(CultureInfo.InvariantCulture))], folder);
    });

    /// <summary>Starts Pillow and numpy on a folder of images, or says why not and gives null.</summary>
    /// <param name="images">Folder of the images.</param>
    /// <param name="masks">Folder of the masks.</param>
    /// <param name="side">Side that they are resized to.</param>
    /// <param name="progress">Told what is missing.</param>
    public static PeerProcess? Start(string images, string masks, int side, IProgress<string> progress) =>
        Start("images.py", "PIL, numpy", "Pillow", "python3-pil and python3-numpy", progress, () => ([images, masks, side.ToString(CultureInfo.InvariantCulture)], null));

    private static PeerProcess? Start(string script, string modules, string name, string package, IProgress<string> progress, Func<(string[] Arguments, DirectoryInfo? Folder)> prepare)
    {
        string? file = Repository.TryFindRoot() is { } root ? Path.Combine(root, "tests", "benchmarks", "peers", script) : null, python = SystemPython.With(modules);
        if (file is null || !File.Exists(file) || python is null)
        {
            progress.Report(python is null
                ? $"no {name} beside it: neither /usr/bin/python3 nor python3 has {modules} (Debian: {package})"
                : $"no {name} beside it: start lab from inside the repository, whose tests/benchmarks/peers has the script");
            return null;
        }

        (string[] arguments, DirectoryInfo? folder) = prepare();
        var start = new ProcessStartInfo(python, [file, .. arguments]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        // Its figures are read from what it prints.
        foreach (string talk in (string[])["ONEDNN_VERBOSE", "DNNL_VERBOSE", "MKL_VERBOSE"]) start.Environment.Remove(talk);
        start.Environment["PYTHONDONTWRITEBYTECODE"] = "1";
        var peer = new PeerProcess(Process.Start(start)!, folder);
        if (peer.process.StandardOutput.ReadLine() == "ready") return peer;
        peer.Dispose();
        progress.Report($"no {name} beside it: its script failed, see above");
        return null;
    }

    /// <summary>Milliseconds of one step.</summary>
    /// <param name="step">A name that the script knows.</param>
    /// <exception cref="InvalidOperationException">The process died.</exception>
    public double Run(string step)
    {
        process.StandardInput.WriteLine(step);
        process.StandardInput.Flush();
        return process.StandardOutput.ReadLine() is { } line ? double.Parse(line, CultureInfo.InvariantCulture) : throw new InvalidOperationException($"The Python process ended in the step '{step}'.");
    }

    /// <summary>Ends the process.</summary>
    public void Dispose()
    {
        process.StandardInput.Close();
        if (!process.WaitForExit(5000)) process.Kill();
        process.Dispose();
        folder?.Delete(recursive: true);
    }
}
