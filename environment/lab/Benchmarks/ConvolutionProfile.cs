using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Cellar.Commands;
using UnetResnet.Models.Products;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>
/// How long the convolutions of a step take, apart from everything else: what oneDNN prints of each (<c>ONEDNN_VERBOSE=profile_exec</c>, which it reads when it is loaded, so that a process of
/// its own runs the step), and the kit's own, by tiles and by products.
/// </summary>
internal static class ConvolutionProfile
{
    /// <summary>Name of the hidden subcommand that runs the step.</summary>
    public const string Subcommand = "step-worker";

    private const string Round = "round", Tiles = "tiles";

    /// <summary>Milliseconds of a step's convolutions, the least of some rounds.</summary>
    /// <param name="step">One of <see cref="StepBenchmark.Names"/>.</param>
    /// <param name="width">Width of the encoder.</param>
    /// <param name="side">Side of the images.</param>
    /// <param name="batch">Images of a batch.</param>
    /// <param name="rounds">How often it is run.</param>
    /// <exception cref="InvalidOperationException">The process failed.</exception>
    public static double Milliseconds(string step, int width, int side, int batch, int rounds)
    {
        IReadOnlyList<string> program = OwnProgram.Of(typeof(ConvolutionProfile).Assembly);
        string[] arguments = [.. program.Skip(1), Subcommand, step, .. new[] { width, side, batch, rounds }.Select(n => n.ToString(CultureInfo.InvariantCulture))];
        var start = new ProcessStartInfo(program[0], arguments) { RedirectStandardOutput = true };
        start.Environment["ONEDNN_VERBOSE"] = "profile_exec";
        using Process worker = Process.Start(start)!;
        double? least = Least(worker.StandardOutput.ReadToEnd().Split('\n'));
        worker.WaitForExit();
        return worker.ExitCode == 0 && least is { } found ? found : throw new InvalidOperationException($"The process that runs the step '{step}' ended with {worker.ExitCode}; its reason stands above.");
    }

    /// <summary>The least sum of a round, from what the process prints; null where no round ended.</summary>
    internal static double? Least(IEnumerable<string> lines)
    {
        double? least = null, sum = null;
        foreach (string line in lines.Select(line => line.TrimEnd()))
        {
            if (line == Round) sum = 0;
            else if (sum is not null && line.StartsWith("onednn_verbose", StringComparison.Ordinal) && line.Contains("convolution,", StringComparison.Ordinal)) sum += Number(line[(line.LastIndexOf(',') + 1)..]);
            else if (sum is { } convolutions && line.Split(' ') is [Tiles, string tiles]) (least, sum) = (Math.Min(least ?? double.MaxValue, convolutions + Number(tiles)), null);
        }

        return least;
    }

    /// <summary>Runs a step and prints a line before and after each time, in between those of oneDNN.</summary>
    /// <param name="step">The step.</param>
    /// <param name="rounds">How often.</param>
    internal static void Work(Action step, int rounds)
    {
        // The first time makes kernels, moments and memory.
        step();
        for (int round = 0; round < rounds; round++)
        {
            long before = OwnTime.Ticks;
            Print(Round);
            step();
            Print($"{Tiles} {Stopwatch.GetElapsedTime(before, OwnTime.Ticks).TotalMilliseconds.ToString(CultureInfo.InvariantCulture)}");
        }
    }

    private static void Print(string line)
    {
        // oneDNN writes through the C library, which may still hold some of it.
        if (OperatingSystem.IsLinux()) _ = Flush(0);
        Console.WriteLine(line);
        Console.Out.Flush();
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    [DllImport("libc", EntryPoint = "fflush")]
    private static extern int Flush(nint stream);
}
