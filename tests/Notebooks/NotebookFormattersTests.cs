using System.Text.Json.Nodes;
using Microsoft.Data.Analysis;
using Microsoft.DotNet.Interactive.Formatting;
using Plotly.NET;
using UnetResnet.Data;
using UnetResnet.Notebooks;
using UnetResnet.Training;

namespace UnetResnet.Tests.Notebooks;

public class NotebookFormattersTests
{
    private const string Plotly = "application/vnd.plotly.v1+json";

    public NotebookFormattersTests() => NotebookFormatters.Register();

    [Fact]
    public void A_chart_is_a_figure_a_picture_and_a_sentence()
    {
        GenericChart chart = Charts.Loss(Histories.Of(12), "Validation rises");
        Assert.Equal([Plotly, "image/png", "text/plain"], Formatter.GetPreferredMimeTypesFor(chart.GetType()));

        string json = chart.ToDisplayString(Plotly);
        JsonNode figure = JsonNode.Parse(json)!;
        Assert.Equal(3, figure["data"]!.AsArray().Count);
        Assert.True(json.Length < 6000, $"{json.Length} characters");

        PixelImage picture = ImageCodec.Decode(Convert.FromBase64String(chart.ToDisplayString("image/png")));
        Assert.Equal((1520, 800), (picture.Width, picture.Height));

        // 1/(e+1): 0.5 … 1/13; 0.3 + 0.01 e: 0.31 … 0.42.
        Assert.Equal(
            "Chart: Validation rises. training 0.5 → 0.07692 (12 points); validation 0.31 → 0.42 (12 points); training images in inference mode 0.32 → 0.43 (12 points).",
            chart.ToDisplayString("text/plain"));
    }

    [Fact]
    public void A_chart_is_readable_on_light_and_dark_pages()
    {
        JsonNode layout = JsonNode.Parse(Charts.Loss(Histories.Of(2), "t").ToDisplayString(Plotly))!["layout"]!["template"]!["layout"]!;
        Assert.Equal("rgba(0,0,0,0)", (string?)layout["paper_bgcolor"]);
        Assert.Equal("rgba(0,0,0,0)", (string?)layout["plot_bgcolor"]);
        Assert.Equal(ChartPalette.Neutral, (string?)layout["font"]!["color"]);
    }

    [Fact]
    public void A_chart_from_elsewhere_loses_its_8_KB_template_and_fixed_size()
    {
        GenericChart chart = global::Plotly.NET.CSharp.Chart.Line<double, double, string>([1.0, 2, 3], [1.0, double.NaN, 2]);
        Assert.True(GenericChart.toJson(chart).Length > 8000);
        string json = chart.ToDisplayString(Plotly);
        Assert.True(json.Length < 2000, $"{json.Length} characters");
        JsonNode figure = JsonNode.Parse(json)!;
        Assert.Null(figure["layout"]!["width"]);
        Assert.Equal("[1,null,2]", new JsonArray([.. figure["data"]![0]!["y"]!.AsArray().Select(y => y is null ? null : (JsonNode)(double)y)]).ToJsonString());
    }

    /// <summary>As ECMA-262's Number::toString has it, which VS Code saves with.</summary>
    [Fact]
    public void Numbers_of_a_figure_are_written_as_JavaScript_writes_them()
    {
        string json = global::Plotly.NET.CSharp.Chart.Line<double, double, string>([1.0, -2, 0], [0.5, 2e-5, -1.25e-6]).ToDisplayString(Plotly);
        Assert.Contains("\"x\":[1,-2,0]", json, StringComparison.Ordinal);
        Assert.Contains("\"y\":[0.5,0.00002,-0.00000125]", json, StringComparison.Ordinal);
        json = global::Plotly.NET.CSharp.Chart.Line<double, double, string>([1.5, 2], [2e-7, 1e300]).ToDisplayString(Plotly);
        Assert.Contains("\"y\":[2e-7,1e+300]", json, StringComparison.Ordinal);
    }

    [Fact]
    public void A_size_that_was_asked_for_is_kept()
    {
        GenericChart chart = ChartParts.Chart("t", [ChartParts.Line("a", [1], [1], ChartPalette.Training)], ("width", 500));
        JsonNode layout = JsonNode.Parse(chart.ToDisplayString(Plotly))!["layout"]!;
        Assert.Equal((500, 400), ((int)layout["width"]!, (int)layout["height"]!));
    }

    [Fact]
    public void Registering_again_changes_nothing_and_a_reset_table_is_filled_again()
    {
        int before = Formatter.RegisteredFormatters(false).Count();
        NotebookFormatters.Register();
        Assert.Equal(before, Formatter.RegisteredFormatters(false).Count());

        Formatter.ResetToDefault();
        NotebookFormatters.Register();
        Assert.StartsWith("{", Charts.Loss(Histories.Of(2), "t").ToDisplayString(Plotly));
    }

    [Fact]
    public void The_kits_own_types_need_no_registration()
    {
        Formatter.ResetToDefault();
        var check = new CheckLine(true, "a < b", "1 (expected at most 2)");
        Assert.Equal(["text/html", "text/plain"], Formatter.GetPreferredMimeTypesFor(typeof(CheckLine)));
        Assert.Equal(check.ToHtml(), check.ToDisplayString("text/html"));
        Assert.Equal(["text/html", "image/png", "text/plain"], Formatter.GetPreferredMimeTypesFor(typeof(ImageGallery)));
    }

    [Fact]
    public void A_history_is_a_table_with_rounded_numbers()
    {
        string html = Histories.Of(2).ToDisplayString("text/html");
        Assert.Contains("<th align=\"right\">validation loss</th>", html, StringComparison.Ordinal);
        Assert.Contains("<td align=\"right\">0.3333</td><td align=\"right\">0.3200</td><td align=\"right\">0.3300</td>", html, StringComparison.Ordinal);
        string[] lines = Histories.Of(2).ToDisplayString("text/plain").Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.StartsWith("    1  0.5000", lines[1], StringComparison.Ordinal);
        Assert.Equal(lines[1].Length, lines[2].Length);
        Assert.Contains("No epoch", new TrainingHistory().ToDisplayString("text/plain"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_data_frame_is_a_table_that_says_what_it_leaves_out()
    {
        var frame = new DataFrame(
            new StringDataFrameColumn("name <b>", Enumerable.Range(0, 30).Select(i => $"r{i}")),
            new DoubleDataFrameColumn("value", Enumerable.Range(0, 30).Select(i => i / 8.0)));
        string html = frame.ToDisplayString("text/html");
        Assert.Contains("<th align=\"left\">name &lt;b&gt;</th><th align=\"right\">value</th>", html, StringComparison.Ordinal);
        Assert.Contains("… 5 more rows of 30", html, StringComparison.Ordinal);
        // Eighths have three decimals: so has the whole column.
        Assert.Contains("<td align=\"left\">r1</td><td align=\"right\">0.125</td>", html, StringComparison.Ordinal);
        Assert.Contains("<td align=\"left\">r8</td><td align=\"right\">1.000</td>", html, StringComparison.Ordinal);
    }

    [Fact]
    public void Values_are_shown_the_way_the_notebook_says()
    {
        using var console = new ConsoleCapture();
        var shown = new List<object>();
        NotebookFormatters.Register(shown.Add);
        Expect.That("one", 1).IsNear(1, 0);
        Assert.Equal([new CheckLine(true, "one", "1 (expected 1 ± 0)")], shown);
        Assert.Empty(console.Text);
    }
}
