using CsCheck;
using UnetResnet.Data;

namespace UnetResnet.Tests.Data;

public class ResamplingTests
{
    /// <summary>Vectors of channels and of columns give the same bytes as one number after the other, the sums written out.</summary>
    [Fact]
    public void Resizing_gives_the_bytes_of_the_plain_sums() =>
        Gen.Select(Gen.Int[1, 40], Gen.Int[1, 40], Gen.Int[1, 40], Gen.Int[1, 40], Gen.Bool, Gen.Int).Sample((width, height, newWidth, newHeight, grey, seed) =>
        {
            int channels = grey ? 1 : 3;
            var pixels = new byte[width * height * channels];
            new Random(seed).NextBytes(pixels);
            PixelImage resized = Resampling.Smooth(new PixelImage(width, height, channels, pixels), newWidth, newHeight);
            if (!grey)
            {
                // With a fourth byte in every pixel, which does not count.
                byte[] four = [.. pixels.Chunk(3).SelectMany((pixel, i) => pixel.Append((byte)i))];
                Assert.Equal(resized.Pixels.ToArray(), Resampling.Smooth(four, (width, height), 4, (newWidth, newHeight), (width, height)).Pixels.ToArray());
            }

            (int First, double[] Weights)[] columns = Taps(width, newWidth), rows = Taps(height, newHeight);
            for (int y = 0; y < newHeight; y++)
            {
                for (int x = 0; x < newWidth; x++)
                {
                    for (int c = 0; c < channels; c++)
                    {
                        double sum = 0;
                        for (int i = 0; i < rows[y].Weights.Length; i++)
                        {
                            double across = 0;
                            for (int k = 0; k < columns[x].Weights.Length; k++)
                                across += columns[x].Weights[k] * pixels[((rows[y].First + i) * width + columns[x].First + k) * channels + c];
                            sum += rows[y].Weights[i] * across;
                        }

                        Assert.Equal((byte)Math.Clamp(Math.Floor(sum + 0.5), 0, 255), resized[y, x, c]);
                    }
                }
            }
        }, iter: 60);

    /// <summary>Shares of the covered pixels where an axis shrinks, the two neighbours where it grows.</summary>
    private static (int First, double[] Weights)[] Taps(int from, int to) => [.. Enumerable.Range(0, to).Select(i =>
    {
        double scale = (double)from / to;
        if (to < from)
        {
            double start = i * scale, end = (i + 1) * scale;
            int first = (int)start, last = Math.Min(from - 1, (int)Math.Ceiling(end) - 1);
            return (first, Enumerable.Range(first, last - first + 1).Select(p => Math.Max(0, Math.Min(end, p + 1) - Math.Max(start, p)) / scale).ToArray());
        }

        double centre = Math.Clamp((i + 0.5) * scale - 0.5, 0, from - 1);
        int left = Math.Min((int)centre, Math.Max(0, from - 2));
        return from == 1 ? (0, [1.0]) : (left, new[] { 1 - (centre - left), centre - left });
    })];
}
