using UnetResnet.Training;

namespace UnetResnet.Tests.Training;

/// <summary>RFC 4180's rules.</summary>
public class CsvTextTests
{
    private static readonly string[] Cells = ["a", "b,c", "d\"e", "f\ng", "h\ri", ""];

    [Fact]
    public void What_has_a_meaning_of_its_own_is_quoted() => Assert.Equal("a,\"b,c\",\"d\"\"e\",\"f\ng\",\"h\ri\",\n", CsvText.Line(Cells));

    [Fact]
    public void What_was_written_is_read() => Assert.Equal([Cells, ["x"], Cells], CsvText.Lines(CsvText.Line(Cells) + CsvText.Line(["x"]) + CsvText.Line(Cells)));

    [Theory]
    [InlineData("", "")]
    [InlineData("a,b\nc", "a|b")]
    [InlineData("a,b\nc,", "a|b")]
    [InlineData("a,b\r\nc,d\r\n", "a|b/c|d")]
    [InlineData("\"a\"\"\",\"\"\n", "a\"|")]
    [InlineData("\n", "")]
    [InlineData("a,\"b\n", "")]
    public void Lines_end_with_a_line_feed_outside_quotes(string text, string cells) => Assert.Equal(cells, string.Join('/', CsvText.Lines(text).Select(line => string.Join('|', line))));
}
