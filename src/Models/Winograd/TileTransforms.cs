using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace UnetResnet.Models.Winograd;

/// <summary>
/// The three ways between pixels and the 36 places of a tile in Winograd's F(4×4, 3×3) (Lavin and Gray 2016, "Fast algorithms for convolutional neural networks"), 16
/// channels at a time.
/// </summary>
/// <remarks>
/// The interpolation points are 0, ±2/3, ±3/2 and ∞: with the usual ±1 and ±2 the numbers of a tile differ more in size, and more is lost by rounding (Barabasz and others
/// 2020, "Error analysis and improving the accuracy of Winograd convolution for deep neural networks"). That the two are each other's inverse saves products.
/// </remarks>
internal static unsafe class TileTransforms
{
    /// <summary>Places of a tile, and of a side of it.</summary>
    internal const int Places = 36, PlacesAside = 6;

    /// <summary>The interpolation points beside 0 and ∞, each with both signs.</summary>
    internal const float Inner = 2f / 3, Outer = 3f / 2;

    private const float InnerSquare = 4f / 9, OuterSquare = 9f / 4;

    private const int Lanes = 16;

    /// <summary>Bᵀ·d·B of 6×6 pixels around each tile, zeros beyond the border.</summary>
    /// <param name="grid">The tiles.</param>
    /// <param name="pixels">The maps.</param>
    /// <param name="first">The first tile.</param>
    /// <param name="count">How many tiles.</param>
    /// <param name="to">Place p of tile t begins at p·place + t·tile.</param>
    /// <param name="place">From place to place.</param>
    /// <param name="tile">From tile to tile.</param>
    /// <param name="zeros">As many zeros as a pixel has channels.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void OfInputs(in TileGrid grid, in Pixels pixels, int first, int count, float* to, nint place, nint tile, float* zeros)
    {
        float** at = stackalloc float*[Places];
        float* half = stackalloc float[Places * Lanes + Lanes];
        half = Line(half);
        for (int t = 0; t < count; t++)
        {
            (int image, int y, int x) = grid.Of(first + t);
            pixels.Square(grid, image, y - 1, x - 1, PlacesAside, at, zeros);
            float* target = to + t * tile;
            for (int c = 0; c < pixels.Channels; c += Lanes, target += Lanes)
            {
                for (int j = 0; j < PlacesAside; j++)
                    Input(Vector512.Load(at[j] + c), Vector512.Load(at[6 + j] + c), Vector512.Load(at[12 + j] + c), Vector512.Load(at[18 + j] + c), Vector512.Load(at[24 + j] + c), Vector512.Load(at[30 + j] + c), half + j * Lanes, PlacesAside * Lanes);
                for (int i = 0; i < PlacesAside; i++)
                {
                    float* row = half + i * PlacesAside * Lanes;
                    Input(Vector512.Load(row), Vector512.Load(row + 16), Vector512.Load(row + 32), Vector512.Load(row + 48), Vector512.Load(row + 64), Vector512.Load(row + 80), target + i * PlacesAside * place, place);
                }
            }
        }
    }

    /// <summary>A·dy·Aᵀ of the 4×4 pixels of each tile, zeros beyond the border.</summary>
    /// <param name="grid">The tiles.</param>
    /// <param name="pixels">The maps.</param>
    /// <param name="first">The first tile.</param>
    /// <param name="count">How many tiles.</param>
    /// <param name="to">Place p of tile t begins at p·place + t·tile.</param>
    /// <param name="place">From place to place.</param>
    /// <param name="tile">From tile to tile.</param>
    /// <param name="sums">A number for each channel, to which the pixels are added.</param>
    /// <param name="zeros">As many zeros as a pixel has channels.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void OfGradients(in TileGrid grid, in Pixels pixels, int first, int count, float* to, nint place, nint tile, float* sums, float* zeros)
    {
        const int Side = TileGrid.Side;
        float** at = stackalloc float*[Side * Side];
        float* half = stackalloc float[PlacesAside * Side * Lanes + Lanes];
        half = Line(half);
        for (int t = 0; t < count; t++)
        {
            (int image, int y, int x) = grid.Of(first + t);
            pixels.Square(grid, image, y, x, Side, at, zeros);
            float* target = to + t * tile;
            for (int c = 0; c < pixels.Channels; c += Lanes, target += Lanes)
            {
                Vector512<float> sum = Vector512.Load(sums + c);
                for (int j = 0; j < Side; j++)
                {
                    Vector512<float> y0 = Vector512.Load(at[j] + c), y1 = Vector512.Load(at[4 + j] + c), y2 = Vector512.Load(at[8 + j] + c), y3 = Vector512.Load(at[12 + j] + c);
                    sum += y0 + y1 + (y2 + y3);
                    Gradient(y0, y1, y2, y3, half + j * Lanes, Side * Lanes);
                }

                sum.Store(sums + c);
                for (int i = 0; i < PlacesAside; i++)
                {
                    float* row = half + i * Side * Lanes;
                    Gradient(Vector512.Load(row), Vector512.Load(row + 16), Vector512.Load(row + 32), Vector512.Load(row + 48), target + i * PlacesAside * place, place);
                }
            }
        }
    }

    /// <summary>Aᵀ·m·A, the 4×4 pixels of each tile, plus a bias, and ReLU.</summary>
    /// <param name="grid">The tiles.</param>
    /// <param name="from">Place p of tile t begins at p·place + t·tile.</param>
    /// <param name="place">From place to place.</param>
    /// <param name="tile">From tile to tile.</param>
    /// <param name="first">The first tile.</param>
    /// <param name="count">How many tiles.</param>
    /// <param name="pixels">The maps to write to.</param>
    /// <param name="bias">A number for each channel, or null.</param>
    /// <param name="relu">Whether negative results become 0.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Outputs(in TileGrid grid, float* from, nint place, nint tile, int first, int count, in Pixels pixels, float* bias, bool relu)
    {
        const int Side = TileGrid.Side;
        float** at = stackalloc float*[Side * Side];
        float* half = stackalloc float[Side * PlacesAside * Lanes + Lanes], whole = stackalloc float[Side * Side * Lanes + Lanes];
        half = Line(half);
        whole = Line(whole);
        Vector512<float> least = Vector512.Create(relu ? 0 : float.NegativeInfinity);
        for (int t = 0; t < count; t++)
        {
            (int image, int y, int x) = grid.Of(first + t);
            pixels.Square(grid, image, y, x, Side, at, null);
            float* source = from + t * tile;
            for (int c = 0; c < pixels.Channels; c += Lanes, source += Lanes)
            {
                for (int j = 0; j < PlacesAside; j++)
                {
                    float* column = source + j * place;
                    Output(Vector512.Load(column), Vector512.Load(column + 6 * place), Vector512.Load(column + 12 * place), Vector512.Load(column + 18 * place), Vector512.Load(column + 24 * place), Vector512.Load(column + 30 * place), half + j * Lanes, PlacesAside * Lanes);
                }

                for (int i = 0; i < Side; i++)
                {
                    float* row = half + i * PlacesAside * Lanes;
                    Output(Vector512.Load(row), Vector512.Load(row + 16), Vector512.Load(row + 32), Vector512.Load(row + 48), Vector512.Load(row + 64), Vector512.Load(row + 80), whole + i * Side * Lanes, Lanes);
                }

                Vector512<float> shift = bias is null ? Vector512<float>.Zero : Vector512.Load(bias + c);
                if (pixels.IsHalf)
                {
                    for (int p = 0; p < Side; p++)
                    {
                        int corner = p / 2 * 2 * Side + p % 2 * 2;
                        float* four = whole + corner * Lanes;
                        if (at[corner] is not null) (Vector512.Load(four) + Vector512.Load(four + 16) + (Vector512.Load(four + 64) + Vector512.Load(four + 80))).Store(at[corner] + c);
                    }
                }
                else
                {
                    // NaN stays NaN: the native maximum of two numbers is the second where one is NaN.
                    for (int p = 0; p < Side * Side; p++)
                        if (at[p] is not null) Vector512.MaxNative(least, Vector512.Load(whole + p * Lanes) + shift).Store(at[p] + c);
                }
            }
        }
    }

    /// <summary>The first beginning of a line of the cache: what lies across two takes twice as long.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float* Line(float* memory) => (float*)(((nint)memory + 63) & ~63);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Input(Vector512<float> d0, Vector512<float> d1, Vector512<float> d2, Vector512<float> d3, Vector512<float> d4, Vector512<float> d5, float* to, nint step)
    {
        Vector512<float> inner = Vector512.Create(Inner), outer = Vector512.Create(Outer), squares = Vector512.Create(-(InnerSquare + OuterSquare));
        Vector512<float> a = Fma(Vector512.Create(-OuterSquare), d2, d4), b = Fma(inner, d3, -outer * d1), c = Fma(Vector512.Create(-InnerSquare), d2, d4), d = Fma(outer, d3, -inner * d1);
        Fma(squares, d2, d0 + d4).Store(to);
        (a + b).Store(to + step);
        (a - b).Store(to + 2 * step);
        (c + d).Store(to + 3 * step);
        (c - d).Store(to + 4 * step);
        Fma(squares, d3, d1 + d5).Store(to + 5 * step);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Gradient(Vector512<float> y0, Vector512<float> y1, Vector512<float> y2, Vector512<float> y3, float* to, nint step)
    {
        Vector512<float> innerSquare = Vector512.Create(InnerSquare), outerSquare = Vector512.Create(OuterSquare);
        Vector512<float> a = Fma(innerSquare, y2, y0), b = Vector512.Create(Inner) * Fma(innerSquare, y3, y1), c = Fma(outerSquare, y2, y0), d = Vector512.Create(Outer) * Fma(outerSquare, y3, y1);
        y0.Store(to);
        (a + b).Store(to + step);
        (a - b).Store(to + 2 * step);
        (c + d).Store(to + 3 * step);
        (c - d).Store(to + 4 * step);
        y3.Store(to + 5 * step);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Output(Vector512<float> m0, Vector512<float> m1, Vector512<float> m2, Vector512<float> m3, Vector512<float> m4, Vector512<float> m5, float* to, nint step)
    {
        Vector512<float> a = m1 + m2, b = Vector512.Create(Inner) * (m1 - m2), c = m3 + m4, d = Vector512.Create(Outer) * (m3 - m4);
        Vector512<float> innerSquare = Vector512.Create(InnerSquare), outerSquare = Vector512.Create(OuterSquare);
        (m0 + a + c).Store(to);
        (b + d).Store(to + step);
        Fma(outerSquare, c, innerSquare * a).Store(to + 2 * step);
        (Fma(outerSquare, d, innerSquare * b) + m5).Store(to + 3 * step);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Fma(Vector512<float> x, Vector512<float> y, Vector512<float> z) => Vector512.FusedMultiplyAdd(x, y, z);
}
