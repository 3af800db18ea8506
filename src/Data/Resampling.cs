namespace UnetResnet.Data;

/// <summary>Resizing in two passes, first along the rows and then along the columns, in double precision: the same bytes on every machine and with every codec.</summary>
internal static class Resampling
{
    /// <summary>Area average where an axis shrinks, bilinear where it grows.</summary>
    public static PixelImage Smooth(PixelImage image, int width, int height)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        int channels = image.Channels;
        ReadOnlySpan<byte> pixels = image.Pixels;

        Taps[] columns = TapsOf(image.Width, width);
        var narrow = new double[image.Height * width * channels];
        for (int y = 0; y < image.Height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                for (int channel = 0; channel < channels; channel++)
                {
                    double sum = 0;
                    for (int k = 0; k < columns[x].Weights.Length; k++)
                        sum += columns[x].Weights[k] * pixels[(y * image.Width + columns[x].First + k) * channels + channel];
                    narrow[(y * width + x) * channels + channel] = sum;
                }
            }
        }

        Taps[] rows = TapsOf(image.Height, height);
        int stride = width * channels;
        var result = new byte[height * stride];
        for (int y = 0; y < height; y++)
        {
            for (int i = 0; i < stride; i++)
            {
                double sum = 0;
                for (int k = 0; k < rows[y].Weights.Length; k++) sum += rows[y].Weights[k] * narrow[(rows[y].First + k) * stride + i];
                result[y * stride + i] = ToByte(sum);
            }
        }

        return new PixelImage(width, height, channels, result);
    }

    /// <summary>The nearest pixel's value, for pictures whose values are names and no amounts.</summary>
    public static PixelImage Nearest(PixelImage image, int width, int height)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        var result = new byte[width * height * image.Channels];
        int next = 0;
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                // The pixel that holds the centre.
                for (int channel = 0; channel < image.Channels; channel++)
                    result[next++] = image[(int)((y + 0.5) * image.Height / height), (int)((x + 0.5) * image.Width / width), channel];
            }
        }

        return new PixelImage(width, height, image.Channels, result);
    }

    /// <summary>Rounds half up and clamps to 0–255.</summary>
    public static byte ToByte(double value) => (byte)Math.Clamp(Math.Floor(value + 0.5), 0, 255);

    /// <summary>Which source pixels make up each target pixel of one axis, and with which weights (they add up to one).</summary>
    private static Taps[] TapsOf(int from, int to)
    {
        double scale = (double)from / to;
        var taps = new Taps[to];
        for (int i = 0; i < to; i++)
        {
            if (to < from)
            {
                double start = i * scale, end = (i + 1) * scale;
                int first = (int)start, last = Math.Min(from - 1, (int)Math.Ceiling(end) - 1);
                var weights = new double[last - first + 1];
                for (int k = 0; k < weights.Length; k++)
                    weights[k] = Math.Max(0, Math.Min(end, first + k + 1) - Math.Max(start, first + k)) / scale;
                taps[i] = new Taps(first, weights);
            }
            else
            {
                double centre = Math.Clamp((i + 0.5) * scale - 0.5, 0, from - 1);
                int first = Math.Min((int)centre, Math.Max(0, from - 2));
                taps[i] = from == 1 ? new Taps(0, [1]) : new Taps(first, [1 - (centre - first), centre - first]);
            }
        }

        return taps;
    }

    private readonly record struct Taps(int First, double[] Weights);
}
