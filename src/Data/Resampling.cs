using System.Buffers;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace UnetResnet.Data;

/// <summary>Resizing in two passes, first along the rows and then along the columns, in double precision: the same bytes on every machine and with every codec.</summary>
internal static class Resampling
{
    /// <summary>Area average where an axis shrinks, bilinear where it grows.</summary>
    public static PixelImage Smooth(PixelImage image, int width, int height) => Smooth(image.Pixels, image.Width, image.Height, image.Channels, width, height);

    /// <summary>The same of pixels that lie in memory.</summary>
    /// <param name="pixels">Row by row.</param>
    /// <param name="fromWidth">Their width.</param>
    /// <param name="fromHeight">Their height.</param>
    /// <param name="bytes">Bytes of a pixel: 1 (grey), 3 (RGB) or 4 (RGB and one that does not count).</param>
    /// <param name="width">New width.</param>
    /// <param name="height">New height.</param>
    public static PixelImage Smooth(ReadOnlySpan<byte> pixels, int fromWidth, int fromHeight, int bytes, int width, int height)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        int channels = Math.Min(bytes, 3), stride = width * channels;
        // A pixel of three channels is written as four numbers, the last of them one beyond the end.
        double[] narrow = ArrayPool<double>.Shared.Rent(fromHeight * stride + 1);
        try
        {
            NarrowRows(pixels, fromWidth, fromHeight, bytes, TapsOf(fromWidth, width), narrow);
            var result = new byte[height * stride];
            SumRows(narrow, TapsOf(fromHeight, height), stride, result);
            return new PixelImage(width, height, channels, result);
        }
        finally
        {
            ArrayPool<double>.Shared.Return(narrow);
        }
    }

    /// <summary>Every row in its new width. Each number is a sum over the taps from left to right, so that a vector of channels gives the same bits as one after the other.</summary>
    private static void NarrowRows(ReadOnlySpan<byte> pixels, int width, int height, int bytes, Taps[] columns, Span<double> result)
    {
        int lanes = bytes == 1 ? 1 : 4, next = 0;
        var row = new double[width * lanes];
        for (int y = 0; y < height; y++)
        {
            ToDoubles(pixels.Slice(y * width * bytes, width * bytes), bytes, row);
            foreach ((int first, double[] weights) in columns)
            {
                ReadOnlySpan<double> taken = row.AsSpan(first * lanes, weights.Length * lanes);
                if (bytes == 1)
                {
                    double sum = 0;
                    for (int k = 0; k < weights.Length; k++) sum += weights[k] * taken[k];
                    result[next++] = sum;
                    continue;
                }

                Vector256<double> sums = Vector256<double>.Zero;
                for (int k = 0; k < weights.Length; k++) sums += weights[k] * Vector256.Create(taken.Slice(4 * k, 4));
                sums.CopyTo(result[next..]);
                next += 3;
            }
        }
    }

    /// <summary>A row of pixels as numbers, four for each pixel of more than one byte.</summary>
    private static void ToDoubles(ReadOnlySpan<byte> pixels, int bytes, Span<double> row)
    {
        if (bytes == 3)
        {
            for (int from = 0, to = 0; from < pixels.Length; from += 3, to += 4) (row[to], row[to + 1], row[to + 2]) = (pixels[from], pixels[from + 1], pixels[from + 2]);
            return;
        }

        int i = 0;
        if (Avx2.IsSupported)
        {
            for (; i + 4 <= pixels.Length; i += 4)
                Avx.ConvertToVector256Double(Sse41.ConvertToVector128Int32(Vector128.CreateScalarUnsafe(MemoryMarshal.Read<uint>(pixels[i..])).AsByte())).CopyTo(row[i..]);
        }

        for (; i < pixels.Length; i++) row[i] = pixels[i];
    }

    /// <summary>Rows added up to the new height, rounded.</summary>
    private static void SumRows(ReadOnlySpan<double> rows, Taps[] taps, int stride, Span<byte> result)
    {
        var line = new double[stride];
        for (int y = 0; y < taps.Length; y++)
        {
            Array.Clear(line);
            for (int k = 0; k < taps[y].Weights.Length; k++) AddScaled(rows.Slice((taps[y].First + k) * stride, stride), taps[y].Weights[k], line);
            Span<byte> bytes = result.Slice(y * stride, stride);
            // Weights are not negative and add up to one, so there is nothing to clamp: ToByte, faster.
            for (int i = 0; i < stride; i++) bytes[i] = (byte)(line[i] + 0.5);
        }
    }

    private static void AddScaled(ReadOnlySpan<double> row, double weight, Span<double> sums)
    {
        int i = 0;
        for (; i + Vector<double>.Count <= sums.Length; i += Vector<double>.Count)
            (new Vector<double>(sums[i..]) + weight * new Vector<double>(row[i..])).CopyTo(sums[i..]);
        for (; i < sums.Length; i++) sums[i] += weight * row[i];
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
