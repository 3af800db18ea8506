using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Runtime;

public class TensorMemoryTests
{
    /// <summary>Columns of a matrix lie apart in memory: reading straight through would give 1 2 3 4.</summary>
    [Fact]
    public void Values_come_row_by_row_whatever_the_layout()
    {
        using var scope = NewDisposeScope();
        Tensor transposed = tensor(new float[] { 1, 2, 3, 4 }, [2, 2]).t();
        Assert.False(transposed.is_contiguous());
        Assert.Equal([1, 3, 2, 4], TensorMemory.Values<float>(transposed));
        Assert.Equal([2, 4], TensorMemory.Values<float>(transposed[1]));
        Assert.Equal([1f, 1f, 1f], TensorMemory.Values<float>(ones(1).expand(3)));
    }

    [Fact]
    public void A_parameter_that_wants_gradients_can_be_read_and_lives_on()
    {
        using Tensor parameter = ones(2, requires_grad: true);
        long before = LiveTensors.Settled();
        Assert.Equal([1f, 1f], TensorMemory.Values<float>(parameter));
        Assert.Equal(before, LiveTensors.Settled());
        Assert.True(parameter.requires_grad);
    }

    [Fact]
    public void Equality_is_of_values_not_of_layouts()
    {
        using var scope = NewDisposeScope();
        Tensor square = tensor(new float[] { 1, 2, 3, 4 }, [2, 2]);
        Assert.True(TensorMemory.SameBytes(square.t(), square.t().contiguous()));
        Assert.False(TensorMemory.SameBytes(square.t(), square));
        Assert.False(TensorMemory.SameBytes(square, square.reshape(4)));
        Assert.False(TensorMemory.SameBytes(square, square.to(float64)));
        Assert.True(TensorMemory.SameBytes(zeros(0), zeros(0)));
    }

    [Fact]
    public void Another_element_type_is_refused_with_the_cure()
    {
        using Tensor doubles = ones(2, float64);
        Assert.Contains(".to(", Assert.Throws<ArgumentException>(() => TensorMemory.Values<float>(doubles)).Message);
    }

    [Fact]
    public void What_is_written_is_what_is_read()
    {
        using Tensor fresh = TensorMemory.New([2], ScalarType.Int16);
        new byte[] { 1, 0, 2, 1 }.CopyTo(TensorMemory.Of(fresh));
        Assert.Equal([(short)1, (short)258], TensorMemory.Values<short>(fresh));
    }

    [Fact]
    public void Numbers_in_double_precision_are_written_where_they_lie()
    {
        using var scope = NewDisposeScope();
        Tensor numbers = tensor(new[] { 1.0, 2, 3 });
        TensorMemory.Float64(numbers)[1] = 5;
        Assert.Equal([1, 5, 3], TensorMemory.Doubles(numbers));
        foreach (Tensor unsuited in new[] { ones(3), ones(2, 3, dtype: float64).t(), ones(0, dtype: float64) })
            Assert.Contains("float64 numbers on the CPU, row by row", Assert.Throws<ArgumentException>(() => TensorMemory.Float64(unsuited).Length).Message);
    }
}
