using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Cellar.Notebooks;
using UnetResnet.Lab.Results;

namespace UnetResnet.Lab.Running;

/// <summary>Whose notebook is run: with the exercises open, with their solutions, or as it stands, with both.</summary>
internal enum NotebookMode
{
    /// <summary>Every cell: an exercise waits for its answer, its solution follows.</summary>
    All,

    /// <summary>As a learner gets it, without the solutions: every exercise must wait, and the notebook run to its end.</summary>
    Starter,

    /// <summary>As a teacher checks it: every exercise must wait without an answer, refuse its wrong answers, and take its solution.</summary>
    Solution,
}

/// <summary>The cells that a mode leaves out or adds, and what the exercises must have said.</summary>
/// <remarks>
/// An exercise is a code cell tagged <c>exercise</c> with one <c>Exercise.Todo&lt;T&gt;(…)</c>; its metadata's list <c>wrong_answers</c> holds expressions that a
/// learner might write in its place. A cell tagged <c>solution</c> is the exercise with an answer.
/// </remarks>
internal static partial class NotebookModes
{
    public const string Exercise = "exercise", Solution = "solution", WrongAnswer = "wrong-answer", WrongAnswers = "wrong_answers";

    /// <summary>The mode of a name.</summary>
    /// <exception cref="ArgumentException">There is none of that name.</exception>
    public static NotebookMode Parse(string name) => Enum.TryParse(name, ignoreCase: true, out NotebookMode mode) && Enum.IsDefined(mode) && !char.IsAsciiDigit(name[0])
        ? mode
        : throw new ArgumentException($"--mode {name}: expected all, starter or solution.");

    /// <summary>The notebook as the mode runs it; the document itself where nothing changes.</summary>
    /// <exception cref="NotebookFormatException">An exercise has no place for an answer, or no wrong answers to try.</exception>
    public static NotebookDocument Apply(NotebookDocument notebook, NotebookMode mode)
    {
        if (mode == NotebookMode.All) return notebook;
        JsonObject root = JsonNode.Parse(notebook.ToString())!.AsObject();
        var cells = new JsonArray();
        foreach (JsonNode? cell in root["cells"]!.AsArray())
        {
            if (mode == NotebookMode.Starter && HasTag(cell!, Solution)) continue;
            cells.Add(cell!.DeepClone());
            if (mode == NotebookMode.Solution && HasTag(cell, Exercise)) Attempts(notebook.Name, cell).ForEach(cells.Add);
        }

        root["cells"] = cells;
        return NotebookDocument.Parse(root.ToJsonString(), notebook.Name + ".ipynb");
    }

    /// <summary>What an exercise of an executed notebook did that it should not; null when all did what they should.</summary>
    public static CellFailure? Verify(NotebookDocument executed)
    {
        foreach (NotebookCell cell in executed.Cells.Where(c => c.IsCode && c.ExecutionCount is not null))
        {
            bool passed = Says(cell, "✓"), waits = Says(cell, "✎ Your turn"), refused = cell.Outputs.Any(o => o?["output_type"]?.ToString() == "error");
            string? problem =
                cell.HasTag(Exercise) && (passed || !waits) ? "The exercise does not wait for its answer: a learner could not see that it is open."
                : cell.HasTag(WrongAnswer) && !(refused && Says(cell, "✗")) ? "The exercise takes a wrong answer."
                : cell.HasTag(Solution) && (!passed || waits) ? "The solution is not checked."
                : null;
            if (problem is not null) return new CellFailure(cell.Number, null, cell.Source.Split('\n')[0], "ExerciseFailed", problem, []);
        }

        return null;
    }

    private static List<JsonNode?> Attempts(string notebook, JsonNode cell)
    {
        string source = NotebookCell.Joined(cell["source"]);
        Match todo = Todo().Match(source);
        if (!todo.Success) throw new NotebookFormatException($"{notebook}: an exercise has no Exercise.Todo<T>(\"…\"): {source.Split('\n')[0]}");
        string[] wrong = [.. (cell["metadata"]?[WrongAnswers] as JsonArray ?? []).Select(answer => answer!.ToString())];
        if (wrong.Length == 0) throw new NotebookFormatException($"{notebook}: an exercise has no \"{WrongAnswers}\" in its metadata to try its check with: {source.Split('\n')[0]}");
        return [.. wrong.Select((answer, i) =>
        {
            JsonObject attempt = cell.DeepClone().AsObject();
            attempt["id"] = $"{cell["id"]}-wrong-{i + 1}";
            attempt["source"] = source[..todo.Index] + answer + source[(todo.Index + todo.Length)..];
            attempt["metadata"] = new JsonObject { ["tags"] = new JsonArray(WrongAnswer, "raises-exception") };
            return (JsonNode?)attempt;
        })];
    }

    private static bool HasTag(JsonNode cell, string tag) => cell["metadata"]?["tags"] is JsonArray tags && tags.Any(t => t?.ToString() == tag);

    private static bool Says(NotebookCell cell, string text) =>
        cell.Outputs.Any(o => NotebookCell.Joined(o?["data"]?["text/plain"] ?? o?["text"]).Contains(text, StringComparison.Ordinal));

    /// <summary>The place of the answer: the type may be generic itself, and the task is one text.</summary>
    [GeneratedRegex("""Exercise\.Todo<(?:[^<>()]|<(?:[^<>]|<[^<>]*>)*>)+>\("(?:[^"\\]|\\.)*"\)""")]
    private static partial Regex Todo();
}
