using System.Globalization;
using System.Net;
using System.Text;
using Microsoft.DotNet.Interactive.Formatting;
using UnetResnet.Data;
using UnetResnet.Runtime;
using UnetResnet.Training;
using static TorchSharp.torch;

namespace UnetResnet.Notebooks;

/// <summary>A grid of pictures with captions, for notebooks (HTML), GitHub (one PNG) and terminals (text).</summary>
/// <remarks>The pixels are copied when the gallery is made; the tensors stay the caller's.</remarks>
[TypeFormatterSource(typeof(NotebookFormatters), PreferredMimeTypes = ["text/html", "image/png", "text/plain"])]
public sealed class ImageGallery
{
    private const string Style = """
        <style>.ur-gallery{border-collapse:collapse;margin:.5em 0}.ur-gallery tr,.ur-gallery tr:nth-child(even),.ur-gallery tr:hover{background:none}.ur-gallery td{border:0;padding:.25em;font-size:.85em;line-height:1.3;overflow-wrap:anywhere}.ur-gallery img{display:block;image-rendering:pixelated;border-radius:3px;max-width:100%;height:auto}</style>
        """;

    private readonly List<(PixelImage Picture, string Caption)> cells = [];

    private ImageGallery(string title, int columns, bool hasKey)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(title);
        if (columns is < 1 or > 12) throw new ArgumentOutOfRangeException(nameof(columns), columns, "Expected 1 to 12 columns.");
        (Title, Columns, HasKey) = (title, columns, hasKey);
    }

    /// <summary>What the pictures show.</summary>
    public string Title { get; }

    /// <summary>Pictures per row.</summary>
    public int Columns { get; }

    /// <summary>How many pictures there are.</summary>
    public int Count => cells.Count;

    internal bool HasKey { get; }

    internal IReadOnlyList<(PixelImage Picture, string Caption)> Cells => cells;

    /// <summary>A gallery of images.</summary>
    /// <param name="title">What they show.</param>
    /// <param name="images">Float or byte <c>(N, 3, H, W)</c> in red, green, blue or <c>(N, 1, H, W)</c> in grey, 0 to 255.</param>
    /// <param name="captions">One per image, or nothing for none.</param>
    /// <param name="columns">Images per row, 1 to 12.</param>
    /// <returns>The gallery.</returns>
    /// <exception cref="ArgumentException">The tensor has another shape or range, or the captions another number.</exception>
    public static ImageGallery Of(string title, Tensor images, IReadOnlyList<string>? captions = null, int columns = 6) =>
        Of(title, GalleryPixels.Images(images), captions, columns);

    /// <summary>A gallery of pictures, which may differ in size.</summary>
    /// <param name="title">What they show.</param>
    /// <param name="pictures">At least one.</param>
    /// <param name="captions">One per picture, or nothing for none.</param>
    /// <param name="columns">Pictures per row, 1 to 12.</param>
    /// <returns>The gallery.</returns>
    /// <exception cref="ArgumentException">There is no picture, or the captions have another number.</exception>
    public static ImageGallery Of(string title, IReadOnlyList<PixelImage> pictures, IReadOnlyList<string>? captions = null, int columns = 6)
    {
        if (pictures.Count == 0) throw new ArgumentException("Expected at least one picture, got none.", nameof(pictures));
        CheckCount(captions, pictures.Count, nameof(captions));
        var gallery = new ImageGallery(title, columns, hasKey: false);
        foreach ((int i, PixelImage picture) in pictures.Index()) gallery.cells.Add((GalleryPixels.Slim(picture), captions?[i] ?? ""));
        return gallery;
    }

    /// <summary>Images with their masks beside them.</summary>
    /// <param name="title">What they show.</param>
    /// <param name="samples">At least one.</param>
    /// <param name="pairs">Pairs per row, 1 to 6.</param>
    /// <returns>The gallery.</returns>
    /// <exception cref="ArgumentException">There is no sample.</exception>
    public static ImageGallery Samples(string title, IEnumerable<SegmentationSample> samples, int pairs = 3)
    {
        SegmentationSample[] all = [.. samples];
        return Of(title, [.. all.SelectMany(s => new[] { s.Image, s.Mask })], [.. all.SelectMany(s => new[] { s.Name, "mask" })], 2 * pairs);
    }

    /// <summary>A row per sample: image, mask, prediction and difference.</summary>
    /// <param name="title">What they show.</param>
    /// <param name="samples">At least one, all of one size.</param>
    /// <param name="predictions">Probabilities <c>(N, 1, H, W)</c>, 0 to 1.</param>
    /// <param name="threshold">The prediction is where a probability exceeds this.</param>
    /// <returns>The gallery. The caption of a difference tells its intersection over union.</returns>
    /// <exception cref="ArgumentException">There is no sample, or the predictions have another shape or range.</exception>
    public static ImageGallery Segmentation(string title, IReadOnlyList<SegmentationSample> samples, Tensor predictions, double threshold = 0.5)
    {
        if (samples.Count == 0) throw new ArgumentException("Expected at least one sample, got none.", nameof(samples));
        PixelImage[] images = [.. samples.Select(s => s.Image)];
        float[][] masks = [.. samples.Select(s => s.Mask.Pixels.ToArray().Select(v => v / 255f).ToArray())];
        return Rows(title, images, masks, GalleryPixels.Shares(predictions, images, nameof(predictions)), [.. samples.Select(s => s.Name)], threshold);
    }

    /// <summary>A row per image: image, mask, prediction and difference.</summary>
    /// <param name="title">What they show.</param>
    /// <param name="images">Float or byte <c>(N, 3, H, W)</c> in red, green, blue, 0 to 255.</param>
    /// <param name="masks"><c>(N, 1, H, W)</c>, 0 to 1; the object is where a value exceeds 0.5.</param>
    /// <param name="predictions">Probabilities <c>(N, 1, H, W)</c>, 0 to 1.</param>
    /// <param name="names">Name of each image, or nothing for its number.</param>
    /// <param name="threshold">The prediction is where a probability exceeds this.</param>
    /// <returns>The gallery. The caption of a difference tells its intersection over union.</returns>
    /// <exception cref="ArgumentException">A tensor has another shape or range, or the names another number.</exception>
    public static ImageGallery Segmentation(
        string title, Tensor images, Tensor masks, Tensor predictions, IReadOnlyList<string>? names = null, double threshold = 0.5)
    {
        PixelImage[] pictures = GalleryPixels.Images(images);
        CheckCount(names, pictures.Length, nameof(names));
        return Rows(
            title, pictures, GalleryPixels.Shares(masks, pictures, nameof(masks)), GalleryPixels.Shares(predictions, pictures, nameof(predictions)),
            names ?? [.. pictures.Select((_, i) => $"image {i}")], threshold);
    }

    private static ImageGallery Rows(
        string title, PixelImage[] images, float[][] masks, float[][] predictions, IReadOnlyList<string> names, double threshold)
    {
        var gallery = new ImageGallery(title, 4, hasKey: true);
        foreach ((int i, PixelImage image) in images.Index())
        {
            using var scope = NewDisposeScope();
            bool[] mask = [.. masks[i].Select(v => v > SegmentationSample.ForegroundShare)];
            bool[] predicted = [.. predictions[i].Select(v => v > threshold)];
            string iou = NumberText.Fixed(Metrics.Overlap(tensor(predicted).unsqueeze(0), tensor(mask).unsqueeze(0)).item<float>(), 3);
            gallery.cells.AddRange(
                (GalleryPixels.Slim(image), names[i]),
                (GalleryPixels.Grey(masks[i], image.Width), "mask"),
                (GalleryPixels.Grey(predictions[i], image.Width), "prediction"),
                (SegmentationOverlay.Draw(image, mask, predicted), $"IoU {iou}"));
        }
        return gallery;
    }

    private static void CheckCount(IReadOnlyList<string>? texts, int count, string name)
    {
        if (texts is not null && texts.Count != count)
            throw new ArgumentException($"Expected one of the {name} for each of the {count} images, got {texts.Count}.", name);
    }

    /// <summary>The gallery as a fragment of HTML that needs nothing else, a table whose pictures are PNG data in it.</summary>
    /// <returns>HTML; title and captions are escaped.</returns>
    public string ToHtml()
    {
        // GitHub takes style sheets and style attributes out of notebooks: rows of a table and the attributes of the pictures stay.
        int widest = cells.Max(cell => cell.Picture.Width);
        int side = Math.Min(Math.Max(widest, 96), 720 / Math.Min(Columns, cells.Count));
        var html = new StringBuilder("<div>").Append(Style)
            .Append("<div><strong>").Append(WebUtility.HtmlEncode(Title)).Append("</strong></div>").Append("<div style=\"overflow-x:auto\"><table class=\"ur-gallery\" role=\"presentation\"><tbody>");
        foreach ((PixelImage Picture, string Caption)[] row in cells.Chunk(Columns))
        {
            html.Append("<tr>");
            foreach ((PixelImage picture, string caption) in row)
            {
                string text = WebUtility.HtmlEncode(caption);
                // The caption stands beside the picture: read out as its alternative too, it would be heard twice.
                int width = Math.Max(1, picture.Width * side / widest), height = Math.Max(1, picture.Height * side / widest);
                html.Append(CultureInfo.InvariantCulture, $"<td align=\"left\" valign=\"top\"><img width=\"{width}\" height=\"{height}\" alt=\"\" src=\"data:image/png;base64,")
                    .Append(Convert.ToBase64String(ImageCodec.EncodePng(picture))).Append("\">").Append(text).Append("</td>");
            }
            html.Append("</tr>");
        }
        html.Append("</tbody></table></div>");
        if (HasKey) html.Append("<div>").AppendJoin(" · ", SegmentationOverlay.Key.Select(entry => $"<span style=\"color:{entry.Color}\">■</span> {entry.Meaning}")).Append("</div>");
        return html.Append("</div>").ToString();
    }

    /// <summary>The gallery as one picture.</summary>
    /// <returns>A PNG on white paper.</returns>
    public byte[] ToPng() => ContactSheet.Png(Title, cells, Columns, HasKey ? SegmentationOverlay.Key : []);

    /// <summary>The gallery in words.</summary>
    /// <returns>Title, number of pictures, and the captions.</returns>
    public override string ToString()
    {
        string captions = string.Join(", ", cells.Select(cell => cell.Caption).Where(caption => caption.Length > 0 && caption is not "mask" and not "prediction"));
        return $"Gallery: {Title}. {cells.Count} pictures{(captions.Length > 0 ? ": " + captions : "")}.";
    }
}
