using UnetResnet.Data;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;

namespace UnetResnet.Tests.Diagnosis;

/// <summary>The kit's U-Net at a quarter of its width, untrained, on images of 64×64: all its layers in a tenth of a second.</summary>
internal static class Miniature
{
    public static UNetResNet50 UNet(int seed = 0)
    {
        TorchRuntime.Seed(seed);
        var unet = new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } });
        unet.Encoder.Freeze(BatchNormMode.Keras213);
        return unet;
    }

    public static Batch Images(int count = 6, int seed = 0) => ForeignNetworks.Squares(count, side: 64, seed, scale: 60, offset: -100);
}
