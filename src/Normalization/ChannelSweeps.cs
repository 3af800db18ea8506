using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace UnetResnet.Normalization;

/// <summary>Passes over the pixels of a map whose channels lie side by side, 16 channels at a time. Channels are a multiple of 16; pixels go from one number to another.</summary>
internal static unsafe class ChannelSweeps
{
    private const int Lanes = 16;

    /// <summary>Numbers that the first cache holds while sums go over them channel by channel.</summary>
    private const int Block = 8192;

    /// <summary>Adds Σ(x − pivot) and Σ(x − pivot)² of each channel; sums of some hundred numbers in float32, those of all in double precision.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Moments(float* x, int channels, nint begin, nint end, float* pivot, double* sums, double* squares)
    {
        nint block = Math.Max(8, Block / channels);
        for (nint first = begin; first < end; first += block)
        {
            nint last = Math.Min(end, first + block);
            for (int c = 0; c < channels; c += Lanes)
            {
                Vector512<float> centre = Vector512.Load(pivot + c), sum = Vector512<float>.Zero, square = sum;
                for (nint i = first; i < last; i++)
                {
                    Vector512<float> value = Vector512.Load(x + i * channels + c) - centre;
                    sum += value;
                    square = Avx512F.FusedMultiplyAdd(value, value, square);
                }

                Add(sum, sums + c);
                Add(square, squares + c);
            }
        }
    }

    /// <summary>to ← relu(x·scale + shift + other).</summary>
    /// <param name="x">The map.</param>
    /// <param name="other">Another map, or null.</param>
    /// <param name="channels">Of a pixel.</param>
    /// <param name="begin">The first pixel.</param>
    /// <param name="end">The pixel after the last.</param>
    /// <param name="scale">Of each channel.</param>
    /// <param name="shift">Of each channel.</param>
    /// <param name="to">The result.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Activate(float* x, float* other, int channels, nint begin, nint end, float* scale, float* shift, float* to)
    {
        for (nint i = begin; i < end; i++)
        {
            nint at = i * channels;
            // NaN stays NaN: the maximum of two numbers gives the second where one is NaN.
            for (int c = 0; c < channels; c += Lanes)
                Avx512F.Max(Vector512<float>.Zero, Before(x, other, at, c, scale, shift)).Store(to + at + c);
        }
    }

    /// <summary>Adds Σg and Σg·(x − mean) of each channel, g being the gradient where the ReLU has let something through and 0 elsewhere.</summary>
    /// <param name="x">The map.</param>
    /// <param name="other">The other map, or null.</param>
    /// <param name="gradient">Of the result.</param>
    /// <param name="channels">Of a pixel.</param>
    /// <param name="begin">The first pixel.</param>
    /// <param name="end">The pixel after the last.</param>
    /// <param name="scale">Of each channel.</param>
    /// <param name="shift">Of each channel.</param>
    /// <param name="mean">Of each channel.</param>
    /// <param name="sums">To add to.</param>
    /// <param name="products">To add to.</param>
    /// <param name="passed">Gets g, or null.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void GradientSums(
        float* x, float* other, float* gradient, int channels, nint begin, nint end, float* scale, float* shift, float* mean, double* sums, double* products, float* passed)
    {
        nint block = Math.Max(8, Block / 2 / channels);
        for (nint first = begin; first < end; first += block)
        {
            nint last = Math.Min(end, first + block);
            for (int c = 0; c < channels; c += Lanes)
            {
                Vector512<float> centre = Vector512.Load(mean + c), sum = Vector512<float>.Zero, product = sum;
                for (nint i = first; i < last; i++)
                {
                    nint at = i * channels;
                    Vector512<float> g = Passed(gradient, Before(x, other, at, c, scale, shift), at + c);
                    if (passed is not null) g.Store(passed + at + c);
                    sum += g;
                    product = Avx512F.FusedMultiplyAdd(g, Vector512.Load(x + at + c) - centre, product);
                }

                Add(sum, sums + c);
                Add(product, products + c);
            }
        }
    }

    /// <summary>to ← factor·g + slope·x + constant, see <see cref="GradientSums"/>.</summary>
    /// <param name="x">The map.</param>
    /// <param name="gradient">Of the result.</param>
    /// <param name="isPassed">Whether <paramref name="gradient"/> is g already.</param>
    /// <param name="channels">Of a pixel.</param>
    /// <param name="begin">The first pixel.</param>
    /// <param name="end">The pixel after the last.</param>
    /// <param name="scale">Of each channel.</param>
    /// <param name="shift">Of each channel.</param>
    /// <param name="factor">Of each channel.</param>
    /// <param name="slope">Of each channel.</param>
    /// <param name="constant">Of each channel.</param>
    /// <param name="to">The gradient of the map.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Gradient(float* x, float* gradient, bool isPassed, int channels, nint begin, nint end, float* scale, float* shift, float* factor, float* slope, float* constant, float* to)
    {
        for (nint i = begin; i < end; i++)
        {
            nint at = i * channels;
            for (int c = 0; c < channels; c += Lanes)
            {
                Vector512<float> g = isPassed ? Vector512.Load(gradient + at + c) : Passed(gradient, Before(x, null, at, c, scale, shift), at + c);
                Vector512<float> rest = Avx512F.FusedMultiplyAdd(Vector512.Load(slope + c), Vector512.Load(x + at + c), Vector512.Load(constant + c));
                Avx512F.FusedMultiplyAdd(Vector512.Load(factor + c), g, rest).Store(to + at + c);
            }
        }
    }

    /// <summary>What the ReLU gets. Always the same operations, so that the backward pass sees the signs of the forward pass.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Before(float* x, float* other, nint at, int c, float* scale, float* shift)
    {
        Vector512<float> value = Avx512F.FusedMultiplyAdd(Vector512.Load(x + at + c), Vector512.Load(scale + c), Vector512.Load(shift + c));
        return other is null ? value : value + Vector512.Load(other + at + c);
    }

    /// <summary>The gradient where the ReLU's input is not 0 or less; libtorch too passes it on where the input is NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Passed(float* gradient, Vector512<float> before, nint at) =>
        Vector512.ConditionalSelect(Vector512.LessThanOrEqual(before, Vector512<float>.Zero), Vector512<float>.Zero, Vector512.Load(gradient + at));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(Vector512<float> values, double* to)
    {
        (Vector512<double> low, Vector512<double> high) = Vector512.Widen(values);
        (Vector512.Load(to) + low).Store(to);
        (Vector512.Load(to + 8) + high).Store(to + 8);
    }
}
