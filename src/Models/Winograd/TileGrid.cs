using System.Runtime.CompilerServices;

namespace UnetResnet.Models.Winograd;

/// <summary>Tiles of 4×4 pixels over maps, image after image and row after row; those at the bottom and right may reach over the border.</summary>
/// <param name="Images">How many maps.</param>
/// <param name="Height">Rows of a map.</param>
/// <param name="Width">Pixels of a row.</param>
internal readonly record struct TileGrid(int Images, int Height, int Width)
{
    /// <summary>Side of a tile.</summary>
    internal const int Side = 4;

    /// <summary>Tiles in a row of them.</summary>
    internal int Across => (Width + Side - 1) / Side;

    /// <summary>Rows of tiles.</summary>
    internal int Down => (Height + Side - 1) / Side;

    /// <summary>All tiles.</summary>
    internal int Count => Images * Down * Across;

    /// <summary>The image of a tile and the first pixel there.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal (int Image, int Y, int X) Of(int tile)
    {
        int row = tile / Across;
        return (row / Down, row % Down * Side, tile % Across * Side);
    }
}

/// <summary>The numbers of maps, channels last.</summary>
/// <param name="numbers">The first.</param>
/// <param name="channels">Of a pixel, a multiple of 16.</param>
/// <param name="isHalf">
/// Whether the maps have half the sides of the grid: read, each pixel then stands for four; written, it gets the sum of four.
/// </param>
internal readonly unsafe struct Pixels(float* numbers, int channels, bool isHalf)
{
    internal float* Numbers { get; } = numbers;

    internal int Channels { get; } = channels;

    internal bool IsHalf { get; } = isHalf;

    /// <summary>Numbers from a row of a map to the next.</summary>
    internal nint Row(in TileGrid grid) => (nint)(grid.Width >> Half) * Channels;

    /// <summary>Where the first pixel of a square of the grid begins, or null if the square reaches over the border.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal float* Inside(in TileGrid grid, int image, int y, int x, int side) =>
        x >= 0 && y >= 0 && x + side <= grid.Width && y + side <= grid.Height ? First(grid, image) + (y >> Half) * Row(grid) + (nint)(x >> Half) * Channels : null;

    /// <summary>Where the pixels of a square of the grid begin, row by row; those beyond the border begin at <paramref name="outside"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal void Square(in TileGrid grid, int image, int y, int x, int side, float** at, float* outside)
    {
        int half = Half, height = grid.Height, width = grid.Width;
        nint row = Row(grid);
        float* first = First(grid, image);
        for (int i = 0; i < side; i++, at += side)
        {
            bool inside = (uint)(y + i) < (uint)height;
            float* line = first + ((y + i) >> half) * row;
            for (int j = 0; j < side; j++) at[j] = inside && (uint)(x + j) < (uint)width ? line + (nint)((x + j) >> half) * Channels : outside;
        }
    }
    private int Half => IsHalf ? 1 : 0;

    private float* First(in TileGrid grid, int image) => Numbers + image * (nint)(grid.Height >> Half) * Row(grid);
}
