using UnetResnet.Models;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Models;

public class HooksTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Hooks_before_and_after_a_layer_are_seen_while_they_are_registered(bool before)
    {
        using var convolution = Conv2d(16, 16, 1);
        using var other = Conv2d(16, 16, 1);
        Assert.Equal(4, Hooks.Fields(convolution.GetType()).Length);
        Assert.False(Hooks.OnAny([other, convolution]));
        var hook = before ? convolution.register_forward_pre_hook((_, input) => input) : convolution.register_forward_hook((_, _, output) => output);
        Assert.True(Hooks.OnAny([other, convolution]));
        Assert.False(Hooks.OnAny([other]));
        hook.remove();
        Assert.False(Hooks.OnAny([other, convolution]));
    }
}
