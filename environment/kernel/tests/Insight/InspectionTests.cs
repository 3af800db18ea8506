using Cellar.Insight;

namespace Cellar.Tests.Insight;

/// <summary>What is known of a name is told; the cursor is written <c>|</c> here.</summary>
public sealed class InspectionTests(InsightFixture fixture) : IClassFixture<InsightFixture>
{
    private async Task<Inspection?> At(string cell, bool more = false)
    {
        int index = cell.IndexOf('|');
        return await CellInspection.OfAsync(fixture.Engine, new CellCursor(cell.Remove(index, 1), cell[..index].EnumerateRunes().Count()), more);
    }

    [Theory]
    [InlineData("gree|ting", "string greeting = \"hello\\n\"")]
    [InlineData("greeting|.Length", "string greeting")]
    [InlineData("greeting.Len|gth", "int string.Length")]
    [InlineData("numbers.Wh|ere(n => n > 1)", "Where<int>")]
    [InlineData("Sca|le(2)", "Makes it larger, see Point.")]
    [InlineData("Scale(|", "double Scale(double factor)")]
    [InlineData("Scale(1 + |", "double Scale(double factor)")]
    [InlineData("new Poi|nt()", "Point")]
    [InlineData("v|ar s = greeting;", "string")]
    [InlineData("var s = greeting|", "string greeting")]
    [InlineData("TorchSharp.torch.nn.functional.re|lu(null)", "Tensor")]
    [InlineData("#!ti|me", "how long")]
    public async Task A_name_is_explained(string cell, string expected)
    {
        Inspection? found = await At(cell);
        Assert.NotNull(found);
        Assert.Contains(expected, found.Text);
    }

    [Theory]
    [InlineData("abs|ent")]
    [InlineData("// gree|ting")]
    [InlineData("|")]
    [InlineData("#!markdown\ngree|ting")]
    public async Task The_unknown_is_not(string cell) => Assert.Null(await At(cell));

    [Fact]
    public async Task Documentation_of_dotnet_of_packages_and_of_the_kit_is_found()
    {
        Assert.Contains("current line terminator", (await At("Console.Write|Line(\"x\")"))!.Text);
        Assert.Contains("absolute value", (await At("Math.Ab|s(1)"))!.Text);
        Assert.Contains("Adds an object to the end", (await At("points.Ad|d(null)"))!.Text);
        Assert.Contains("specifies a raster bitmap", (await At("SkiaSharp.SKBit|map"))!.Text);
        Assert.Contains("The last epoch.", (await At("new UnetResnet.Training.TrainingHistory().La|st"))!.Text);
        Assert.Contains("Shows a value below the cell", (await At("disp|lay(1)"))!.Text);
    }

    [Fact]
    public async Task Overloads_are_listed_and_markdown_has_a_signature_and_names_of_parameters()
    {
        Inspection found = (await At("Console.Write|Line(1)"))!;
        Assert.StartsWith("```csharp\npublic static void Console.WriteLine(int value)\n", found.Markdown);
        Assert.Contains("more overloads", found.Text);
        Assert.Contains("- `value`: The value to write.", found.Markdown);
        Assert.DoesNotContain("Twice", (await At("Sca|le(2)"))!.Text);
        Assert.Contains("Remarks: Twice, that is.", (await At("Sca|le(2)", more: true))!.Text);
    }
}
