using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace UnetResnet.Data;

/// <summary>Resizing in two passes, first along the rows and then along the columns, in double precision: the same bytes on every machine and with every codec.</summary>
internal static class Resampling
{
    /// <summary>Area average where an axis shrinks, bilinear where it grows.</summary>
    public static PixelImage Smooth(PixelImage image, int width, int height) =>
        Smooth(image.Pixels, (image.Width, image.Height), image.Channels, (width, height), (image.Width, image.Height));

    /// <summary>The same of pixels that lie in memory.</summary>
    /// <param name="pixels">Row by row.</param>
    /// <param name="from">Their width and height.</param>
    /// <param name="bytes">Bytes of a pixel: 1 (grey), 3 (RGB) or 4 (RGB and one that does not count).</param>
    /// <param name="to">New width and height.</param>
    /// <param name="extent">Where the picture ends in them: at their last pixels' ends, or within the last pixels.</param>
    public static PixelImage Smooth(ReadOnlySpan<byte> pixels, (int Width, int Height) from, int bytes, (int Width, int Height) to, (double Width, double Height) extent)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(to.Width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(to.Height, 1);
        int channels = Math.Min(bytes, 3), stride = to.Width * channels;
        Taps[] taps = TapsOf(from.Height, extent.Height, to.Height);
        var rows = new NarrowRows(pixels, from.Width, bytes, TapsOf(from.Width, extent.Width, to.Width), most: taps.Max(row => row.Weights.Length));
        byte[] result = GC.AllocateUninitializedArray<byte>(to.Height * stride);
        var sums = new double[stride];
        for (int y = 0; y < to.Height; y++)
        {
            Array.Clear(sums);
            for (int k = 0; k < taps[y].Weights.Length; k++) AddScaled(rows[taps[y].First + k], taps[y].Weights[k], sums);
            ToBytes(sums, result.AsSpan(y * stride, stride));
        }

        return new PixelImage(to.Width, to.Height, channels, result);
    }

    private static void AddScaled(ReadOnlySpan<double> row, double weight, Span<double> sums)
    {
        int i = 0;
        for (; i + Vector<double>.Count <= sums.Length; i += Vector<double>.Count)
            (new Vector<double>(sums[i..]) + weight * new Vector<double>(row[i..])).CopyTo(sums[i..]);
        for (; i < sums.Length; i++) sums[i] += weight * row[i];
    }

    /// <summary>Rounds as <see cref="ToByte"/> does. Weights are not negative and add up to one, so there is nothing to clamp.</summary>
    private static void ToBytes(ReadOnlySpan<double> sums, Span<byte> bytes)
    {
        int i = 0;
        if (Avx.IsSupported)
        {
            Vector256<double> half = Vector256.Create(0.5);
            for (; i + 8 <= sums.Length; i += 8)
            {
                Vector128<int> low = Avx.ConvertToVector128Int32WithTruncation(Vector256.Create(sums[i..]) + half), high = Avx.ConvertToVector128Int32WithTruncation(Vector256.Create(sums[(i + 4)..]) + half);
                Vector128<short> words = Sse2.PackSignedSaturate(low, high);
                MemoryMarshal.Write(bytes[i..], Sse2.PackUnsignedSaturate(words, words).AsUInt64().ToScalar());
            }
        }

        for (; i < sums.Length; i++) bytes[i] = (byte)(sums[i] + 0.5);
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
    private static Taps[] TapsOf(int from, double extent, int to)
    {
        double scale = extent / to;
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

    /// <summary>
    /// Rows in their new width, each made when it is asked for first; a few of them are kept. Each number is a sum over the taps from left to right, four of them in one vector:
    /// the channels of a pixel, or in grey the pixels of four rows.
    /// </summary>
    private ref struct NarrowRows
    {
        private readonly ReadOnlySpan<byte> pixels;
        private readonly int width, bytes, height, stride, together;
        private readonly Taps[] columns;
        private readonly double[] kept, numbers, sums;
        private readonly byte[] woven;
        private int made;

        /// <param name="pixels">Row by row.</param>
        /// <param name="width">Their width.</param>
        /// <param name="bytes">Bytes of a pixel.</param>
        /// <param name="columns">What makes up each pixel of the new width.</param>
        /// <param name="most">Rows from the first to the last that are wanted at the same time.</param>
        internal NarrowRows(ReadOnlySpan<byte> pixels, int width, int bytes, Taps[] columns, int most)
        {
            this.pixels = pixels;
            (this.width, this.bytes, this.columns) = (width, bytes, columns);
            height = pixels.Length / (width * bytes);
            together = bytes == 1 ? 4 : 1;
            // A pixel of three channels is written as four numbers, the last of them one beyond the end.
            stride = columns.Length * Math.Min(bytes, 3) + 1;
            kept = new double[(most + 2 * together - 1) / together * together * stride];
            numbers = new double[width * 4];
            (woven, sums) = bytes == 1 ? (new byte[width * 4], new double[columns.Length * 4]) : ([], []);
        }

        /// <summary>A row. The rows must be asked for from above to below; some of the last may be asked for again.</summary>
        internal ReadOnlySpan<double> this[int row]
        {
            get
            {
                for (; made <= row; made += together)
                {
                    if (bytes == 1) MakeFour(made);
                    else Make(made);
                }

                return kept.AsSpan(Place(row), stride - 1);
            }
        }

        private readonly int Place(int row) => row % (kept.Length / stride) * stride;

        private readonly void Make(int row)
        {
            ToDoubles(pixels.Slice(row * width * bytes, width * bytes), bytes);
            Sum(kept.AsSpan(Place(row), stride), step: 3);
        }

        private readonly void MakeFour(int row)
        {
            for (int lane = 0; lane < 4; lane++)
            {
                // Beyond the last row it again: nobody asks for that one.
                ReadOnlySpan<byte> line = pixels.Slice(Math.Min(row + lane, height - 1) * width, width);
                for (int x = 0, to = lane; x < line.Length; x++, to += 4) woven[to] = line[x];
            }

            ToDoubles(woven, 4);
            Sum(sums, step: 4);
            for (int lane = 0; lane < 4; lane++)
            {
                Span<double> result = kept.AsSpan(Place(row) + lane * stride, columns.Length);
                for (int x = 0, from = lane; x < result.Length; x++, from += 4) result[x] = sums[from];
            }
        }

        /// <summary>Writes four sums for each column, <paramref name="step"/> numbers after those before.</summary>
        private readonly void Sum(Span<double> result, int step)
        {
            // The taps of a column lie within the row, and four numbers from the last column's place within the result.
            ref double from = ref MemoryMarshal.GetArrayDataReference(numbers);
            ref double to = ref MemoryMarshal.GetReference(result);
            nuint place = 0;
            foreach ((int first, double[] weights) in columns)
            {
                nuint next = 4 * (nuint)first;
                Vector256<double> sum = Vector256<double>.Zero;
                for (int k = 0; k < weights.Length; k++, next += 4) sum += Vector256.Create(weights[k]) * Vector256.LoadUnsafe(ref from, next);
                sum.StoreUnsafe(ref to, place);
                place += (nuint)step;
            }
        }

        /// <summary>Pixels as numbers, four for each.</summary>
        private readonly void ToDoubles(ReadOnlySpan<byte> line, int size)
        {
            Span<double> row = numbers;
            if (size == 3)
            {
                int from = 0, to = 0;
                if (Avx2.IsSupported)
                {
                    // Reads the byte behind the pixel too, which becomes the number that does not count.
                    for (; from + 4 <= line.Length; from += 3, to += 4) FourOf(line[from..]).CopyTo(row[to..]);
                }

                for (; from < line.Length; from += 3, to += 4) (row[to], row[to + 1], row[to + 2]) = (line[from], line[from + 1], line[from + 2]);
                return;
            }

            int i = 0;
            if (Avx2.IsSupported)
            {
                for (; i + 4 <= line.Length; i += 4) FourOf(line[i..]).CopyTo(row[i..]);
            }

            for (; i < line.Length; i++) row[i] = line[i];
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector256<double> FourOf(ReadOnlySpan<byte> bytes) =>
            Avx.ConvertToVector256Double(Sse41.ConvertToVector128Int32(Vector128.CreateScalarUnsafe(MemoryMarshal.Read<uint>(bytes)).AsByte()));
    }
}
