using UnetResnet.Data;
using static TorchSharp.torch;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>Pictures of three patterns in two random colours, with random period, phase and noise: a classification that a small network learns in seconds.</summary>
internal static class Patterns
{
    /// <summary>Names of the classes; the label is the place in this list, and sample i has label i mod 3.</summary>
    public static IReadOnlyList<string> Classes { get; } = ["horizontal stripes", "vertical stripes", "checks"];

    /// <summary>Batches of pictures, in their order.</summary>
    /// <param name="side">Side in pixels.</param>
    /// <param name="count">Pictures.</param>
    /// <param name="seed">Another one gives other pictures.</param>
    /// <param name="batchSize">Pictures in a batch.</param>
    /// <param name="preprocessing">How pixels become inputs.</param>
    /// <param name="randomLabels">Whether the labels say nothing.</param>
    public static BatchLoader Batches(int side, int count, int seed, int batchSize, Preprocessing preprocessing, bool randomLabels = false)
    {
        var pixels = new float[count * 3 * side * side];
        var labels = new long[count];
        for (int i = 0; i < count; i++)
        {
            var random = new SplitMix64(seed, i);
            Draw(i % Classes.Count, side, ref random, pixels.AsSpan(i * 3 * side * side, 3 * side * side));
            labels[i] = randomLabels ? random.NextInt(Classes.Count) : i % Classes.Count;
        }

        using Tensor rgb = tensor(pixels, [count, 3, side, side]);
        // The loader needs them for as long as it lives, whatever scope it is made in.
        return BatchLoader.FromTensors(preprocessing.Apply(rgb).DetachFromDisposeScope(), tensor(labels).DetachFromDisposeScope(), batchSize, preprocessing);
    }

    private static void Draw(int label, int side, ref SplitMix64 random, Span<float> planes)
    {
        int period = 4 + random.NextInt(5), shiftX = random.NextInt(period), shiftY = random.NextInt(period);
        double dark = random.NextDouble(20, 90);
        Span<double> low = stackalloc double[3], high = stackalloc double[3];
        for (int c = 0; c < 3; c++) (low[c], high[c]) = (dark + random.NextDouble(0, 30), dark + random.NextDouble(70, 130));
        for (int y = 0; y < side; y++)
        {
            for (int x = 0; x < side; x++)
            {
                bool row = (y + shiftY) % period < period / 2, column = (x + shiftX) % period < period / 2;
                bool bright = label switch { 0 => row, 1 => column, _ => row != column };
                double noise = 6 * random.NextNormal();
                for (int c = 0; c < 3; c++) planes[(c * side + y) * side + x] = (float)Math.Round(Math.Clamp((bright ? high : low)[c] + noise, 0, 255));
            }
        }
    }
}
