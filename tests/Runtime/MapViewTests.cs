using UnetResnet.Models;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Runtime;

public unsafe class MapViewTests
{
    [Theory]
    [InlineData(2, 3, 6, 8)]
    [InlineData(3, 5, 7, 5)]
    [InlineData(1, 16, 1, 1)]
    public void Every_second_row_and_column_is_that_of_the_view(int images, int channels, int height, int width)
    {
        using var scope = NewDisposeScope();
        Tensor map = ChannelsLast.Of(randn(images, channels, height, width)), wanted = StridedWindows.EverySecond(map), got = ChannelsLast.Empty(images, channels, (height + 1) / 2, (width + 1) / 2);
        MapView.Of(map).EverySecond(MapView.Of(got));
        Assert.Equal(wanted.Values<float>(), got.Values<float>());
        GC.KeepAlive(map);
    }

    [Fact]
    public void Shares_and_followers_lie_where_they_belong()
    {
        using var scope = NewDisposeScope();
        Tensor map = ChannelsLast.Of(randn(4, 3, 2, 5));
        MapView all = MapView.Of(map), last = all.Of(3, 1), behind = all.Next(7);
        Assert.Equal((4, 2, 5, 3, 40, (nint)30), (all.Images, all.Height, all.Width, all.Channels, all.Pixels, all.Image));
        Assert.Equal(map[3, 1, 0, 2].item<float>(), last.Numbers[2 * 3 + 1]);
        Assert.Equal((1, 120), (last.Images, (int)(behind.Numbers - all.Numbers)));
        Assert.Equal((4, 7), (behind.Images, behind.Channels));
        GC.KeepAlive(map);
    }
}
