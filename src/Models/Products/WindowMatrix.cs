using System.Runtime.CompilerServices;
using UnetResnet.Runtime;

namespace UnetResnet.Models.Products;

/// <summary>The windows of 3×3 around all pixels of a map as rows of a matrix, each in the order of a kernel: channel, row, column. Outside the map is 0.</summary>
/// <param name="Images">N.</param>
/// <param name="Channels">C.</param>
/// <param name="Height">H.</param>
/// <param name="Width">W.</param>
internal readonly unsafe record struct WindowMatrix(int Images, int Channels, int Height, int Width)
{
    private const int Taps = 9;

    /// <summary>Rows of the matrix.</summary>
    internal int Rows => Images * Height * Width;

    /// <summary>Columns of the matrix.</summary>
    internal int Columns => Channels * Taps;

    /// <summary>Writes the matrix.</summary>
    /// <param name="map">(N, H, W, C).</param>
    /// <param name="matrix">(N·H·W, 9·C), to be written.</param>
    internal void Spread(float* map, float* matrix) => Combine(map, Channels, tapStep: 0, step: 1, direction: 1, &Interleave, matrix, Columns);

    /// <summary>Writes the matrix with its columns in another order: row, column, channel.</summary>
    /// <param name="map">(N, H, W, C).</param>
    /// <param name="matrix">(N·H·W, 9·C), to be written.</param>
    internal void SpreadByPlace(float* map, float* matrix)
    {
        (WindowMatrix self, int workers) = (this, Parts());
        Workers.Run(workers, worker =>
        {
            (int begin, int end) = Workers.Share(self.Rows, worker, workers);
            float* to = matrix + (nint)begin * self.Columns;
            for (int pixel = begin; pixel < end; pixel++)
            {
                for (int tap = 0; tap < Taps; tap++, to += self.Channels)
                {
                    int neighbour = self.Neighbour(pixel, tap / 3 - 1, tap % 3 - 1);
                    var place = new Span<float>(to, self.Channels);
                    if (neighbour < 0) place.Clear();
                    else new ReadOnlySpan<float>(map + (nint)neighbour * self.Channels, self.Channels).CopyTo(place);
                }
            }
        });
    }

    /// <summary>Adds up what the matrix has of every number of the map: the gradient of the map from that of the matrix.</summary>
    /// <param name="matrix">(N·H·W, 9·C).</param>
    /// <param name="map">(N, H, W, C), to be written.</param>
    // From whoever has this pixel at that place of his window, which lies in the opposite direction.
    internal void Collect(float* matrix, float* map) => Combine(matrix, Columns, tapStep: 1, step: Taps, direction: -1, &Sum, map, Channels);

    /// <summary>Makes the row of every pixel in one matrix out of the rows of its nine neighbours in another.</summary>
    /// <param name="from">The other matrix.</param>
    /// <param name="fromRow">Numbers of its rows.</param>
    /// <param name="tapStep">How far one neighbour's first number lies behind that of the one before.</param>
    /// <param name="step">From channel to channel.</param>
    /// <param name="direction">1: the neighbours of the window; -1: on the opposite side.</param>
    /// <param name="combine">Gets where the neighbours begin, their steps, where to write, and how many channels there are.</param>
    /// <param name="to">The matrix, to be written.</param>
    /// <param name="toRow">Numbers of its rows.</param>
    private void Combine(float* from, int fromRow, int tapStep, int step, int direction, delegate*<float**, int*, float*, int, void> combine, float* to, int toRow)
    {
        (WindowMatrix self, int workers) = (this, Parts());
        Workers.Run(workers, worker =>
        {
            float* zeros = stackalloc float[1];
            float** places = stackalloc float*[Taps];
            int* steps = stackalloc int[Taps];
            *zeros = 0;
            (int begin, int end) = Workers.Share(self.Rows, worker, workers);
            for (int pixel = begin; pixel < end; pixel++)
            {
                for (int tap = 0; tap < Taps; tap++)
                {
                    int neighbour = self.Neighbour(pixel, direction * (tap / 3 - 1), direction * (tap % 3 - 1));
                    places[tap] = neighbour < 0 ? zeros : from + (nint)neighbour * fromRow + tap * tapStep;
                    steps[tap] = neighbour < 0 ? 0 : step;
                }

                combine(places, steps, to + (nint)pixel * toRow, self.Channels);
            }
        });
    }

    private int Parts() => Math.Min(Workers.For((long)Rows * Columns), Rows);

    /// <summary>The pixel so many rows below and columns right of another, or -1 outside of its image.</summary>
    private int Neighbour(int pixel, int down, int right)
    {
        int y = pixel / Width % Height + down, x = pixel % Width + right;
        return y < 0 || y >= Height || x < 0 || x >= Width ? -1 : pixel + down * Width + right;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Interleave(float** from, int* steps, float* to, int channels)
    {
        float* p0 = from[0], p1 = from[1], p2 = from[2], p3 = from[3], p4 = from[4], p5 = from[5], p6 = from[6], p7 = from[7], p8 = from[8];
        nint s0 = steps[0], s1 = steps[1], s2 = steps[2], s3 = steps[3], s4 = steps[4], s5 = steps[5], s6 = steps[6], s7 = steps[7], s8 = steps[8];
        for (nint c = 0; c < channels; c++, to += Taps)
        {
            (to[0], to[1], to[2]) = (p0[c * s0], p1[c * s1], p2[c * s2]);
            (to[3], to[4], to[5]) = (p3[c * s3], p4[c * s4], p5[c * s5]);
            (to[6], to[7], to[8]) = (p6[c * s6], p7[c * s7], p8[c * s8]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sum(float** from, int* steps, float* to, int channels)
    {
        float* p0 = from[0], p1 = from[1], p2 = from[2], p3 = from[3], p4 = from[4], p5 = from[5], p6 = from[6], p7 = from[7], p8 = from[8];
        nint s0 = steps[0], s1 = steps[1], s2 = steps[2], s3 = steps[3], s4 = steps[4], s5 = steps[5], s6 = steps[6], s7 = steps[7], s8 = steps[8];
        for (nint c = 0; c < channels; c++)
            to[c] = p0[c * s0] + p1[c * s1] + p2[c * s2] + (p3[c * s3] + p4[c * s4] + p5[c * s5]) + (p6[c * s6] + p7[c * s7] + p8[c * s8]);
    }
}
