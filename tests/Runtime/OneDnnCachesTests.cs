using TorchSharp;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Runtime;

public sealed class OneDnnCachesTests
{
    private static readonly uint[] Blank = [1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 3];
    private static readonly uint[] Sizes = [49152, 1048576, 1048576, 0, 0, 0, 0, 0, 0, 0];

    [Fact]
    public void Sizes_of_one_byte_are_put_right_wherever_they_stand()
    {
        uint[] memory = [7, 1, .. Blank, 1, 1, 9, .. Blank];
        Assert.True(OneDnnCaches.Correct(memory, Sizes));
        Assert.Equal([7, 1, .. Sizes, .. Blank[10..], 1, 1, 9, .. Sizes, .. Blank[10..]], memory);
        Assert.False(OneDnnCaches.Correct(memory, Sizes));
    }

    [Theory]
    [InlineData(0, 32768u)] // a size that is known
    [InlineData(3, 1u)]     // a fourth level
    [InlineData(10, 2u)]    // shared by two cores
    [InlineData(20, 0u)]    // no levels
    public void Anything_else_is_left_as_it_is(int place, uint value)
    {
        uint[] memory = [5, .. Blank, 5];
        memory[place + 1] = value;
        uint[] before = [.. memory];
        Assert.False(OneDnnCaches.Correct(memory, Sizes));
        Assert.Equal(before, memory);
    }

    [Fact]
    public void Variables_of_a_library_lie_in_its_writable_pages_and_in_those_without_a_file_right_behind()
    {
        string[] maps =
        [
            "10000000-10001000 rw-p 00000000 fe:00 11                         /lib/libother.so",
            "10001000-10002000 rw-p 00000000 00:00 0 ",
            "7f0000000000-7f0000001000 r-xp 00000000 fe:00 12                 /opt/my folder/libtorch_cpu.so",
            "7f0000001000-7f0000002000 r--p 00001000 fe:00 12                 /opt/my folder/libtorch_cpu.so",
            "7f0000002000-7f0000004000 rw-p 00002000 fe:00 12                 /opt/my folder/libtorch_cpu.so",
            "7f0000004000-7f0000005000 rw-p 00000000 00:00 0 ",
            "7f0000005000-7f0000006000 rw-p 00000000 00:00 0 ",
            "7f0000007000-7f0000008000 rw-p 00000000 00:00 0 ",
            "7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0                  [stack]",
        ];
        Assert.Equal(
            [(unchecked((nint)0x7f0000002000), unchecked((nint)0x7f0000004000)), (unchecked((nint)0x7f0000004000), unchecked((nint)0x7f0000005000))],
            OneDnnCaches.WritableMemory(maps, "libtorch_cpu.so"));
    }

    /// <summary>Where the processor hides its caches, oneDNN by itself ends the process here.</summary>
    [Theory]
    [InlineData(256, 1024)]
    [InlineData(512, 1024)]
    [InlineData(512, 2048)]
    [InlineData(1024, 512)]
    [InlineData(1024, 2048)]
    public void Wide_pointwise_convolutions_are_computed(int inputs, int outputs)
    {
        TorchRuntime.Initialize(seed: 1);
        using DisposeScope scope = NewDisposeScope();
        Tensor map = randn(2, inputs, 6, 6), kernel = randn(outputs, inputs, 1, 1) / Math.Sqrt(inputs);
        Tensor expected = einsum("nchw,oc->nohw", map, kernel.squeeze(-1).squeeze(-1));
        foreach (Tensor given in (Tensor[])[map, ChannelsLast.Of(map)])
            Assert.True((nn.functional.conv2d(given, kernel) - expected).abs().max().item<float>() < 1e-4);
    }
}
