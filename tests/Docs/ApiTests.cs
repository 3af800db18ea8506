using System.Text.RegularExpressions;
using Cellar.Engine;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Docs;

public class ApiTests
{
    /// <summary>All blocks of docs/api.md in one program, in a folder with two images and masks of the reader's own.</summary>
    [Fact]
    public async Task Every_block_compiles_and_runs()
    {
        string root = Directory.GetParent(BundledFiles.Root)!.FullName;
        string[] blocks = [.. Regex.Matches(File.ReadAllText(Path.Combine(root, "docs", "api.md")), "```csharp\n(.*?)```", RegexOptions.Singleline).Select(m => m.Groups[1].Value)];
        Assert.InRange(blocks.Length, 15, 30);

        using var folder = new TemporaryFolder();
        foreach (string name in (string[])["a", "b"])
        {
            foreach (string kind in (string[])["images", "masks"])
            {
                Directory.CreateDirectory(folder[kind]);
                File.Copy(Directory.GetFiles(Path.Combine(BundledFiles.Root, "brain-mri", kind)).Order(StringComparer.Ordinal).ElementAt(name[0] - 'a'), folder[kind, name + ".png"]);
            }
        }

        string before = Directory.GetCurrentDirectory();
        int threads = get_num_threads(); // a block sets it
        Directory.SetCurrentDirectory(folder.Path);
        try
        {
            using var engine = new NotebookEngine(folder.Path);
            string references = $"#r \"{typeof(BundledFiles).Assembly.Location}\"\n#r \"{typeof(TorchSharp.torch).Assembly.Location}\"\n";
            for (int i = 0; i < blocks.Length; i++)
            {
                CellResult result = await engine.ExecuteAsync(i == 0 ? references + blocks[i] : blocks[i], $"block {i + 1} of docs/api.md", _ => { }, TimeSpan.FromMinutes(5), default);
                Assert.True(result.Succeeded, $"{blocks[i]}\n{string.Join('\n', result.Error?.Traceback ?? [])}");
            }
        }
        finally
        {
            Directory.SetCurrentDirectory(before);
            set_num_threads(threads);
        }
    }
}
