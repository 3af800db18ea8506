using CsCheck;
using TorchSharp;
using UnetResnet.Data;

namespace UnetResnet.Tests.Data;

public class PixelImageTests
{
    [Fact]
    public void Flips_and_quarter_turns_move_each_pixel_where_they_should()
    {
        // 1 2 3
        // 4 5 6
        var image = new PixelImage(3, 2, 1, [1, 2, 3, 4, 5, 6]);

        Assert.Equal([3, 2, 1, 6, 5, 4], image.FlipHorizontal().Pixels.ToArray());
        Assert.Equal([4, 5, 6, 1, 2, 3], image.FlipVertical().Pixels.ToArray());
        Assert.Equal([4, 1, 5, 2, 6, 3], image.Rotate90().Pixels.ToArray());
        Assert.Equal([6, 5, 4, 3, 2, 1], image.Rotate90(2).Pixels.ToArray());
        Assert.Equal([3, 6, 2, 5, 1, 4], image.Rotate90(-1).Pixels.ToArray());
        Assert.Equal((2, 3), (image.Rotate90().Width, image.Rotate90().Height));
    }

    [Fact]
    public void Four_quarter_turns_and_two_flips_change_nothing() =>
        Gen.Select(Gen.Int[1, 9], Gen.Int[1, 9]).Sample((width, height) =>
        {
            PixelImage image = Pictures.Colour(width, height);
            Assert.Equal(image.Pixels.ToArray(), image.Rotate90().Rotate90().Rotate90().Rotate90().Pixels.ToArray());
            Assert.Equal(image.Pixels.ToArray(), image.FlipHorizontal().FlipHorizontal().Pixels.ToArray());
            Assert.Equal(image.FlipHorizontal().FlipVertical().Pixels.ToArray(), image.Rotate90(2).Pixels.ToArray());
        }, iter: 50);

    [Fact]
    public void Shrinking_averages_the_covered_area()
    {
        // 3 → 2: each target pixel covers one and a half source pixels.
        PixelImage shrunk = new PixelImage(3, 1, 1, [0, 90, 240]).Resize(2, 1);
        Assert.Equal([30, 190], shrunk.Pixels.ToArray());

        PixelImage quarter = new PixelImage(2, 2, 1, [10, 20, 30, 40]).Resize(1, 1);
        Assert.Equal([25], quarter.Pixels.ToArray());
    }

    [Fact]
    public void Growing_is_bilinear_between_pixel_centres()
    {
        // Centres of the four target pixels lie at −0.25, 0.25, 0.75, 1.25 in source pixels; outside the edge counts.
        PixelImage grown = new PixelImage(2, 1, 1, [0, 100]).Resize(4, 1);
        Assert.Equal([0, 25, 75, 100], grown.Pixels.ToArray());
    }

    [Fact]
    public void Resizing_keeps_a_flat_picture_flat_and_channels_apart() =>
        Gen.Select(Gen.Int[1, 12], Gen.Int[1, 12], Gen.Int[1, 20], Gen.Int[1, 20]).Sample((width, height, newWidth, newHeight) =>
        {
            var flat = new PixelImage(width, height, 3, [.. Enumerable.Repeat<byte[]>([7, 130, 255], width * height).SelectMany(pixel => pixel)]);
            PixelImage resized = flat.Resize(newWidth, newHeight);
            Assert.All(Enumerable.Range(0, newWidth * newHeight), i => Assert.Equal([7, 130, 255], resized.Pixels.Slice(i * 3, 3).ToArray()));
        }, iter: 100);

    [Fact]
    public void Grey_weighs_the_colours_and_keeps_greys()
    {
        var colours = new PixelImage(4, 1, 3, [255, 0, 0, 0, 255, 0, 0, 0, 255, 77, 77, 77]);
        Assert.Equal([76, 150, 29, 77], colours.ToGrey().Pixels.ToArray());
        Assert.Equal([9, 9, 9], new PixelImage(1, 1, 1, [9]).ToRgb().Pixels.ToArray());
    }

    [Fact]
    public void A_tensor_holds_planes_and_gives_the_picture_back()
    {
        PixelImage image = Pictures.Colour(5, 3);
        using torch.Tensor tensor = image.ToTensor();

        Assert.Equal([1, 3, 3, 5], tensor.shape);
        Assert.Equal(image[2, 4, 1], tensor[0, 1, 2, 4].item<float>());
        Assert.Equal(image.Pixels.ToArray(), PixelImage.FromTensor(tensor).Pixels.ToArray());
    }

    [Fact]
    public void A_tensor_out_of_range_is_clamped_and_rounded()
    {
        using torch.Tensor tensor = torch.tensor(new float[] { -3, 0.4f, 254.6f, 999 }, [1, 2, 2]);
        Assert.Equal([0, 0, 255, 255], PixelImage.FromTensor(tensor).Pixels.ToArray());
    }

    [Fact]
    public void Wrong_shapes_are_refused()
    {
        Assert.Contains("24 bytes, not 23", Assert.Throws<ArgumentException>(() => new PixelImage(4, 2, 3, new byte[23])).Message);
        Assert.Contains("not 4", Assert.Throws<ArgumentException>(() => new PixelImage(1, 1, 4, new byte[4])).Message);
        using torch.Tensor tensor = torch.zeros(2, 3, 4, 4);
        Assert.Contains("(2, 3, 4, 4)", Assert.Throws<ArgumentException>(() => PixelImage.FromTensor(tensor)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => Pictures.Colour(2, 2).Resize(0, 3));
    }
}
