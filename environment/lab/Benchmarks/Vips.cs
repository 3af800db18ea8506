using System.Diagnostics;
using System.Globalization;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>libvips' program for thumbnails, on all images of a folder in one process; what it writes is uncompressed.</summary>
internal sealed class Vips
{
    private readonly string[] files;
    private readonly int side;

    private Vips(string[] files, int side) => (this.files, this.side) = (files, side);

    /// <summary>Looks for it; null where it is missing.</summary>
    /// <param name="folder">The images.</param>
    /// <param name="side">Side that they become.</param>
    /// <param name="progress">Told that it is missing.</param>
    public static Vips? Find(PhotoFolder folder, int side, IProgress<string> progress)
    {
        try
        {
            Run(["--vips-version"]);
            return new Vips(Directory.GetFiles(folder.Images), side);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            progress.Report("no libvips beside it: vipsthumbnail is not installed (Debian: libvips-tools)");
            return null;
        }
    }

    /// <summary>Milliseconds for all images, the start of the process included.</summary>
    public double Run()
    {
        DirectoryInfo output = Directory.CreateTempSubdirectory("unetresnet-vips-");
        try
        {
            string size = side.ToString(CultureInfo.InvariantCulture);
            return Samples.Time(() => Run(["--size", $"{size}x{size}!", "-o", Path.Combine(output.FullName, "%s.ppm"), .. files]));
        }
        finally
        {
            output.Delete(recursive: true);
        }
    }

    private static void Run(string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo("vipsthumbnail", arguments) { RedirectStandardOutput = true })!;
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0) throw new InvalidOperationException($"vipsthumbnail ended with code {process.ExitCode}.");
    }
}
