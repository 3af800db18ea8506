using System.Text.Json.Nodes;
using Plotly.NET;
using UnetResnet.Notebooks;
using UnetResnet.Training;

namespace UnetResnet.Tests.Notebooks;

public class ChartsTests
{
    [Fact]
    public void Loss_draws_the_three_series_in_their_colours()
    {
        TrainingHistory history = Histories.Of(5);
        JsonObject figure = ChartFigure.Of(Charts.Loss(history, "Loss"));
        JsonArray data = figure["data"]!.AsArray();
        Assert.Equal(["training", "validation", "training images in inference mode"], data.Select(t => (string?)t!["name"]));
        Assert.Equal([ChartPalette.Training, ChartPalette.Validation, ChartPalette.TrainingInInferenceMode], data.Select(t => (string?)t!["line"]!["color"]));
        Assert.Equal(history.Select(e => e.Training.Loss), data[0]!["y"]!.AsArray().Select(y => (double)y!));
        Assert.Equal(history.Select(e => e.Validation.Loss), data[1]!["y"]!.AsArray().Select(y => (double)y!));
        Assert.Equal(history.Select(e => e.TrainingInInferenceMode.Loss), data[2]!["y"]!.AsArray().Select(y => (double)y!));
        Assert.Equal("epoch", (string?)figure["layout"]!["xaxis"]!["title"]!["text"]);
        Assert.Equal("loss", (string?)figure["layout"]!["yaxis"]!["title"]!["text"]);
    }

    [Fact]
    public void IoU_and_Dice_draw_their_own_scores()
    {
        TrainingHistory history = Histories.Of(3);
        Assert.Equal(history.Select(e => e.Validation.IoU), Values(Charts.IoU(history, "t"), 1));
        Assert.Equal(history.Select(e => e.Validation.Dice), Values(Charts.Dice(history, "t"), 1));
    }

    [Fact]
    public void Compare_draws_one_series_of_every_run()
    {
        var runs = new Dictionary<string, TrainingHistory> { ["before"] = Histories.Of(3), ["after"] = Histories.Of(6) };
        GenericChart chart = Charts.Compare(runs, HistoryMetric.IoU, "t", HistorySeries.TrainingInInferenceMode);
        Assert.Equal(runs["before"].Select(e => e.TrainingInInferenceMode.IoU), Values(chart, 0));
        Assert.Equal(runs["after"].Select(e => e.TrainingInInferenceMode.IoU), Values(chart, 1));
        JsonNode[] lines = [.. ChartFigure.Of(chart)["data"]!.AsArray().Select(t => t!["line"]!)];
        Assert.NotEqual((string?)lines[0]["color"], (string?)lines[1]["color"]);
        Assert.NotEqual((string?)lines[0]["dash"], (string?)lines[1]["dash"]);
    }

    [Fact]
    public void A_long_title_is_broken_into_lines_of_about_equal_length()
    {
        static string[] Lines(string title) => ((string)ChartFigure.Of(Charts.Loss(Histories.Of(2), title))["layout"]!["title"]!["text"]!).Split("<br>");
        string[] two = Lines("Training loss falls while validation loss rises, even on the training images");
        Assert.Equal(2, two.Length);
        Assert.All(two, line => Assert.InRange(line.Length, 30, 46));
        Assert.Equal(["Training loss falls"], Lines("Training loss falls"));
        Assert.Equal(["my own", "break"], Lines("my own<br>break"));
        string[] many = Lines(string.Join(' ', Enumerable.Repeat("epoch", 30)));
        Assert.All(many, line => Assert.InRange(line.Length, 1, 46));
        Assert.Equal(30, many.Sum(line => line.Split(' ').Length));
    }

    [Fact]
    public void A_gap_in_a_heat_map_has_no_label()
    {
        JsonNode trace = ChartFigure.Of(Charts.Heatmap(new double[,] { { 1.234, double.NaN } }, ["r"], ["a", "b"], "t", "value"))["data"]![0]!;
        Assert.Equal("[[1.234,null]]", trace["z"]!.ToJsonString());
        Assert.Equal(["1.23", ""], trace["text"]![0]!.AsArray().Select(t => (string?)t));
    }

    [Fact]
    public void Two_horizontal_lines_stand_beside_each_other()
    {
        JsonNode layout = ChartFigure.Of(Charts.IoU(Histories.Of(2), "t").WithHorizontalLine(0.7, "seven").WithHorizontalLine(0.9, "nine"))["layout"]!;
        Assert.Equal([0.7, 0.9], layout["shapes"]!.AsArray().Select(s => (double)s!["y0"]!));
        Assert.Equal(["seven", "nine"], layout["annotations"]!.AsArray().Where(a => a!["name"] is null).Select(s => (string?)s!["text"]));
    }

    [Fact]
    public void Lines_are_named_where_they_end_without_overlapping()
    {
        JsonNode layout = ChartFigure.Of(Charts.Loss(Histories.Of(12), "t"))["layout"]!;
        JsonArray names = layout["annotations"]!.AsArray();
        Assert.Equal(["training", "validation", "training images in<br>inference mode"], names.Select(n => (string?)n!["text"]));
        Assert.Equal([ChartPalette.Training, ChartPalette.Validation, ChartPalette.TrainingInInferenceMode], names.Select(n => (string?)n!["font"]!["color"]));
        Assert.All(names, n => Assert.Equal(12, (double)n!["x"]!));
        Assert.False((bool)layout["showlegend"]!);

        double[] wanted = [100, 102, 300, 99], heights = [17, 32, 17, 17];
        double[] centres = ChartLabels.Apart(wanted, heights);
        int[] order = [3, 0, 1, 2];
        foreach ((int low, int high) in order.Zip(order.Skip(1))) Assert.True(centres[high] - centres[low] >= (heights[low] + heights[high]) / 2 - 1e-9);
        Assert.Equal(300, centres[2]);
    }

    [Fact]
    public void On_a_logarithmic_axis_remarks_stand_at_logarithms_and_lines_at_values()
    {
        var series = new Dictionary<string, IReadOnlyList<double>> { ["a"] = [1, 10], ["b"] = [10, 1000] };
        JsonNode layout = ChartFigure.Of(Charts.Lines([1, 2], series, "t", "x", "y", logY: true).WithHorizontalLine(100, "hundred"))["layout"]!;
        Assert.Equal([1.0, 3.0, 2.0], layout["annotations"]!.AsArray().Select(a => (double)a!["y"]!));
        Assert.Equal(100, (double)layout["shapes"]![0]!["y0"]!);
    }

    [Fact]
    public void Dots_show_every_seed_its_range_and_the_median()
    {
        var rows = new Dictionary<string, IReadOnlyList<double>> { ["good"] = [1, 3, 2], ["bad"] = [7, 9] };
        JsonArray data = ChartFigure.Of(Charts.Dots(rows, "t", "loss"))["data"]!.AsArray();
        Assert.Equal("[1,3,null,7,9,null]", data[0]!["x"]!.ToJsonString());
        Assert.Equal("[1,3,2,7,9]", data[1]!["x"]!.ToJsonString());
        Assert.Equal("[2,8]", data[2]!["x"]!.ToJsonString());
        Assert.Contains("'none'", Assert.Throws<ArgumentException>(() => Charts.Dots(new Dictionary<string, IReadOnlyList<double>> { ["none"] = [] }, "t", "v")).Message);
    }

    [Fact]
    public void Names_below_many_bars_are_broken_into_short_lines_so_that_they_stay_level()
    {
        string First(int bars) => (string)ChartFigure.Of(Charts.Bars(Enumerable.Range(6, bars).ToDictionary(i => $"decoder conv{i}", i => 1.0), "t", "v"))["data"]![0]!["x"]![0]!;
        Assert.Equal("decoder conv6", First(4));
        Assert.Equal("decoder<br>conv6", First(5));
    }

    [Fact]
    public void Dots_of_one_value_each_have_no_range_and_a_pointer_reads_the_group()
    {
        IReadOnlyDictionary<string, IReadOnlyList<double>> rows = new Dictionary<string, IReadOnlyList<double>> { ["good"] = [1], ["bad"] = [7] };
        JsonArray data = ChartFigure.Of(Charts.Dots(new Dictionary<string, IReadOnlyDictionary<string, IReadOnlyList<double>>> { ["brain"] = rows, ["salt"] = rows }, "t", "loss"))["data"]!.AsArray();
        Assert.Equal(["brain", "salt"], data.Select(trace => (string?)trace!["name"]));
        Assert.All(data, trace => Assert.Equal("%{y}<br>loss: %{x:.4~g}<extra>%{fullData.name}</extra>", (string?)trace!["hovertemplate"]));
    }

    [Fact]
    public void A_pointer_reads_the_names_and_quantities_of_every_point()
    {
        JsonNode Trace(GenericChart chart) => ChartFigure.Of(chart)["data"]![0]!;
        Assert.Equal("epoch %{x}<br>loss: %{y:.4~g}<extra>%{fullData.name}</extra>", (string?)Trace(Charts.Loss(Histories.Of(2), "t"))["hovertemplate"]);
        JsonNode named = Trace(Charts.Lines([1, 2], new Dictionary<string, IReadOnlyList<double>> { ["a"] = [1, 2] }, "t", "x", "y", pointNames: ["bn1", "bn2"]));
        Assert.Equal(("%{text}<br>y: %{y:.4~g}<extra>%{fullData.name}</extra>", "bn2"), ((string?)named["hovertemplate"], (string?)named["text"]![1]));
        Assert.StartsWith("%{x}<br>%{y}<br>seconds: %{z", (string?)Trace(Charts.Heatmap(new double[1, 1], ["r"], ["c"], "t", "seconds"))["hovertemplate"]);
        Assert.StartsWith("%{x}<br>seconds: %{y", (string?)Trace(Charts.Bars(new Dictionary<string, double> { ["a"] = 1 }, "t", "seconds"))["hovertemplate"]);
    }

    [Fact]
    public void What_cannot_be_drawn_is_refused_with_its_name()
    {
        Assert.Throws<ArgumentException>(() => Charts.Loss(new TrainingHistory(), "t"));
        Assert.Throws<ArgumentException>(() => Charts.Loss(Histories.Of(2), " "));
        Assert.Throws<ArgumentException>(() => Charts.Compare(new Dictionary<string, TrainingHistory>(), HistoryMetric.Loss, "t"));
        var one = new Dictionary<string, TrainingHistory> { ["full"] = Histories.Of(2), ["bare"] = new() };
        Assert.Contains("'bare'", Assert.Throws<ArgumentException>(() => Charts.Panels(one, HistoryMetric.Loss, "t")).Message);
        Assert.Throws<ArgumentException>(() => Charts.Bars(new Dictionary<string, double>(), "t", "v"));
        Assert.Throws<ArgumentException>(() => Charts.Bars(new Dictionary<string, double> { ["a"] = 1 }, "t", "v", colors: ["#000000", "#111111"]));
        Assert.Throws<ArgumentException>(() => Charts.Heatmap(new double[1, 2], ["r"], ["a"], "t", "v"));
        var series = new Dictionary<string, IReadOnlyList<double>> { ["short"] = [1] };
        Assert.Contains("'short' has 1", Assert.Throws<ArgumentException>(() => Charts.Lines([1, 2], series, "t", "x", "y")).Message);
    }

    private static IEnumerable<double> Values(GenericChart chart, int trace) =>
        ChartFigure.Of(chart)["data"]![trace]!["y"]!.AsArray().Select(y => (double)y!);
}
