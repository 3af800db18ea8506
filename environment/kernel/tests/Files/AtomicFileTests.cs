using Cellar.Files;

namespace Cellar.Tests.Files;

/// <summary>What the kernel writes is whole or not there, and what killed kernels have begun goes.</summary>
[Trait("Category", "Reliability")]
public sealed class AtomicFileTests : IDisposable
{
    /// <summary>No system gives a process such a number.</summary>
    private const int Gone = 999_999_999;

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_failure_leaves_the_old_file_and_no_temporary_one()
    {
        AtomicFile.WriteText(folder["f"], "old");
        string? temporary = null;
        Assert.Throws<IOException>(() => AtomicFile.Write(folder["f"], stream =>
        {
            stream.Write("half of the n"u8);
            stream.Flush();
            temporary = Assert.Single(Directory.GetFiles(folder.Path, "*.tmp"));
            Assert.Equal("old", File.ReadAllText(folder["f"]));
            throw new IOException("disk full");
        }));
        Assert.Equal("old", File.ReadAllText(folder["f"]));
        Assert.Equal([folder["f"]], Directory.GetFiles(folder.Path));

        File.WriteAllText(temporary!, "of an earlier process with this number");
        AtomicFile.WriteText(folder["f"], "new");
        Assert.Equal([folder["f"]], Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void What_killed_writers_have_left_goes_with_the_next_file_and_nothing_else_does()
    {
        string sample;
        using (var name = new TemporaryName(folder["a.ipynb"])) sample = Path.GetFileName(name.Path);
        string Named(int process) => folder[sample.Replace($"-{Environment.ProcessId}.", $"-{process}.")];
        string dead = Named(Gone), random = sample.Split('.')[^2];
        string[] others =
        [
            Named(1), // runs
            folder[$"a.ipynb.cellar-00000000-{Gone}.{random}.tmp"], // another machine's
            folder[Path.GetFileName(dead).Replace("cellar-", "")], // a library's in a cell
            folder[$"notes.{Gone}.tmp"], folder["download.tmp"],
        ];
        foreach (string file in (string[])[dead, .. others]) File.WriteAllText(file, "half");

        using var inUse = new TemporaryName(folder["b.ipynb"]);
        File.WriteAllText(inUse.Path, "under way");
        AtomicFile.WriteText(folder["c.ipynb"], "whole");
        Assert.Equal(new[] { folder["c.ipynb"], inUse.Path }.Concat(OperatingSystem.IsWindows() ? others.Skip(1) : others).Order(), Directory.GetFiles(folder.Path).Order());
    }
}
