using System.Text.Json.Nodes;
using UnetResnet.Tests.Samples;

namespace UnetResnet.Tests.DotnetInteractive;

/// <summary>The notebooks package as an extension in .NET Interactive's own sense, from the packed file; alone and beside Plotly.NET's own.</summary>
[Collection("kernels")]
public sealed class ExtensionTests(DotnetInteractive interactive, PackedKit packed) : IClassFixture<DotnetInteractive>
{
    private const string Own = "application/vnd.plotly.v1+json+image/png+text/plain";
    private const string Chart = "using Plotly.NET.CSharp;\nChart.Line<double, double, string>(new double[] { 1, 2, 3 }, new double[] { 3, 1, 2 })";

    [DotnetInteractiveFact]
    public void A_package_reference_is_enough_and_charts_stay_what_they_are_when_Plotly_NETs_extension_comes()
    {
        JsonArray cells = interactive.Execute(
            $"#i \"nuget:{packed.Feed}\"\n#r \"nuget: UnetResnet.Notebooks, {packed.PackedVersion}\"",
            Chart,
            "#r \"nuget: Plotly.NET.Interactive, 6.0.0\"",
            Chart);
        Assert.Empty(DotnetInteractive.Errors(cells));
        Assert.Equal([Own, Own], new[] { cells[1], cells[3] }.Select(Types));
    }

    [DotnetInteractiveFact]
    public void Plotly_NETs_extension_first_makes_no_difference()
    {
        JsonArray cells = interactive.Execute(
            "#r \"nuget: Plotly.NET.Interactive, 6.0.0\"",
            $"#i \"nuget:{packed.Feed}\"\n#r \"nuget: UnetResnet.Notebooks, {packed.PackedVersion}\"",
            Chart);
        Assert.Empty(DotnetInteractive.Errors(cells));
        Assert.Equal(Own, Types(cells[2]));
    }

    private static string Types(JsonNode? cell) =>
        string.Join('+', cell!["outputs"]!.AsArray().Last(o => o!["data"] is not null)!["data"]!.AsObject().Select(d => d.Key).Order(StringComparer.Ordinal));
}
