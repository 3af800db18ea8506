using UnetResnet.Weights;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Weights;

public class ElementTypeTests
{
    [Fact]
    public void Sizes_are_those_of_libtorch()
    {
        Assert.Equal(10, ElementType.All.Count);
        Assert.All(ElementType.All, type =>
        {
            using Tensor one = zeros([1], type.Type);
            Assert.Equal(one.element_size(), type.Size);
        });
    }

    /// <summary>2^63 − 1 bytes are the most that can be counted: 2^61 − 1 numbers of four.</summary>
    [Theory]
    [InlineData("", 4L)]
    [InlineData("2,3", 24L)]
    [InlineData("2,0,3", 0L)]
    [InlineData("2305843009213693951", 9223372036854775804L)]
    [InlineData("2305843009213693952", null)]
    [InlineData("2,1152921504606846976", null)]
    [InlineData("0,2305843009213693952", null)]
    [InlineData("2305843009213693952,0", null)]
    public void Bytes_are_counted_as_far_as_libtorch_can(string shape, long? bytes) =>
        Assert.Equal(bytes, ElementType.All.Single(type => type.Type == ScalarType.Float32).Bytes([.. shape.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(long.Parse)]));
}
