using System.Text.Json.Nodes;
using Plotly.NET;
using UnetResnet.Data;
using UnetResnet.Diagnosis;
using UnetResnet.Notebooks;
using UnetResnet.Tests.Data;

namespace UnetResnet.Tests.Notebooks;

public class InteractiveChartsTests
{
    [Fact]
    public void A_slider_shows_one_chart_at_a_time_on_one_scale_with_its_title_and_lines()
    {
        GenericChart chart = Charts.Slider("images", new Dictionary<string, GenericChart>
        {
            ["1"] = Bars(0.2, "One image").WithHorizontalLine(0.5, "half"),
            ["8"] = Bars(0.9, "Eight images"),
        }, active: 1);
        JsonObject figure = ChartFigure.Of(chart);
        JsonArray data = figure["data"]!.AsArray();
        Assert.Equal([false, true], data.Select(t => (bool)t!["visible"]!));
        JsonNode slider = figure["layout"]!["sliders"]![0]!;
        Assert.Equal((1, "images: "), ((int)slider["active"]!, (string?)slider["currentvalue"]!["prefix"]));
        JsonNode first = slider["steps"]![0]!;
        Assert.Equal(("1", "update"), ((string?)first["label"], (string?)first["method"]));
        Assert.Equal([true, false], first["args"]![0]!["visible"]!.AsArray().Select(v => (bool)v!));
        Assert.Equal("One image", (string?)first["args"]![1]!["title.text"]);
        Assert.Equal(0.5, (double)first["args"]![1]!["shapes"]![0]!["y0"]!);
        Assert.Empty(slider["steps"]![1]!["args"]![1]!["shapes"]!.AsArray());
        Assert.Equal("Eight images", (string?)figure["layout"]!["title"]!["text"]);
        double[] range = [.. figure["layout"]!["yaxis"]!["range"]!.AsArray().Select(v => (double)v!)];
        Assert.Equal(0, range[0]);
        Assert.InRange(range[1], 0.9, 1.1);
        Assert.Equal("Chart: Eight images. IoU 0.9. images: 8. The slider, from 1 to 8, moves in an editor and in the report.", ChartSummary.Of(figure));
    }

    [Fact]
    public void Buttons_choose_between_charts_and_heat_maps_share_their_colours()
    {
        GenericChart Map(double value, string title) => Charts.Heatmap(new double[,] { { 1, value } }, ["r"], ["a", "b"], title, "value");
        JsonObject figure = ChartFigure.Of(Charts.Buttons(new Dictionary<string, GenericChart> { ["left"] = Map(2, "Two"), ["right"] = Map(9, "Nine") }));
        Assert.All(figure["data"]!.AsArray(), trace => Assert.Equal((1.0, 9.0), ((double)trace!["zmin"]!, (double)trace["zmax"]!)));
        JsonArray buttons = figure["layout"]!["updatemenus"]![0]!["buttons"]!.AsArray();
        Assert.Equal(["left", "right"], buttons.Select(b => (string?)b!["label"]));
        Assert.Equal("Nine", (string?)buttons[1]!["args"]![1]!["title.text"]);
    }

    [Fact]
    public void The_momentum_slider_tells_what_is_left_at_the_first_validation()
    {
        JsonObject figure = ChartFigure.Of(Clock().MomentumSlider([0.01, 0.1]));
        // 0.9^14 = 0.229, 0.99^14 = 0.869.
        Assert.Equal("Momentum 0.1: 23 % of the old statistics<br>are left at the first validation", (string?)figure["layout"]!["title"]!["text"]);
        JsonNode slow = figure["layout"]!["sliders"]![0]!["steps"]![0]!["args"]![1]!;
        Assert.StartsWith("Momentum 0.01: 87 %", (string?)slow["title.text"]);
        Assert.Contains(slow["shapes"]!.AsArray(), shape => (double)shape!["x0"]! == 14);
    }

    [Fact]
    public void A_slider_over_galleries_swaps_pictures_and_captions()
    {
        JsonObject figure = ChartFigure.Of(Masks());
        JsonNode layout = figure["layout"]!;
        Assert.Equal(2, layout["images"]!.AsArray().Count);
        JsonNode second = layout["sliders"]![0]!["steps"]![1]!["args"]![0]!;
        Assert.StartsWith("data:image/webp;base64,", (string?)second["images[0].source"]);
        Assert.NotEqual((string?)second["images[0].source"], (string?)layout["images"]![0]!["source"]);
        Assert.Equal(["epoch 2, a", "epoch 2, b"], second["annotations"]!.AsArray().Select(a => (string?)a!["text"]));
        // The picture of the first position is 40, which lies where its place says.
        PixelImage drawn = ImageCodec.Decode(ChartPicture.Png(Masks()));
        Assert.InRange(drawn[drawn.Height / 3, drawn.Width / 4], 36, 44);
    }

    [Fact]
    public void What_cannot_be_chosen_from_is_refused()
    {
        var one = new Dictionary<string, GenericChart> { ["only"] = Bars(1, "t") };
        Assert.Contains("at least two", Assert.Throws<ArgumentException>(() => Charts.Slider("n", one)).Message);
        var two = new Dictionary<string, GenericChart> { ["a"] = Bars(1, "t"), ["b"] = Bars(1, "t") };
        Assert.Throws<ArgumentOutOfRangeException>(() => Charts.Buttons(two, active: 2));
        var galleries = new Dictionary<string, ImageGallery> { ["1"] = Gallery(40, "1"), ["2"] = ImageGallery.Of("other", [Pictures.Grey(8, 8, (_, _) => 1)]) };
        Assert.Contains("'2'", Assert.Throws<ArgumentException>(() => Charts.Slider("epoch", galleries)).Message);
        Assert.Contains("from 0 to 1", Assert.Throws<ArgumentOutOfRangeException>(() => Charts.Slider("epoch", new Dictionary<string, ImageGallery> { ["1"] = Gallery(40, "1"), ["2"] = Gallery(4, "2") }, only: [2])).Message);
    }

    internal static EmaClock Clock() => EmaClock.Measure([0.1, 0.01, 0.0003], 14);

    internal static GenericChart Masks() => Charts.Slider("epoch", new Dictionary<string, ImageGallery> { ["1"] = Gallery(40, "epoch 1"), ["2"] = Gallery(200, "epoch 2") });

    private static ImageGallery Gallery(byte grey, string name) =>
        ImageGallery.Of($"Masks, {name}", [Pictures.Grey(96, 96, (_, _) => grey), Pictures.Grey(96, 96, (_, _) => grey)], [$"{name}, a", $"{name}, b"]);

    private static GenericChart Bars(double value, string title) => Charts.Bars(new Dictionary<string, double> { ["IoU"] = value }, title, "IoU");
}
