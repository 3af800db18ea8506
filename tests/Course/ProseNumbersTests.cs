using System.Globalization;
using System.Text.RegularExpressions;
using Cellar.Notebooks;

namespace UnetResnet.Tests.Course;

/// <summary>Numbers in prose are produced by a cell nearby, or stand on a list of constants with a reason.</summary>
public partial class ProseNumbersTests
{
    /// <summary>Sections that sum up or introduce the whole notebook: its cells are all near.</summary>
    private static readonly string[] Whole = ["What you know now", "Questionnaire", "Exercises"];

    /// <summary>Numbers that no cell of a notebook can produce, and why they are true.</summary>
    private static readonly (string Number, string Near, string Why)[] Constants =
    [
        ("0.01", "Keras's 0.99", "the same momentum, written by Keras"), ("0.99", "Keras", "Keras's default momentum"),
        ("100", "inference mode", "quotation from the release notes of Keras 2.1.3"),
        ("7", "7×7", "the size of ResNet's first convolution"), ("3", "3×3", "the size of a convolution's window"), ("1", "1×1", "the size of a convolution's window"),
        ("180", "180°", "Theano's kernels were turned by half a turn"),
        ("53", "53 ", "Keras's ResNet50 has 53 convolutions; a cell counts their layers"),
        ("0.6", "", "Keras 1.0.6"), ("1e-5", "", "ε of Caffe and PyTorch"), ("1e-6", "", "ε of Keras 1.0.6"), ("1e-3", "", "ε of Keras since 1.2"), ("1.001e-5", "", "ε of keras-applications"),
        ("1.2", "since 1.2", "version of Keras"), ("25.07", "", "keras-applications issue 8"), ("25.13", "", "keras-applications issue 8"), ("25.30", "", "keras-applications issue 8"),
    ];

    public static TheoryData<string> Names => CourseNotebook.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void A_number_in_prose_comes_from_a_cell_nearby(string name)
    {
        CourseNotebook notebook = CourseNotebook.Of(name);
        string[] orphans = [.. Orphans(notebook.Cells)];
        Assert.True(orphans.Length == 0, $"{name}: no cell nearby shows, and no code nearby holds:\n{string.Join('\n', orphans)}");
    }

    [Theory]
    [InlineData("The loss is 0.5.", "loss 0.498", true)]
    [InlineData("The loss is 0.51.", "loss 0.498", false)]
    [InlineData("All 63 layers.", "63 layers", true)]
    [InlineData("All 62 layers.", "63 layers", false)]
    [InlineData("In Keras 2.1.3, 2018, notebook 4, $z = 9$, `x = 8` and three layers.", "", true)]
    [InlineData("It is 85 % of the gap.", "share 0.847", true)]
    public void The_check_finds_numbers_that_nothing_shows(string prose, string output, bool found)
    {
        JsonCell(prose, output, out NotebookDocument document);
        Assert.Equal(found, !Orphans(document.Cells).Any());
    }

    private static void JsonCell(string prose, string output, out NotebookDocument document)
    {
        var code = Notebook.Code("Show();");
        code["outputs"]!.AsArray().Add(new System.Text.Json.Nodes.JsonObject { ["output_type"] = "stream", ["name"] = "stdout", ["text"] = output });
        document = NotebookDocument.Parse(Notebook.Text(Notebook.Markdown("## A section"), code, Notebook.Markdown(prose)), "prose.ipynb");
    }

    private static IEnumerable<string> Orphans(IReadOnlyList<NotebookCell> cells)
    {
        string whole = Evidence(cells);
        foreach (NotebookCell[] section in Sections(cells))
        {
            string heading = section[0].Source.TrimStart('#', ' ').Split('\n')[0];
            bool first = section[0] == cells[0] || Whole.Any(title => heading.StartsWith(title, StringComparison.Ordinal));
            double[] shown = [.. Numbers(first ? whole : Evidence(section)).Select(n => n.Value)];
            foreach (NotebookCell cell in section.Where(c => c.Kind == CellKind.Markdown))
            {
                string plain = Ignored().Replace(CourseNotebook.Plain(cell.Source), " ");
                foreach ((string text, double value) in Numbers(plain))
                {
                    if (shown.Any(number => Agrees(text, value, number))) continue;
                    if (Constants.Any(c => c.Number == text && cell.Source.Contains(c.Near, StringComparison.Ordinal))) continue;
                    int at = plain.IndexOf(text, StringComparison.Ordinal);
                    yield return $"  {text}: …{plain[Math.Max(0, at - 40)..Math.Min(plain.Length, at + text.Length + 30)].ReplaceLineEndings(" ")}…";
                }
            }
        }
    }

    /// <summary>A number agrees with one that was shown if it is that one rounded; a share may be written in per cent.</summary>
    private static bool Agrees(string text, double value, double number)
    {
        bool whole = !text.Contains('.');
        double half = 0.5 * Math.Pow(10, whole ? 0 : text.IndexOf('.') - text.Length + 1) + 1e-9;
        if (text.Contains('e')) half = 1e-12;
        // A whole number is a count and must be met exactly, unless it is a share in per cent.
        return Math.Abs(number - value) <= (whole ? 1e-9 : half) || (number is > 0 and < 1 && Math.Abs(100 * number - value) <= half);
    }

    private static IEnumerable<NotebookCell[]> Sections(IReadOnlyList<NotebookCell> cells)
    {
        var section = new List<NotebookCell>();
        foreach (NotebookCell cell in cells)
        {
            if (cell.Kind == CellKind.Markdown && cell.Source.StartsWith("## ", StringComparison.Ordinal) && section.Count > 0)
            {
                yield return [.. section];
                section.Clear();
            }

            section.Add(cell);
        }

        if (section.Count > 0) yield return [.. section];
    }

    private static string Evidence(IEnumerable<NotebookCell> cells) =>
        string.Join('\n', cells.Where(c => c.IsCode).Select(c => c.Source + "\n" + CourseNotebook.Output(c)));

    private static IEnumerable<(string Text, double Value)> Numbers(string text) =>
        Number().Matches(text).Select(m => (m.Value, double.Parse(m.Value.Replace(",", ""), NumberStyles.Float, CultureInfo.InvariantCulture)));

    /// <summary>Versions, years, references to notebooks and exercises, names with digits, numbers of list items.</summary>
    [GeneratedRegex(@"(?m)^\s*\d+\. |\babout \d+ minutes|\*\*\d · |\b\d+\.\d+\.\d+\b(?:–\d+\.\d+\.\d+)?|\b(?:19|20)\d\d\b|\b[Nn]otebooks? \d+(?:(?:, | and | to |–)\d+)*|\b[Ee]xercises? \d|\b(?:issue|issues|pull request|PR) \d+(?:, \d+)*|#\d+|\b(?:Keras|TensorFlow|TorchSharp|\.NET|PyTorch) ≤? ?\d+(?:\.\d+)*|(?<![\d.])[A-Za-z_-]+\d[\w.]*|\d+ · |\d+D\b|question \d|ln 2|(?:version|Version) \d+(?:\.\d+)*|# \d+")]
    private static partial Regex Ignored();

    [GeneratedRegex(@"(?<![\w.])\d+(?:,\d{3})*(?:\.\d+)?(?:e-?\d+)?(?![\w])")]
    private static partial Regex Number();
}
