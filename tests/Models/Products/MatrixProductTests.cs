using UnetResnet.Models.Products;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Models.Products;

/// <summary>Products of matrices against libtorch's in double precision.</summary>
public unsafe class MatrixProductTests : ManyThreadsTest
{
    [Theory]
    [InlineData(1, 16, 16)]
    [InlineData(8, 32, 48)]
    [InlineData(7, 64, 32)]     // fewer rows than are computed together
    [InlineData(131, 48, 96)]   // a block, a part of one, and a rest
    [InlineData(300, 1040, 80)] // sums in three parts
    [InlineData(40, 528, 1024)]
    public void Rows_times_rows(int rows, int steps, int columns)
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        // Of the second matrix, every row has more numbers than take part.
        Tensor a = randn(rows, steps), all = randn(columns, steps + 5), b = all.narrow(1, 0, steps), bias = randn(columns), c = full([rows, columns], float.NaN);
        MatrixProduct.TimesTurned(TensorMemory.Numbers(a), TensorMemory.Numbers(all), steps + 5, null, TensorMemory.Numbers(c), rows, steps, columns);
        Same(a.to(float64).matmul(b.to(float64).t()), c);
        MatrixProduct.TimesTurned(TensorMemory.Numbers(a), TensorMemory.Numbers(all), steps + 5, TensorMemory.Numbers(bias), TensorMemory.Numbers(c), rows, steps, columns);
        Same(a.to(float64).matmul(b.to(float64).t()) + bias.to(float64), c);
    }

    /// <summary>Onto what is there, and the ReLU of it, without a number beyond the result being written.</summary>
    [Theory]
    [InlineData(3, 16, 16)]
    [InlineData(8, 1040, 32)]
    [InlineData(90, 512, 576)]  // few rows, split by columns
    [InlineData(1445, 16, 16)]  // one panel, split by rows
    [InlineData(137, 1040, 96)]
    public void Packed_onto_a_sum_with_bias_and_relu(int rows, int steps, int columns)
    {
        using var scope = NewDisposeScope();
        manual_seed(4);
        Tensor a = randn(rows, steps), b = randn(columns, steps), bias = randn(columns), before = randn(rows, columns), panels = full(steps * columns, float.NaN);
        MatrixProduct.PackTurned(TensorMemory.Numbers(b), steps, TensorMemory.Numbers(panels), steps, columns);
        Tensor product = a.to(float64).matmul(b.to(float64).t());
        foreach ((bool add, bool shift, bool relu) in from add in new[] { false, true } from shift in new[] { false, true } from relu in new[] { false, true } select (add, shift, relu))
        {
            Tensor c = cat([before.flatten(), full(64, -7f)]), wanted = product + (add ? before : zeros_like(before)) + (shift ? bias : zeros_like(bias));
            MatrixProduct.TimesPacked(TensorMemory.Numbers(a), TensorMemory.Numbers(panels), shift ? TensorMemory.Numbers(bias) : null, TensorMemory.Numbers(c), rows, steps, columns, add, relu);
            Same(relu ? wanted.relu() : wanted, c.narrow(0, 0, rows * columns).view(rows, columns));
            Assert.Equal(-7f * 64, c.narrow(0, rows * columns, 64).sum().item<float>());
        }
    }

    [Theory]
    [InlineData(1, 1, 16)]
    [InlineData(13, 24, 48)]
    [InlineData(260, 1030, 64)]
    [InlineData(64, 8, 2048)]
    public void Rows_times_columns(int rows, int steps, int columns)
    {
        using var scope = NewDisposeScope();
        manual_seed(2);
        Tensor a = randn(rows, steps), all = randn(steps, columns + 3), b = all.narrow(1, 0, columns), c = full([rows, columns], float.NaN);
        MatrixProduct.Times(TensorMemory.Numbers(a), TensorMemory.Numbers(all), columns + 3, TensorMemory.Numbers(c), rows, steps, columns);
        Same(a.to(float64).matmul(b.to(float64)), c);
    }

    [Theory]
    [InlineData(8, 1, 16)]
    [InlineData(16, 300, 48)]   // in two parts
    [InlineData(48, 31, 16)]    // split by rows
    [InlineData(32, 1000, 640)] // split by columns
    [InlineData(512, 257, 64)]
    public void Columns_times_columns(int rows, int steps, int columns)
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        Tensor a = randn(steps, rows), b = randn(steps, columns), c = full([rows, columns], float.NaN);
        MatrixProduct.TurnedTimes(TensorMemory.Numbers(a), TensorMemory.Numbers(b), TensorMemory.Numbers(c), rows, steps, columns);
        Same(a.to(float64).t().matmul(b.to(float64)), c);
    }

    [Fact]
    public void Rows_become_columns()
    {
        using var scope = NewDisposeScope();
        Tensor from = arange(16 * 20, float32).view(16, 20), to = full([16, 24], -1f);
        Transposition.Of16(TensorMemory.Numbers(from) + 3, 20, TensorMemory.Numbers(to) + 5, 24);
        Assert.Equal(from.narrow(1, 3, 16).t().contiguous().Values<float>(), to.narrow(1, 5, 16).contiguous().Values<float>());
        Assert.Equal(-16f * 8, to.narrow(1, 0, 5).sum().item<float>() + to.narrow(1, 21, 3).sum().item<float>());
    }

    private static void Same(Tensor wanted, Tensor got) => Assert.True(((got - wanted).abs().max() / wanted.abs().max()).item<double>() < 1e-5);
}
