using SkiaSharp;
using TorchSharp;
using UnetResnet.Data;
using UnetResnet.Notebooks;
using UnetResnet.Tests.Data;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Notebooks;

public class ImageGalleryTests
{
    // Two by two pixels: in the mask and predicted, only predicted, only in the mask, neither.
    private static readonly float[] Mask = [1, 0, 1, 0], Predicted = [0.9f, 0.8f, 0.2f, 0.1f];

    [Fact]
    public void Overlay_shows_right_too_much_and_missed_in_their_colours()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor image = full([1, 3, 2, 2], 100f);
        ImageGallery gallery = ImageGallery.Segmentation("Two by two", image, tensor(Mask).view(1, 1, 2, 2), tensor(Predicted).view(1, 1, 2, 2));
        PixelImage overlay = gallery.Cells[3].Picture;
        // 0.7 of the colour and 0.3 of the image at half its brightness.
        byte Blend(byte channel) => (byte)Math.Round(0.7 * channel + 0.3 * 50);
        string[] colors = [ChartPalette.TruePositive, ChartPalette.FalsePositive, ChartPalette.FalseNegative];
        for (int i = 0; i < 3; i++)
        {
            SKColor c = SKColor.Parse(colors[i]);
            Assert.Equal((Blend(c.Red), Blend(c.Green), Blend(c.Blue)), (overlay[i / 2, i % 2], overlay[i / 2, i % 2, 1], overlay[i / 2, i % 2, 2]));
        }
        Assert.Equal(((byte)50, (byte)50, (byte)50), (overlay[1, 1], overlay[1, 1, 1], overlay[1, 1, 2]));
        // One pixel of three.
        Assert.Equal("IoU 0.333", gallery.Cells[3].Caption);
        Assert.Equal([255, 0, 255, 0], gallery.Cells[1].Picture.Pixels.ToArray());
        Assert.Equal([230, 204, 51, 26], gallery.Cells[2].Picture.Pixels.ToArray());
    }

    [Fact]
    public void Threshold_decides_what_is_predicted()
    {
        using DisposeScope scope = NewDisposeScope();
        ImageGallery gallery = ImageGallery.Segmentation(
            "t", zeros(1, 3, 2, 2), tensor(Mask).view(1, 1, 2, 2), tensor(Predicted).view(1, 1, 2, 2), threshold: 0.85);
        Assert.Equal("IoU 0.500", gallery.Cells[3].Caption);
    }

    [Fact]
    public void Samples_and_tensors_give_the_same_gallery()
    {
        using DisposeScope scope = NewDisposeScope();
        var sample = new SegmentationSample("a", Pictures.Colour(2, 2), new PixelImage(2, 2, 1, [255, 0, 255, 0]));
        Tensor predictions = tensor(Predicted).view(1, 1, 2, 2);
        string fromSamples = ImageGallery.Segmentation("t", [sample], predictions).ToHtml();
        string fromTensors = ImageGallery.Segmentation("t", sample.Image.ToTensor(), tensor(Mask).view(1, 1, 2, 2), predictions, ["a"]).ToHtml();
        Assert.Equal(fromTensors, fromSamples);
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.Byte)]
    public void Pixels_arrive_as_they_are(ScalarType type)
    {
        using DisposeScope scope = NewDisposeScope();
        PixelImage colour = Pictures.Colour(5, 3);
        ImageGallery gallery = ImageGallery.Of("Pixels", colour.ToTensor().to(type), ["one"]);
        Assert.Equal(colour.Pixels.ToArray(), gallery.Cells[0].Picture.Pixels.ToArray());
        PixelImage shown = ImageCodec.Decode(Convert.FromBase64String(Between(gallery.ToHtml(), "base64,", "\"")));
        Assert.Equal(colour.Pixels.ToArray(), shown.Pixels.ToArray());
    }

    [Fact]
    public void Title_and_captions_are_escaped()
    {
        using DisposeScope scope = NewDisposeScope();
        string html = ImageGallery.Of("<i>title", zeros(1, 3, 4, 4), ["\"><script>alert(1)</script>"]).ToHtml();
        Assert.DoesNotContain("<script", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<i>", html, StringComparison.Ordinal);
        Assert.Contains("\">&quot;&gt;&lt;script&gt;", html, StringComparison.Ordinal);
        Assert.Contains("alt=\"\" src", html, StringComparison.Ordinal);
        Assert.DoesNotContain("http", html, StringComparison.Ordinal);
    }

    /// <summary>GitHub takes styles and classes out of what a notebook displays.</summary>
    [Fact]
    public void Without_style_sheets_a_gallery_still_has_its_rows_and_sizes()
    {
        string html = ImageGallery.Of("Five", [.. Enumerable.Range(0, 5).Select(_ => Pictures.Grey(96, 48, (_, _) => 9))], columns: 3).ToHtml();
        Assert.Equal([3, 2], html.Split("<tr>").Skip(1).Select(row => row.Split("<td").Length - 1));
        Assert.Contains("<img width=\"60\"", ImageGallery.Of("Twelve", [.. Enumerable.Range(0, 12).Select(_ => Pictures.Grey(96, 48, (_, _) => 9))], columns: 12).ToHtml());
        Assert.Equal(5, html.Split("<img width=\"96\" height=\"48\"").Length - 1);
    }

    [Fact]
    public void Contact_sheet_holds_every_picture_in_place()
    {
        PixelImage[] pictures = [.. new byte[] { 40, 90, 200 }.Select(grey => Pictures.Grey(64, 64, (_, _) => grey))];
        PixelImage sheet = ImageCodec.Decode(ImageGallery.Of("Three", pictures, columns: 2).ToPng());
        // 64 pixels are magnified four times, to 256 dots; a row is two pictures and a gap of 16 dots, and the edges are 28 dots.
        Assert.Equal(2 * 256 + 16 + 2 * 28, sheet.Width);
        (int left, int right, int top) = (28 + 128, 28 + 256 + 16 + 128, 2 * (14 + 26) + 128);
        int below = top + 256 + 2 * (19 + 8);
        Assert.Equal([40, 90, 200, 255], new[] { sheet[top, left], sheet[top, right], sheet[below, left], sheet[below, right] }.Select(v => (int)v));
    }

    [Fact]
    public void Text_tells_names_and_scores()
    {
        using DisposeScope scope = NewDisposeScope();
        ImageGallery gallery = ImageGallery.Segmentation("Masks", zeros(1, 3, 2, 2), tensor(Mask).view(1, 1, 2, 2), tensor(Predicted).view(1, 1, 2, 2), ["slice 7"]);
        Assert.Equal("Gallery: Masks. 4 pictures: slice 7, IoU 0.333.", gallery.ToString());
    }

    [Fact]
    public void Tensors_that_are_no_pictures_are_refused_with_the_cure()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor image = zeros(1, 3, 2, 2), mask = zeros(1, 1, 2, 2);
        Assert.Contains("before preprocessing", Message(() => ImageGallery.Of("t", image - 103.9f)), StringComparison.Ordinal);
        Assert.Contains("(2, 3, 4)", Message(() => ImageGallery.Of("t", zeros(2, 3, 4))), StringComparison.Ordinal);
        Assert.Contains("(1, 1, 2, 2)", Message(() => ImageGallery.Segmentation("t", image, zeros(1, 1, 3, 2), mask)), StringComparison.Ordinal);
        Assert.Contains("sigmoid", Message(() => ImageGallery.Segmentation("t", image, mask, mask + 4)), StringComparison.Ordinal);
        Assert.Contains("NaN", Message(() => ImageGallery.Segmentation("t", image, mask, mask * double.NaN)), StringComparison.Ordinal);
        Assert.Contains("got 2", Message(() => ImageGallery.Of("t", image, ["a", "b"])), StringComparison.Ordinal);
        Assert.Contains("at least one", Message(() => ImageGallery.Samples("t", [])), StringComparison.Ordinal);
    }

    [Fact]
    public void The_callers_tensors_are_left_alone_and_none_is_kept()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor image = zeros(2, 3, 8, 8), mask = zeros(2, 1, 8, 8);
        long before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        ImageGallery.Segmentation("t", image, mask, mask).ToPng();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        Assert.Equal(0, image.sum().item<float>());
    }

    private static string Message(Action action) => Assert.ThrowsAny<ArgumentException>(action).Message;

    private static string Between(string text, string start, string end)
    {
        int at = text.IndexOf(start, StringComparison.Ordinal) + start.Length;
        return text[at..text.IndexOf(end, at, StringComparison.Ordinal)];
    }
}
