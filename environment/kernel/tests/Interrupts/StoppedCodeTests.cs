using Cellar.Engine;
using Cellar.Tests.Engine;

namespace Cellar.Tests.Interrupts;

/// <summary>Where code can be when an interrupt comes: in members, in waits, in handlers; and what it held is free again.</summary>
public sealed class StoppedCodeTests : EngineTest
{
    /// <summary>Runs a cell that prints first and then is busy, and interrupts it soon after.</summary>
    private async Task<CellResult> Interrupt(string code, Action? later = null)
    {
        using var stop = new CancellationTokenSource();
        using CancellationTokenRegistration then = stop.Token.Register(() => later?.Invoke());
        return await engine.ExecuteAsync(code, "busy", output => { if (output is StreamOutput) stop.CancelAfter(30); }, interrupt: stop.Token).WaitAsync(TimeSpan.FromMinutes(2));
    }

    [Theory]
    [InlineData("class P { public int Value { get { while (true) { } } } }\nnew P().Value")]
    [InlineData("class P { public int Value { get => Spin(); set { } } int Spin() { while (true) ; } }\nnew P().Value")]
    [InlineData("class P { public int Value { set { for (;;) { } } } }\nnew P().Value = 1;")]
    [InlineData("class Fib { public long this[int n] => n < 2 ? n : this[n - 1] + this[n - 2]; }\nnew Fib()[200]")]
    [InlineData("class Fib { public long this[int n] { get => n < 2 ? n : this[n - 1] + this[n - 2]; } }\nnew Fib()[200]")]
    [InlineData("class Tree(int n) { public long Size => n < 2 ? 1 : new Tree(n - 1).Size + new Tree(n - 2).Size; }\nnew Tree(200).Size")]
    [InlineData("class V { public static V operator +(V a, V b) { while (true) { } } }\nvar sum = new V() + new V();")]
    [InlineData("class V { public static implicit operator int(V v) { do { } while (true); } }\nint number = new V();")]
    [InlineData("class V { public static bool operator true(V v) { for (;;) ; } public static bool operator false(V v) => false; }\nif (new V()) { }")]
    [InlineData("class Source { public event Action Changed { add { while (true) { } } remove { } } }\nnew Source().Changed += () => { };")]
    [InlineData("interface ISpin { void Spin() { while (true) { } } }\nclass S : ISpin { }\n((ISpin)new S()).Spin();")]
    [InlineData("struct S { public S(int n) { while (true) { } } }\nnew S(1)")]
    [InlineData("class Base { public Base(Func<int> f) => f(); }\nclass Derived() : Base(() => { while (true) { } });\nnew Derived()")]
    [InlineData("class Held { public static int Value = Spin(); static int Spin() { while (true) { } } }\nHeld.Value")]
    [InlineData("class Again(int n) { public override string ToString() { while (n > 0) { } return \"\"; } }\n$\"{new Again(1)}\"")]
    [InlineData("class Again(int n) { public override string ToString() { while (n > 0) { } return \"\"; } }\nnew Again(1)")]
    [InlineData("IEnumerable<int> Endless() { try { while (true) yield return 1; } finally { Console.Write(2); } }\nforeach (int i in Endless()) { }")]
    [InlineData("static int Spin(this int n) { while (true) { } }\n1.Spin()")]
    public async Task Members_that_an_earlier_cell_declared_stop_like_other_code(string code)
    {
        await Succeeds("int before = 12;");
        string[] parts = code.Split('\n');
        await Succeeds(string.Join('\n', parts[..^1]));
        CellResult result = await Interrupt($"Console.Write(1);\n{parts[^1]}");
        Assert.Equal(("Interrupted", "The cell was interrupted."), (result.Error?.Name, result.Error?.Message));
        await Succeeds("Console.Write(before)");
        Assert.Equal("12", Printed());
    }

    [Theory]
    [InlineData("Thread.Sleep(100_000);")]
    [InlineData("await Task.Delay(100_000);")]
    [InlineData("await Task.Delay(100_000).ConfigureAwait(false);")]
    [InlineData("Task.Delay(100_000).Wait();")]
    [InlineData("Task.WaitAny(Task.Delay(100_000), Task.Delay(200_000));")]
    [InlineData("new SemaphoreSlim(0).Wait();")]
    [InlineData("await new SemaphoreSlim(0).WaitAsync();")]
    [InlineData("new ManualResetEvent(false).WaitOne();")]
    [InlineData("new ManualResetEventSlim().Wait();")]
    [InlineData("new System.Collections.Concurrent.BlockingCollection<int>().Take();")]
    [InlineData("await System.Threading.Channels.Channel.CreateUnbounded<int>().Reader.ReadAsync();")]
    [InlineData("object gate = new(); lock (gate) Monitor.Wait(gate);")]
    [InlineData("object gate = new(); var owner = new Thread(() => { lock (gate) Thread.Sleep(100_000); }) { IsBackground = true }; owner.Start(); Thread.Sleep(50); lock (gate) { }")]
    [InlineData("Lock gate = new(); var owner = new Thread(() => { lock (gate) Thread.Sleep(100_000); }) { IsBackground = true }; owner.Start(); Thread.Sleep(50); lock (gate) { }")]
    [InlineData("var sleeper = new Thread(() => Thread.Sleep(100_000)) { IsBackground = true }; sleeper.Start(); sleeper.Join();")]
    [InlineData("await Parallel.ForEachAsync(Enumerable.Range(0, 100), async (i, stop) => await Task.Delay(100_000, stop));")]
    [InlineData("await Parallel.ForEachAsync(Enumerable.Range(0, 100), async (i, stop) => { while (true) await Task.Delay(1); });")]
    [InlineData("Parallel.ForEachAsync(Enumerable.Range(0, 100), async (i, stop) => { await Task.Yield(); while (true) { } }).Wait();")]
    [InlineData("await Task.WhenAll(Task.Delay(100_000), Task.Run(() => { while (true) { } }));")]
    [InlineData("await foreach (int i in Slow()) { }\nasync IAsyncEnumerable<int> Slow() { await Task.Delay(100_000); yield return 1; }")]
    [InlineData("SpinWait.SpinUntil(() => false);")]
    [InlineData("var clock = new PeriodicTimer(TimeSpan.FromSeconds(100)); await clock.WaitForNextTickAsync();")]
    [InlineData("while (true) { try { Thread.Sleep(100_000); } catch (Exception) { } }")]
    [InlineData("while (true) { try { await Task.Delay(100_000); } catch { } }")]
    [InlineData("while (true) { try { lock (new object()) throw new Exception(); } catch (Exception e) when (e.Message.Length > 0) { } }")]
    [InlineData("bool Spins() { while (true) { } }\ntry { throw new Exception(); } catch (Exception) when (Spins()) { }\nwhile (true) { }")]
    [InlineData("void Deep(int n) { try { Deep(n + 1); } catch (InvalidCastException) { } }\nwhile (true) try { if (Environment.TickCount64 > 0) throw new Exception(); } catch { continue; }")]
    public async Task Waits_and_handlers_end(string code)
    {
        CellResult result = await Interrupt($"int kept = 5; Console.Write(1);\n{code}");
        Assert.Equal(("Interrupted", "The cell was interrupted."), (result.Error?.Name, result.Error?.Message));
        await Succeeds("Console.Write(kept)");
        Assert.Equal("5", Printed());
    }

    [Theory]
    [InlineData("object gate = new();", "lock (gate) while (true) { }", "Monitor.TryEnter(gate)")]
    [InlineData("Lock gate = new();", "lock (gate) while (true) { }", "gate.TryEnter()")]
    [InlineData("var gate = new SemaphoreSlim(1);", "gate.Wait(); try { while (true) { } } finally { gate.Release(); }", "gate.Wait(0)")]
    [InlineData("var gate = new SemaphoreSlim(1);", "await gate.WaitAsync(); try { while (true) await Task.Yield(); } finally { gate.Release(); }", "gate.Wait(0)")]
    [InlineData("var gate = new SemaphoreSlim(1);", "await gate.WaitAsync(); try { await Task.Delay(100_000); } finally { gate.Release(); }", "gate.Wait(0)")]
    [InlineData("var gate = new SemaphoreSlim(1);", "await gate.WaitAsync(); try { await Task.Run(() => { while (true) { } }); } finally { gate.Release(); }", "gate.Wait(0)")]
    [InlineData("var gate = new SemaphoreSlim(1);", "await gate.WaitAsync(); try { while (true) await Task.Delay(1); } finally { gate.Release(); }", "gate.Wait(0)")]
    [InlineData("var gate = new SemaphoreSlim(1);", "await gate.WaitAsync(); try { await Task.Yield(); Task.Delay(100_000).Wait(); } finally { gate.Release(); }", "gate.Wait(0)")]
    [InlineData("var gate = new SemaphoreSlim(2);", "async Task Hold() { await gate.WaitAsync(); try { await Task.Delay(100_000); } finally { gate.Release(); } }\nawait Task.WhenAll(Hold(), Hold());", "gate.Wait(0) && gate.Wait(0)")]
    [InlineData("var gate = new SemaphoreSlim(1);", "async ValueTask<int> Hold() { await gate.WaitAsync(); try { await Task.Delay(100_000); return 1; } finally { gate.Release(); } }\nint got = await Hold();", "gate.Wait(0)")]
    [InlineData("var gate = new SemaphoreSlim(1);", "async IAsyncEnumerable<int> Held() { await gate.WaitAsync(); try { yield return 1; await Task.Delay(100_000); } finally { gate.Release(); } }\nawait foreach (int i in Held()) { }", "gate.Wait(0)")]
    [InlineData("class Held(SemaphoreSlim gate) : IAsyncDisposable { public async ValueTask DisposeAsync() { await Task.Delay(50); gate.Release(); } }\nvar gate = new SemaphoreSlim(0);", "await using (new Held(gate)) await Task.Delay(100_000);", "gate.Wait(0)")]
    [InlineData("var gate = new SemaphoreSlim(0);", "try { await Task.Delay(100_000); } finally { await Task.Delay(50); gate.Release(); }", "gate.Wait(0)")]
    [InlineData("object gate = new();", "Parallel.For(0, 8, i => { while (true) lock (gate) { } });", "Monitor.TryEnter(gate, 10_000)")]
    public async Task What_was_locked_is_free_again(string setup, string code, string free)
    {
        await Succeeds(setup);
        Assert.Equal("Interrupted", (await Interrupt($"Console.Write(1);\n{code}")).Error?.Name);
        await Succeeds($"Console.Write({free})");
        Assert.Equal("True", Printed());
    }

    [Fact]
    public async Task Inner_functions_clean_up_before_outer_ones()
    {
        await Succeeds("var order = new List<string>();");
        string code = "async Task Inner() { try { await Task.Delay(100_000); } finally { order.Add(\"inner\"); } }\nasync Task<int> Outer() { try { await Inner(); return 1; } finally { order.Add(\"outer\"); } }\n";
        Assert.Equal("Interrupted", (await Interrupt($"{code}Console.Write(1);\ntry {{ await Outer(); }} finally {{ order.Add(\"cell\"); }}")).Error?.Name);
        await Succeeds("Console.Write(string.Join(' ', order))");
        Assert.Equal("inner outer cell", Printed());
    }

    /// <summary>Whoever asks a cell to stop does not run its code, which may block.</summary>
    [Fact]
    public async Task Clean_up_on_the_pool_does_not_hold_up_who_asks()
    {
        await Succeeds("var gate = new ManualResetEventSlim();");
        using var stop = new CancellationTokenSource();
        Task<CellResult> cell = engine.ExecuteAsync("_ = Task.Run(async () => { try { await Task.Delay(100_000); } finally { gate.Wait(); } }); await Task.Delay(50); Console.Write(1); await Task.Delay(100_000);", "busy", output => { if (output is StreamOutput) stop.CancelAfter(30); }, interrupt: stop.Token);
        Assert.Equal("Interrupted", (await cell.WaitAsync(TimeSpan.FromMinutes(1))).Error?.Name);
        await Succeeds("gate.Set(); Console.Write(2)");
        Assert.Equal("2", Printed());
    }

    [Fact]
    public async Task An_iterator_stops_with_the_cell_that_asks_it_and_not_with_the_one_that_began_it()
    {
        await Succeeds("IEnumerable<int> Numbers() { for (int i = 0; ; i++) { yield return i; while (i == 2) { } } }\nvar one = Numbers().GetEnumerator(); var two = Numbers().GetEnumerator();");
        Assert.Equal("Interrupted", (await Interrupt("one.MoveNext(); two.MoveNext(); Console.Write(1); while (true) { }")).Error?.Name);
        await Succeeds("Console.Write($\"{one.MoveNext()} {one.Current}\")");
        Assert.Equal("True 1", Printed());
        Assert.Equal("Interrupted", (await Interrupt("two.MoveNext(); two.MoveNext(); Console.Write(1); two.MoveNext();")).Error?.Name);
    }

    [Fact]
    public async Task Tasks_that_an_interrupted_cell_has_left_behind_stop_at_their_next_loop_and_later_ones_do_not()
    {
        Assert.Equal("Interrupted", (await Interrupt("int turns = 0; var left = Task.Run(async () => { while (true) { await Task.Delay(300); turns++; } }); Console.Write(1); while (true) { }")).Error?.Name);
        await Succeeds("try { await left.WaitAsync(TimeSpan.FromMinutes(1)); } catch (OperationCanceledException) { } int after = turns; Console.Write($\"{left.IsCompleted} {await Task.Run(() => { int n = 0; while (n < 1000) n++; return n; })}\");");
        Assert.Equal("True 1000", Printed());
    }

    /// <summary>Code that cleans up is let through once; whoever asks again does not wait for it.</summary>
    [Theory]
    [InlineData("try { Console.Write(1); while (true) { } } finally { while (true) { } }")]
    [InlineData("class Held : IDisposable { public void Dispose() { while (true) { } } }\nusing (new Held()) { Console.Write(1); while (true) { } }")]
    [InlineData("class Late { public static int Value; static Late() { Console.Write(1); while (true) { } } }\nLate.Value")]
    public async Task Clean_up_without_an_end_stops_at_the_second_interrupt(string code)
    {
        CellResult result = await Interrupt(code, later: () => Task.Delay(100).ContinueWith(_ => engine.Insist(), TaskScheduler.Default));
        Assert.Equal("Interrupted", result.Error?.Name);
        await Succeeds("Console.Write(2)");
        Assert.Equal("2", Printed());
    }
}
