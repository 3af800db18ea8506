using UnetResnet.Data;
using UnetResnet.Models;
using UnetResnet.Runtime;
using UnetResnet.Tests.Diagnosis;
using UnetResnet.Training;
using UnetResnet.Weights;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Training;

/// <summary>One image of any size: padded, cut, blended, counted.</summary>
public sealed class ImageSegmenterTests(TrainedUNet trained) : IClassFixture<TrainedUNet>
{
    private static SegmentationOptions Caffe => new() { Preprocessing = Preprocessing.Caffe };

    [Theory]
    [InlineData(96, 96)]
    [InlineData(70, 45)]
    [InlineData(5, 3)]
    public void An_image_of_any_size_is_what_the_network_gives_for_it_with_its_last_row_and_column_repeated(int width, int height)
    {
        using var scope = NewDisposeScope();
        PixelImage image = trained.Image.Resize(width, height);
        SegmentedImage found = new ImageSegmenter(trained.UNet).Segment(image);

        long padWidth = (32 - width % 32) % 32, padHeight = (32 - height % 32) % 32;
        Tensor padded = nn.functional.pad(image.ToRgb().ToTensor(), [0, padWidth, 0, padHeight], TorchSharp.PaddingModes.Replicate);
        Tensor probabilities = trained.UNet.Predict(Preprocessing.Caffe.Apply(padded)).narrow(2, 0, height).narrow(3, 0, width);
        Assert.Equal(TensorMemory.Values<bool>(probabilities > 0.5), found.Mask.Pixels.ToArray().Select(v => v == 255));
        Assert.Equal(1, found.Tiles);
        ClassArea area = Assert.Single(found.Areas);
        Assert.Equal((1, (probabilities > 0.5).sum().item<long>()), (area.Class, area.Pixels));
        Assert.Equal(area.Pixels / (double)(width * height), area.Share);
        Assert.Equal(maximum(probabilities, 1 - probabilities).mean().item<float>(), found.Confidence, 1e-5);
        if (area.Pixels > 0) Assert.Equal(probabilities.masked_select(probabilities > 0.5).mean().item<float>(), area.Confidence, 1e-5);
        else Assert.Equal(double.NaN, area.Confidence);
    }

    /// <summary>
    /// A tile does not see what lies beyond it, which changes probabilities most near its borders; there its neighbour counts more. The image is four slices side by side and below
    /// each other. Its quarters by themselves, without overlap, are farther from the whole.
    /// </summary>
    [Fact]
    public void Tiles_give_what_the_whole_image_gives_and_blending_hides_their_seams()
    {
        PixelImage image = trained.Four;
        float[] whole = Probabilities(new SegmentationOptions { TileSide = 192, Overlap = 64 }, 1), tiles = Probabilities(new SegmentationOptions { TileSide = 128, Overlap = 64 }, 4);
        (double mean, double other) = Difference(whole, tiles);
        (double cutMean, double cutOther) = Difference(whole, Quarters());
        string figures = $"blended: {mean} {other}; cut: {cutMean} {cutOther}";
        Assert.True(mean < 0.02 && other < 0.02, figures);
        Assert.True(mean < cutMean && other < cutOther, figures);

        float[] Probabilities(SegmentationOptions options, int count)
        {
            var all = new float[image.Width * image.Height];
            Assert.Equal(count, new ImageSegmenter(trained.UNet, options).Probabilities(image, (y, row) => row.Span.CopyTo(all.AsSpan(y * image.Width))));
            return all;
        }

        float[] Quarters()
        {
            var all = new float[image.Width * image.Height];
            for (int quarter = 0; quarter < 4; quarter++)
            {
                (int top, int left) = (quarter / 2 * 96, quarter % 2 * 96);
                var part = new PixelImage(96, 96, 1, [.. from y in Enumerable.Range(top, 96) from x in Enumerable.Range(left, 96) select image[y, x]]);
                new ImageSegmenter(trained.UNet).Probabilities(part, (y, row) => row.Span.CopyTo(all.AsSpan((top + y) * 192 + left)));
            }

            return all;
        }
    }

    /// <summary>Mean difference of the probability, and share of the pixels that are decided otherwise.</summary>
    private static (double Mean, double Other) Difference(float[] one, float[] other) =>
        (one.Zip(other, (a, b) => Math.Abs(a - b)).Average(), one.Zip(other, (a, b) => a > 0.5f != b > 0.5f ? 1.0 : 0).Average());

    [Fact]
    public void Of_several_classes_a_pixel_gets_the_most_probable()
    {
        using var scope = NewDisposeScope();
        using var unet = new UNetResNet50(new UNetOptions { Classes = 3, Encoder = new ResNet50Options { Width = 16 } });
        using (no_grad()) unet.Decoder.get_parameter("prediction.weight")!.mul_(20);
        (Tensor probability, Tensor best) = unet.Predict(Preprocessing.Caffe.Apply(trained.Image.ToRgb().ToTensor())).max(1);
        SegmentedImage found = new ImageSegmenter(unet, Caffe).Segment(trained.Image);
        long[] expected = best.Values<long>();
        Assert.True(expected.Distinct().Count() > 1);
        Assert.Equal(expected, found.Mask.Pixels.ToArray().Select(value => (long)value));
        Assert.Equal(probability.mean().item<float>(), found.Confidence, 1e-5);
    }

    [Fact]
    public void Several_classes_get_their_numbers_and_every_class_its_area()
    {
        using var scope = NewDisposeScope();
        using var unet = new UNetResNet50(new UNetOptions { Classes = 3, Encoder = new ResNet50Options { Width = 16 } });
        using (no_grad()) unet.Decoder.get_parameter("prediction.weight")!.mul_(20);
        SegmentedImage found = new ImageSegmenter(unet, Caffe with { TileSide = 64, Overlap = 32 }).Segment(trained.Image);
        Assert.Equal(4, found.Tiles);
        Assert.Equal([0, 1, 2], found.Areas.Select(a => a.Class));
        Assert.Equal(96 * 96, found.Areas.Sum(a => a.Pixels));
        byte[] mask = found.Mask.Pixels.ToArray();
        Assert.All(found.Areas, area => Assert.Equal(area.Pixels, mask.LongCount(v => v == area.Class)));
        Assert.True(found.Areas.Count(a => a.Pixels > 0) > 1, found.ToString());
        // The mean over all pixels is the mean of the classes, each by its share.
        Assert.Equal(found.Confidence, found.Areas.Where(a => a.Pixels > 0).Sum(a => a.Share * a.Confidence), 1e-9);
    }

    /// <summary>All logits are 0: of one channel no pixel is above one half, of three classes the first is the largest.</summary>
    [Theory]
    [InlineData(1, 0.5)]
    [InlineData(3, 1 / 3.0)]
    public void What_is_undecided_is_background(int classes, double confidence)
    {
        using var unet = new UNetResNet50(new UNetOptions { Classes = classes, Encoder = new ResNet50Options { Width = 16 } });
        using (no_grad()) unet.Decoder.get_parameter("prediction.weight")!.zero_();
        SegmentedImage found = new ImageSegmenter(unet, Caffe).Segment(trained.Image);
        Assert.Equal(new byte[96 * 96], found.Mask.Pixels.ToArray());
        Assert.Equal(confidence, found.Confidence, 1e-6);
        Assert.Equal(classes == 1 ? [0] : [96 * 96, 0, 0], found.Areas.Select(area => area.Pixels));
    }

    [Fact]
    public void The_network_is_left_as_it_was_and_no_tensor_stays()
    {
        using UNetResNet50 unet = Miniature.UNet();
        unet.train();
        var segmenter = new ImageSegmenter(unet, Caffe with { TileSide = 64, Overlap = 32 });
        segmenter.Segment(trained.Image);
        string before = UnetResnet.Tests.Models.ModuleState.Describe(unet);
        long tensors = LiveTensors.Settled();
        segmenter.Segment(trained.Image);
        Assert.Equal(before, UnetResnet.Tests.Models.ModuleState.Describe(unet));
        Assert.Equal(tensors, LiveTensors.Settled());
    }

    [Fact]
    public void What_cannot_be_done_is_refused()
    {
        using UNetResNet50 unet = Miniature.UNet();
        Assert.Contains("caffe", Assert.Throws<ArgumentException>(() => new ImageSegmenter(unet)).Message);
        Assert.Contains("multiple of 32", Assert.Throws<ArgumentOutOfRangeException>(() => new ImageSegmenter(unet, Caffe with { TileSide = 100 })).Message);
        Assert.Contains("at most half", Assert.Throws<ArgumentOutOfRangeException>(() => new ImageSegmenter(unet, Caffe with { TileSide = 128, Overlap = 96 })).Message);
        Assert.Contains("at least 1 pixel", Assert.Throws<ArgumentOutOfRangeException>(() => new ImageSegmenter(unet, Caffe with { PixelLimit = 0 })).Message);
        Assert.Equal((256, 32), (new SegmentationOptions().SharedPixels, (Caffe with { TileSide = 64 }).Validate().SharedPixels));
        using (no_grad()) unet.Decoder.get_parameter("prediction.bias")!.fill_(float.NaN);
        Assert.Contains("not numbers", Assert.Throws<WeightsException>(() => new ImageSegmenter(unet, Caffe).Segment(trained.Image)).Message);
        Assert.Throws<OperationCanceledException>(() => new ImageSegmenter(unet, Caffe).Segment(trained.Image, new CancellationToken(canceled: true)));
    }
}
