using System.Xml.Linq;
using Microsoft.DotNet.Interactive.Formatting;
using UnetResnet.Data;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Notebooks;
using UnetResnet.Notebooks.Drawing;

namespace UnetResnet.Tests.Notebooks;

public class DiagramTests
{
    [Fact]
    public void Svg_is_well_formed_with_a_title_and_both_settings()
    {
        foreach (Diagram diagram in (Diagram[])[Diagram.Network(), Diagram.Statistics()])
        {
            XElement svg = XElement.Parse(diagram.ToSvg());
            Assert.Equal("svg", svg.Name.LocalName);
            Assert.Equal(diagram.ToString(), "Diagram. " + svg.Elements().First(e => e.Name.LocalName == "title").Value);
            Assert.Contains("prefers-color-scheme: dark", svg.Value);
            Assert.DoesNotContain("<script", diagram.ToSvg());
            // The text of a box stays inside of it.
            foreach (DiagramBox box in diagram.Shapes.OfType<DiagramBox>())
                foreach ((int i, string line) in box.Lines.Index()) Assert.True(PictureFont.Measure(line, 13, bold: i == 0) < box.Width - 8, line);
            PixelImage picture = ImageCodec.Decode(diagram.ToPng());
            Assert.Equal(((int)(2 * diagram.Size.Width), (int)(2 * diagram.Size.Height)), (picture.Width, picture.Height));
        }
        Assert.Equal(["image/svg+xml", "image/png", "text/plain"], Formatter.GetPreferredMimeTypesFor(typeof(Diagram)));
    }

    [Fact]
    public void The_network_is_drawn_as_it_is_built()
    {
        using UNetResNet50 unet = new(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } });
        string[] texts = [.. Diagram.Network(96, 16).Shapes.OfType<DiagramBox>().SelectMany(box => box.Lines)];
        string[] layers = [.. unet.Encoder.BatchNormLayers().Select(layer => layer.Name)];
        Assert.Contains($"conv1: {layers.Count(n => n.Contains("bn_conv1"))} × conv + batch norm", texts);
        for (int stage = 2; stage <= 5; stage++) Assert.Contains($"stage {stage}: {layers.Count(n => n.Contains($"bn{stage}"))} × conv + batch norm", texts);
        foreach ((int i, int filters) in unet.Options.DecoderFilters.Index()) Assert.Contains($"{96 >> (4 - i)}×{96 >> (4 - i)}×{filters}", texts);
        foreach ((int i, long channels) in ResNet50Encoder.FeatureChannelsOf(16).Index()) Assert.Contains($"{96 >> (i + 1)}×{96 >> (i + 1)}×{channels}", texts);
        Assert.Throws<ArgumentOutOfRangeException>(() => Diagram.Network(side: 100));
    }
}
