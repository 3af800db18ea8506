using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Cellar.Notebooks;
using Cellar.Protocol;
using UnetResnet.Lab.Running;

namespace UnetResnet.Tests.Course;

/// <summary>What every notebook of the course promises its reader.</summary>
public partial class CourseTests
{
    public static TheoryData<string> Names => CourseNotebook.Names;

    [Fact]
    public void The_notebooks_are_one_row_and_the_readme_names_them()
    {
        Assert.Equal(Enumerable.Range(1, 13).Select(n => $"{n:00}"), CourseNotebook.All.Select(n => n.Name[..2]));
        string readme = File.ReadAllText(Path.Combine(CourseNotebook.Root, "README.md"));
        foreach (CourseNotebook notebook in CourseNotebook.All)
            Assert.Contains($"[{notebook.Document.Title}](notebooks/{notebook.Name})", readme, StringComparison.Ordinal);
    }

    /// <summary>Jupyter and VS Code write what the kernel says of itself into a notebook when they save it.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void What_is_written_when_a_notebook_is_saved_stands_there_already(string name)
    {
        JsonObject metadata = CourseNotebook.Of(name).Document.Metadata;
        Assert.Equal(Sorted(KernelInfo.Content()["language_info"]), Sorted(metadata["language_info"]));
        var spec = new KernelSpec("anywhere");
        Assert.Equal(Sorted(new JsonObject { ["name"] = spec.Name, ["language"] = "C#", ["display_name"] = spec.DisplayName }), Sorted(metadata["kernelspec"]));

        static IEnumerable<string> Sorted(JsonNode? json) => json!.AsObject().Select(p => $"{p.Key}: {p.Value}").Order(StringComparer.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_notebook_begins_with_its_question_and_ends_with_the_way_on(string name)
    {
        CourseNotebook notebook = CourseNotebook.Of(name);
        string first = notebook.Cells[0].Source, last = notebook.Cells[^1].Source;
        Assert.StartsWith($"# {int.Parse(name[..2])} · ", first, StringComparison.Ordinal);
        Assert.Matches(@"\n\*\*[^*]+\?\*\*\n", first);
        foreach (string part in (string[])["| to read |", "| to run |", "| you need |", "**You will be able to**\n- "]) Assert.Contains(part, first, StringComparison.Ordinal);

        int place = CourseNotebook.All.ToList().FindIndex(n => n.Name == name);
        string home = "[Home](../README.md)", previous = place > 0 ? CourseNotebook.All[place - 1].Name : "", next = place + 1 < CourseNotebook.All.Count ? CourseNotebook.All[place + 1].Name : "";
        foreach (string navigation in (string[])[first, last[last.LastIndexOf(home, StringComparison.Ordinal)..]])
        {
            Assert.Contains(home, navigation, StringComparison.Ordinal);
            if (previous.Length > 0) Assert.Matches($@"Previous: \[\d+ · [^\]]+\]\({Regex.Escape(previous)}\)", navigation);
            if (next.Length > 0) Assert.Matches($@"Next: \[\d+ · [^\]]+\]\({Regex.Escape(next)}\)", navigation);
        }

        foreach (string part in (string[])["## Exercises", "## Questionnaire", "## New words", "## What you know now", "## References"]) Assert.Contains(part, notebook.AllProse, StringComparison.Ordinal);
        Assert.True(Regex.Count(notebook.AllProse[notebook.AllProse.IndexOf("## References", StringComparison.Ordinal)..], @"\]\((https://|\.\./)") >= 1, "no reference has a link");
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Reading_takes_as_long_as_it_says_and_at_most_twenty_minutes(string name)
    {
        CourseNotebook notebook = CourseNotebook.Of(name);
        int stated = int.Parse(Regex.Match(notebook.Cells[0].Source, @"\| to read \| about (\d+) minutes").Groups[1].Value);
        Assert.InRange(notebook.ReadingMinutes, 1, 20);
        Assert.InRange(stated - notebook.ReadingMinutes, -3, 4);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void What_a_reader_need_not_see_is_folded(string name)
    {
        CourseNotebook notebook = CourseNotebook.Of(name);
        NotebookCell setup = Assert.Single(notebook.Tagged("setup"));
        Assert.True(setup.Metadata["jupyter"]!["source_hidden"]!.GetValue<bool>());
        Assert.Equal(1, setup.Number);
        foreach (NotebookCell solution in notebook.Tagged(NotebookModes.Solution))
        {
            Assert.True(solution.Metadata["jupyter"]!["source_hidden"]!.GetValue<bool>());
            Assert.True(solution.Metadata["jupyter"]!["outputs_hidden"]!.GetValue<bool>());
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_prediction_is_committed_before_the_run_and_answered_after_it(string name)
    {
        CourseNotebook notebook = CourseNotebook.Of(name);
        NotebookCell[] predictions = [.. notebook.Tagged("predict")];
        Assert.NotEmpty(predictions);
        foreach (NotebookCell prediction in predictions)
        {
            Match variable = Regex.Match(prediction.Source, @"var (\w+) = Prediction\.Commit\(");
            Assert.True(variable.Success, prediction.Source);
            Assert.Contains("answer: \"\"", prediction.Source, StringComparison.Ordinal);
            Assert.Contains(notebook.Cells, cell => cell.IsCode && cell.Number > prediction.Number && cell.Source.Contains($"{variable.Groups[1].Value}.Reveal(", StringComparison.Ordinal));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_question_has_its_answer_folded_under_it(string name)
    {
        string prose = CourseNotebook.Of(name).AllProse;
        string questionnaire = prose[prose.IndexOf("## Questionnaire", StringComparison.Ordinal)..prose.IndexOf("## New words", StringComparison.Ordinal)];
        int questions = Regex.Count(questionnaire, @"(?m)^\d+\. ");
        Assert.InRange(questions, 4, 8);
        Assert.Equal(questions, Regex.Count(questionnaire, @"(?m)^\d+\. [^\n]+\n\n<details><summary>Answer</summary>\n\n[^<]+\n</details>"));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Exercises_have_a_place_staged_hints_wrong_answers_and_a_solution_that_the_check_does_not_hold(string name)
    {
        CourseNotebook notebook = CourseNotebook.Of(name);
        NotebookCell[] code = [.. notebook.Cells.Where(cell => cell.IsCode)];
        NotebookCell[] exercises = [.. notebook.Tagged(NotebookModes.Exercise)];
        Assert.Equal(3, exercises.Length);
        foreach (NotebookCell exercise in exercises)
        {
            Assert.Single(Regex.Matches(exercise.Source, @"Exercise\.Todo<"));
            Assert.Equal(1, Regex.Count(exercise.Source, @"Exercise\.Check(Word)?\("));
            Assert.Equal(3, Regex.Count(exercise.Source, @"(?m)^    ""[^""\n]*(\\""[^""\n]*)*"",?(\);)?$")); // the hints, a line each
            Assert.InRange((exercise.Metadata[NotebookModes.WrongAnswers] as JsonArray)?.Count ?? 0, 2, 5);
            NotebookCell solution = code[Array.IndexOf(code, exercise) + 1];
            Assert.True(solution.HasTag(NotebookModes.Solution), "the solution does not follow its exercise");
            // What the solution adds stands nowhere in the exercise but, perhaps, in its last hint.
            string given = Regex.Replace(exercise.Source, @"(?m)^    "".*"",?(\);)?$", "");
            string[] added = [.. solution.Source.Split('\n').Except(exercise.Source.Split('\n')).Select(line => line.Trim(' ', '{', '}', ';')).Where(line => line.Length > 12)];
            Assert.NotEmpty(added);
            foreach (string line in added)
            {
                string answer = Regex.Replace(line, @"^[\w<>\[\], .]+ =\s*(\([^()]*\) =>|\w+ =>)?", "").Trim();
                // To score a network is how answers are judged, not what is asked for.
                if (answer.Length > 12 && !answer.StartsWith("Trainer.Score(", StringComparison.Ordinal)) Assert.DoesNotContain(answer, given, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void There_are_at_least_thirty_exercises_and_none_is_the_twin_of_another()
    {
        string[] names = [.. CourseNotebook.All.SelectMany(n => n.Tagged(NotebookModes.Exercise)).Select(cell => Regex.Match(cell.Source, @"Exercise\.Check(?:Word)?\(""([^""]+)""").Groups[1].Value)];
        Assert.InRange(names.Length, 30, 60);
        Assert.Equal(names.Length, names.Distinct(StringComparer.OrdinalIgnoreCase).Count());
        string[] tasks = [.. CourseNotebook.All.SelectMany(n => n.Prose).SelectMany(cell => Regex.Matches(cell.Source, @"(?m)^\*\*[123] · ([^*]+)\*\*").Select(m => m.Groups[1].Value))];
        Assert.Equal(names.Length, tasks.Length);
        Assert.Equal(tasks.Length, tasks.Distinct(StringComparer.OrdinalIgnoreCase).Count());
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void New_words_stand_in_the_glossary_and_links_lead_somewhere(string name)
    {
        CourseNotebook notebook = CourseNotebook.Of(name);
        HashSet<string> anchors = [.. Regex.Matches(File.ReadAllText(Path.Combine(CourseNotebook.Folder, "glossary.md")), @"(?m)^## (.+)$").Select(m => Anchor(m.Groups[1].Value))];
        MatchCollection words = Regex.Matches(notebook.AllProse, @"\]\(glossary\.md#([^)]+)\)");
        Assert.NotEmpty(words);
        Assert.All(words, word => Assert.Contains(word.Groups[1].Value, anchors));
        foreach (Match link in Regex.Matches(notebook.AllProse, @"\]\((?!https?://|#)([^)#]+)(?:#[^)]*)?\)"))
            Assert.True(Path.Exists(Path.Combine(CourseNotebook.Folder, link.Groups[1].Value)), $"{name} links to {link.Groups[1].Value}, which is not there");
    }

    [Fact]
    public void The_glossary_has_each_word_once_and_in_order()
    {
        string[] words = [.. Regex.Matches(File.ReadAllText(Path.Combine(CourseNotebook.Folder, "glossary.md")), @"(?m)^## (.+)$").Select(m => m.Groups[1].Value)];
        Assert.Equal(words.Order(StringComparer.OrdinalIgnoreCase), words);
        Assert.Equal(words.Length, words.Select(Anchor).Distinct().Count());
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void No_table_has_more_than_five_columns(string name)
    {
        CourseNotebook notebook = CourseNotebook.Of(name);
        foreach (Match row in Regex.Matches(notebook.AllProse, @"(?m)^\|(?:[ :-]+\|)+$")) Assert.InRange(row.Value.Count(c => c == '|') - 1, 1, 5);
        foreach (NotebookCell cell in notebook.Cells.Where(cell => cell.IsCode))
        {
            string html = string.Concat(cell.Outputs.Select(output => NotebookCell.Joined(output?["data"]?["text/html"])));
            foreach (Match head in Regex.Matches(html, @"<thead>.*?</thead>", RegexOptions.Singleline)) Assert.InRange(Regex.Count(head.Value, @"<t[hd]\b"), 1, 5);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_pointer_on_any_chart_reads_what_it_is_and_how_much(string name)
    {
        JsonObject[] traces = [.. Figures(CourseNotebook.Of(name)).SelectMany(figure => figure["data"]!.AsArray()).Select(trace => trace!.AsObject())];
        foreach (JsonObject trace in traces.Where(trace => trace["hoverinfo"]?.ToString() != "skip"))
        {
            string hover = trace["hovertemplate"]?.ToString() ?? "";
            Assert.Matches(@"%\{(x|text|y)\}.*<br>[^<%]*\w[^<%]*: %\{[xyz](:[^}]+)?\}", hover);   // where, and a quantity by its name
        }
    }

    [Theory]
    [InlineData("01", "sliders", "epoch")]
    [InlineData("02", "sliders", "momentum")]
    [InlineData("04", "updatemenus", "fed as in inference")]
    [InlineData("08", "sliders", "N")]
    public void Charts_move_without_a_server(string notebook, string control, string name)
    {
        JsonNode moving = Assert.Single(Figures(CourseNotebook.All.Single(n => n.Name.StartsWith(notebook, StringComparison.Ordinal))), figure => figure["layout"]![control] is not null)["layout"]![control]![0]!;
        JsonArray positions = moving[control == "sliders" ? "steps" : "buttons"]!.AsArray();
        Assert.InRange(positions.Count, 2, 20);
        if (control == "sliders") Assert.Equal(name + ": ", moving["currentvalue"]!["prefix"]!.ToString());
        else Assert.Contains(positions, button => button!["label"]!.ToString() == name);
        Assert.Equal(positions.Count, positions.Select(step => step!["args"]!.ToJsonString()).Distinct().Count());
    }

    private static IEnumerable<JsonNode> Figures(CourseNotebook notebook) =>
        notebook.Cells.Where(cell => cell.IsCode).SelectMany(cell => cell.Outputs).Select(output => output?["data"]?["application/vnd.plotly.v1+json"]).OfType<JsonNode>();

    /// <summary>That the outputs belong to the text is what <c>lab run --check</c> tells.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void A_committed_notebook_is_small_and_its_exercises_did_what_they_should(string name)
    {
        CourseNotebook notebook = CourseNotebook.Of(name);
        Assert.InRange(new FileInfo(notebook.Path).Length, 10_000, 1_200_000);
        Assert.Null(NotebookModes.Verify(notebook.Document));
    }

    private static string Anchor(string heading) => Regex.Replace(heading.ToLowerInvariant(), @"[^\w\- ]", "").Replace(' ', '-');
}
