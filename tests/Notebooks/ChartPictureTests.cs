using Plotly.NET;
using SkiaSharp;
using UnetResnet.Data;
using UnetResnet.Notebooks;

namespace UnetResnet.Tests.Notebooks;

public class ChartPictureTests
{
    [Theory]
    [InlineData(760, 400, 2)]
    [InlineData(390, 300, 1)]
    [InlineData(200, 150, 3)]
    public void Picture_has_the_size_asked_for(int width, int height, int scale)
    {
        PixelImage picture = ImageCodec.Decode(ChartPicture.Png(Charts.Loss(Histories.Of(12), "Loss falls"), width, height, scale));
        Assert.Equal((width * scale, height * scale), (picture.Width, picture.Height));
    }

    [Theory]
    [InlineData(199, 400, 2)]
    [InlineData(760, 4001, 2)]
    [InlineData(760, 400, 5)]
    public void Sizes_out_of_range_are_refused(int width, int height, int scale) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => ChartPicture.Png(Charts.Loss(Histories.Of(2), "t"), width, height, scale));

    [Fact]
    public void The_same_chart_gives_the_same_bytes() =>
        Assert.Equal(ChartPicture.Png(Charts.Loss(Histories.Of(12), "t")), ChartPicture.Png(Charts.Loss(Histories.Of(12), "t")));

    [Fact]
    public void Heights_of_bars_are_as_their_values()
    {
        string[] colors = [ChartPalette.Training, ChartPalette.Validation, ChartPalette.TrainingInInferenceMode];
        PixelImage picture = Drawn(Charts.Bars(new Dictionary<string, double> { ["a"] = 1, ["b"] = 2, ["c"] = 4 }, "Bars", "value", colors: colors));
        Box[] bars = [.. colors.Select(color => Find(picture, color))];
        // The soft edge of a bar may take a pixel at either end.
        Assert.Equal(bars[2].Height / 4.0, bars[0].Height, 2.0);
        Assert.Equal(bars[2].Height / 2.0, bars[1].Height, 2.0);
        Assert.All(bars, bar => Assert.Equal(bars[0].Bottom, bar.Bottom));
        Assert.Equal(bars[1].Left - bars[0].Left, bars[2].Left - bars[1].Left, 1.0);
        // A bar takes 1 − bargap = 0.6 of its place.
        Assert.Equal(0.6 * (bars[1].Left - bars[0].Left), bars[0].Width, 3.0);
        Assert.All(bars, bar => Assert.Equal(bar.Width * bar.Height, bar.Pixels));
    }

    [Fact]
    public void Lines_run_where_their_values_say()
    {
        double[] x = [.. Enumerable.Range(0, 101).Select(i => (double)i)];
        IReadOnlyList<double> Constant(double y) => [.. x.Select(_ => y)];
        GenericChart chart = Charts.Lines(x, new Dictionary<string, IReadOnlyList<double>>
        {
            ["low"] = Constant(0),
            ["middle"] = Constant(1),
            ["high"] = Constant(4),
            ["gap"] = [.. x.Select(v => v is > 25 and < 75 ? double.NaN : 2)],
        }, "Lines", "x", "y");
        PixelImage picture = Drawn(chart);
        Box[] lines = [.. ChartPalette.Series.Take(4).Select(color => Find(picture, color, below: LegendTop(picture)))];
        // Lower values stand lower in the picture, in proportion.
        Assert.Equal((lines[0].Middle - lines[2].Middle) / 4, lines[0].Middle - lines[1].Middle, 1.5);
        Assert.Equal((lines[0].Middle - lines[2].Middle) / 2, lines[0].Middle - lines[3].Middle, 1.5);
        // The whole width of the area is one line; another lacks its middle half.
        Assert.Equal(0.5, (double)lines[3].Pixels / lines[0].Pixels, 0.03);
        // A line of many pieces ends with a round cap, and antialiasing takes a dot or two of it.
        Assert.Equal(lines[0].Right, lines[3].Right, 6.0);
    }

    [Fact]
    public void Cells_of_a_heat_map_have_the_colours_of_the_scale()
    {
        PixelImage picture = Drawn(Charts.Heatmap(new double[,] { { 0, 4 }, { 8, double.NaN } }, ["r0", "r1"], ["c0", "c1"], "Map", "value", format: null));
        // The colour key, which repeats the colours, takes the last 86 + 18 CSS pixels.
        Box Cell(int color) => Find(picture, ChartPalette.Sequential[color], before: picture.Width - 2 * (86 + 18));
        (Box low, Box middle, Box high) = (Cell(0), Cell(4), Cell(8));
        // The first row is at the top, the first column at the left; the fourth cell is white.
        Assert.True(low.Bottom < high.Top && low.Right < middle.Left);
        Assert.Equal((low.Top, low.Left), (middle.Top, high.Left));
        Assert.Equal(255, picture[(high.Top + high.Bottom) / 2, (middle.Left + middle.Right) / 2]);
        Assert.Equal(low.Width * low.Height, low.Pixels);
    }

    [Fact]
    public void A_horizontal_line_lies_at_its_value()
    {
        IReadOnlyDictionary<string, IReadOnlyList<double>> zeroAndTwo = new Dictionary<string, IReadOnlyList<double>> { ["a"] = [0, 0, 0], ["b"] = [2, 2, 2] };
        PixelImage picture = Drawn(Charts.Lines([0, 1, 2], zeroAndTwo, "t", "x", "y").WithHorizontalLine(1, "one"));
        int legend = LegendTop(picture);
        Box low = Find(picture, ChartPalette.Series[0], legend), high = Find(picture, ChartPalette.Series[1], legend), line = Find(picture, ChartPalette.Neutral, legend);
        Assert.Equal((low.Middle + high.Middle) / 2, line.Middle, 1.5);
    }

    [Fact]
    public void Panels_share_one_scale()
    {
        var runs = new Dictionary<string, UnetResnet.Training.TrainingHistory> { ["left"] = Histories.Of(12), ["right"] = Histories.Of(12) };
        PixelImage picture = Drawn(Charts.Panels(runs, HistoryMetric.Loss, "Twice the same"));
        SKColor validation = SKColor.Parse(ChartPalette.Validation);
        var rows = new List<int>[2] { [], [] };
        for (int y = 0; y < LegendTop(picture); y++)
            for (int x = 0; x < picture.Width; x++)
                if (IsColor(picture, x, y, validation)) rows[x < picture.Width / 2 + 20 ? 0 : 1].Add(y);
        Assert.NotEmpty(rows[0]);
        Assert.Equal(rows[0].Min(), rows[1].Min(), 1.0);
        Assert.Equal(rows[0].Max(), rows[1].Max(), 1.0);
    }

    [Fact]
    public void A_trace_that_cannot_be_drawn_leaves_a_sentence_and_no_axes()
    {
        GenericChart pie = ChartParts.Chart("Pie", [ChartParts.Trace("pie", ("values", new[] { 1, 2 }))]);
        PixelImage picture = Drawn(pie);
        int dark = 0;
        for (int x = 0; x < picture.Width; x++)
            for (int y = picture.Height / 2 - 40; y < picture.Height / 2 + 40; y++)
                if (picture[y, x] < 140) dark++;
        Assert.InRange(dark, 500, 20000);
        Assert.Equal(255, picture[picture.Height - 30, picture.Width / 2]);
    }

    [Fact]
    public void A_chart_from_elsewhere_is_drawn_without_its_template_and_size()
    {
        GenericChart chart = Plotly.NET.CSharp.Chart.Line<double, double, string>([1.0, 2, 3], [1.0, 4, 2]);
        PixelImage picture = Drawn(chart);
        Assert.Equal((1520, 800), (picture.Width, picture.Height));
        Assert.True(Find(picture, ChartPalette.Series[0], least: 1).Pixels > 1000);
    }

    [Theory]
    [InlineData("")]
    [InlineData("NaN")]
    public void Nothing_to_draw_is_no_error(string value)
    {
        double[] y = value.Length == 0 ? [] : [double.NaN];
        GenericChart chart = ChartParts.Chart("Empty", [ChartParts.Line("a", [.. y.Select(_ => 1.0)], y, ChartPalette.Training)]);
        Assert.Equal(1520, Drawn(chart).Width);
    }

    private static PixelImage Drawn(GenericChart chart) => ImageCodec.Decode(ChartPicture.Png(chart));

    // The legend repeats the colours: it stands in the last 40 CSS pixels, two dots each.
    private static int LegendTop(PixelImage picture) => picture.Height - 80;

    // Rows with only a few dots of the colour are soft edges of letters.
    private static Box Find(PixelImage picture, string color, int below = int.MaxValue, int before = int.MaxValue, int least = 40)
    {
        SKColor wanted = SKColor.Parse(color);
        var box = new Box(int.MaxValue, int.MaxValue, -1, -1, 0);
        for (int y = 0; y < Math.Min(below, picture.Height); y++)
        {
            int[] row = [.. Enumerable.Range(0, Math.Min(before, picture.Width)).Where(x => IsColor(picture, x, y, wanted))];
            if (row.Length >= least)
                box = new Box(Math.Min(box.Left, row[0]), Math.Min(box.Top, y), Math.Max(box.Right, row[^1]), y, box.Pixels + row.Length);
        }
        Assert.True(box.Pixels > 0, $"Nothing is drawn in {color}.");
        return box;
    }

    private static bool IsColor(PixelImage picture, int x, int y, SKColor color) =>
        (picture[y, x], picture[y, x, 1], picture[y, x, 2]) == (color.Red, color.Green, color.Blue);

    private readonly record struct Box(int Left, int Top, int Right, int Bottom, int Pixels)
    {
        public int Width => Right - Left + 1;

        public int Height => Bottom - Top + 1;

        public double Middle => (Top + Bottom) / 2.0;
    }
}
