using UnetResnet.Data;
using UnetResnet.Normalization;
using UnetResnet.Training;
using UnetResnet.Weights;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Runtime;

/// <summary>
/// Tensors whose values do not lie one after another in memory, wherever the library reads them. A direct read gives the values in another order or throws; the same
/// places throw for a network on a GPU.
/// </summary>
public class StridedTensorsTests
{
    [Fact]
    public void A_picture_of_a_turned_tensor_is_turned()
    {
        using var scope = NewDisposeScope();
        Tensor rows = arange(6, float32).reshape(1, 2, 3);
        PixelImage turned = PixelImage.FromTensor(rows.transpose(1, 2));
        Assert.Equal((2, 3), (turned.Width, turned.Height));
        Assert.Equal([0, 3, 1, 4, 2, 5], turned.Pixels.ToArray());
    }

    [Fact]
    public void A_file_of_turned_weights_has_them_turned()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        Tensor turned = arange(6, float32).reshape(2, 3).t();
        Safetensors.Write(folder["turned.safetensors"], new Dictionary<string, Tensor> { ["weight"] = turned });
        Tensor read = Safetensors.Read(folder["turned.safetensors"]).Tensors["weight"];
        Assert.True(read.is_contiguous());
        Assert.True(read.equal(turned).all().item<bool>());
    }

    [Fact]
    public void Features_on_disk_are_found_again_for_images_in_another_layout()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using var unet = Preset.Quick.CreateUNet(seed: 0);
        unet.Encoder.Freeze(BatchNormMode.Inference);
        unet.eval();
        using var cache = new FeatureCache(unet, new FeatureCacheOptions { MemoryLimit = 0, Directory = folder.Path });
        Tensor images = rand(1, 3, 32, 32), turned = images.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);
        Assert.False(turned.is_contiguous());
        using var noGrad = no_grad();
        Tensor first = cache.call(images), again = cache.call(turned);
        Assert.Equal((1, 1L), (cache.ImagesOnDisk, cache.Hits));
        Assert.True(first.equal(again).all().item<bool>());
    }
}
