using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using UnetResnet.Models.Products;

namespace UnetResnet.Models.Winograd;

/// <summary>A kernel of 3×3 in the form that multiplies the tiles of <see cref="TileTransforms"/>, and its gradient in that form back.</summary>
internal static unsafe class KernelTransforms
{
    private const int Lanes = 16, Taps = 9, Places = TileTransforms.Places;

    /// <summary>Inputs that are transformed together: what lies between stays in the nearest cache.</summary>
    private const int Inputs = 8;

    /// <summary>How many parts a kernel has for <see cref="OfKernel"/> and <see cref="ToKernel"/>: 16 outputs and 8 inputs each.</summary>
    internal static int Parts(int outputs, int inputs) => outputs / Lanes * (inputs / Inputs);

    /// <summary>What a value at one of the interpolation points counts: 1 / (2p²(p² − q²)) at ±p, where q is the other one.</summary>
    private const float InnerWeight = -81f / 130, OuterWeight = 8f / 65;

    private const float Inner = TileTransforms.Inner, Outer = TileTransforms.Outer;

    /// <summary>Numbers from place to place: a line more than there are, because the same line of many places would else compete for the same part of the cache.</summary>
    internal static nint Place(int outputs, int inputs) => (nint)outputs * inputs + Lanes;

    /// <summary>G·g·Gᵀ of every pair of channels.</summary>
    /// <param name="kernel">(outputs, inputs, 3, 3), or, turned, (inputs, outputs, 3, 3): a gradient of the outputs then becomes one of the inputs.</param>
    /// <param name="outputs">Channels of the result, a multiple of 16.</param>
    /// <param name="inputs">Channels of what is convolved, a multiple of 16.</param>
    /// <param name="stride">Numbers from one filter of <paramref name="kernel"/> to the next.</param>
    /// <param name="turned">Whether the kernel is turned round.</param>
    /// <param name="to">In place p, panel n of outputs, input i and output o of the panel are at (n·inputs + i)·width + o, the width that of <see cref="PanelProduct.PanelFor"/>.</param>
    /// <param name="part">Which one of the <see cref="Parts"/>.</param>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void OfKernel(float* kernel, int outputs, int inputs, nint stride, bool turned, float* to, int part)
    {
        float* half = stackalloc float[18 * Lanes + Lanes], rows = stackalloc float[Inputs * Taps * Lanes + Lanes], places = stackalloc float[Places * Inputs * Lanes + Lanes];
        half = TileTransforms.Line(half);
        rows = TileTransforms.Line(rows);
        places = TileTransforms.Line(places);
        (int lane, int input) = First(part, inputs);
        int panel = PanelProduct.PanelFor(outputs);
        nint place = Place(outputs, inputs);
        for (int i = 0; i < Inputs; i++)
        {
            float* g = turned ? kernel + (input + i) * stride + lane * Taps : kernel + lane * stride + (input + i) * Taps, row = rows + i * Taps * Lanes;
            for (int k = 0; k < Taps; k++) Gather(g + k, turned ? Taps : stride, row + (turned ? 8 - k : k) * Lanes);
        }

        for (int i = 0; i < Inputs; i++)
        {
            float* g = rows + i * Taps * Lanes;
            float* target = places + i * Lanes;
            for (int j = 0; j < 3; j++) Kernel(Vector512.Load(g + j * Lanes), Vector512.Load(g + (3 + j) * Lanes), Vector512.Load(g + (6 + j) * Lanes), half + j * Lanes, 3 * Lanes);
            for (int r = 0; r < 6; r++)
            {
                float* row = half + r * 3 * Lanes;
                Kernel(Vector512.Load(row), Vector512.Load(row + 16), Vector512.Load(row + 32), target + r * 6 * Inputs * Lanes, Inputs * Lanes);
            }
        }

        // One place after the other: a processor knows the addresses of few pages to write to.
        float* first = to + ((nint)(lane / panel) * inputs + input) * panel + lane % panel;
        for (int p = 0; p < Places; p++)
            for (int i = 0; i < Inputs; i++) Vector512.Load(places + (p * Inputs + i) * Lanes).Store(first + p * place + i * panel);
    }

    /// <summary>Gᵀ·u·G: the gradient of a kernel from that of its other form.</summary>
    /// <param name="from">As <see cref="OfKernel"/> writes it, not turned, once for each worker; they are added.</param>
    /// <param name="whole">From worker to worker.</param>
    /// <param name="workers">How many.</param>
    /// <param name="outputs">Channels of the result.</param>
    /// <param name="inputs">Channels of what was convolved.</param>
    /// <param name="kernel">(outputs, inputs, 3, 3).</param>
    /// <param name="part">Which one of the <see cref="Parts"/>.</param>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void ToKernel(float* from, nint whole, int workers, int outputs, int inputs, float* kernel, int part)
    {
        float* half = stackalloc float[18 * Lanes + Lanes], rows = stackalloc float[Inputs * Taps * Lanes + Lanes], sums = stackalloc float[Places * Lanes + Lanes];
        half = TileTransforms.Line(half);
        rows = TileTransforms.Line(rows);
        sums = TileTransforms.Line(sums);
        (int lane, int input) = First(part, inputs);
        int panel = PanelProduct.PanelFor(outputs);
        nint place = Place(outputs, inputs);
        for (int i = 0; i < Inputs; i++)
        {
            float* source = from + ((nint)(lane / panel) * inputs + input + i) * panel + lane % panel;
            for (int p = 0; p < Places; p++)
            {
                Vector512<float> sum = Vector512.Load(source + p * place);
                for (int w = 1; w < workers; w++) sum += Vector512.Load(source + w * whole + p * place);
                sum.Store(sums + p * Lanes);
            }

            for (int j = 0; j < 6; j++)
                Back(Vector512.Load(sums + j * Lanes), Vector512.Load(sums + (6 + j) * Lanes), Vector512.Load(sums + (12 + j) * Lanes), Vector512.Load(sums + (18 + j) * Lanes), Vector512.Load(sums + (24 + j) * Lanes), Vector512.Load(sums + (30 + j) * Lanes), half + j * Lanes, 6 * Lanes);
            for (int r = 0; r < 3; r++)
            {
                float* row = half + r * 6 * Lanes;
                Back(Vector512.Load(row), Vector512.Load(row + 16), Vector512.Load(row + 32), Vector512.Load(row + 48), Vector512.Load(row + 64), Vector512.Load(row + 80), rows + (i * Taps + r * 3) * Lanes, Lanes);
            }
        }

        // The numbers of a filter lie side by side in the kernel, 16 apart in the rows.
        for (int o = 0; o < Lanes; o++)
        {
            float* target = kernel + ((nint)(lane + o) * inputs + input) * Taps, row = rows + o;
            for (int k = 0; k < Inputs * Taps; k += Lanes / 2) Eight(row + k * Lanes, Lanes).Store(target + k);
        }
    }

    /// <summary>The first output and the first input of a part.</summary>
    private static (int Output, int Input) First(int part, int inputs) => (part / (inputs / Inputs) * Lanes, part % (inputs / Inputs) * Inputs);

    /// <summary>16 numbers that are so far from each other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Gather(float* from, nint step, float* to)
    {
        Eight(from, (int)step).Store(to);
        Eight(from + 8 * step, (int)step).Store(to + 8);
    }

    /// <summary>Eight numbers that are so far from each other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Eight(float* from, int step) => Avx2.IsSupported
        ? Avx2.GatherVector256(from, Vector256.Create(0, 1, 2, 3, 4, 5, 6, 7) * step, sizeof(float))
        : Vector256.Create(from[0], from[step], from[2 * step], from[3 * step], from[4 * step], from[5 * step], from[6 * step], from[7 * step]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Kernel(Vector512<float> g0, Vector512<float> g1, Vector512<float> g2, float* to, nint step)
    {
        Vector512<float> innerEven = InnerWeight * g0 + InnerWeight * Inner * Inner * g2, innerOdd = InnerWeight * Inner * g1;
        Vector512<float> outerEven = OuterWeight * g0 + OuterWeight * Outer * Outer * g2, outerOdd = OuterWeight * Outer * g1;
        g0.Store(to);
        (innerEven + innerOdd).Store(to + step);
        (innerEven - innerOdd).Store(to + 2 * step);
        (outerEven + outerOdd).Store(to + 3 * step);
        (outerEven - outerOdd).Store(to + 4 * step);
        g2.Store(to + 5 * step);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Back(Vector512<float> u0, Vector512<float> u1, Vector512<float> u2, Vector512<float> u3, Vector512<float> u4, Vector512<float> u5, float* to, nint step)
    {
        Vector512<float> inner = InnerWeight * (u1 + u2), outer = OuterWeight * (u3 + u4);
        (u0 + inner + outer).Store(to);
        (InnerWeight * Inner * (u1 - u2) + OuterWeight * Outer * (u3 - u4)).Store(to + step);
        (Inner * Inner * inner + Outer * Outer * outer + u5).Store(to + 2 * step);
    }
}
