using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace UnetResnet.Models.Products;

/// <summary>Rows become columns, 16 by 16 numbers at a time.</summary>
internal static unsafe class Transposition
{
    private const int Lanes = 16;

    /// <summary>Which quarters of two vectors: the first and third of both, or the second and fourth.</summary>
    private const byte Even = 0b10_00_10_00, Odd = 0b11_01_11_01;

    /// <summary>Writes 16 columns as rows.</summary>
    /// <param name="from">The first number.</param>
    /// <param name="fromRow">Numbers from row to row.</param>
    /// <param name="to">Where the first goes.</param>
    /// <param name="toRow">Numbers from row to row.</param>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Of16(float* from, nint fromRow, float* to, nint toRow)
    {
        if (!Avx512F.IsSupported)
        {
            for (int row = 0; row < Lanes; row++)
                for (int column = 0; column < Lanes; column++) to[column * toRow + row] = from[row * fromRow + column];
            return;
        }

        Vector512<float>* pairs = stackalloc Vector512<float>[Lanes], fours = stackalloc Vector512<float>[Lanes];
        for (int row = 0; row < Lanes; row += 2)
        {
            Vector512<float> one = Vector512.Load(from + row * fromRow), two = Vector512.Load(from + (row + 1) * fromRow);
            (pairs[row], pairs[row + 1]) = (Avx512F.UnpackLow(one, two), Avx512F.UnpackHigh(one, two));
        }

        // Afterwards quarter q of fours[4r + c] is column 4q + c of the rows 4r to 4r + 3.
        for (int row = 0; row < Lanes; row += 4)
        {
            for (int half = 0; half < 2; half++)
            {
                Vector512<double> one = pairs[row + half].AsDouble(), two = pairs[row + 2 + half].AsDouble();
                (fours[row + 2 * half], fours[row + 2 * half + 1]) = (Avx512F.UnpackLow(one, two).AsSingle(), Avx512F.UnpackHigh(one, two).AsSingle());
            }
        }

        for (int column = 0; column < 4; column++)
        {
            Vector512<float> first = fours[column], second = fours[4 + column], third = fours[8 + column], fourth = fours[12 + column];
            Vector512<float> evenAbove = Avx512F.Shuffle4x128(first, second, Even), evenBelow = Avx512F.Shuffle4x128(third, fourth, Even);
            Vector512<float> oddAbove = Avx512F.Shuffle4x128(first, second, Odd), oddBelow = Avx512F.Shuffle4x128(third, fourth, Odd);
            float* target = to + column * toRow;
            Avx512F.Shuffle4x128(evenAbove, evenBelow, Even).Store(target);
            Avx512F.Shuffle4x128(oddAbove, oddBelow, Even).Store(target + 4 * toRow);
            Avx512F.Shuffle4x128(evenAbove, evenBelow, Odd).Store(target + 8 * toRow);
            Avx512F.Shuffle4x128(oddAbove, oddBelow, Odd).Store(target + 12 * toRow);
        }
    }
}
