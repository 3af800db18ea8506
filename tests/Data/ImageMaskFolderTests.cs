using UnetResnet.Data;

namespace UnetResnet.Tests.Data;

public sealed class ImageMaskFolderTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public ImageMaskFolderTests()
    {
        Directory.CreateDirectory(folder["images"]);
        Directory.CreateDirectory(folder["masks"]);
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Pairs_are_read_in_order_of_their_names()
    {
        Image("b");
        Mask("b");
        Image("a");
        Mask("a");
        File.WriteAllText(folder["images", "notes.txt"], "no image");

        SegmentationDataset dataset = Load();
        Assert.Equal(["a", "b"], dataset.Select(sample => sample.Name));
        Assert.Equal(3, dataset[0].Image.Channels);
        Assert.Equal([0, 255], dataset[0].Mask.Pixels[..2].ToArray());
    }

    [Fact]
    public void A_missing_mask_is_named()
    {
        Image("a");
        Image("b");
        Mask("a");
        Fails(folder["images", "b.png"], "has no mask", folder["masks", "b.png"]);
    }

    [Fact]
    public void A_mask_without_an_image_is_named()
    {
        Image("a");
        Mask("a");
        Mask("z");
        Fails(folder["masks", "z.png"], "without an image", folder["images", "z"]);
    }

    [Fact]
    public void Different_sizes_are_named()
    {
        Image("a");
        ImageCodec.Save(Pictures.Grey(8, 6, (_, _) => 255), folder["masks", "a.png"]);
        Fails(folder["masks", "a.png"], "8×6", "8×8");
    }

    [Fact]
    public void A_corrupt_file_is_named()
    {
        Image("a");
        Mask("a");
        byte[] png = File.ReadAllBytes(folder["images", "a.png"]);
        File.WriteAllBytes(folder["images", "a.png"], png[..(png.Length / 2)]);
        Fails(folder["images", "a.png"], "Expected: a complete PNG or JPEG image", "Replace the file");
    }

    [Fact]
    public void An_empty_folder_is_named() => Fails(folder["images"], "holds no images", "*.png");

    [Fact]
    public void A_missing_folder_is_named()
    {
        Directory.Delete(folder["masks"]);
        Image("a");
        Fails(folder["masks"], "does not exist", "Check the path");
    }

    [Fact]
    public void One_name_for_two_files_is_refused()
    {
        Image("a");
        Mask("a");
        File.Copy(folder["images", "a.png"], folder["images", "a.jpg"]);
        Fails(folder["images", "a.png"], "same name", "a.jpg");
    }

    [Fact]
    public void Masks_of_zero_and_one_are_noticed_and_read_with_another_threshold()
    {
        Image("a");
        ImageCodec.Save(Pictures.Grey(8, 8, (_, x) => x % 2), folder["masks", "a.png"]);
        Fails(folder["masks", "a.png"], "no value above 1", "MaskThreshold = 0");

        SegmentationDataset dataset = Load(new ImageMaskFolderOptions { MaskThreshold = 0 });
        Assert.Equal([0, 255, 0], dataset[0].Mask.Pixels[..3].ToArray());
    }

    [Fact]
    public void A_mask_of_background_alone_is_allowed()
    {
        Image("a");
        ImageCodec.Save(Pictures.Grey(8, 8, (_, _) => 0), folder["masks", "a.png"]);
        Assert.Equal(0, Load()[0].Mask.Pixels.ToArray().Max());
    }

    [Fact]
    public void A_suffix_tells_images_and_masks_of_one_folder_apart()
    {
        Image("a");
        ImageCodec.Save(Pictures.Grey(8, 8, (_, _) => 255), folder["images", "a_mask.png"]);
        SegmentationDataset dataset = ImageMaskFolder.Load(folder["images"], folder["images"], new ImageMaskFolderOptions { MaskSuffix = "_mask", Side = 32 });

        Assert.Equal("a", Assert.Single(dataset).Name);
        Assert.Equal(32, dataset[0].Image.Width);
        Assert.Throws<ArgumentException>(() => ImageMaskFolder.Load(folder["images"], folder["images"]));
    }

    private void Image(string name) => ImageCodec.Save(Pictures.Colour(8, 8), folder["images", name + ".png"]);

    private void Mask(string name) => ImageCodec.Save(Pictures.Grey(8, 8, (_, x) => x % 2 * 255), folder["masks", name + ".png"]);

    private SegmentationDataset Load(ImageMaskFolderOptions? options = null) => ImageMaskFolder.Load(folder["images"], folder["masks"], options);

    private void Fails(string file, params string[] words)
    {
        var e = Assert.Throws<DatasetException>(() => Load());
        Assert.Equal(file, e.File);
        Assert.All(words, word => Assert.Contains(word, e.Message));
    }
}
