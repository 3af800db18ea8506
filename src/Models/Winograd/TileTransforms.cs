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
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void OfInputs(in TileGrid grid, in Pixels pixels, int first, int count, float* to, nint place, nint tile, float* zeros)
    {
        float** at = stackalloc float*[Places];
        float* half = stackalloc float[Places * Lanes + Lanes];
        half = Line(half);
        int channels = pixels.Channels;
        nint row = pixels.Row(grid);
        for (int t = 0; t < count; t++, to += tile)
        {
            (int image, int y, int x) = grid.Of(first + t);
            float* corner = pixels.Inside(grid, image, y - 1, x - 1, PlacesAside);
            if (corner is null)
            {
                pixels.Square(grid, image, y - 1, x - 1, PlacesAside, at, zeros);
                for (int c = 0; c < channels; c += Lanes)
                {
                    for (int j = 0; j < PlacesAside; j++)
                        Input(Vector512.Load(at[j] + c), Vector512.Load(at[6 + j] + c), Vector512.Load(at[12 + j] + c), Vector512.Load(at[18 + j] + c), Vector512.Load(at[24 + j] + c), Vector512.Load(at[30 + j] + c), half + j * Lanes, PlacesAside * Lanes);
                    Inputs(half, to + c, place);
                }
            }
            else if (pixels.IsHalf)
            {
                for (int c = 0; c < channels; c += Lanes) InputsOfHalf(corner + c, row, channels, half, to + c, place);
            }
            else
            {
                for (int c = 0; c < channels; c += Lanes)
                {
                    float* column = corner + c;
                    for (int j = 0; j < PlacesAside; j++, column += channels)
                        Input(Vector512.Load(column), Vector512.Load(column + row), Vector512.Load(column + 2 * row), Vector512.Load(column + 3 * row), Vector512.Load(column + 4 * row), Vector512.Load(column + 5 * row), half + j * Lanes, PlacesAside * Lanes);
                    Inputs(half, to + c, place);
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
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void OfGradients(in TileGrid grid, in Pixels pixels, int first, int count, float* to, nint place, nint tile, float* sums, float* zeros)
    {
        const int Side = TileGrid.Side;
        float** at = stackalloc float*[Side * Side];
        float* half = stackalloc float[PlacesAside * Side * Lanes + Lanes];
        half = Line(half);
        int channels = pixels.Channels;
        nint row = pixels.Row(grid);
        for (int t = 0; t < count; t++, to += tile)
        {
            (int image, int y, int x) = grid.Of(first + t);
            float* corner = pixels.Inside(grid, image, y, x, Side);
            if (corner is null) pixels.Square(grid, image, y, x, Side, at, zeros);
            for (int c = 0; c < channels; c += Lanes)
            {
                Vector512<float> sum = Vector512.Load(sums + c);
                float* column = corner + c;
                for (int j = 0; j < Side; j++, column += channels)
                {
                    (Vector512<float> y0, Vector512<float> y1, Vector512<float> y2, Vector512<float> y3) = corner is null
                        ? (Vector512.Load(at[j] + c), Vector512.Load(at[4 + j] + c), Vector512.Load(at[8 + j] + c), Vector512.Load(at[12 + j] + c))
                        : (Vector512.Load(column), Vector512.Load(column + row), Vector512.Load(column + 2 * row), Vector512.Load(column + 3 * row));
                    sum += y0 + y1 + (y2 + y3);
                    Gradient(y0, y1, y2, y3, half + j * Lanes, Side * Lanes);
                }

                sum.Store(sums + c);
                for (int i = 0; i < PlacesAside; i++)
                {
                    float* line = half + i * Side * Lanes;
                    Gradient(Vector512.Load(line), Vector512.Load(line + 16), Vector512.Load(line + 32), Vector512.Load(line + 48), to + c + i * PlacesAside * place, place);
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
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Outputs(in TileGrid grid, float* from, nint place, nint tile, int first, int count, in Pixels pixels, float* bias, bool relu)
    {
        const int Side = TileGrid.Side;
        float** at = stackalloc float*[Side * Side];
        float* half = stackalloc float[Side * PlacesAside * Lanes + Lanes];
        half = Line(half);
        Vector512<float> least = Vector512.Create(relu ? 0 : float.NegativeInfinity);
        int channels = pixels.Channels;
        nint row = pixels.Row(grid);
        for (int t = 0; t < count; t++, from += tile)
        {
            (int image, int y, int x) = grid.Of(first + t);
            float* corner = pixels.Inside(grid, image, y, x, Side);
            if (corner is null) pixels.Square(grid, image, y, x, Side, at, null);
            for (int c = 0; c < channels; c += Lanes)
            {
                for (int j = 0; j < PlacesAside; j++)
                {
                    float* column = from + c + j * place;
                    (Vector512<float> y0, Vector512<float> y1, Vector512<float> y2, Vector512<float> y3) = Output(column, 6 * place);
                    float* line = half + j * Lanes;
                    y0.Store(line);
                    y1.Store(line + PlacesAside * Lanes);
                    y2.Store(line + 2 * PlacesAside * Lanes);
                    y3.Store(line + 3 * PlacesAside * Lanes);
                }

                if (pixels.IsHalf)
                {
                    for (int i = 0; i < Side; i += 2)
                    {
                        (Vector512<float> y0, Vector512<float> y1, Vector512<float> y2, Vector512<float> y3) = Output(half + i * PlacesAside * Lanes, Lanes);
                        (Vector512<float> z0, Vector512<float> z1, Vector512<float> z2, Vector512<float> z3) = Output(half + (i + 1) * PlacesAside * Lanes, Lanes);
                        float* left = corner is null ? at[i * Side] : corner + i / 2 * row, right = corner is null ? at[i * Side + 2] : left + channels;
                        if (left is not null) (y0 + y1 + (z0 + z1)).Store(left + c);
                        if (right is not null) (y2 + y3 + (z2 + z3)).Store(right + c);
                    }

                    continue;
                }

                Vector512<float> shift = bias is null ? Vector512<float>.Zero : Vector512.Load(bias + c);
                for (int i = 0; i < Side; i++)
                {
                    (Vector512<float> y0, Vector512<float> y1, Vector512<float> y2, Vector512<float> y3) = Output(half + i * PlacesAside * Lanes, Lanes);
                    // NaN stays NaN: the native maximum of two numbers is the second where one is NaN.
                    (y0, y1, y2, y3) = (Vector512.MaxNative(least, y0 + shift), Vector512.MaxNative(least, y1 + shift), Vector512.MaxNative(least, y2 + shift), Vector512.MaxNative(least, y3 + shift));
                    if (corner is null)
                    {
                        float** to = at + i * Side;
                        if (to[0] is not null) y0.Store(to[0] + c);
                        if (to[1] is not null) y1.Store(to[1] + c);
                        if (to[2] is not null) y2.Store(to[2] + c);
                        if (to[3] is not null) y3.Store(to[3] + c);
                    }
                    else
                    {
                        float* to = corner + i * row + c;
                        y0.Store(to);
                        y1.Store(to + channels);
                        y2.Store(to + 2 * channels);
                        y3.Store(to + 3 * channels);
                    }
                }
            }
        }
    }

    /// <summary>The first beginning of a line of the cache: what lies across two takes twice as long.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float* Line(float* memory) => (float*)(((nint)memory + 63) & ~63);

    /// <summary>The second half of the way, along the rows of what the first has made of the columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Inputs(float* half, float* to, nint place)
    {
        for (int i = 0; i < PlacesAside; i++, half += PlacesAside * Lanes)
            Input(Vector512.Load(half), Vector512.Load(half + 16), Vector512.Load(half + 32), Vector512.Load(half + 48), Vector512.Load(half + 64), Vector512.Load(half + 80), to + i * PlacesAside * place, place);
    }

    /// <summary>Both halves for 6×6 pixels that are 4×4 of a map of half the size: each of the middle ones stands for two, side by side and below each other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void InputsOfHalf(float* corner, nint row, nint pixel, float* half, float* to, nint place)
    {
        for (int j = 0; j < 4; j++, corner += pixel)
        {
            Vector512<float> second = Vector512.Load(corner + row), third = Vector512.Load(corner + 2 * row);
            Input(Vector512.Load(corner), second, second, third, third, Vector512.Load(corner + 3 * row), half + j * Lanes, 4 * Lanes);
        }

        for (int i = 0; i < PlacesAside; i++, half += 4 * Lanes)
        {
            Vector512<float> second = Vector512.Load(half + 16), third = Vector512.Load(half + 32);
            Input(Vector512.Load(half), second, second, third, third, Vector512.Load(half + 48), to + i * PlacesAside * place, place);
        }
    }

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
    private static (Vector512<float> Y0, Vector512<float> Y1, Vector512<float> Y2, Vector512<float> Y3) Output(float* m, nint step)
    {
        Vector512<float> m1 = Vector512.Load(m + step), m2 = Vector512.Load(m + 2 * step), m3 = Vector512.Load(m + 3 * step), m4 = Vector512.Load(m + 4 * step);
        Vector512<float> a = m1 + m2, b = Vector512.Create(Inner) * (m1 - m2), c = m3 + m4, d = Vector512.Create(Outer) * (m3 - m4);
        Vector512<float> innerSquare = Vector512.Create(InnerSquare), outerSquare = Vector512.Create(OuterSquare);
        return (Vector512.Load(m) + a + c, b + d, Fma(outerSquare, c, innerSquare * a), Fma(outerSquare, d, innerSquare * b) + Vector512.Load(m + 5 * step));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Fma(Vector512<float> x, Vector512<float> y, Vector512<float> z) => Vector512.FusedMultiplyAdd(x, y, z);
}
