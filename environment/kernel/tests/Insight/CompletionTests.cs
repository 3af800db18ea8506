using Cellar.Insight;

namespace Cellar.Tests.Insight;

/// <summary>Names are completed where the cursor is; it is written <c>|</c> here.</summary>
public sealed class CompletionTests(InsightFixture fixture) : IClassFixture<InsightFixture>
{
    private async Task<Completion> At(string cell)
    {
        int index = cell.IndexOf('|');
        return await CellCompletion.OfAsync(fixture.Engine, new CellCursor(cell.Remove(index, 1), cell[..index].EnumerateRunes().Count()));
    }

    private async Task<string[]> Names(string cell) => [.. (await At(cell)).Matches.Select(m => m.Text)];

    [Theory]
    [InlineData("Console.Wri|", "Write", "WriteLine")]
    [InlineData("Console.Wri|\nvar next = 1;", "Write", "WriteLine")]
    [InlineData("var x = Math.Max(Math.Sqr|, 2);", "Sqrt")]
    [InlineData("greeting.|", "Length", "ToUpper", "Where", "Contains")]
    [InlineData("greeting?.Le|", "Length")]
    [InlineData("greet|", "greeting")]
    [InlineData("numbers.Where(n => n.CompareT|", "CompareTo")]
    [InlineData("numbers\n    .Wh|\n    .Select(n => n)", "Where")]
    [InlineData("foreach (var point in points) { point.X| }", "X")]
    [InlineData("new Point { Y| }", "Y")]
    [InlineData("using System.Glob|", "Globalization")]
    [InlineData("System.Text.StringB|", "StringBuilder")]
    [InlineData("List<Poi|", "Point")]
    [InlineData("Console.Write($\"{greeting.Len|}\")", "Length")]
    [InlineData("void F(int width) { wid| }", "width")]
    [InlineData("Scale(fact|", "factor:")]
    [InlineData("forea|", "foreach")]
    [InlineData("disp|", "display")]
    [InlineData("#!time\nConsole.Wri|", "WriteLine")]
    [InlineData("#!html\n<p>\n#!csharp\ngreet|", "greeting")]
    public async Task What_fits_is_offered(string cell, params string[] expected)
    {
        string[] names = await Names(cell);
        foreach (string name in expected) Assert.Contains(name, names);
    }

    [Theory]
    [InlineData("Console.Wri|", "Read")]
    [InlineData("Console.|", "greeting")]
    [InlineData("greeting.IsNullOr|", "IsNullOrEmpty")]
    [InlineData("string.|", "Length")]
    [InlineData("{ lat|\nint later = 1; }", "later")]
    public async Task What_does_not_fit_is_not(string cell, string absent) => Assert.DoesNotContain(absent, await Names(cell));

    [Theory]
    [InlineData("\"Console.Wri|\"")]
    [InlineData("// Console.Wri|")]
    [InlineData("#!markdown\nConsole.Wri|")]
    [InlineData("12|")]
    [InlineData("nothing.Known|")]
    public async Task Nothing_is_offered_outside_code(string cell) => Assert.Empty(await Names(cell));

    [Fact]
    public async Task Matches_replace_what_is_typed_and_say_what_they_are()
    {
        Completion completion = await At("Console.writeL|");
        Assert.Equal("writeL".Length, completion.Typed);
        Match match = Assert.Single(completion.Matches);
        Assert.Equal(("WriteLine", "function"), (match.Text, match.Kind));
        Assert.Matches(@"^\(.*\) \(\+ \d+ more\)$", match.Signature);
        Assert.Equal("(double factor)", Assert.Single((await At("Scal|")).Matches, m => m.Text == "Scale").Signature);
        Assert.Equal("@class", Assert.Single((await At("@clas|")).Matches).Text);
    }

    [Fact]
    public async Task Magic_commands_and_paths_are_completed()
    {
        Assert.Equal(["#!who", "#!whos"], await Names("#!wh|"));
        Assert.Equal(4, (await At("#!wh|")).Typed);
        Assert.Equal(["tools.csx"], await Names("#load \"to|\""));
        Assert.Equal(["parts/"], await Names("#!import pa|"));
        Assert.Equal(["one.ipynb"], await Names("#!import \"parts/|"));
        Assert.Empty(await Names("#!import \"absent/|"));
    }

    [Theory]
    [InlineData(0, "")]
    [InlineData(1, "🙂")]
    [InlineData(2, "🙂é")]
    [InlineData(4, "x")]
    [InlineData(99, "x")]
    public void Places_are_counted_in_code_points(int place, string before)
    {
        var cursor = new CellCursor("🙂é\r\nx".Replace("\r", ""), place);
        Assert.Equal(before, cursor.BeforeOnLine);
        Assert.Equal(Math.Min(place, 4), cursor.CodePoints());
    }
}
