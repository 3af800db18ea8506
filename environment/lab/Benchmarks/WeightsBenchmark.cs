using System.Diagnostics;
using UnetResnet.Models;
using UnetResnet.Weights;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>What loading a weights file costs.</summary>
/// <param name="File">The file.</param>
/// <param name="FileMb">Its size in 10⁶ bytes.</param>
/// <param name="Report">What the loader says.</param>
/// <param name="Seconds">Seconds for <see cref="EncoderWeights.Load"/>, the first time in this process.</param>
/// <param name="ExtraPeakMb">Peak of resident memory while loading, above what the process with the encoder had before, in 10⁶ bytes.</param>
internal sealed record WeightsResult(string File, double FileMb, string Report, double Seconds, double ExtraPeakMb);

/// <summary>Loads a file into an encoder of its architecture and measures.</summary>
internal static class WeightsBenchmark
{
    public static WeightsResult Run(FileInfo file, ResNet50Architecture architecture, int width)
    {
        using var encoder = new ResNet50Encoder((architecture == ResNet50Architecture.Torchvision ? ResNet50Options.Torchvision : new ResNet50Options()) with { Width = width });
        PeakMemory.Reset();
        double before = PeakMemory.Megabytes();
        var watch = Stopwatch.StartNew();
        // Padding and ε do not change what loading costs.
        LoadReport report = EncoderWeights.Load(encoder, file.FullName, new LoadOptions { AnyEpsAndPadding = true });
        double seconds = watch.Elapsed.TotalSeconds;
        return new WeightsResult(file.FullName, file.Length / 1e6, report.ToString(), seconds, PeakMemory.Megabytes() - before);
    }
}
