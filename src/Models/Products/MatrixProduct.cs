using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Models.Products;

/// <summary>
/// Products of matrices that lie row by row in memory, on AVX-512 and on as many threads as libtorch computes with. The second matrix is copied into panels,
/// of which some steps at a time stay in the cache with a block of the first while they are multiplied. Sums have the same order whatever the number of threads.
/// </summary>
internal static unsafe class MatrixProduct
{
    private const int Rows = PanelProduct.Rows, Lanes = 16;

    /// <summary>Rows and steps of the sums that are gone through before the next: of the first matrix a quarter of a megabyte.</summary>
    private const int RowBlock = 128, StepBlock = 512;

    /// <summary>The same where the sums go down the rows.</summary>
    private const int TallStepBlock = 256;

    /// <summary>Whether this way is there for so many columns: a multiple of 16, on processors with AVX-512.</summary>
    internal static bool Suits(long columns) => Avx512F.IsSupported && columns % Lanes == 0;

    /// <summary>C = A·Bᵀ + bias, a number for each column.</summary>
    /// <param name="a">(rows, steps).</param>
    /// <param name="b">(columns, steps).</param>
    /// <param name="bRow">Numbers from row to row of <paramref name="b"/>.</param>
    /// <param name="bias">(columns), or null.</param>
    /// <param name="c">(rows, columns), to be written.</param>
    /// <param name="rows">Any number.</param>
    /// <param name="steps">A multiple of 16.</param>
    /// <param name="columns">A multiple of 16.</param>
    internal static void TimesTurned(float* a, float* b, nint bRow, float* bias, float* c, int rows, int steps, int columns)
    {
        int panel = PanelProduct.PanelFor(columns);
        using Tensor memory = Memory((long)steps * columns);
        float* panels = TensorMemory.Numbers(memory);
        Share(columns / Lanes, (long)steps * columns, part =>
        {
            int column = part * Lanes;
            float* from = b + column * bRow, to = panels + (nint)(column / panel) * steps * panel + column % panel;
            for (int step = 0; step < steps; step += Lanes) Transposition.Of16(from + step, bRow, to + (nint)step * panel, panel);
        });
        Multiply(a, panels, bias, c, rows, steps, columns, panel);
    }

    /// <summary>C = A·B.</summary>
    /// <param name="a">(rows, steps).</param>
    /// <param name="b">(steps, columns).</param>
    /// <param name="bRow">Numbers from row to row of <paramref name="b"/>.</param>
    /// <param name="c">(rows, columns), to be written.</param>
    /// <param name="rows">Any number.</param>
    /// <param name="steps">Any number.</param>
    /// <param name="columns">A multiple of 16.</param>
    internal static void Times(float* a, float* b, nint bRow, float* c, int rows, int steps, int columns)
    {
        int panel = PanelProduct.PanelFor(columns);
        using Tensor memory = Memory((long)steps * columns);
        float* panels = TensorMemory.Numbers(memory);
        Share(columns / panel, (long)steps * columns, part => Copy(b + (nint)part * panel, bRow, panels + (nint)part * steps * panel, steps, panel));
        Multiply(a, panels, null, c, rows, steps, columns, panel);
    }

    /// <summary>C = Aᵀ·B.</summary>
    /// <param name="a">(steps, rows).</param>
    /// <param name="b">(steps, columns).</param>
    /// <param name="c">(rows, columns), to be written.</param>
    /// <param name="rows">A multiple of 8.</param>
    /// <param name="steps">Any number.</param>
    /// <param name="columns">A multiple of 16.</param>
    internal static void TurnedTimes(float* a, float* b, float* c, int rows, int steps, int columns)
    {
        int panel = PanelProduct.PanelFor(columns), panels = columns / panel, eights = rows / Rows, block = Math.Min(steps, TallStepBlock);
        // Whatever is split, the other matrix is copied by every worker.
        bool byColumns = columns >= rows && panels > 1;
        int parts = Math.Min(2 * Workers.For((long)rows * steps * columns), byColumns ? panels : eights);
        nint between = (nint)block * (panel + (byColumns ? rows : (eights + parts - 1) / parts * Rows));
        using Tensor memory = Memory(parts * between);
        float* start = TensorMemory.Numbers(memory);
        Workers.Run(parts, part =>
        {
            (int firstPanel, int lastPanel) = byColumns ? Workers.Share(panels, part, parts) : (0, panels);
            (int firstEight, int lastEight) = byColumns ? (0, eights) : Workers.Share(eights, part, parts);
            float* right = start + part * between, left = right + (nint)block * panel;
            for (int step = 0; step < steps; step += block)
            {
                int count = Math.Min(block, steps - step);
                for (int i = 0; i < count; i++)
                {
                    float* row = a + (nint)(step + i) * rows, to = left + i * Rows;
                    for (int eight = firstEight; eight < lastEight; eight++, to += (nint)count * Rows) Vector256.Load(row + eight * Rows).Store(to);
                }

                for (int n = firstPanel; n < lastPanel; n++)
                {
                    Copy(b + (nint)step * columns + n * panel, columns, right, count, panel);
                    for (int eight = firstEight; eight < lastEight; eight++)
                        PanelProduct.Compute(left + (nint)(eight - firstEight) * count * Rows, 1, Rows, right, panel, 0, c + (nint)eight * Rows * columns + n * panel, columns, 0, Rows, count, panel, panel, add: step > 0);
                }
            }
        });
    }

    private static void Multiply(float* a, float* panels, float* bias, float* c, int rows, int steps, int columns, int panel)
    {
        int whole = rows / Rows * Rows, blocks = (whole + RowBlock - 1) / RowBlock, all = columns / panel;
        if (whole > 0)
        {
            int groups = Math.Clamp(2 * Workers.For((long)rows * steps * columns) / blocks, 1, all);
            Workers.Run(blocks * groups, part =>
            {
                int row = part / groups * RowBlock;
                (int first, int last) = Workers.Share(all, part % groups, groups);
                Multiply(a + (nint)row * steps, panels, bias, c + (nint)row * columns, Math.Min(RowBlock, whole - row), steps, columns, panel, first, last);
            });
        }

        int rest = rows - whole;
        if (rest == 0) return;
        // The last rows, with empty ones below them.
        using Tensor memory = Memory((long)Rows * (steps + columns));
        float* left = TensorMemory.Numbers(memory), sums = left + (nint)Rows * steps;
        new Span<float>(left, Rows * steps).Clear();
        new ReadOnlySpan<float>(a + (nint)whole * steps, rest * steps).CopyTo(new Span<float>(left, rest * steps));
        Multiply(left, panels, bias, sums, Rows, steps, columns, panel, 0, all);
        new ReadOnlySpan<float>(sums, rest * columns).CopyTo(new Span<float>(c + (nint)whole * columns, rest * columns));
    }

    /// <summary>Some rows by some panels.</summary>
    private static void Multiply(float* a, float* panels, float* bias, float* c, int rows, int steps, int columns, int panel, int first, int last)
    {
        if (bias is not null)
            for (int row = 0; row < rows; row++) new ReadOnlySpan<float>(bias + first * panel, (last - first) * panel).CopyTo(new Span<float>(c + (nint)row * columns + first * panel, (last - first) * panel));
        for (int step = 0; step < steps; step += StepBlock)
        {
            float* right = panels + ((nint)first * steps + step) * panel;
            PanelProduct.Compute(a + step, steps, 1, right, panel, (nint)steps * panel, c + first * panel, columns, panel, rows, Math.Min(StepBlock, steps - step), (last - first) * panel, panel, add: step > 0 || bias is not null);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Copy(float* from, nint fromRow, float* to, int rows, int columns)
    {
        for (int row = 0; row < rows; row++, from += fromRow, to += columns)
            for (int column = 0; column < columns; column += Lanes) Vector512.Load(from + column).Store(to + column);
    }

    private static void Share(int parts, long operations, Action<int> part)
    {
        int workers = Math.Min(parts, Workers.For(operations));
        Workers.Run(workers, worker =>
        {
            (int begin, int end) = Workers.Share(parts, worker, workers);
            for (int one = begin; one < end; one++) part(one);
        });
    }

    private static Tensor Memory(long numbers) => empty(numbers, float32).DetachFromDisposeScope();
}
