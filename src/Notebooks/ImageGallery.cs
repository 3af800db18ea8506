using System.Globalization;
using System.Net;
using System.Text;
using Microsoft.DotNet.Interactive.Formatting;
using UnetResnet.Notebooks.Drawing;
using static TorchSharp.torch;

namespace UnetResnet.Notebooks;

/// <summary>A grid of pictures with captions, for notebooks (HTML), GitHub (one PNG) and terminals (text).</summary>
/// <remarks>The pixels are copied when the gallery is made; the tensors stay the caller's.</remarks>
[TypeFormatterSource(typeof(NotebookFormatters), PreferredMimeTypes = ["text/html", "image/png", "text/plain"])]
public sealed class ImageGallery
{
    private const string Style = """
        <style>.ur-gallery{display:grid;gap:.5em;margin:.5em 0}.ur-gallery figure{margin:0;min-width:0}.ur-gallery img{display:block;width:100%;height:auto;image-rendering:pixelated;border-radius:3px}.ur-gallery figcaption{font-size:.85em;line-height:1.3;padding:.2em 0;overflow-wrap:anywhere}.ur-key span{display:inline-block;margin-right:1.2em}.ur-key i{display:inline-block;width:.8em;height:.8em;margin-right:.4em;border-radius:2px}</style>
        """;

    private readonly List<(RgbPicture Picture, string Caption)> cells = [];

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

    internal IReadOnlyList<(RgbPicture Picture, string Caption)> Cells => cells;

    /// <summary>A gallery of images.</summary>
    /// <param name="title">What they show.</param>
    /// <param name="images">Float or byte <c>(N, 3, H, W)</c> in red, green, blue or <c>(N, 1, H, W)</c> in grey, 0 to 255.</param>
    /// <param name="captions">One per image, or nothing for none.</param>
    /// <param name="columns">Images per row, 1 to 12.</param>
    /// <returns>The gallery.</returns>
    /// <exception cref="ArgumentException">The tensor has another shape or range, or the captions another number.</exception>
    public static ImageGallery Of(string title, Tensor images, IReadOnlyList<string>? captions = null, int columns = 6)
    {
        IReadOnlyList<RgbPicture> pictures = GalleryPixels.Images(images);
        GalleryPixels.CheckCount(captions, pictures.Count, nameof(captions));
        var gallery = new ImageGallery(title, columns, hasKey: false);
        foreach ((int i, RgbPicture picture) in pictures.Index()) gallery.cells.Add((picture, captions?[i] ?? ""));
        return gallery;
    }

    /// <summary>A row per sample: image, mask and, with predictions, prediction and difference.</summary>
    /// <param name="title">What they show.</param>
    /// <param name="images">Float or byte <c>(N, 3, H, W)</c> in red, green, blue, 0 to 255.</param>
    /// <param name="masks"><c>(N, 1, H, W)</c>, 0 to 1; the object is where a value exceeds 0.5.</param>
    /// <param name="predictions">Probabilities <c>(N, 1, H, W)</c>, 0 to 1, or nothing.</param>
    /// <param name="names">Name of each sample, or nothing for its number.</param>
    /// <param name="threshold">The prediction is where a probability exceeds this.</param>
    /// <returns>The gallery. The caption of a difference tells its intersection over union.</returns>
    /// <exception cref="ArgumentException">A tensor has another shape or range, or the names another number.</exception>
    public static ImageGallery Segmentation(
        string title, Tensor images, Tensor masks, Tensor? predictions = null, IReadOnlyList<string>? names = null, double threshold = 0.5)
    {
        IReadOnlyList<RgbPicture> pictures = GalleryPixels.Images(images);
        float[][] truths = GalleryPixels.Shares(masks, images.shape, nameof(masks));
        float[][]? guesses = predictions is null ? null : GalleryPixels.Shares(predictions, images.shape, nameof(predictions));
        GalleryPixels.CheckCount(names, pictures.Count, nameof(names));
        var gallery = new ImageGallery(title, guesses is null ? 2 : 4, hasKey: guesses is not null);
        foreach ((int i, RgbPicture image) in pictures.Index())
        {
            gallery.cells.Add((image, names?[i] ?? $"image {i}"));
            gallery.cells.Add((GalleryPixels.Grey(truths[i], image.Width), "mask"));
            if (guesses is null) continue;
            bool[] mask = [.. truths[i].Select(v => v > 0.5f)];
            bool[] predicted = [.. guesses[i].Select(v => v > threshold)];
            gallery.cells.Add((GalleryPixels.Grey(guesses[i], image.Width), "prediction"));
            string iou = GalleryPixels.IoU(mask, predicted).ToString("F3", CultureInfo.InvariantCulture);
            gallery.cells.Add((SegmentationOverlay.Draw(image, mask, predicted), $"IoU {iou}"));
        }
        return gallery;
    }

    /// <summary>The gallery as a fragment of HTML that needs nothing else: the pictures are PNG data in it.</summary>
    /// <returns>HTML; title and captions are escaped.</returns>
    public string ToHtml()
    {
        int widest = cells.Select(cell => cell.Picture.Width).DefaultIfEmpty(64).Max();
        int cell = Math.Clamp(widest, 96, 180);
        var html = new StringBuilder("<div>").Append(Style)
            .Append("<div><strong>").Append(WebUtility.HtmlEncode(Title)).Append("</strong></div>")
            .Append(CultureInfo.InvariantCulture, $"<div class=\"ur-gallery\" style=\"grid-template-columns:repeat({Columns},minmax(0,1fr));max-width:{Columns * (cell + 8)}px\">");
        foreach ((RgbPicture picture, string caption) in cells)
        {
            string text = WebUtility.HtmlEncode(caption);
            html.Append(CultureInfo.InvariantCulture, $"<figure><img width=\"{picture.Width}\" height=\"{picture.Height}\" alt=\"{text}\" src=\"data:image/png;base64,")
                .Append(Convert.ToBase64String(PngEncoder.Encode(picture))).Append("\">");
            if (caption.Length > 0) html.Append("<figcaption>").Append(text).Append("</figcaption>");
            html.Append("</figure>");
        }
        html.Append("</div>");
        if (HasKey)
        {
            html.Append("<div class=\"ur-key\">");
            foreach ((string color, string meaning) in SegmentationOverlay.Key) html.Append($"<span><i style=\"background:{color}\"></i>{meaning}</span>");
            html.Append("</div>");
        }
        return html.Append("</div>").ToString();
    }

    /// <summary>The gallery as one picture.</summary>
    /// <returns>A PNG on white paper.</returns>
    public byte[] ToPng() => ContactSheet.Png(this);

    /// <summary>The gallery in words.</summary>
    /// <returns>Title, number of pictures, and the captions.</returns>
    public override string ToString()
    {
        string captions = string.Join(", ", cells.Select(cell => cell.Caption).Where(caption => caption.Length > 0 && caption is not "mask" and not "prediction"));
        return $"Gallery: {Title}. {cells.Count} pictures{(captions.Length > 0 ? ": " + captions : "")}.";
    }
}
