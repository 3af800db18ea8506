using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace UnetResnet.Models.Winograd;

/// <summary>A kernel of 3×3 in the form that multiplies the tiles of <see cref="TileTransforms"/>, and its gradient in that form back.</summary>
internal static unsafe class KernelTransforms
{
    private const int Lanes = 16, Taps = 9, Places = TileTransforms.Places;

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
    /// <param name="block">Which 16 of the outputs.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void OfKernel(float* kernel, int outputs, int inputs, nint stride, bool turned, float* to, int block)
    {
        float* half = stackalloc float[18 * Lanes + Lanes];
        half = TileTransforms.Line(half);
        float* rows = stackalloc float[Lanes * Taps * Lanes + Lanes], places = stackalloc float[Places * Lanes * Lanes + Lanes];
        places = TileTransforms.Line(places);
        rows = TileTransforms.Line(rows);
        int panel = PanelProduct.PanelFor(outputs), lane = block * Lanes;
        nint place = Place(outputs, inputs);
        for (int input = 0; input < inputs; input += Lanes)
        {
            for (int o = 0; o < Lanes; o++)
            {
                if (turned)
                    for (int i = 0; i < Lanes; i++) for (int k = 0; k < Taps; k++) rows[(i * Taps + 8 - k) * Lanes + o] = kernel[(input + i) * stride + (lane + o) * Taps + k];
                else
                    for (int k = 0; k < Lanes * Taps; k++) rows[k * Lanes + o] = kernel[(lane + o) * stride + input * Taps + k];
            }

            for (int i = 0; i < Lanes; i++)
            {
                float* g = rows + i * Taps * Lanes;
                float* target = places + i * Lanes;
                for (int j = 0; j < 3; j++) Kernel(Vector512.Load(g + j * Lanes), Vector512.Load(g + (3 + j) * Lanes), Vector512.Load(g + (6 + j) * Lanes), half + j * Lanes, 3 * Lanes);
                for (int r = 0; r < 6; r++)
                {
                    float* row = half + r * 3 * Lanes;
                    Kernel(Vector512.Load(row), Vector512.Load(row + 16), Vector512.Load(row + 32), target + r * 6 * Lanes * Lanes, Lanes * Lanes);
                }
            }

            // One place after the other: a processor knows the addresses of few pages to write to.
            float* first = to + ((nint)(lane / panel) * inputs + input) * panel + lane % panel;
            for (int p = 0; p < Places; p++)
                for (int i = 0; i < Lanes; i++) Vector512.Load(places + (p * Lanes + i) * Lanes).Store(first + p * place + i * panel);
        }
    }

    /// <summary>Gᵀ·u·G: the gradient of a kernel from that of its other form.</summary>
    /// <param name="from">As <see cref="OfKernel"/> writes it, not turned, once for each worker; they are added.</param>
    /// <param name="workers">How many.</param>
    /// <param name="outputs">Channels of the result.</param>
    /// <param name="inputs">Channels of what was convolved.</param>
    /// <param name="kernel">(outputs, inputs, 3, 3).</param>
    /// <param name="block">Which 16 of the outputs.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void ToKernel(float* from, int workers, int outputs, int inputs, float* kernel, int block)
    {
        float* half = stackalloc float[18 * Lanes + Lanes], rows = stackalloc float[Lanes * Taps * Lanes + Lanes], sums = stackalloc float[Places * Lanes + Lanes];
        half = TileTransforms.Line(half);
        rows = TileTransforms.Line(rows);
        sums = TileTransforms.Line(sums);
        int panel = PanelProduct.PanelFor(outputs), lane = block * Lanes;
        nint place = Place(outputs, inputs), whole = Places * place;
        for (int input = 0; input < inputs; input += Lanes)
        {
            for (int i = 0; i < Lanes; i++)
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

            for (int o = 0; o < Lanes; o++)
            {
                float* target = kernel + ((nint)(lane + o) * inputs + input) * Taps;
                for (int k = 0; k < Lanes * Taps; k++) target[k] = rows[k * Lanes + o];
            }
        }
    }

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
