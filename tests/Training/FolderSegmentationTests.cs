using UnetResnet.Data;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Tests.Diagnosis;
using UnetResnet.Training;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Training;

/// <summary>A folder of images: what is written, what a later run does again, and what is refused.</summary>
public sealed class FolderSegmentationTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly UNetResNet50 unet = Miniature.UNet();

    public FolderSegmentationTests()
    {
        unet.Encoder.Preprocessing = "caffe";
        // Names with what a table must quote, and folders below.
        Picture(0, "images", "one.png");
        Picture(1, "images", "sub", "a, \"quoted\".png");
        Picture(2, "images", "sub", "deeper", "three.v2.png");
    }

    public void Dispose()
    {
        unet.Dispose();
        folder.Dispose();
    }

    private void Picture(int seed, params string[] path)
    {
        var pixels = new byte[48 * 40];
        new Random(seed).NextBytes(pixels);
        ImageCodec.Save(new PixelImage(48, 40, 1, pixels), folder[path]);
    }

    private FolderSegmentationReport Run(SegmentationOptions? options = null, List<SegmentationStep>? steps = null, CancellationToken cancellation = default) =>
        FolderSegmentation.Run(unet, folder["images"], folder["out"], options, steps is null ? null : new Listener(steps.Add), cancellation);

    private string[] Table => File.ReadAllLines(folder["out", "areas.csv"]);

    [Fact]
    public void Every_image_gets_a_mask_an_overlay_and_a_line()
    {
        var steps = new List<SegmentationStep>();
        FolderSegmentationReport report = Run(steps: steps);
        Assert.Equal((3, 0, 0), (report.Segmented, report.DoneBefore, report.Damaged.Count));
        Assert.Equal(["areas.csv", .. Pictures("masks"), .. Pictures("overlays")],
            Directory.GetFiles(folder["out"], "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(folder["out"], f)).Order(StringComparer.Ordinal));
        Assert.Equal("image,width,height,confidence,pixels_1,share_1,confidence_1,made_from", Table[0]);
        Assert.Equal(["one.png", "\"sub/a, \"\"quoted\"\".png\"", "sub/deeper/three.v2.png"], Table.Skip(1).Select(line => line[..(line.IndexOf(".png", StringComparison.Ordinal) + (line[0] == '"' ? 5 : 4))]));

        PixelImage image = ImageCodec.Load(folder["images", "one.png"]), mask = ImageCodec.Load(folder["out", "masks", "one.png"]), overlay = ImageCodec.Load(folder["out", "overlays", "one.png"]);
        SegmentedImage alone = new ImageSegmenter(unet).Segment(image);
        Assert.Equal(alone.Mask.Pixels, mask.Pixels);
        string[] cells = Table[1].Split(',');
        Assert.Equal(["48", "40", $"{mask.Pixels.ToArray().Count(v => v == 255)}"], [cells[1], cells[2], cells[4]]);
        // Outside the mask the image in grey at half its brightness, inside the colour of class 1 over it.
        int inside = mask.Pixels.IndexOf((byte)255), outside = mask.Pixels.IndexOf((byte)0);
        Assert.True(inside >= 0 && outside >= 0, "the untrained network should give both");
        Assert.Equal(Enumerable.Repeat((byte)Math.Round(image.Pixels[outside] / 2.0), 3), overlay.Pixels.Slice(3 * outside, 3).ToArray());
        Assert.Equal((byte)Math.Round(0.7 * 0x9E + 0.3 * image.Pixels[inside] / 2.0), overlay.Pixels[3 * inside + 1]);

        Assert.Equal(["1 of 3  one.png", "2 of 3  sub/a, \"quoted\".png", "3 of 3  sub/deeper/three.v2.png"], steps.Select(s => s.ToString()[..s.ToString().IndexOf("  ", 8, StringComparison.Ordinal)]));
        Assert.All(steps, step => Assert.Contains("% foreground, confidence 0.", step.ToString()));
    }

    private static string[] Pictures(string kind) => [$"{kind}/one.png", $"{kind}/sub/a, \"quoted\".png", $"{kind}/sub/deeper/three.v2.png"];

    [Fact]
    public void A_later_run_does_what_is_missing_or_made_from_something_else()
    {
        Assert.Equal(3, Run().Segmented);
        string[] before = Table;
        DateTime written = File.GetLastWriteTimeUtc(folder["out", "masks", "one.png"]);
        Assert.Equal((0, 3), Counts(Run()));
        Assert.Equal(before, Table);
        Assert.Equal(written, File.GetLastWriteTimeUtc(folder["out", "masks", "one.png"]));

        File.Delete(folder["out", "overlays", "one.png"]);
        Assert.Equal((1, 2), Counts(Run()));
        File.Delete(folder["out", "masks", "one.png"]);
        Assert.Equal((1, 2), Counts(Run()));
        Picture(7, "images", "one.png");
        Assert.Equal((1, 2), Counts(Run()));
        Assert.Equal((3, 0), Counts(Run(new SegmentationOptions { TileSide = 64 })));
        Assert.Equal((3, 0), Counts(Run(new SegmentationOptions { TileSide = 64, Preprocessing = Preprocessing.Torch })));
        Assert.Equal((3, 0), Counts(Run()));
        // One number of the network, then a setting without a number.
        using (no_grad()) unet.Decoder.get_parameter("prediction.bias")!.add_(0.01f);
        Assert.Equal((3, 0), Counts(Run()));
        unet.Encoder.BatchNormLayers()[3].Layer.Options = BatchNormOptions.Torch;
        Assert.Equal((3, 0), Counts(Run()));
        Assert.Equal((3, 0), Counts(Run(new SegmentationOptions { Overwrite = true })));
        Assert.Equal((0, 3), Counts(Run()));
    }

    /// <summary>Killed while it wrote a line, and between the pictures and the line.</summary>
    [Fact]
    public void Half_a_line_is_done_again()
    {
        Run();
        string[] whole = Table;
        File.WriteAllText(folder["out", "areas.csv"], string.Join('\n', whole[..3]) + "\n" + whole[3][..20]);
        Assert.Equal((1, 2), Counts(Run()));
        Assert.Equal(whole, Table);
        File.WriteAllText(folder["out", "areas.csv"], string.Join('\n', whole[..3]) + "\n");
        Assert.Equal((1, 2), Counts(Run()));
        Assert.Equal(whole, Table);
    }

    [Fact]
    public void A_run_that_is_stopped_goes_on()
    {
        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => FolderSegmentation.Run(unet, folder["images"], folder["out"], progress: new Listener(_ => stop.Cancel()), cancellation: stop.Token));
        Assert.Equal(2, Table.Length);
        Assert.Equal((2, 1), Counts(Run()));
        Assert.Equal(4, Table.Length);
    }

    [Fact]
    public void A_damaged_image_is_named_and_the_others_are_segmented()
    {
        byte[] sound = File.ReadAllBytes(folder["images", "one.png"]);
        File.WriteAllBytes(folder["images", "aaa.png"], sound[..(sound.Length / 2)]);
        var steps = new List<SegmentationStep>();
        FolderSegmentationReport report = Run(steps: steps);
        Assert.Equal((3, 0), Counts(report));
        DamagedImage damaged = Assert.Single(report.Damaged);
        Assert.Equal("aaa.png", damaged.Image);
        Assert.Contains("is cut short", damaged.Problem);
        Assert.Contains("is cut short", steps[0].ToString());
        Assert.DoesNotContain(Table, line => line.StartsWith("aaa", StringComparison.Ordinal));
        Assert.Contains("1 damaged (aaa.png)", report.ToString());

        File.WriteAllBytes(folder["images", "aaa.png"], sound);
        Assert.Equal((1, 3), Counts(Run()));
        Assert.StartsWith("aaa.png,", Table[1]);
        // Done is done: the limit is about what has to be read.
        Assert.Equal((0, 4), Counts(Run(new SegmentationOptions { PixelLimit = 48 * 40 - 1 })));
        Assert.Equal(4, Run(new SegmentationOptions { PixelLimit = 48 * 40 - 1, Overwrite = true }).Damaged.Count);
    }

    [Fact]
    public void Two_images_of_one_name_are_refused_before_anything_is_written()
    {
        File.Copy(folder["images", "one.png"], folder["images", "one.jpg"]);
        DatasetException refused = Assert.Throws<DatasetException>(() => Run());
        Assert.Contains("one.png would write the same files as one.jpg", refused.Message);
        Assert.False(Directory.Exists(folder["out"]));
    }

    [Fact]
    public void Nobodys_files_are_replaced()
    {
        folder.Write("out/masks/one.png", "drawn by hand");
        Assert.Contains("holds something else", Assert.Throws<DatasetException>(() => Run()).Message);
        Assert.Equal("drawn by hand", File.ReadAllText(folder["out", "masks", "one.png"]));
        folder.Write("out/areas.csv", "country,area\n");
        Assert.Contains("is no table of an earlier run", Assert.Throws<DatasetException>(() => Run()).Message);
        Assert.Equal((3, 0), Counts(Run(new SegmentationOptions { Overwrite = true })));

        foreach (string inside in (string[])[folder["images"], folder["images", "out"], folder.Path])
            Assert.Contains("one in the other", Assert.Throws<DatasetException>(() => FolderSegmentation.Run(unet, folder["images"], inside)).Message);
    }

    [Fact]
    public void Folders_that_cannot_be_used_are_named_in_a_sentence()
    {
        Assert.Contains("does not exist", Assert.Throws<DatasetException>(() => FolderSegmentation.Run(unet, folder["nowhere"], folder["out"])).Message);
        Directory.CreateDirectory(folder["empty"]);
        Assert.Contains("holds no images", Assert.Throws<DatasetException>(() => FolderSegmentation.Run(unet, folder["empty"], folder["out"])).Message);
        folder.Write("file", "");
        string message = Assert.Throws<DatasetException>(() => FolderSegmentation.Run(unet, folder["images"], folder["file", "out"])).Message;
        Assert.Contains("cannot be written to", message);
        Assert.Contains("Free space", message);
        Assert.DoesNotContain('\n', message);
    }

    private static (int, int) Counts(FolderSegmentationReport report) => (report.Segmented, report.DoneBefore);

    private sealed class Listener(Action<SegmentationStep> told) : IProgress<SegmentationStep>
    {
        public void Report(SegmentationStep value) => told(value);
    }
}
