using Cellar.Engine;

namespace Cellar.Tests.Engine;

/// <summary>Time limits and interrupts of cells.</summary>
public sealed class CellStopTests : EngineTest
{
    [Theory]
    [InlineData("while (true) { }")]
    [InlineData("await Task.Delay(60_000);")]
    [InlineData("System.Threading.Thread.Sleep(60_000);")]
    [InlineData("while (true) { try { System.Threading.Thread.Sleep(1000); } catch (Exception) { } }")]
    public async Task A_cell_over_its_time_limit_is_stopped_and_the_state_survives(string code)
    {
        await Succeeds("int before = 12;");
        CellResult result = await Run(code, limit: 0.5);
        Assert.Equal("TimeLimitExceeded", result.Error?.Name);
        Assert.Contains("0.5 s", result.Error!.Message);
        Assert.InRange(result.Elapsed.TotalSeconds, 0.4, 10);
        await Succeeds("Console.Write(before)");
        Assert.Equal("12", Printed());
    }

    [Fact]
    public async Task A_native_call_cannot_be_cut_and_the_engine_says_so()
    {
        if (OperatingSystem.IsWindows()) return; // read is libc's
        using var impatient = new NotebookEngine(folder.Path, grace: TimeSpan.FromSeconds(0.1));
        // Waits inside libc for a byte that nobody writes.
        const string setup = """
            using System.IO.Pipes;
            using System.Runtime.InteropServices;
            [DllImport("libc")] static extern nint read(nint file, byte[] buffer, nint count);
            var pipe = new AnonymousPipeServerStream(PipeDirection.In);
            nint end = pipe.SafePipeHandle.DangerousGetHandle();
            """;
        Assert.Null((await impatient.ExecuteAsync(setup, "cell 1", _ => { })).Error);
        CellResult result = await impatient.ExecuteAsync("read(end, new byte[1], 1);", "cell 2", _ => { }, TimeSpan.FromSeconds(1));
        Assert.Equal("TimeLimitExceeded", result.Error?.Name);
        Assert.Contains("native call", result.Error!.Message);
        Assert.Contains("restart", (await impatient.ExecuteAsync("1", "cell 3", _ => { })).Error?.Message);
    }

    [Fact]
    public async Task An_interrupt_stops_the_cell()
    {
        using var stop = new CancellationTokenSource();
        outputs.Clear();
        Task<CellResult> cell = engine.ExecuteAsync(
            "Console.WriteLine(1); while (true) { }", "cell 1", _ => stop.CancelAfter(100), interrupt: stop.Token);
        Assert.Equal("Interrupted", (await cell).Error?.Name);
    }

    [Fact]
    public async Task A_cell_that_prints_is_stopped_there_and_need_not_be_cut()
    {
        using var stop = new CancellationTokenSource();
        bool armed = false;
        const string code = "try { while (true) Console.WriteLine(1); } finally { System.IO.File.WriteAllText(\"stopped.txt\", \"in order\"); }";
        Assert.Equal("Interrupted", (await engine.ExecuteAsync(code.Replace("stopped.txt", folder["stopped.txt"]), "cell 1", _ => Arm(), interrupt: stop.Token)).Error?.Name);
        Assert.Equal("in order", File.ReadAllText(folder["stopped.txt"]));
        await Succeeds("Console.Write(2)");
        Assert.Equal("2", Printed());

        void Arm()
        {
            if (!armed) stop.CancelAfter(50);
            armed = true;
        }
    }

    /// <summary>A loop without checkpoints stands for a long call into .NET.</summary>
    [Fact]
    public async Task A_thread_is_cut_only_after_a_second_interrupt_and_three_seconds_and_the_cell_says_what_that_means()
    {
        using var deaf = new NotebookEngine(folder.Path, grace: TimeSpan.FromMinutes(5)) { Checkpoints = false };
        Assert.Null((await deaf.ExecuteAsync("int kept = 3;", "cell 1", _ => { })).Error);
        using var stop = new CancellationTokenSource();
        // A file tells that it runs: what prints can be stopped there without a cut.
        string started = folder["started"];
        Task<CellResult> cell = deaf.ExecuteAsync($"File.WriteAllText(@\"{started}\", \"\"); while (true) {{ }}", "cell 2", _ => { }, interrupt: stop.Token);
        while (!File.Exists(started) && !cell.IsCompleted) await Task.Delay(10);
        deaf.Insist(); // a second request before the first is none
        await stop.CancelAsync();
        Assert.NotSame(cell, await Task.WhenAny(cell, Task.Delay(3500)));
        deaf.Insist();
        CellResult result = await cell.WaitAsync(TimeSpan.FromMinutes(2));
        Assert.Equal("Interrupted", result.Error?.Name);
        Assert.Contains("the process may be unstable; restart when you can", result.Error!.Message);
        Assert.Null((await deaf.ExecuteAsync("if (kept != 3) throw new Exception();", "cell 3", _ => { })).Error);
    }
}
