using System.Diagnostics;
using UnetResnet.Runtime;

namespace UnetResnet.Tests.Runtime;

/// <summary>Temporary files of writers that were killed go with the next save; nobody else's do.</summary>
[Trait("Category", "Reliability")]
public sealed class TemporaryNameTests : IDisposable
{
    /// <summary>No system gives a process such a number.</summary>
    private const int Gone = 999_999_999;

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void What_killed_writers_have_left_goes_with_the_next_save()
    {
        using Process own = Process.GetCurrentProcess();
        string sample;
        using (var name = new TemporaryName(folder["weights"])) sample = Path.GetFileName(name.Path);
        string Named(int process) => folder[sample.Replace($"-{own.Id}.", $"-{process}.")];
        string dead = Named(Gone), numberTakenOver = Named(own.Id);
        string random = sample.Split('.')[^2];
        string[] others =
        [
            Named(1), // runs
            folder[$"weights.00000000-{Gone}.{random}.tmp"], // another machine's
            folder[$"notes.{Gone}.tmp"], folder[$"{Gone}.tmp"], folder["download.tmp"], folder[$"weights.{random}.tmp"],
        ];
        foreach (string file in (string[])[dead, numberTakenOver, .. others]) File.WriteAllText(file, "half");

        using var inUse = new TemporaryName(folder["weights"]);
        File.WriteAllText(inUse.Path, "under way");
        AtomicFile.WriteText(folder["other"], "whole");

        Assert.Equal(new[] { folder["other"], inUse.Path }.Concat(OperatingSystem.IsWindows() ? others.Skip(1) : others).Order(), Directory.GetFiles(folder.Path).Order());
    }

    [Fact]
    public void A_save_that_fails_leaves_nothing_in_use()
    {
        string? temporary = null;
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(folder["f"], _ =>
        {
            temporary = Assert.Single(Directory.GetFiles(folder.Path));
            throw new InvalidOperationException();
        }));
        Assert.Empty(Directory.GetFiles(folder.Path));
        File.WriteAllText(temporary!, "of an earlier process with this number");
        AtomicFile.WriteText(folder["f"], "whole");
        Assert.Equal([folder["f"]], Directory.GetFiles(folder.Path));
    }
}
