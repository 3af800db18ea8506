using Cellar.Engine;
using Cellar.Interrupts;
using Microsoft.CodeAnalysis;

namespace Cellar.Tests.Interrupts;

/// <summary>Code with checkpoints stops wherever it is, and is otherwise the code that was written.</summary>
public sealed class CheckpointTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly NotebookEngine engine;
    private readonly List<CellOutput> outputs = [];

    public CheckpointTests() => engine = new NotebookEngine(folder.Path);

    public void Dispose()
    {
        engine.Dispose();
        folder.Dispose();
    }

    private async Task<CellResult> Run(string code, double? limit = null)
    {
        outputs.Clear();
        return await engine.ExecuteAsync(code, $"cell {engine.ExecutionCount + 1}", outputs.Add, limit is { } s ? TimeSpan.FromSeconds(s) : null);
    }

    /// <summary>Runs a cell that prints first and then is busy, and interrupts it soon after.</summary>
    private async Task<CellResult> Interrupt(string code)
    {
        using var stop = new CancellationTokenSource();
        return await engine.ExecuteAsync(code, "busy", output => { if (output is StreamOutput) stop.CancelAfter(30); }, interrupt: stop.Token);
    }

    private async Task<string> Prints(string code)
    {
        CellResult result = await Run(code);
        Assert.True(result.Succeeded, string.Join('\n', result.Error?.Traceback ?? []));
        return string.Concat(outputs.OfType<StreamOutput>().Select(o => o.Text));
    }

    /// <summary>The code with its checkpoints, which must compile.</summary>
    private async Task<string?> Written(string code)
    {
        Compilation plain = await engine.SketchAsync(new CodePiece(0, code, []));
        Assert.DoesNotContain(plain.GetDiagnostics(), d => d.Severity == DiagnosticSeverity.Error);
        SyntaxTree tree = plain.SyntaxTrees.Last();
        if (CheckpointWriter.Write(tree, () => plain.GetSemanticModel(tree)) is not { } written) return null;
        Assert.Equal(code.Count(c => c == '\n'), written.Count(c => c == '\n'));
        Diagnostic[] errors = [.. (await engine.SketchAsync(new CodePiece(0, written, []))).GetDiagnostics().Where(d => d.Severity == DiagnosticSeverity.Error)];
        Assert.True(errors.Length == 0, $"{string.Join('\n', errors.AsEnumerable())}\n{written}");
        return written;
    }

    [Theory]
    [InlineData("for (;;) { }")]
    [InlineData("for (;;) ;")]
    [InlineData("while (true) ;")]
    [InlineData("do { } while (true);")]
    [InlineData("int n = 0; do n++; while (true);")]
    [InlineData("IEnumerable<int> Endless() { while (true) yield return 1; }\nforeach (int i in Endless()) { }")]
    [InlineData("foreach (var (a, b) in Enumerable.Repeat((1, 2), int.MaxValue)) for (int i = 0; i < int.MaxValue; i++) ;")]
    [InlineData("async IAsyncEnumerable<int> Endless() { while (true) { await Task.Yield(); yield return 1; } }\nawait foreach (int i in Endless()) { }")]
    [InlineData("await Task.Yield(); while (true) { }")]
    [InlineData("void Jump() { again: ; goto again; }\nJump();")]
    [InlineData("switch (1) { case 1: goto case 2; case 2: goto case 1; }")]
    [InlineData("long Fib(int n) => n < 2 ? n : Fib(n - 1) + Fib(n - 2);\nFib(200)")]
    [InlineData("class Tree { public static long Fib(int n)\n{ return n < 2 ? n : Fib(n - 1) + Fib(n - 2); } }\nTree.Fib(200)")]
    [InlineData("record struct N(int V) { public static N operator ~(N n) => n.V < 2 ? n : new((~new N(n.V - 1)).V + (~new N(n.V - 2)).V); }\n~new N(200)")]
    [InlineData("Enumerable.Range(0, int.MaxValue).SelectMany(i => Enumerable.Range(0, 1000).Where(j => i + j < 0)).Count()")]
    [InlineData("(from i in Enumerable.Range(0, int.MaxValue) from j in Enumerable.Range(0, 1000) where i + j < 0 select i + j).Count()")]
    [InlineData("(from i in Enumerable.Range(0, int.MaxValue) let k = i / 2 from j in Enumerable.Range(0, 1000) where k + j < 0 orderby -k group k by k % 3).Count()")]
    [InlineData("Array.Sort(new int[1 << 20], (a, b) => { Thread.SpinWait(1000); return b.CompareTo(a); });")]
    [InlineData("Array.Sort(Enumerable.Range(0, 1 << 20).ToArray(), delegate(int a, int b) { Thread.SpinWait(1000); return b - a; });")]
    [InlineData("Parallel.For(0, int.MaxValue, i => Thread.SpinWait(100));")]
    [InlineData("Parallel.For(0, 8, i => { while (true) { } });")]
    [InlineData("Enumerable.Range(0, int.MaxValue).AsParallel().Select(i => { Thread.SpinWait(100); return i; }).Sum(i => (long)i)")]
    [InlineData("Task.Run(() => { while (true) { } }).Wait();")]
    [InlineData("await Task.WhenAll(Enumerable.Range(0, 4).Select(async i => { await Task.Yield(); while (true) { } }));")]
    [InlineData("var spinner = new Thread(() => { while (true) { } }); spinner.Start(); spinner.Join();")]
    [InlineData("Func<int, Func<int>> outer = static a => () => { while (a > 0) { } return a; }; outer(1)()")]
    [InlineData("while (true) { try { while (true) { } } catch { } }")]
    [InlineData("while (true) try { throw new FormatException(); } catch (Exception) { }")]
    [InlineData("void Again() { try { Again2(); } catch { Again2(); } }\nvoid Again2() { for (int i = 0; i < 40; i++) try { Again3(i); } catch { } }\nvoid Again3(int d) { if (d > 0) { Again3(d - 1); Again3(d - 1); } }\nwhile (true) Again();")]
    [InlineData("#load \"endless.csx\"\nEndless();")]
    [InlineData("#!import \"endless.csx\"\nEndless();")]
    [InlineData("for (int i = 0; ; i++) GC.Collect();")]
    public async Task Busy_code_stops_and_what_there_was_stays(string code)
    {
        folder.Write("endless.csx", "void Endless()\n{\n    while (true) { }\n}");
        await Prints("int before = 12;");
        string[] lines = code.Split('\n', 2);
        CellResult result = await Interrupt(code[0] == '#' ? $"{lines[0]}\nint during = 30; Console.Write(1);\n{lines[1]}" : $"int during = 30; Console.Write(1);\n{code}");
        Assert.Equal(("Interrupted", "The cell was interrupted."), (result.Error?.Name, result.Error?.Message));
        Assert.Equal("42", await Prints("Console.Write(before + during)"));
    }

    [Theory]
    [InlineData("GC.Collect();", true)]
    [InlineData("System.GC.Collect(0, GCCollectionMode.Forced);", true)]
    [InlineData("using static System.GC;\nCollect(1);", true)]
    [InlineData("GC\n    .Collect();", false)]
    [InlineData("class Bin { public void Collect() => Console.Write(5); }\nnew Bin().Collect();", false)]
    [InlineData("class Bin { public void Collect() => Console.Write(5); }\nBin GC = new();\nGC.Collect();", false)]
    public async Task Only_the_collections_of_the_runtime_are_followed_by_a_pause(string code, bool pauses)
    {
        Assert.Equal(pauses, (await Written(code))?.Contains("Checkpoint.Collect(", StringComparison.Ordinal) ?? false);
        Assert.Equal(code.Contains("Bin") ? "5" : "", await Prints(code));
    }

    [Theory]
    [InlineData("using System.Linq.Expressions;\nExpression<Func<int, int>> e = x => x + 1; Console.Write(e);", "x => (x + 1)")]
    [InlineData("using System.Linq.Expressions;\nstatic string Text<T>(Expression<Func<T, object>> e) => e.Body.NodeType.ToString();\nConsole.Write(Text<string>(s => s.Trim()) + Text<string>(s => s.Select(c => c)));", "CallCall")]
    [InlineData("Console.Write(new[] { 1, 2, 3 }.AsQueryable().Where(x => x > 1).Count());", "2")]
    [InlineData("Console.Write((from x in new[] { 1, 2, 3 }.AsQueryable() where x > 1 orderby -x select x * 2).Expression.ToString().Contains(\"Pass\"));", "False")]
    [InlineData("Console.Write(string.Join(',', from x in new[] { 3, 1, 2 } where x > 1 orderby x descending select x * 2));", "6,4")]
    [InlineData("var q = from w in new[] { \"a\", \"bb\", \"cc\" } group w by w.Length into g join n in new[] { 1, 2 } on g.Key equals n let c = g.Count() select $\"{n}:{c}\"; Console.Write(string.Join(',', q));", "1:1,2:2")]
    [InlineData("IOrderedEnumerable<int> sorted = from x in new[] { 3, 1 } orderby x select x; Console.Write(sorted.First());", "1")]
    [InlineData("using System.Runtime.CompilerServices;\nstring Text(Func<int, int> f, [CallerArgumentExpression(nameof(f))] string t = \"\") => t + f(1); Console.Write(Text(x => x + 1));", "x => x + 12")]
    [InlineData("int sum = 0; new List<int> { 1, 2 }.ForEach(x => sum += x); Action more = () => sum++; more(); Console.Write(sum);", "4")]
    [InlineData("Func<Task> nothing = async () => await Task.Yield(); Func<Task<int>> some = async () => await Task.FromResult(3); await nothing(); Console.Write(await some());", "3")]
    [InlineData("async Task Nothing() => await Task.Yield(); async ValueTask<int> Some() => await Task.FromResult(4); async void Gone() => await Task.Yield(); await Nothing(); Gone(); Console.Write(await Some());", "4")]
    [InlineData("dynamic later = Task.Delay(1).ContinueWith(_ => 6); Console.Write(await later);", "6")]
    [InlineData("using System.Runtime.CompilerServices;\nclass Soon { public TaskAwaiter<int> GetAwaiter() => Task.Delay(1).ContinueWith(_ => 7).GetAwaiter(); }\nConsole.Write(await new Soon());", "7")]
    [InlineData("var source = new TaskCompletionSource<int>(); _ = Task.Delay(1).ContinueWith(_ => source.SetException(new FormatException(\"bad\"))); try { await source.Task; } catch (FormatException e) { Console.Write(e.Message); }", "bad")]
    [InlineData("var own = new CancellationTokenSource(1); try { await Task.Delay(100_000, own.Token); } catch (OperationCanceledException e) { Console.Write(e.CancellationToken == own.Token); }", "True")]
    [InlineData("using System.Runtime.CompilerServices;\nstring Text(int value, [CallerArgumentExpression(nameof(value))] string t = \"\") => t; Console.Write(Text(await Task.FromResult(1)));", "await Task.FromResult(1)")]
    [InlineData("Task none = null; try { await none; } catch (NullReferenceException) { Console.Write(8); }", "8")]
    [InlineData("await Task.Delay(1).ConfigureAwait(false); Console.Write((await Task.WhenAny(Task.Delay(1), Task.Delay(100_000))).IsCompletedSuccessfully);", "True")]
    [InlineData("int[] a = [1, 2]; ref int First() => ref a[0]; First() = 7; Console.Write(a[0]);", "7")]
    [InlineData("delegate ref int Pick(int[] a); int[] b = [1]; Pick pick = x => ref x[0]; pick(b) = 9; Console.Write(b[0]);", "9")]
    [InlineData("int Fill() { int s = 0; Span<int> span = stackalloc int[4]; foreach (ref int v in span) v = 2; foreach (int v in span) s += v; return s; }\nConsole.Write(Fill());", "8")]
    [InlineData("unsafe int Sum(int[] a) { int s = 0; fixed (int* p = a) for (int i = 0; i < a.Length; i++) s += p[i]; return s; }\nConsole.Write(Sum([1, 2, 3]));", "6")]
    [InlineData("record P(int X) { public int Twice() => X * 2; public static P operator +(P a, P b) => new(a.X + b.X); public static implicit operator int(P p) => p.X; }\nint i = new P(1) + new P(2); Console.Write(i + new P(2).Twice());", "7")]
    [InlineData("class C(int x) { readonly int y; public C() : this(3) => y = 1; public int Sum => x + y; public int this[int i] => i * x; }\nConsole.Write(new C().Sum + new C(2)[3]);", "10")]
    [InlineData("static int Twice(this int n) => 2 * n; static int Thrice(this int n) { return 3 * n; } Console.Write(4.Twice() + 1.Thrice());", "11")]
    [InlineData("int z = 0; more: z++; if (z < 3) goto more; Console.Write(z);", "3")]
    [InlineData("using L = System.Collections.Generic.List<int>;\nL list = [1]; L Copy(L l) => [.. l]; Console.Write(Copy(list).Count);", "1")]
    [InlineData("Console.Write($\"{new[] { 1, 2 }.Sum(x => x * 2)} {string.Join('-', new[] { 1 }.Select(x => $\"<{x}>\"))}\");", "6 <1>")]
    [InlineData("int Classify(int n) { switch (n) { case 0: goto default; case 1: return 10; default: if (n > 5) goto big; else goto small; } big: return 2; small: return 1; }\nConsole.Write(Classify(0) + Classify(9));", "3")]
    [InlineData("int k = 0; while (k < 3) if (k++ == 1) continue; else k += 0; do k--; while (k > 1); for (;;) if (++k > 5) break; Console.Write(k);", "6")]
    [InlineData("while (int.TryParse(\"5\", out int read)) { Console.Write(read); break; }", "5")]
    [InlineData("again: while (int.TryParse(\"5\", out int red)) { foreach (int i in new[] { red }) for (int j = 0; j < 2; j++) { if (j == 1) continue; Action a = () => { while (red > 3) red--; }; a(); } break; } if (DateTime.Now.Year < 2) goto again; else for (int k = 0; k < 2; k++) do Console.Write(k); while (k > 5);", "01")]
    [InlineData("int total = 0; if (total == 0) for (int i = 0; i < 3; i++) while (total < 10 * i) total++; else foreach (var (a, b) in new[] { (1, 2) }) total += a; var later = new List<Func<int>>(); for (int i = 0; i < 2; i++) { int n = i; later.Add(() => { int s = n; for (int k = 0; k < 3; k++) s += k; return s; }); } Console.Write($\"{total} {later[1]()}\");", "20 4")]
    [InlineData("int Fail() => throw new FormatException(); Func<int> f = () => throw new FormatException(); try { f(); } catch (FormatException) { Console.Write(1); }", "1")]
    [InlineData("object gate = new(); int c = 0; Parallel.For(0, 50, i => { lock (gate) c++; }); Console.Write(c);", "50")]
    [InlineData("class R : IDisposable { public void Dispose() { for (int i = 0; i < 3; i++) Console.Write(i); } }\nusing (new R()) { }", "012")]
    [InlineData("try { Console.Write(1); } finally { for (int i = 0; i < 2; i++) Console.Write(i); await Task.Yield(); }", "101")]
    [InlineData("Func<int, Func<int, int>> add = a => b => a + b; Console.Write(add(2)(3));", "5")]
    [InlineData("Console.Write(Enumerable.Range(0, 3).Aggregate(\"\", (text, n) => text + n));", "012")]
    [InlineData("Predicate<string> p = string.IsNullOrEmpty; Func<string?> none = () => null; Func<long> small = () => 1; Console.Write($\"{p(\"\")}{none()}{small()}\");", "True1")]
    [InlineData("[Obsolete(\"x\")] int Old() => 1; const int Size = 4; int Local(int n = Size) { static int Inner(int v) => v + 1; return Inner(n); } Console.Write(Local());", "5")]
    [InlineData("#if true\nint H(int n)\n#else\nint H(int n, int m)\n#endif\n    => n; // a remark\nConsole.Write(H(3));", "3")]
    [InlineData("class Q(int n) { public int P => n; public int R { get => n + 1; set => n = value; } public ref int Own => ref z; public int this[int i] => i * n; int z = 4; public int Z { get { return z; } init { z = value; } } }\nvar q = new Q(2) { Z = 9 }; q.R = 5; q.Own++; Console.Write($\"{q.P} {q.R} {q[2]} {q.Z}\");", "5 6 10 10")]
    [InlineData("interface IHas { int P => 3; static abstract int S { get; } }\nclass Has : IHas { public static int S => 4; public int Kept { get; set; } = 5; public int Bad => throw new FormatException(); }\nConsole.Write($\"{((IHas)new Has()).P}{Has.S}{new Has().Kept}\");", "345")]
    [InlineData("using System.Linq.Expressions;\nExpression<Func<int[], int>> e = a => a.Count(x => x > 1); Console.Write(e);", "a => a.Count(x => (x > 1))")]
    [InlineData("using System.Linq.Expressions;\nExpression<Func<int, Expression<Func<int, int>>>> e = a => b => a + b; Console.Write(e);", "a => b => (a + b)")]
    [InlineData("using System.Linq.Expressions;\nbool up = true; Expression<Func<int, int>> e = up ? x => x + 1 : x => x - 1; LambdaExpression l = (int x) => x; Expression p = (int y) => -y; Console.Write($\"{e} {l} {p} {(Expression<Func<int>>)(() => 7)}\");", "x => (x + 1) x => x y => -y () => 7")]
    [InlineData("using System.Linq.Expressions;\nstring All(params Expression<Func<int, bool>>[] e) => string.Join(';', e.AsEnumerable()); Expression<Func<int>>[] list = [() => 1, () => 2]; Console.Write(All(x => x > 1, x => x < 1) + list[1]);", "x => (x > 1);x => (x < 1)() => 2")]
    [InlineData("var data = new[] { new[] { 1, 2 }, new[] { 3 } }.AsQueryable(); var all = from d in data where d.Any(x => x > 0) from i in d let j = i + 1 orderby -j group j by j % 2 into g join k in data on g.Key equals k.Length select new { g.Key, N = g.Count(x => x > 1) + k.Sum(y => y) };\nConsole.Write($\"{all.Expression.ToString().Contains(\"Pass\")} {all.Sum(a => a.N)}\");", "False 4")]
    [InlineData("var sums = from x in new[] { 1, 2 }.AsQueryable() select (from y in new[] { 1, 2 } where y < x select y * 10).Sum(); Console.Write($\"{sums.Expression.ToString().Contains(\"Pass\")} {string.Join(',', sums)}\");", "False 0,10")]
    [InlineData("class Held : IDisposable { public void Dispose() { Span<int> s = stackalloc int[2]; foreach (ref int v in s) v = 3; Console.Write(s[0]); goto end; end: ; } }\nusing (new Held()) Console.Write(1);", "13")]
    public async Task Code_with_checkpoints_means_what_it_meant(string code, string printed)
    {
        if (await Written(code) is { } written) Assert.NotEqual(code, written);
        Assert.Equal(printed, await Prints(code));
    }

    [Theory]
    [InlineData("for (int i = 0; i < 3; i++)\n{\n    if (i == 1)\n        throw new Exception(); // here\n}")]
    [InlineData("for (int i = 0; i < 3; i++)\n    if (i == 1)\n        throw new Exception(); // here")]
    [InlineData("int F(int n) =>\n    n == 0\n    ? 1\n    : throw new Exception();\n\nF(\n  1);", 2)]
    [InlineData("int F(int n)\n    => 1 /\n       n;\n\nF(0);", 2)]
    [InlineData("Func<int, int> f = x =>\n\n    1 / x; // here\nf(0);")]
    [InlineData("Func<int, int> f = x =>\n{\n    while (true)\n    {\n        x--;\n        x = 1 / x; // here\n    }\n};\nf(1);")]
    [InlineData("var q = from i in new[] { 0 }\n        where\n          1 / i > 0 // here\n        select i;\nq.Count();")]
    [InlineData("foreach (int i in new[] { 1, 0 })\n    Console.Write(\n        1 / i);\n", 2)]
    [InlineData("class D\n{\n    public D(int n) =>\n        Q = 1 / n; // here\n    int Q;\n}\nnew D(0);")]
    [InlineData("try { } finally {\n    int zero = 0;\n    _ = 1 / zero; // here\n}")]
    [InlineData("await Task.Yield();\nwhile (true)\n    throw new Exception(); // here")]
    [InlineData("IEnumerable<int> G()\n{\n    yield return 1;\n    throw new Exception(); // here\n}\nforeach (int i in G()) { }")]
    [InlineData("for (int i = 1;\n     1 / i > 0; // here\n     i--)\n    Console.Write(i);")]
    [InlineData("for (int i = 1;\n     i > -9;\n     i = 1 / (i - 1)) // here\n    Console.Write(i);")]
    [InlineData("int n = 1;\nwhile ( // here\n    1 / n > 0)\n    n--;")]
    [InlineData("int n = 2;\ndo\n    n--;\nwhile (1 / n > 0); // here")]
    [InlineData("int n = 1;\ndo\n{\n    n = 1 / (n - 1); // here\n}\nwhile (n < 5);")]
    [InlineData("async IAsyncEnumerable<int> G()\n{\n    await Task.Yield();\n    yield return 0;\n}\nawait foreach (int i in G())\n    Console.Write(1 / i); // here")]
    [InlineData("async IAsyncEnumerable<int> G()\n{\n    while (true)\n    {\n        await Task.Yield();\n        throw new Exception(); // here\n        yield return 0;\n    }\n}\nawait foreach (int i in G()) ;")]
    [InlineData("unsafe int U(int[] a)\n{\n    fixed (int* p = a)\n        for (int i = 0; i < 2; i++)\n            p[0] /= i; // here\n    return 1;\n}\nU([1]);")]
    [InlineData("int S(int n)\n{\n    Span<int> s = stackalloc int[2];\n    foreach (ref int v in s) // here: so .NET tells it\n        v = 1 / n;\n    return 0;\n}\nS(0);")]
    [InlineData("record R(int N)\n{\n    public int Q =>\n        1 / N; // here\n}\nConsole.Write(new R(0).Q);")]
    [InlineData("record struct R(int N)\n{\n    public int this[int i]\n    {\n        get =>\n            i / N; // here\n    }\n}\n_ = new R(0)[1];")]
    [InlineData("class C\n{\n    public int N\n    {\n        set\n        {\n            for (;;)\n                _ = 1 / value; // here\n        }\n    }\n}\nnew C { N = 0 };")]
    [InlineData("int g = 2;\nagain:\ng--;\n_ = 1 / g; // here\ngoto again;")]
    [InlineData("switch (1)\n{\n    case 1:\n        goto case 2;\n    case 2:\n        throw new Exception(); // here\n}")]
    [InlineData("Func<int, Func<int>> f = a =>\n    () =>\n        1 / a; // here\nf(0)();")]
    [InlineData("class V\n{\n    public static V operator +(V a, V b)\n        => throw new Exception(); // here\n}\n_ = new V() + new V();")]
    [InlineData("class H : IDisposable\n{\n    public void Dispose()\n    {\n        throw new Exception(); // here\n    }\n}\nusing (new H())\n{\n}")]
    [InlineData("_ = new[] { 1, 0 }\n    .Select(i =>\n        1 / i) // here\n    .ToArray();")]
    [InlineData("var q = from i in new[] { 0, 1 }\n        join j in new[] { 1 } on i equals j\n        orderby\n          1 / (j - 1) // here\n        group j\n          by j;\nq.Count();")]
    [InlineData("using System.Linq.Expressions;\nExpression<Func<int, int>> e = x =>\n    1 / x;\nFunc<int, int> compiled = e.Compile();\n_ = compiled(0); // here")]
    [InlineData("async Task T()\n{\n    while (true)\n    {\n        await Task.Yield();\n        throw new Exception(); // here\n    }\n}\n\nawait T();")]
    [InlineData("await Task.Run(() =>\n{\n    foreach (int i in new[] { 0 })\n        _ = 1 / i; // here\n});")]
    [InlineData("try\n{\n    throw new Exception();\n}\ncatch when (1 > 0)\n{\n    while (true)\n        throw; // here\n}", 3)]
    [InlineData("#load \"parts.csx\"\nFrom(0);", 4)]
    public async Task The_line_that_threw_is_the_line_that_was_written(string code, int line = 0)
    {
        folder.Write("parts.csx", "int From(int n)\n{\n    for (;;)\n        n = 1 / n;\n}");
        if (line == 0) line = 1 + Array.FindIndex(code.Split('\n'), l => l.Contains("// here"));
        CellError? error = (await Run(code)).Error;
        Assert.NotNull(error);
        string place = code.StartsWith('#') ? "parts.csx:line " : "cell 1:line ";
        Assert.Contains(error.Traceback, t => t.Contains(place + line));
        if (place[0] == 'c') Assert.Equal(line, error.Line);
        // And it is the one that .NET tells without checkpoints.
        using var bare = new NotebookEngine(folder.Path) { Checkpoints = false };
        CellError? told = (await bare.ExecuteAsync(code, "cell 1", _ => { })).Error;
        Assert.Equal((told?.Line, told?.SourceLine), (error.Line, error.SourceLine));
    }

    /// <summary>Elsewhere a loop asks, which takes longer.</summary>
    [Theory]
    [InlineData("for (;;) while (true) foreach (int i in new[] { 1 }) { }", 1, 3)]
    [InlineData("while (true) { Action a = () => { do { } while (true); }; }", 2, 2)]
    [InlineData("void F() { while (int.TryParse(\"5\", out int read)) { } }", 1, 1)]
    [InlineData("while (true) try { } finally { while (true) { } }", 2, 2)]
    [InlineData("while (int.TryParse(\"5\", out int read)) { }", 0, 0)]
    [InlineData("IEnumerable<int> G() { while (true) { yield return 1; while (true) { } } }", 0, 0)]
    public async Task Loops_look_at_a_flag_that_was_looked_up_once(string code, int lookedUp, int turns)
    {
        string written = (await Written(code))!;
        Assert.Equal((lookedUp, turns), (written.Split(".StopFlag ").Length - 1, written.Split(".Asked) global::Cellar.Interrupts.Checkpoint.Throw();").Length - 1));
    }

    [Fact]
    public async Task Errors_are_told_in_the_columns_that_were_written()
    {
        const string line2 = "while (true) foreach (int i in new[] { 1 }) { int y = new[] { 1 }.Sum(x => missing + i); }";
        CellError? error = (await Run($"Func<int, int> f = x => x;\n{line2}")).Error;
        Assert.Equal("CompilationError", error?.Name);
        Assert.Equal($"cell 1 (2,{line2.IndexOf("missing", StringComparison.Ordinal) + 1}): error CS0103: The name 'missing' does not exist in the current context", error!.Traceback[0]);
        Assert.DoesNotContain(error.Traceback, line => line.Contains("Checkpoint"));
    }

    [Fact]
    public async Task Cleaning_up_is_not_interrupted()
    {
        await Prints("var done = new List<string>(); void Note(string what) => done.Add(what);\nclass Held(List<string> notes) : IDisposable { public void Dispose() { for (int i = 0; i < 3; i++) notes.Add($\"d{i}\"); } }");
        CellResult result = await Interrupt("try { using var held = new Held(done); Console.Write(1); while (true) { } } finally { for (int i = 0; i < 3; i++) Note($\"f{i}\"); }");
        Assert.Equal("Interrupted", result.Error?.Name);
        Assert.Equal("d0,d1,d2,f0,f1,f2", await Prints("Console.Write(string.Join(',', done))"));
    }

    [Fact]
    public async Task Only_the_cell_that_was_interrupted_stops_and_not_what_an_earlier_one_left_running()
    {
        await Prints("long ticks = 0; bool end = false; var background = Task.Run(() => { while (!end) ticks++; });");
        Assert.Equal(CellError.TimeLimitExceeded, (await Run("while (true) { }", limit: 0.2)).Error?.Name);
        Assert.Equal("True", await Prints("long seen = ticks; for (int wait = 0; wait < 2000 && ticks == seen; wait++) Thread.Sleep(5); Console.Write(!background.IsCompleted && ticks > seen); end = true; await background;"));
        // And the other way round: what an interrupted cell leaves behind stops with it, and a later cell does not.
        Assert.Equal("Interrupted", (await Interrupt("var left = Task.Run(() => { while (true) { } }); Console.Write(1); while (true) { }")).Error?.Name);
        Assert.Equal("True", await Prints("int turns = 0; while (!left.IsCompleted && turns++ < 500) Thread.Sleep(10); Console.Write(left.IsFaulted || left.IsCanceled);"));
    }

    [Fact]
    public async Task Variables_of_an_interrupted_cell_stay_even_while_it_awaits()
    {
        Assert.Equal("Interrupted", (await Interrupt("int kept = 5; Console.Write(1); await Task.Delay(60_000); int never = 1;")).Error?.Name);
        Assert.Equal("50", await Prints("Console.Write($\"{kept}{never}\")"));
    }

    [Fact]
    public async Task Twenty_thousand_nested_parentheses_are_an_error_or_a_value()
    {
        CellResult result = await Run($"int deep = {new string('(', 20_000)}1{new string(')', 20_000)};");
        if (!result.Succeeded) Assert.Equal("CompilationError", result.Error!.Name);
        Assert.Equal("alive", await Prints("Console.Write(\"alive\")"));
    }
}
