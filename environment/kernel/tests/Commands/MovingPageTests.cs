using System.Text.RegularExpressions;
using Cellar.Engine;
using Cellar.Tests.Protocol;
using UnetResnet.Runtime;
using UnetResnet.Tests.DotnetInteractive;

namespace Cellar.Tests.Commands;

/// <summary>"Moving from Polyglot Notebooks" and the README's table say what is so.</summary>
[Collection("kernels")]
public sealed class MovingPageTests : IDisposable
{
    private static readonly string Folder = Path.Combine(Directory.GetParent(BundledFiles.Root)!.FullName, "environment", "kernel");
    private readonly TemporaryFolder folder = new();

    public MovingPageTests() => folder.Write("other.ipynb", Other);

    public void Dispose() => folder.Dispose();

    private static string Other => Notebook.Text(Notebook.Code("int fromOther = 5;"));

    /// <summary>The samples below a heading of the page, up to the next one.</summary>
    private static string[] Samples(string heading)
    {
        string section = File.ReadAllText(Path.Combine(Folder, "moving-from-polyglot.md")).Split("\n## ").Single(s => s.StartsWith(heading, StringComparison.Ordinal));
        return [.. Regex.Matches(section, "```csharp\n(.*?)```", RegexOptions.Singleline).Select(m => m.Groups[1].Value)];
    }

    [Fact]
    public async Task What_works_as_before_works_and_what_does_not_says_so()
    {
        string[] works = Samples("Works as before"), fails = Samples("Does not work");
        Assert.Equal((8, 3), (works.Length, fails.Length));
        using var engine = new NotebookEngine(folder.Path, packageCache: folder["cache"]);
        foreach (string sample in works)
        {
            CellResult result = await engine.ExecuteAsync(sample, "sample", _ => { }, TimeSpan.FromMinutes(2));
            Assert.True(result.Succeeded, sample + string.Join('\n', result.Error?.Traceback ?? []));
        }

        foreach (string sample in fails) Assert.False((await engine.ExecuteAsync(sample, "sample", _ => { }, TimeSpan.FromMinutes(2))).Succeeded, sample);
    }

    [DotnetInteractiveFact]
    public void What_works_as_before_worked_before()
    {
        using var interactive = new UnetResnet.Tests.DotnetInteractive.DotnetInteractive();
        string at = Path.GetDirectoryName(folder.Write("at/other.ipynb", Other))!;
        string notebook = folder.Write("samples.ipynb", Notebook.Text([.. Samples("Works as before").Select(s => Notebook.Code(s))]));
        Assert.Empty(UnetResnet.Tests.DotnetInteractive.DotnetInteractive.Errors(interactive.Execute(notebook, at)));
    }

    /// <summary>The columns of the kernels that are installed here, asked as the README says.</summary>
    [JupyterFact("jupyter_client, ipykernel")]
    public void The_table_of_the_README_is_what_the_kernels_answer()
    {
        using var jupyter = new JupyterFixture();
        using var python = jupyter.Start("/usr/bin/python3", Path.Combine(JupyterFixture.Scripts, "compare.py"), ".net-csharp", "python3");
        (int code, string output, string errors) = JupyterFixture.Finish(python);
        Assert.True(code == 0, output + errors);
        string readme = File.ReadAllText(Path.Combine(Folder, "README.md"));
        string[][] asked = Rows(output), documented = Rows(readme[readme.IndexOf("## Beside other kernels", StringComparison.Ordinal)..]);
        Assert.Equal(["Cellar", ".NET Interactive", "ipykernel", "gonb (Go)"], documented[0][1..]);
        Assert.Equal(asked[1..].Select(r => string.Join(" | ", r)), documented[1..].Select(r => $"{r[0]} | {r[1]} | {r[3]}"));
    }

    private static string[][] Rows(string table) =>
        [.. table.Split('\n').Where(l => l.StartsWith('|') && !l.StartsWith("|---", StringComparison.Ordinal)).Select(l => l.Trim().Trim('|').Split('|', StringSplitOptions.TrimEntries))];
}
