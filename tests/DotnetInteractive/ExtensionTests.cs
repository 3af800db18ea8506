using System.Diagnostics;
using System.Text.Json.Nodes;

namespace UnetResnet.Tests.DotnetInteractive;

/// <summary>The notebooks package as an extension in .NET Interactive's own sense, from the packed file; alone and beside Plotly.NET's own.</summary>
[Collection("kernels")]
public sealed class ExtensionTests : IClassFixture<DotnetInteractive>, IDisposable
{
    private const string Own = "application/vnd.plotly.v1+json+image/png+text/plain";
    private const string Chart = "using Plotly.NET.CSharp;\nChart.Line<double, double, string>(new double[] { 1, 2, 3 }, new double[] { 3, 1, 2 })";

    private readonly DotnetInteractive interactive;
    private readonly TemporaryFolder folder = new();

    /// <summary>One that no cache has.</summary>
    private readonly string version = $"0.2.0-test.{Environment.ProcessId}.{Environment.TickCount64}";

    public ExtensionTests(DotnetInteractive interactive) => this.interactive = interactive;

    public void Dispose()
    {
        string packages = Environment.GetEnvironmentVariable("NUGET_PACKAGES") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        foreach (string name in (string[])["unetresnet.helpers", "unetresnet.notebooks"])
            if (Directory.Exists(Path.Combine(packages, name, version))) Directory.Delete(Path.Combine(packages, name, version), recursive: true);
        folder.Dispose();
    }

    [DotnetInteractiveFact]
    public void A_package_reference_is_enough_and_charts_stay_what_they_are_when_Plotly_NETs_extension_comes()
    {
        foreach (string project in (string[])["UnetResnet.Helpers.csproj", Path.Combine("src", "Notebooks", "UnetResnet.Notebooks.csproj")]) Pack(DotnetInteractive.Repository(project));
        JsonArray cells = interactive.Execute(
            $"#i \"nuget:{folder["packed"]}\"\n#r \"nuget: UnetResnet.Notebooks, {version}\"",
            Chart,
            "#r \"nuget: Plotly.NET.Interactive, 6.0.0\"",
            Chart);
        Assert.Empty(DotnetInteractive.Errors(cells));
        Assert.Equal([Own, Own], new[] { cells[1], cells[3] }.Select(Types));
    }

    [DotnetInteractiveFact]
    public void Plotly_NETs_extension_first_makes_no_difference()
    {
        foreach (string project in (string[])["UnetResnet.Helpers.csproj", Path.Combine("src", "Notebooks", "UnetResnet.Notebooks.csproj")]) Pack(DotnetInteractive.Repository(project));
        JsonArray cells = interactive.Execute(
            "#r \"nuget: Plotly.NET.Interactive, 6.0.0\"",
            $"#i \"nuget:{folder["packed"]}\"\n#r \"nuget: UnetResnet.Notebooks, {version}\"",
            Chart);
        Assert.Empty(DotnetInteractive.Errors(cells));
        Assert.Equal(Own, Types(cells[2]));
    }

    private static string Types(JsonNode? cell) =>
        string.Join('+', cell!["outputs"]!.AsArray().Last(o => o!["data"] is not null)!["data"]!.AsObject().Select(d => d.Key).Order(StringComparer.Ordinal));

    private void Pack(string project)
    {
        const string configuration =
#if DEBUG
            "Debug";
#else
            "Release";
#endif
        using Process pack = Process.Start(new ProcessStartInfo("dotnet", ["pack", project, "--no-build", "-c", configuration, "-o", folder["packed"], $"-p:Version={version}"]) { RedirectStandardOutput = true })!;
        string output = pack.StandardOutput.ReadToEnd();
        pack.WaitForExit();
        Assert.True(pack.ExitCode == 0, output);
    }
}
