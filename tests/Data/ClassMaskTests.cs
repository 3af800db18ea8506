using UnetResnet.Data;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Data;

public sealed class ClassMaskTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public ClassMaskTests()
    {
        Directory.CreateDirectory(folder["images"]);
        Directory.CreateDirectory(folder["masks"]);
        ImageCodec.Save(Pictures.Colour(32, 32), folder["images", "a.png"]);
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_folder_gives_class_numbers_and_ignored_pixels()
    {
        // Left half 1, right half 2, one pixel that does not count.
        ImageCodec.Save(Pictures.Grey(32, 32, (y, x) => (y, x) == (0, 0) ? 255 : x < 16 ? 1 : 2), folder["masks", "a.png"]);
        SegmentationDataset dataset = Load(3);
        Assert.Equal(3, dataset[0].Classes);
        Assert.Equal([255, 1, 2], new[] { dataset[0].Mask[0, 0], dataset[0].Mask[1, 0], dataset[0].Mask[31, 31] });

        var loader = new BatchLoader(dataset, new BatchLoaderOptions { Augmentation = Augmentation.Gentle, Shuffle = true });
        foreach (BatchLoader source in new[] { loader, loader.InOrder() })
        {
            using Batch batch = source.Epoch().Single();
            Assert.Equal((ScalarType.Int64, "1, 32, 32"), (batch.Targets.dtype, string.Join(", ", batch.Targets.shape)));
            // Turning, shifting and zooming invent no class between 1 and 2, or 2 and 255.
            Assert.Empty(batch.Targets.data<long>().ToArray().Distinct().Except([1, 2, 255]));
        }
    }

    [Fact]
    public void Resizing_takes_the_nearest_pixel()
    {
        var sample = new SegmentationSample("a", Pictures.Grey(4, 4, (_, _) => 0), Pictures.Grey(4, 4, (y, x) => x < 2 ? 0 : 2), classes: 3);
        SegmentationSample large = sample.Resize(8, 8), small = sample.Resize(2, 2);
        Assert.Equal([0, 0, 0, 0, 2, 2, 2, 2], large.Mask.Pixels[..8].ToArray());
        Assert.Equal([0, 2, 0, 2], small.Mask.Pixels.ToArray());
        Assert.Equal((3, 3), (large.Classes, small.Classes));
    }

    [Theory]
    [InlineData(7, "has the value 7", "0 to 2")]
    [InlineData(254, "has the value 254", "Set Classes")]
    public void A_value_that_is_no_class_is_named(byte value, params string[] said)
    {
        ImageCodec.Save(Pictures.Grey(32, 32, (y, x) => x == 5 ? value : 1), folder["masks", "a.png"]);
        string message = Assert.Throws<DatasetException>(() => Load(3)).Message;
        Assert.All(said.Append(folder["masks", "a.png"]), text => Assert.Contains(text, message));
        Assert.Contains($"the value {value}", Assert.Throws<ArgumentException>(() => new SegmentationSample("a", Pictures.Grey(1, 1, (_, _) => 0), Pictures.Grey(1, 1, (_, _) => value), classes: 3)).Message);
    }

    [Fact]
    public void The_colours_of_a_palette_are_no_class_numbers()
    {
        ImageCodec.Save(Pictures.Colour(32, 32), folder["masks", "a.png"]);
        Assert.Contains("has colours", Assert.Throws<DatasetException>(() => Load(3)).Message);
        Assert.Contains("1 class (foreground) or 2 to 255", Assert.Throws<ArgumentOutOfRangeException>(() => Load(0)).Message);
    }

    [Fact]
    public void Masks_of_one_kind_make_a_batch()
    {
        var two = new SegmentationDataset([new("a", Pictures.Grey(32, 32, (_, _) => 0), Pictures.Grey(32, 32, (_, _) => 1), classes: 2), Pictures.Sample("b", 32)]);
        Assert.Contains("2 classes and 'b' 1", Assert.Throws<ArgumentException>(() => new BatchLoader(two, new BatchLoaderOptions())).Message);
    }

    private SegmentationDataset Load(int classes) => ImageMaskFolder.Load(folder["images"], folder["masks"], new ImageMaskFolderOptions { Classes = classes });
}
