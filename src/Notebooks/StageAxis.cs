using Plotly.NET;
using UnetResnet.Diagnosis;

namespace UnetResnet.Notebooks;

/// <summary>
/// Draws the network along the axis of its layers: a block for each stage, as high as the stage's feature maps are large, with the names of the stages and of the parts below it. Sixty-three
/// names of layers would be unreadable; a pointer on a point reads its layer.
/// </summary>
internal static class StageAxis
{
    private const int Room = 74;
    private const double Middle = -0.075, HalfHeight = 0.055;

    /// <summary>Puts the drawing below a chart whose abscissa are the layers' names, in order.</summary>
    /// <param name="chart">The chart; it is changed.</param>
    /// <param name="layers">Dotted names, from the input to the output.</param>
    /// <returns>The same chart.</returns>
    internal static GenericChart Below(GenericChart chart, IReadOnlyList<string> layers)
    {
        Layout layout = GenericChart.getLayout(chart);
        layout.SetProperty("xaxis", ChartParts.Map(
            ("type", "category"), ("categoryorder", "array"), ("categoryarray", layers), ("showticklabels", false), ("ticks", ""), ("showgrid", false), ("range", new[] { -0.5, layers.Count - 0.5 })));
        Stage[] stages = [.. Runs(layers, LayerAttribution.StageOf).Select(run => new Stage(run.Name, run.First, run.Last))];
        bool tight = stages.Length * 36 > 680;
        foreach ((int i, Stage stage) in stages.Index())
        {
            double half = HalfHeight * Size(stage, stages);
            ChartParts.Append(chart, "shapes", ChartParts.Map(
                ("type", "rect"), ("xref", "x"), ("yref", "paper"), ("x0", stage.First - 0.42), ("x1", stage.Last + 0.42), ("y0", Middle - half), ("y1", Middle + half),
                ("fillcolor", ChartPalette.Neutral), ("opacity", i % 2 == 0 ? 0.55 : 0.3), ("line", ChartParts.Map(("width", 0)))));
            if (!tight || stage.Last - stage.First >= 2) Remark(chart, stage.Label, (stage.First + stage.Last) / 2.0, Middle - HalfHeight - 0.005);
        }

        (string Name, int First, int Last)[] parts = [.. Runs([.. stages.Select(stage => stage.Part)], part => part)];
        foreach ((string name, int first, int last) in parts.Where(part => part.Name.Length > 0))
        {
            (int from, int to) = (stages[first].First, stages[last].Last);
            const double bracket = Middle - HalfHeight - 0.062;
            ChartParts.Append(chart, "shapes", ChartParts.Map(
                ("type", "line"), ("xref", "x"), ("yref", "paper"), ("x0", from - 0.42), ("x1", to + 0.42), ("y0", bracket), ("y1", bracket),
                ("line", ChartParts.Map(("color", ChartPalette.Neutral), ("width", 1)))));
            Remark(chart, name, (from + to) / 2.0, bracket - 0.005);
        }

        var margin = (Dictionary<string, object>)layout.Properties["margin"]!;
        margin["b"] = 48 + Room;
        layout.SetProperty("height", (int)layout.Properties["height"]! + Room);
        return chart;
    }

    private static void Remark(GenericChart chart, string text, double x, double y) => ChartParts.Append(chart, "annotations", ChartParts.Map(
        ("text", text), ("xref", "x"), ("yref", "paper"), ("x", x), ("y", y), ("xanchor", "center"), ("yanchor", "top"), ("showarrow", false), ("font", ChartParts.Map(("size", 11)))));

    // The encoder's maps halve from stage to stage, and the decoder's double: of other networks nothing is known, and all blocks are alike.
    private static double Size(Stage stage, Stage[] stages)
    {
        Stage[] same = [.. stages.Where(s => s.Part == stage.Part)];
        double place = same.Length < 2 ? 0 : (double)Array.IndexOf(same, stage) / (same.Length - 1);
        return stage.Part switch { "encoder" => 1 - 0.75 * place, "decoder" => 0.4 + 0.6 * place, _ => 0.6 };
    }

    private static IEnumerable<(string Name, int First, int Last)> Runs(IReadOnlyList<string> items, Func<string, string> nameOf)
    {
        for (int first = 0, last; first < items.Count; first = last + 1)
        {
            string name = nameOf(items[first]);
            for (last = first; last + 1 < items.Count && nameOf(items[last + 1]) == name;) last++;
            yield return (name, first, last);
        }
    }

    private sealed record Stage(string Name, int First, int Last)
    {
        /// <summary><c>encoder</c> of <c>encoder stage 3</c>; nothing where the name is one word.</summary>
        public string Part => Name.IndexOf(' ') is >= 0 and int at ? Name[..at] : "";

        /// <summary>The rest of the name, as short as it can be: <c>3</c> of <c>encoder stage 3</c>, <c>6</c> of <c>decoder conv6</c>.</summary>
        public string Label => Part.Length == 0 ? Name : Name[(Part.Length + 1)..].Replace("stage ", "", StringComparison.Ordinal) is var rest && Part == "decoder" ? rest.Replace("conv", "", StringComparison.Ordinal) : rest;
    }
}
