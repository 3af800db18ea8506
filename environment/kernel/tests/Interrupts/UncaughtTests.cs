using Cellar.Tests.Protocol;

namespace Cellar.Tests.Interrupts;

/// <summary>What nobody catches is told and ends nothing. In a process of its own: a test host has a handler of its own.</summary>
[Collection("kernels")]
public sealed class UncaughtTests(KernelFixture fixture) : IClassFixture<KernelFixture>
{
    private readonly KernelClient kernel = fixture.Client;

    [Theory]
    [InlineData("async void Lost() { await Task.Delay(20); throw new FormatException(\"lost\"); }\nLost(); await Task.Delay(500);")]
    [InlineData("var thread = new Thread(() => throw new FormatException(\"lost\")); thread.Start(); thread.Join(); Thread.Sleep(100);")]
    [InlineData("ThreadPool.UnsafeQueueUserWorkItem(_ => throw new FormatException(\"lost\"), null); Thread.Sleep(500);")]
    [InlineData("class Doomed { ~Doomed() => throw new FormatException(\"lost\"); }\nvoid Drop() { new Doomed(); }\nDrop(); GC.Collect(); GC.WaitForPendingFinalizers(); Thread.Sleep(100);")]
    public void It_is_an_error_of_the_running_cell(string code)
    {
        kernel.Execute("int kept = 3;");
        Execution cell = kernel.Execute(code);
        Received error = Assert.Single(cell.Of("error"));
        Assert.Equal(("System.FormatException", "lost"), (error.Text("ename"), error.Text("evalue")));
        Assert.Equal("error", cell.Status);
        Assert.Equal("3", kernel.Execute("Console.Write(kept)").Printed);
    }

    [Fact]
    public void After_its_cell_it_is_told_below_the_next()
    {
        Assert.Equal("ok", kernel.Execute("async void Late() { await Task.Delay(200); throw new FormatException(\"late\"); }\nLate();").Status);
        Thread.Sleep(1000);
        Execution next = kernel.Execute("Console.Write(1)");
        Assert.Equal("late", Assert.Single(next.Of("error")).Text("evalue"));
        Assert.Equal(("ok", "1"), (next.Status, next.Printed));
    }

    [Fact]
    public void Code_that_is_nested_too_deep_does_not_end_the_kernel()
    {
        Execution cell = kernel.Execute($"int deep = {new string('(', 20_000)}1{new string(')', 20_000)};");
        if (cell.Status != "ok") Assert.Equal("CompilationError", Assert.Single(cell.Of("error")).Text("ename"));
        Assert.Equal("alive", kernel.Execute("Console.Write(\"alive\")").Printed);
    }
}
