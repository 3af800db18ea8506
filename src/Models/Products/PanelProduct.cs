using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace UnetResnet.Models.Products;

/// <summary>
/// Products of small matrices, C = A·B or C += A·B, on AVX-512: eight rows of C and a panel of 16, 32 or 48 columns stay in registers while one row of B after the other is
/// read. Strides are in numbers, so that A may be read along rows or columns.
/// </summary>
internal static unsafe class PanelProduct
{
    /// <summary>Rows that are computed together.</summary>
    internal const int Rows = 8;

    /// <summary>Columns of a panel for so many columns, a multiple of 16.</summary>
    internal static int PanelFor(int columns) => columns % 48 == 0 ? 48 : columns % 32 == 0 ? 32 : 16;

    /// <summary>Computes.</summary>
    /// <param name="a">A(row, step) is at row·aRow + step·aStep.</param>
    /// <param name="aRow">From row to row.</param>
    /// <param name="aStep">From step to step of the sum.</param>
    /// <param name="b">B(step, column of a panel) is at panel·bPanel + step·bStep + column.</param>
    /// <param name="bStep">From step to step of the sum.</param>
    /// <param name="bPanel">From panel to panel.</param>
    /// <param name="c">C(row, column of a panel) is at panel·cPanel + row·cRow + column.</param>
    /// <param name="cRow">From row to row.</param>
    /// <param name="cPanel">From panel to panel.</param>
    /// <param name="rows">A multiple of <see cref="Rows"/>.</param>
    /// <param name="steps">Length of the sums.</param>
    /// <param name="columns">A multiple of <paramref name="panel"/>.</param>
    /// <param name="panel">16, 32 or 48.</param>
    /// <param name="add">Whether C is added to.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Compute(float* a, nint aRow, nint aStep, float* b, nint bStep, nint bPanel, float* c, nint cRow, nint cPanel, int rows, int steps, int columns, int panel, bool add)
    {
        for (int n = 0; n < columns / panel; n++)
        {
            float* left = a, right = b + n * bPanel, sum = c + n * cPanel;
            for (int row = 0; row < rows; row += Rows, left += Rows * aRow, sum += Rows * cRow)
            {
                if (panel == 48) Eight48(left, aRow, aStep, right, bStep, sum, cRow, steps, add);
                else if (panel == 32) Eight32(left, aRow, aStep, right, bStep, sum, cRow, steps, add);
                else Eight16(left, aRow, aStep, right, bStep, sum, cRow, steps, add);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Eight48(float* a, nint aRow, nint aStep, float* b, nint bStep, float* c, nint cRow, int steps, bool add)
    {
        Vector512<float> c00 = Vector512<float>.Zero, c01 = Vector512<float>.Zero, c02 = Vector512<float>.Zero;
        Vector512<float> c10 = Vector512<float>.Zero, c11 = Vector512<float>.Zero, c12 = Vector512<float>.Zero;
        Vector512<float> c20 = Vector512<float>.Zero, c21 = Vector512<float>.Zero, c22 = Vector512<float>.Zero;
        Vector512<float> c30 = Vector512<float>.Zero, c31 = Vector512<float>.Zero, c32 = Vector512<float>.Zero;
        Vector512<float> c40 = Vector512<float>.Zero, c41 = Vector512<float>.Zero, c42 = Vector512<float>.Zero;
        Vector512<float> c50 = Vector512<float>.Zero, c51 = Vector512<float>.Zero, c52 = Vector512<float>.Zero;
        Vector512<float> c60 = Vector512<float>.Zero, c61 = Vector512<float>.Zero, c62 = Vector512<float>.Zero;
        Vector512<float> c70 = Vector512<float>.Zero, c71 = Vector512<float>.Zero, c72 = Vector512<float>.Zero;
        float* a1 = a + aRow, a2 = a1 + aRow, a3 = a2 + aRow, a4 = a3 + aRow, a5 = a4 + aRow, a6 = a5 + aRow, a7 = a6 + aRow;
        nint at = 0;
        for (int step = 0; step < steps; step++, at += aStep, b += bStep)
        {
            Vector512<float> b0 = Vector512.Load(b), b1 = Vector512.Load(b + 16), b2 = Vector512.Load(b + 32);
            Vector512<float> x = Vector512.Create(a[at]);
            c00 = Vector512.FusedMultiplyAdd(x, b0, c00);
            c01 = Vector512.FusedMultiplyAdd(x, b1, c01);
            c02 = Vector512.FusedMultiplyAdd(x, b2, c02);
            x = Vector512.Create(a1[at]);
            c10 = Vector512.FusedMultiplyAdd(x, b0, c10);
            c11 = Vector512.FusedMultiplyAdd(x, b1, c11);
            c12 = Vector512.FusedMultiplyAdd(x, b2, c12);
            x = Vector512.Create(a2[at]);
            c20 = Vector512.FusedMultiplyAdd(x, b0, c20);
            c21 = Vector512.FusedMultiplyAdd(x, b1, c21);
            c22 = Vector512.FusedMultiplyAdd(x, b2, c22);
            x = Vector512.Create(a3[at]);
            c30 = Vector512.FusedMultiplyAdd(x, b0, c30);
            c31 = Vector512.FusedMultiplyAdd(x, b1, c31);
            c32 = Vector512.FusedMultiplyAdd(x, b2, c32);
            x = Vector512.Create(a4[at]);
            c40 = Vector512.FusedMultiplyAdd(x, b0, c40);
            c41 = Vector512.FusedMultiplyAdd(x, b1, c41);
            c42 = Vector512.FusedMultiplyAdd(x, b2, c42);
            x = Vector512.Create(a5[at]);
            c50 = Vector512.FusedMultiplyAdd(x, b0, c50);
            c51 = Vector512.FusedMultiplyAdd(x, b1, c51);
            c52 = Vector512.FusedMultiplyAdd(x, b2, c52);
            x = Vector512.Create(a6[at]);
            c60 = Vector512.FusedMultiplyAdd(x, b0, c60);
            c61 = Vector512.FusedMultiplyAdd(x, b1, c61);
            c62 = Vector512.FusedMultiplyAdd(x, b2, c62);
            x = Vector512.Create(a7[at]);
            c70 = Vector512.FusedMultiplyAdd(x, b0, c70);
            c71 = Vector512.FusedMultiplyAdd(x, b1, c71);
            c72 = Vector512.FusedMultiplyAdd(x, b2, c72);
        }

        Put(c, c00, c01, c02, add);
        Put(c + cRow, c10, c11, c12, add);
        Put(c + 2 * cRow, c20, c21, c22, add);
        Put(c + 3 * cRow, c30, c31, c32, add);
        Put(c + 4 * cRow, c40, c41, c42, add);
        Put(c + 5 * cRow, c50, c51, c52, add);
        Put(c + 6 * cRow, c60, c61, c62, add);
        Put(c + 7 * cRow, c70, c71, c72, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(float* to, Vector512<float> v0, Vector512<float> v1, Vector512<float> v2, bool add)
    {
        (add ? Vector512.Load(to) + v0 : v0).Store(to);
        (add ? Vector512.Load(to + 16) + v1 : v1).Store(to + 16);
        (add ? Vector512.Load(to + 32) + v2 : v2).Store(to + 32);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Eight32(float* a, nint aRow, nint aStep, float* b, nint bStep, float* c, nint cRow, int steps, bool add)
    {
        Vector512<float> c00 = Vector512<float>.Zero, c01 = Vector512<float>.Zero;
        Vector512<float> c10 = Vector512<float>.Zero, c11 = Vector512<float>.Zero;
        Vector512<float> c20 = Vector512<float>.Zero, c21 = Vector512<float>.Zero;
        Vector512<float> c30 = Vector512<float>.Zero, c31 = Vector512<float>.Zero;
        Vector512<float> c40 = Vector512<float>.Zero, c41 = Vector512<float>.Zero;
        Vector512<float> c50 = Vector512<float>.Zero, c51 = Vector512<float>.Zero;
        Vector512<float> c60 = Vector512<float>.Zero, c61 = Vector512<float>.Zero;
        Vector512<float> c70 = Vector512<float>.Zero, c71 = Vector512<float>.Zero;
        float* a1 = a + aRow, a2 = a1 + aRow, a3 = a2 + aRow, a4 = a3 + aRow, a5 = a4 + aRow, a6 = a5 + aRow, a7 = a6 + aRow;
        nint at = 0;
        for (int step = 0; step < steps; step++, at += aStep, b += bStep)
        {
            Vector512<float> b0 = Vector512.Load(b), b1 = Vector512.Load(b + 16);
            Vector512<float> x = Vector512.Create(a[at]);
            c00 = Vector512.FusedMultiplyAdd(x, b0, c00);
            c01 = Vector512.FusedMultiplyAdd(x, b1, c01);
            x = Vector512.Create(a1[at]);
            c10 = Vector512.FusedMultiplyAdd(x, b0, c10);
            c11 = Vector512.FusedMultiplyAdd(x, b1, c11);
            x = Vector512.Create(a2[at]);
            c20 = Vector512.FusedMultiplyAdd(x, b0, c20);
            c21 = Vector512.FusedMultiplyAdd(x, b1, c21);
            x = Vector512.Create(a3[at]);
            c30 = Vector512.FusedMultiplyAdd(x, b0, c30);
            c31 = Vector512.FusedMultiplyAdd(x, b1, c31);
            x = Vector512.Create(a4[at]);
            c40 = Vector512.FusedMultiplyAdd(x, b0, c40);
            c41 = Vector512.FusedMultiplyAdd(x, b1, c41);
            x = Vector512.Create(a5[at]);
            c50 = Vector512.FusedMultiplyAdd(x, b0, c50);
            c51 = Vector512.FusedMultiplyAdd(x, b1, c51);
            x = Vector512.Create(a6[at]);
            c60 = Vector512.FusedMultiplyAdd(x, b0, c60);
            c61 = Vector512.FusedMultiplyAdd(x, b1, c61);
            x = Vector512.Create(a7[at]);
            c70 = Vector512.FusedMultiplyAdd(x, b0, c70);
            c71 = Vector512.FusedMultiplyAdd(x, b1, c71);
        }

        Put(c, c00, c01, add);
        Put(c + cRow, c10, c11, add);
        Put(c + 2 * cRow, c20, c21, add);
        Put(c + 3 * cRow, c30, c31, add);
        Put(c + 4 * cRow, c40, c41, add);
        Put(c + 5 * cRow, c50, c51, add);
        Put(c + 6 * cRow, c60, c61, add);
        Put(c + 7 * cRow, c70, c71, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(float* to, Vector512<float> v0, Vector512<float> v1, bool add)
    {
        (add ? Vector512.Load(to) + v0 : v0).Store(to);
        (add ? Vector512.Load(to + 16) + v1 : v1).Store(to + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Eight16(float* a, nint aRow, nint aStep, float* b, nint bStep, float* c, nint cRow, int steps, bool add)
    {
        Vector512<float> c00 = Vector512<float>.Zero;
        Vector512<float> c10 = Vector512<float>.Zero;
        Vector512<float> c20 = Vector512<float>.Zero;
        Vector512<float> c30 = Vector512<float>.Zero;
        Vector512<float> c40 = Vector512<float>.Zero;
        Vector512<float> c50 = Vector512<float>.Zero;
        Vector512<float> c60 = Vector512<float>.Zero;
        Vector512<float> c70 = Vector512<float>.Zero;
        float* a1 = a + aRow, a2 = a1 + aRow, a3 = a2 + aRow, a4 = a3 + aRow, a5 = a4 + aRow, a6 = a5 + aRow, a7 = a6 + aRow;
        nint at = 0;
        for (int step = 0; step < steps; step++, at += aStep, b += bStep)
        {
            Vector512<float> b0 = Vector512.Load(b);
            Vector512<float> x = Vector512.Create(a[at]);
            c00 = Vector512.FusedMultiplyAdd(x, b0, c00);
            x = Vector512.Create(a1[at]);
            c10 = Vector512.FusedMultiplyAdd(x, b0, c10);
            x = Vector512.Create(a2[at]);
            c20 = Vector512.FusedMultiplyAdd(x, b0, c20);
            x = Vector512.Create(a3[at]);
            c30 = Vector512.FusedMultiplyAdd(x, b0, c30);
            x = Vector512.Create(a4[at]);
            c40 = Vector512.FusedMultiplyAdd(x, b0, c40);
            x = Vector512.Create(a5[at]);
            c50 = Vector512.FusedMultiplyAdd(x, b0, c50);
            x = Vector512.Create(a6[at]);
            c60 = Vector512.FusedMultiplyAdd(x, b0, c60);
            x = Vector512.Create(a7[at]);
            c70 = Vector512.FusedMultiplyAdd(x, b0, c70);
        }

        Put(c, c00, add);
        Put(c + cRow, c10, add);
        Put(c + 2 * cRow, c20, add);
        Put(c + 3 * cRow, c30, add);
        Put(c + 4 * cRow, c40, add);
        Put(c + 5 * cRow, c50, add);
        Put(c + 6 * cRow, c60, add);
        Put(c + 7 * cRow, c70, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(float* to, Vector512<float> v0, bool add)
    {
        (add ? Vector512.Load(to) + v0 : v0).Store(to);
    }
}
