using Microsoft.DotNet.Interactive.Formatting;
using UnetResnet.Models;
using UnetResnet.Notebooks.Drawing;

namespace UnetResnet.Notebooks;

/// <summary>A drawing of how things hang together, made by code: SVG for light and dark pages, and a PNG where no SVG is shown.</summary>
[TypeFormatterSource(typeof(NotebookFormatters), PreferredMimeTypes = ["image/svg+xml", "image/png", "text/plain"])]
public sealed class Diagram
{
    private readonly string description;
    private readonly double width, height;
    private readonly IReadOnlyList<DiagramShape> shapes;

    private Diagram(string description, double width, double height, IReadOnlyList<DiagramShape> shapes) =>
        (this.description, this.width, this.height, this.shapes) = (description, width, height, shapes);

    internal IReadOnlyList<DiagramShape> Shapes => shapes;

    /// <summary>The U-Net on a ResNet50: encoder, decoder and the five feature maps that go across, with their sizes.</summary>
    /// <param name="side">Side of the images in pixels, a multiple of 32.</param>
    /// <param name="width">Width of the network: 64 is ResNet50, 16 the kit's own.</param>
    /// <returns>The diagram.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The side is no multiple of 32, or no network has the width.</exception>
    public static Diagram Network(int side = 96, int width = 16)
    {
        if (side < 32 || side % 32 != 0) throw new ArgumentOutOfRangeException(nameof(side), side, "Expected a positive multiple of 32.");
        (string Name, int Layers)[] stages = [("conv1", 1), ("stage 2", 10), ("stage 3", 13), ("stage 4", 19), ("stage 5", 10)];
        int[] channels = [width, 4 * width, 8 * width, 16 * width, 32 * width];
        IReadOnlyList<int> filters = new UNetOptions { Encoder = new ResNet50Options { Width = width } }.DecoderFilters;
        const double boxWidth = 236, boxHeight = 44, step = 62, left = 24, right = 404, top = 64, middle = boxHeight / 2;
        double EncoderRow(int stage) => top + step * (stage + 1);
        double DecoderRow(int block) => top + step * (4 - block);
        var shapes = new List<DiagramShape>
        {
            new DiagramText(left, 24, "Encoder: ResNet50, frozen", Bold: true, Size: 15), new DiagramText(right, 24, "Decoder, trained", Bold: true, Size: 15),
            new DiagramBox(left, top, boxWidth, boxHeight, DiagramRole.Plain, ["image", $"{side}×{side}×3"]), new DiagramText(right, 48, $"out of it: mask, {side}×{side}×1"),
        };
        for (int i = 0; i < 5; i++)
        {
            double y = EncoderRow(i);
            shapes.Add(new DiagramBox(left, y, boxWidth, boxHeight, DiagramRole.Encoder,
                [$"{stages[i].Name} · {side >> (i + 1)}×{side >> (i + 1)}×{channels[i]}", $"{stages[i].Layers} × conv + batch norm"]));
            shapes.Add(new DiagramLine([(left + boxWidth / 2, y - step + boxHeight), (left + boxWidth / 2, y)]));
            if (i < 4) shapes.Add(new DiagramLine([(left + boxWidth, y + middle), (right, y + middle)], Dashed: true));
        }

        // The deepest map goes up into the first block.
        shapes.Add(new DiagramLine([(left + boxWidth, EncoderRow(4) + middle), (right + boxWidth / 2, EncoderRow(4) + middle), (right + boxWidth / 2, DecoderRow(0) + boxHeight)]));
        shapes.Add(new DiagramText((left + boxWidth + right) / 2, EncoderRow(0) + middle - 7, "skip connections", 0.5));
        for (int i = 0; i < 5; i++)
        {
            double y = DecoderRow(i);
            shapes.Add(new DiagramBox(right, y, boxWidth, boxHeight, DiagramRole.Decoder,
                [$"conv{6 + i} · {side >> (4 - i)}×{side >> (4 - i)}×{filters[i]}", "up, 2 × conv + batch norm"]));
            if (i > 0) shapes.Add(new DiagramLine([(right + boxWidth / 2, y + step), (right + boxWidth / 2, y + boxHeight)]));
        }

        return new Diagram(
            $"The network: five encoder stages from {side / 2}×{side / 2} to {side / 32}×{side / 32} pixels with 53 batch-norm layers, and five decoder blocks back to {side}×{side} with 10; the first four feature maps go across to the decoder.",
            664, top + 6 * step + 2, shapes);
    }

    /// <summary>Which statistics a frozen batch-norm layer uses when: with the bug, and in inference mode.</summary>
    /// <returns>The diagram.</returns>
    public static Diagram Statistics()
    {
        const double first = 186, second = 412, box = 204, high = 52;
        var shapes = new List<DiagramShape>
        {
            new DiagramText(first + box / 2, 26, "in training", 0.5, Bold: true, Size: 15), new DiagramText(second + box / 2, 26, "in validation and use", 0.5, Bold: true, Size: 15),
        };
        (string[] Who, DiagramRole Training, string[] TrainingText, string Verdict)[] rows =
        [
            (["Not frozen,", "any framework"], DiagramRole.Batch, ["statistics of the batch", "and they are collected"], "two functions that meet"),
            (["trainable = False,", "Keras 2.1.3 – 2.3.1"], DiagramRole.Batch, ["statistics of the batch", "and nothing is collected"], "two functions that never meet: the bug"),
            (["trainable = False,", "TensorFlow 2, Keras 3"], DiagramRole.Running, ["running statistics", "of the old data"], "one function: the cure"),
        ];
        string[][] use = [["running statistics", "of these data"], ["running statistics", "of the old data"], ["running statistics", "of the old data"]];
        foreach ((int i, (string[] who, DiagramRole training, string[] text, string verdict)) in rows.Index())
        {
            double y = 42 + 92 * i;
            shapes.Add(new DiagramText(16, y + 23, who[0], Bold: true));
            shapes.Add(new DiagramText(16, y + 41, who[1]));
            shapes.Add(new DiagramBox(first, y, box, high, training, text));
            shapes.Add(new DiagramBox(second, y, box, high, DiagramRole.Running, use[i]));
            shapes.Add(new DiagramText((first + second + box) / 2, y + high + 20, verdict, 0.5));
        }

        return new Diagram(
            "Which statistics a batch-norm layer uses: not frozen, those of the batch in training and running ones of the same data in validation; frozen in Keras 2.1.3 to 2.3.1, those of the batch in training and the old running ones in validation; frozen in TensorFlow 2, the old running ones in both.",
            632, 42 + 92 * 3 + 2, shapes);
    }

    /// <summary>The diagram as SVG, which needs nothing else and follows the reader's light or dark setting.</summary>
    /// <returns>One <c>svg</c> element with a title for screen readers.</returns>
    public string ToSvg() => DiagramPen.Svg(shapes, width, height, description);

    /// <summary>The diagram as a picture.</summary>
    /// <returns>A PNG on white paper, two dots for each CSS pixel.</returns>
    public byte[] ToPng() => DiagramPen.Png(shapes, width, height);

    /// <summary>The diagram in words.</summary>
    /// <returns>What it shows.</returns>
    public override string ToString() => $"Diagram. {description}";

    internal IReadOnlyList<(string Text, SkiaSharp.SKRect Box)> Labels() => DiagramPen.Labels(shapes, width, height);

    internal (double Width, double Height) Size => (width, height);
}
