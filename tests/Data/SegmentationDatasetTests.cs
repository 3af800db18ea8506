using UnetResnet.Data;

namespace UnetResnet.Tests.Data;

public class SegmentationDatasetTests
{
    [Theory]
    [InlineData(100, "96 or 128")]
    [InlineData(97, "96 or 128")]
    [InlineData(127, "96 or 128")]
    [InlineData(20, "32 or more")]
    [InlineData(0, "32 or more")]
    [InlineData(-64, "32 or more")]
    public void A_side_that_does_not_fit_is_refused_with_the_next_ones(int side, string cure)
    {
        var e = Assert.Throws<ArgumentOutOfRangeException>(() => Pictures.Dataset(1).Resize(side));
        Assert.Contains("multiple of 32", e.Message);
        Assert.Contains(cure, e.Message);
    }

    [Fact]
    public void Resizing_smooths_the_image_and_keeps_the_mask_sharp()
    {
        PixelImage stripes = Pictures.Grey(64, 64, (_, x) => x % 2 * 255);
        SegmentationSample resized = new SegmentationDataset([new SegmentationSample("stripes", stripes, stripes)]).Resize(32)[0];

        Assert.All(resized.Image.Pixels.ToArray(), value => Assert.Equal(128, value));
        Assert.All(resized.Mask.Pixels.ToArray(), value => Assert.Equal(255, value));
        Assert.Equal(32, resized.Mask.Width);
    }

    [Fact]
    public void A_mask_pixel_is_set_where_half_of_its_area_is()
    {
        // Two by two pixels become one: with 1, 2, 3 and 4 of them set.
        PixelImage counts = Pictures.Grey(64, 64, (y, x) => x % 2 + y % 2 * 2 <= x / 2 % 4 ? 255 : 0);
        PixelImage mask = new SegmentationDataset([new SegmentationSample("counts", counts, counts)]).Resize(32)[0].Mask;
        Assert.All(Enumerable.Range(0, 32 * 32), i => Assert.Equal(i % 32 % 4 >= 1 ? 255 : 0, mask[i / 32, i % 32]));
    }

    [Fact]
    public void Parts_keep_their_order()
    {
        SegmentationDataset dataset = Pictures.Dataset(7);
        Assert.Equal(["s4", "s0"], dataset.Subset([4, 0]).Select(sample => sample.Name));
        Assert.Equal(["s0", "s1"], dataset.Take(2).Select(sample => sample.Name));
        Assert.Equal(["s0", "s3", "s6"], dataset.Every(3).Select(sample => sample.Name));
        Assert.Equal(9, dataset.Concat(dataset.Take(2)).Count);
        Assert.Contains("0 to 6", Assert.Throws<ArgumentOutOfRangeException>(() => dataset.Subset([7])).Message);
    }

    /// <summary>In whole vectors and in what is left over.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(127)]
    [InlineData(254)]
    [InlineData(255)]
    public void Foreground_is_what_is_above_the_threshold(byte threshold)
    {
        foreach (int width in new[] { 5, 256, 261 })
        {
            PixelImage values = Pictures.Grey(width, 1, (_, x) => (512 - width + x) % 256);
            Assert.Equal(values.Pixels.ToArray().Select(value => (byte)(value > threshold ? 255 : 0)), SegmentationSample.Foreground(values, threshold).Pixels.ToArray());
        }
    }

    [Theory]
    [InlineData(0, 0, false)]
    [InlineData(1, 200, true)]
    [InlineData(2, 1, true)]
    [InlineData(2, 2, false)]
    [InlineData(2, 255, true)] // does not count
    [InlineData(255, 254, true)]
    [InlineData(256, 0, false)]
    public void A_mask_holds_the_numbers_of_1_to_255_classes(int classes, byte value, bool allowed)
    {
        SegmentationSample Make() => new("a", Pictures.Colour(1, 1), Pictures.Grey(1, 1, (_, _) => value), classes);
        if (allowed) Assert.Equal(classes, Make().Classes);
        else Assert.ThrowsAny<ArgumentException>(Make);
    }

    [Fact]
    public void The_text_tells_what_is_in_memory()
    {
        Assert.Equal("2 images with masks, all in memory (0.0 MB)", Pictures.Dataset(2).ToString());
        // Two images and two masks of 1024² bytes.
        Assert.Equal("2 images with masks, all in memory (4.2 MB)", Pictures.Dataset(2, side: 1024).ToString());
    }

    [Fact]
    public void A_sample_needs_a_mask_of_its_size()
    {
        PixelImage image = Pictures.Colour(4, 4);
        Assert.Contains("4×4, its mask 4×3", Assert.Throws<ArgumentException>(() => new SegmentationSample("cat", image, Pictures.Grey(4, 3, (_, _) => 0))).Message);
        Assert.Contains("3 channels", Assert.Throws<ArgumentException>(() => new SegmentationSample("cat", image, image)).Message);
    }
}
