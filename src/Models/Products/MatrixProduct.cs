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
    private const int Rows = PanelProduct.Rows, Lanes = 16, MostPanel = 48;

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
        using Tensor memory = Memory((long)steps * columns);
        float* panels = TensorMemory.Numbers(memory);
        PackTurned(b, bRow, panels, steps, columns);
        TimesPacked(a, panels, bias, c, rows, steps, columns, add: false, relu: false);
    }

    /// <summary>Bᵀ in panels, as <see cref="TimesPacked"/> takes it.</summary>
    /// <param name="b">(columns, steps).</param>
    /// <param name="bRow">Numbers from row to row of <paramref name="b"/>.</param>
    /// <param name="panels">steps·columns numbers, to be written.</param>
    /// <param name="steps">A multiple of 16.</param>
    /// <param name="columns">A multiple of 16.</param>
    internal static void PackTurned(float* b, nint bRow, float* panels, int steps, int columns)
    {
        int panel = PanelProduct.PanelFor(columns);
        Share(columns / Lanes, (long)steps * columns, part =>
        {
            int column = part * Lanes;
            float* from = b + column * bRow, to = panels + (nint)(column / panel) * steps * panel + column % panel;
            for (int step = 0; step < steps; step += Lanes) Transposition.Of16(from + step, bRow, to + (nint)step * panel, panel);
        });
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
        TimesPacked(a, panels, null, c, rows, steps, columns, add: false, relu: false);
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

    /// <summary>C = A·B + bias, or C + A·B + bias, or the ReLU of it.</summary>
    /// <param name="a">(rows, steps).</param>
    /// <param name="panels">B as <see cref="PackTurned"/> gives it: panel n of the columns, step and column of the panel at (n·steps + step)·width + column.</param>
    /// <param name="bias">(columns), or null.</param>
    /// <param name="c">(rows, columns), to be written.</param>
    /// <param name="rows">Any number.</param>
    /// <param name="steps">Any number.</param>
    /// <param name="columns">A multiple of 16.</param>
    /// <param name="add">Whether C is added to.</param>
    /// <param name="relu">Whether negative results become 0.</param>
    internal static void TimesPacked(float* a, float* panels, float* bias, float* c, int rows, int steps, int columns, bool add, bool relu)
    {
        if (rows < Rows)
        {
            // With empty rows below them.
            using Tensor memory = Memory((long)Rows * (steps + columns));
            float* left = TensorMemory.Numbers(memory), sums = left + (nint)Rows * steps;
            new Span<float>(left, Rows * (steps + columns)).Clear();
            new ReadOnlySpan<float>(a, rows * steps).CopyTo(new Span<float>(left, rows * steps));
            if (add) new ReadOnlySpan<float>(c, rows * columns).CopyTo(new Span<float>(sums, rows * columns));
            TimesPacked(left, panels, bias, sums, Rows, steps, columns, add, relu);
            new ReadOnlySpan<float>(sums, rows * columns).CopyTo(new Span<float>(c, rows * columns));
            return;
        }

        int panel = PanelProduct.PanelFor(columns), all = columns / panel, parts = 2 * Workers.For((long)rows * steps * columns), groups = Math.Clamp((parts + Blocks(RowBlock) - 1) / Blocks(RowBlock), 1, all);
        // Fewer rows at a time where there are too few columns to share.
        int block = Math.Min(RowBlock, ((int)(((long)rows * groups + parts - 1) / parts) + Rows - 1) / Rows * Rows);
        Workers.Run(Blocks(block) * groups, part =>
        {
            int row = part / groups * block;
            (int first, int last) = Workers.Share(all, part % groups, groups);
            Block(a, panels, c, rows, steps, columns, panel, add, row, Math.Min(row + block, rows), first, last);
            if (bias is not null || relu) Finish(c + (nint)row * columns + first * panel, columns, bias is null ? null : bias + first * panel, Math.Min(block, rows - row), (last - first) * panel, relu);
        });

        int Blocks(int size) => (rows + size - 1) / size;
    }

    /// <summary>Some rows by some panels.</summary>
    private static void Block(float* a, float* panels, float* c, int rows, int steps, int columns, int panel, bool add, int row, int end, int first, int last)
    {
        int whole = (end - row) / Rows * Rows, rest = end - row - whole, width = (last - first) * panel;
        for (int step = 0; step < steps; step += StepBlock)
            PanelProduct.Compute(a + (nint)row * steps + step, steps, 1, Panel(first, step), panel, (nint)steps * panel, c + (nint)row * columns + first * panel, columns, panel, whole, Math.Min(StepBlock, steps - step), width, panel, add: add || step > 0);
        if (rest == 0) return;
        // The last rows together with some that are done: of those the results are left alone.
        float* sums = stackalloc float[Rows * MostPanel];
        for (int n = first; n < last; n++)
        {
            for (int step = 0; step < steps; step += StepBlock)
                PanelProduct.Compute(a + (nint)(rows - Rows) * steps + step, steps, 1, Panel(n, step), panel, 0, sums, panel, 0, Rows, Math.Min(StepBlock, steps - step), panel, panel, add: step > 0);
            for (int i = Rows - rest; i < Rows; i++)
            {
                float* to = c + (nint)(rows - Rows + i) * columns + n * panel;
                for (int column = 0; column < panel; column += Lanes) (add ? Vector512.Load(to + column) + Vector512.Load(sums + i * panel + column) : Vector512.Load(sums + i * panel + column)).Store(to + column);
            }
        }

        float* Panel(int n, int step) => panels + ((nint)n * steps + step) * panel;
    }

    /// <summary>c ← c + bias, or its ReLU.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Finish(float* c, nint cRow, float* bias, int rows, int columns, bool relu)
    {
        Vector512<float> least = Vector512.Create(relu ? 0 : float.NegativeInfinity);
        for (int row = 0; row < rows; row++, c += cRow)
        {
            // NaN stays NaN: the native maximum of two numbers is the second where one is NaN.
            for (int column = 0; column < columns; column += Lanes)
                Vector512.MaxNative(least, bias is null ? Vector512.Load(c + column) : Vector512.Load(c + column) + Vector512.Load(bias + column)).Store(c + column);
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
