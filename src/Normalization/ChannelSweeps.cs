using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace UnetResnet.Normalization;

/// <summary>What <see cref="ChannelMap"/> does to one block of pixels, 16 channels at a time. The numbers of a block lie pixel after pixel; all spans of a call are of the same pixels.</summary>
/// <remarks>Compiled at once as well as they can be: vectors are many times slower in the code with which a program begins, and it begins with a second or two of it.</remarks>
internal static class ChannelSweeps
{
    /// <summary>Channels that are computed together, a line of the cache; maps have a multiple of them.</summary>
    internal const int Lanes = 16;

    /// <summary>sums ← Σ x of each channel, then Σ x².</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Sum(ReadOnlySpan<float> values, Span<double> sums, int channels)
    {
        ref float x = ref MemoryMarshal.GetReference(values);
        for (int c = 0; c < channels; c += Lanes)
        {
            var totals = new Totals();
            for (int i = c; i < values.Length; i += channels)
            {
                Vector512<float> value = Vector512.LoadUnsafe(ref x, (nuint)i);
                totals.Add(value, value);
            }

            totals.Store(sums, c, channels);
        }
    }

    /// <summary>sums ← sums + x, of as many; any number of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Add(ReadOnlySpan<double> values, Span<double> sums)
    {
        int c = 0;
        for (; c + Lanes / 2 <= values.Length; c += Lanes / 2) (Vector512.Create(sums[c..]) + Vector512.Create(values[c..])).CopyTo(sums[c..]);
        for (; c < values.Length; c++) sums[c] += values[c];
    }

    /// <summary>mean ← Σ x ÷ count and variance ← Σ x² ÷ count − mean², or 0 where rounding makes it negative; of any number of channels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Moments(ReadOnlySpan<double> sums, ReadOnlySpan<double> squares, long count, Span<double> mean, Span<double> variance)
    {
        double n = count;
        int c = 0;
        for (; c + Lanes / 2 <= mean.Length; c += Lanes / 2)
        {
            Vector512<double> average = Vector512.Create(sums[c..]) / n;
            average.CopyTo(mean[c..]);
            Vector512.Max(Vector512<double>.Zero, Vector512.Create(squares[c..]) / n - average * average).CopyTo(variance[c..]);
        }

        for (; c < mean.Length; c++) (mean[c], variance[c]) = (sums[c] / n, Math.Max(0, squares[c] / n - sums[c] / n * (sums[c] / n)));
    }

    /// <summary>scale ← γ ÷ √(variance + ε) and shift ← β − mean·scale in double precision; of any number of channels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Normalize(ReadOnlySpan<double> mean, ReadOnlySpan<double> variance, ReadOnlySpan<float> gamma, ReadOnlySpan<float> beta, double eps, Span<float> scale, Span<float> shift)
    {
        int c = 0;
        for (; c + Lanes <= mean.Length; c += Lanes)
        {
            (Vector512<double> low, Vector512<double> high) = Vector512.Widen(Vector512.Create(gamma[c..]));
            low /= Vector512.Sqrt(Vector512.Create(variance[c..]) + Vector512.Create(eps));
            high /= Vector512.Sqrt(Vector512.Create(variance[(c + Lanes / 2)..]) + Vector512.Create(eps));
            Vector512.Narrow(low, high).CopyTo(scale[c..]);
            (Vector512<double> lowShift, Vector512<double> highShift) = Vector512.Widen(Vector512.Create(beta[c..]));
            Vector512.Narrow(lowShift - Vector512.Create(mean[c..]) * low, highShift - Vector512.Create(mean[(c + Lanes / 2)..]) * high).CopyTo(shift[c..]);
        }

        for (; c < mean.Length; c++)
        {
            double factor = gamma[c] / Math.Sqrt(variance[c] + eps);
            (scale[c], shift[c]) = ((float)factor, (float)(beta[c] - mean[c] * factor));
        }
    }

    /// <summary>to ← x·scale + shift, or its ReLU.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Scale(ReadOnlySpan<float> values, Span<float> to, float[] scale, float[] shift, bool relu)
    {
        int channels = scale.Length;
        ref float x = ref MemoryMarshal.GetReference(values), result = ref MemoryMarshal.GetReference(to);
        Vector512<float> least = Least(relu);
        for (int i = 0; i < values.Length; i += channels)
            for (int c = 0; c < channels; c += Lanes) Vector512.Max(Scaled(ref x, scale, shift, i, c), least).StoreUnsafe(ref result, (nuint)(i + c));
    }

    /// <summary>to ← x·scale + shift + onto, or its ReLU.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Add(ReadOnlySpan<float> values, ReadOnlySpan<float> onto, Span<float> to, float[] scale, float[] shift, bool relu)
    {
        int channels = scale.Length;
        ref float x = ref MemoryMarshal.GetReference(values), sum = ref MemoryMarshal.GetReference(onto), result = ref MemoryMarshal.GetReference(to);
        Vector512<float> least = Least(relu);
        for (int i = 0; i < values.Length; i += channels)
            for (int c = 0; c < channels; c += Lanes) Vector512.Max(Scaled(ref x, scale, shift, i, c) + Vector512.LoadUnsafe(ref sum, (nuint)(i + c)), least).StoreUnsafe(ref result, (nuint)(i + c));
    }

    /// <summary>to ← the gradient where x·scale + shift + onto is positive, else 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Mask(ReadOnlySpan<float> values, ReadOnlySpan<float> onto, ReadOnlySpan<float> gradients, ChannelGradient of, Span<float> to)
    {
        int channels = of.Scale.Length;
        ref float x = ref MemoryMarshal.GetReference(values), sum = ref MemoryMarshal.GetReference(onto), g = ref MemoryMarshal.GetReference(gradients), result = ref MemoryMarshal.GetReference(to);
        for (int i = 0; i < values.Length; i += channels)
        {
            for (int c = 0; c < channels; c += Lanes)
                WherePositive(Scaled(ref x, of.Scale, of.Shift, i, c) + Vector512.LoadUnsafe(ref sum, (nuint)(i + c)), Vector512.LoadUnsafe(ref g, (nuint)(i + c))).StoreUnsafe(ref result, (nuint)(i + c));
        }
    }

    /// <summary>to ← Σ x·weight over the channels of each pixel, plus a bias.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Project(ReadOnlySpan<float> values, Span<float> to, float[] weights, float bias)
    {
        int channels = weights.Length;
        ref float x = ref MemoryMarshal.GetReference(values);
        for (int i = 0, pixel = 0; i < values.Length; i += channels, pixel++)
        {
            Vector512<float> sum = Vector512<float>.Zero;
            for (int c = 0; c < channels; c += Lanes) sum = Vector512.FusedMultiplyAdd(Vector512.LoadUnsafe(ref x, (nuint)(i + c)), Of(weights, c), sum);
            to[pixel] = Vector512.Sum(sum) + bias;
        }
    }

    /// <summary>to ← Σ relu(x·scale + shift)·weight over the channels of each pixel, plus a bias.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Project(ReadOnlySpan<float> values, Span<float> to, float[] scale, float[] shift, float[] weights, float bias)
    {
        int channels = scale.Length;
        ref float x = ref MemoryMarshal.GetReference(values);
        for (int i = 0, pixel = 0; i < values.Length; i += channels, pixel++)
        {
            Vector512<float> sum = Vector512<float>.Zero;
            for (int c = 0; c < channels; c += Lanes) sum = Vector512.FusedMultiplyAdd(Vector512.Max(Scaled(ref x, scale, shift, i, c), Vector512<float>.Zero), Of(weights, c), sum);
            to[pixel] = Vector512.Sum(sum) + bias;
        }
    }

    /// <summary>sums ← Σ g of each channel, then Σ g·(x − centre), where g is what the ReLU of x·scale + shift lets through.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void SumGradients<T>(ReadOnlySpan<float> values, T gradients, ChannelGradient of, bool relu, Span<double> sums) where T : struct, IMapGradients, allows ref struct
    {
        int channels = of.Scale.Length;
        ref float x = ref MemoryMarshal.GetReference(values);
        for (int c = 0; c < channels; c += Lanes)
        {
            Vector512<float> centre = Vector512.Create(of.Centre, c);
            var totals = new Totals();
            for (int i = c, pixel = 0; i < values.Length; i += channels, pixel++)
            {
                Vector512<float> gradient = gradients.At(i, pixel, c);
                if (relu) gradient = WherePositive(Scaled(ref x, of.Scale, of.Shift, i - c, c), gradient);
                totals.Add(gradient, Vector512.LoadUnsafe(ref x, (nuint)i) - centre);
            }

            totals.Store(sums, c, channels);
        }
    }

    /// <summary>to ← g·scale + (x − centre)·slope + offset, where g is what the ReLU of x·scale + shift lets through.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Propagate<T>(ReadOnlySpan<float> values, T gradients, ChannelGradient of, bool relu, Span<float> to) where T : struct, IMapGradients, allows ref struct
    {
        int channels = of.Scale.Length;
        ref float x = ref MemoryMarshal.GetReference(values), result = ref MemoryMarshal.GetReference(to);
        for (int i = 0, pixel = 0; i < values.Length; i += channels, pixel++)
        {
            for (int c = 0; c < channels; c += Lanes)
            {
                Vector512<float> gradient = gradients.At(i + c, pixel, c);
                if (relu) gradient = WherePositive(Scaled(ref x, of.Scale, of.Shift, i, c), gradient);
                Vector512<float> common = Vector512.FusedMultiplyAdd(Vector512.LoadUnsafe(ref x, (nuint)(i + c)) - Of(of.Centre, c), Of(of.Slope, c), Of(of.Offset, c));
                Vector512.FusedMultiplyAdd(gradient, Of(of.Scale, c), common).StoreUnsafe(ref result, (nuint)(i + c));
            }
        }
    }

    /// <summary>x·scale + shift of some channels of a pixel: the same number forward and backward, so that both see the ReLU on the same side.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Scaled(ref float x, float[] scale, float[] shift, int pixel, int channel) =>
        Vector512.FusedMultiplyAdd(Vector512.LoadUnsafe(ref x, (nuint)(pixel + channel)), Of(scale, channel), Of(shift, channel));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Of(float[] numbers, int channel) => Vector512.LoadUnsafe(ref MemoryMarshal.GetArrayDataReference(numbers), (nuint)channel);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> WherePositive(Vector512<float> sign, Vector512<float> values) => Vector512.ConditionalSelect(Vector512.GreaterThan(sign, Vector512<float>.Zero), values, Vector512<float>.Zero);

    private static Vector512<float> Least(bool relu) => relu ? Vector512<float>.Zero : Vector512.Create(float.NegativeInfinity);

    /// <summary>Σ a and Σ a·b of some channels, in double precision.</summary>
    private struct Totals
    {
        private Vector512<double> low, high, lowProducts, highProducts;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal void Add(Vector512<float> a, Vector512<float> b)
        {
            (Vector512<double> l, Vector512<double> h) = Vector512.Widen(a);
            (Vector512<double> lowFactor, Vector512<double> highFactor) = Vector512.Widen(b);
            low += l;
            high += h;
            lowProducts = Vector512.FusedMultiplyAdd(l, lowFactor, lowProducts);
            highProducts = Vector512.FusedMultiplyAdd(h, highFactor, highProducts);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal readonly void Store(Span<double> sums, int channel, int channels)
        {
            const int Half = Lanes / 2;
            ref double into = ref MemoryMarshal.GetReference(sums);
            low.StoreUnsafe(ref into, (nuint)channel);
            high.StoreUnsafe(ref into, (nuint)(channel + Half));
            lowProducts.StoreUnsafe(ref into, (nuint)(channels + channel));
            highProducts.StoreUnsafe(ref into, (nuint)(channels + channel + Half));
        }
    }
}
