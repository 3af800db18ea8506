using System.Text.RegularExpressions;
using Cellar.Notebooks;
using UnetResnet.Runtime;

namespace UnetResnet.Tests.Course;

/// <summary>One notebook of the course, as it is committed.</summary>
internal sealed partial class CourseNotebook
{
    private CourseNotebook(string path) => (Path, Document) = (path, NotebookDocument.Load(path));

    public static string Root { get; } = Directory.GetParent(BundledFiles.Root)!.FullName;

    public static string Folder { get; } = System.IO.Path.Combine(Root, "notebooks");

    /// <summary>All notebooks, in their order.</summary>
    public static IReadOnlyList<CourseNotebook> All { get; } = [.. Directory.GetFiles(Folder, "*.ipynb").Order(StringComparer.Ordinal).Select(path => new CourseNotebook(path))];

    /// <summary>The file names, for theories.</summary>
    public static TheoryData<string> Names => [.. All.Select(notebook => notebook.Name)];

    public static CourseNotebook Of(string name) => All.Single(notebook => notebook.Name == name);

    public string Path { get; }

    public string Name => System.IO.Path.GetFileName(Path);

    public NotebookDocument Document { get; }

    public IReadOnlyList<NotebookCell> Cells => Document.Cells;

    public IEnumerable<NotebookCell> Prose => Cells.Where(cell => cell.Kind == CellKind.Markdown);

    public string AllProse => string.Join("\n\n", Prose.Select(cell => cell.Source));

    public IEnumerable<NotebookCell> Tagged(string tag) => Cells.Where(cell => cell.IsCode && cell.HasTag(tag));

    /// <summary>What a cell has printed and shown, as text.</summary>
    public static string Output(NotebookCell cell) => string.Join('\n', cell.Outputs.Select(output => NotebookCell.Joined(output?["data"]?["text/plain"] ?? output?["text"])));

    /// <summary>Prose without what is no prose: code, formulas, addresses, folded answers' marks.</summary>
    public static string Plain(string markdown)
    {
        string text = Fences().Replace(markdown, " ");
        text = Formulas().Replace(text, " ");
        text = CodeSpans().Replace(text, " ");
        text = Links().Replace(text, "$1");
        return Tags().Replace(text, " ");
    }

    /// <summary>Minutes that a reader needs: 200 words of prose and 40 lines of code a minute; what is folded is not read.</summary>
    public double ReadingMinutes =>
        Prose.Sum(cell => Words().Count(Links().Replace(cell.Source, "$1"))) / 200.0
        + Cells.Where(cell => cell.IsCode && !(cell.Metadata["jupyter"]?["source_hidden"]?.GetValue<bool>() ?? false)).Sum(cell => cell.Source.Split('\n').Count(line => line.Trim().Length > 0)) / 40.0;

    public override string ToString() => Name;

    [GeneratedRegex(@"```.*?```", RegexOptions.Singleline)]
    private static partial Regex Fences();

    [GeneratedRegex(@"\$\$.*?\$\$|\$[^$\n]+\$", RegexOptions.Singleline)]
    private static partial Regex Formulas();

    [GeneratedRegex(@"`[^`\n]*`")]
    private static partial Regex CodeSpans();

    [GeneratedRegex(@"\[([^\]]*)\]\([^)]*\)")]
    private static partial Regex Links();

    [GeneratedRegex(@"<[^>]*>")]
    private static partial Regex Tags();

    [GeneratedRegex(@"\w[\w'’-]*")]
    private static partial Regex Words();
}
