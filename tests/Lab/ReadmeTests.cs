using System.Text.RegularExpressions;
using UnetResnet.Lab.Engine;
using UnetResnet.Runtime;

namespace UnetResnet.Tests.Lab;

public class ReadmeTests
{
    /// <summary>The engine refers to what lab refers to, so that the sample needs no more than a reader's project would.</summary>
    [Fact]
    public async Task The_sample_compiles_and_runs()
    {
        string root = Directory.GetParent(BundledFiles.Root)!.FullName;
        Match sample = Assert.Single(Regex.Matches(File.ReadAllText(Path.Combine(root, "README.md")), "```csharp\n(.*?)```", RegexOptions.Singleline));
        string library = typeof(BundledFiles).Assembly.Location, torch = typeof(TorchSharp.torch).Assembly.Location;
        using var engine = new NotebookEngine(root);
        CellResult result = await engine.ExecuteAsync($"#r \"{library}\"\n#r \"{torch}\"\n{sample.Groups[1].Value}\nhistory.Count", "README", _ => { }, TimeSpan.FromMinutes(5), default);
        Assert.True(result.Succeeded, string.Join('\n', result.Error?.Traceback ?? []));
    }
}
