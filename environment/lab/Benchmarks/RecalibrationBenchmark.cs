using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>What a recalibration of an encoder costs beside forward passes of the same images.</summary>
/// <param name="Width">Width of the encoder.</param>
/// <param name="Side">Side of the images.</param>
/// <param name="Batch">Images of a batch.</param>
/// <param name="Images">Images in all.</param>
/// <param name="FoldedMs">Milliseconds of passes in inference mode with batch norm folded.</param>
/// <param name="RecalibratedMs">Milliseconds of <see cref="Recalibration"/>.</param>
/// <param name="Ratio">How many times as long a recalibration took as the passes before it.</param>
internal sealed record RecalibrationResult(int Width, int Side, int Batch, int Images, Samples FoldedMs, Samples RecalibratedMs, Samples Ratio);

/// <summary>Measures both in turn, A B A B, so that what else the machine does meets both.</summary>
internal static class RecalibrationBenchmark
{
    /// <summary>Turns until what runs often is compiled as well as it can be.</summary>
    private const int WarmUp = 30;

    /// <summary>Milliseconds of warming up, at the most.</summary>
    private const double MostWarmUp = 10_000;

    /// <summary>Measures.</summary>
    /// <param name="width">Width of the encoder.</param>
    /// <param name="side">Side of the images, divisible by 32.</param>
    /// <param name="batch">Images of a batch.</param>
    /// <param name="count">Images in all; the last batch has what is left.</param>
    /// <param name="rounds">How often each is measured.</param>
    /// <param name="progress">Told what is done.</param>
    public static RecalibrationResult Run(int width, int side, int batch, int count, int rounds, IProgress<string> progress)
    {
        using var memory = new NativeMemory();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        TorchRuntime.Seed(0);
        Tensor[] batches = (randn(count, 3, side, side) * 60).split(batch);
        using var encoder = new ResNet50Encoder(new ResNet50Options { Width = width });
        encoder.eval();
        var (folded, recalibrated) = (new List<double>(), new List<double>());
        progress.Report("warming up");
        double spent = 0;
        for (int round = 0; round < WarmUp && spent < MostWarmUp; round++) spent += Samples.Time(Passes) + Samples.Time(Recalibrate);
        for (int round = 0; round < rounds; round++)
        {
            // The statistics are new: this one folds them into the kernels.
            Pass(batches[0]);
            Pass(batches[^1]);
            folded.Add(Samples.Time(Passes));
            recalibrated.Add(Samples.Time(Recalibrate));
            progress.Report($"{round + 1} of {rounds}");
        }

        return new RecalibrationResult(width, side, batch, count, Samples.Of(folded), Samples.Of(recalibrated), Samples.Of([.. recalibrated.Zip(folded, (one, other) => one / other)]));

        void Recalibrate() => Recalibration.Apply(encoder, batches);

        void Passes()
        {
            foreach (Tensor images in batches) Pass(images);
        }

        void Pass(Tensor images) => encoder.call(images).Dispose();
    }
}
