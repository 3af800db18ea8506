namespace UnetResnet.Lab.Benchmarks;

/// <summary>A kind of cell that is busy until it is interrupted.</summary>
/// <param name="Name">What it does.</param>
/// <param name="Code">The cell.</param>
/// <param name="OneCall">Whether it spends its time inside single long calls that nothing can stop: counted like the others, but without a limit for the time.</param>
internal sealed record InterruptCell(string Name, string Code, bool OneCall = false);

/// <summary>The cells that are interrupted.</summary>
internal static class InterruptCells
{
    /// <summary>What the cells rely on. The variables must survive every interrupt.</summary>
    public const string Setup = """
        #r "nuget: TorchSharp"
        using System.Collections.Concurrent;
        using System.Text.Json;
        using System.Text.RegularExpressions;
        using TorchSharp;
        int kept = 4711;
        var numbers = Enumerable.Range(0, 100_000).Select(i => i * 7919 % 100_003).ToArray();
        var words = numbers.Select(n => $"word{n}").Take(2000).ToArray();
        record Item(string Name, int[] Values);
        var items = words.Take(200).Select((w, i) => new Item(w, [i, i + 1, i + 2])).ToArray();
        long Fib(int n) => n < 2 ? n : Fib(n - 1) + Fib(n - 2);
        IEnumerable<int> Walk(int depth) { yield return depth; if (depth > 0) foreach (int d in Walk(depth - 1)) yield return d; }
        int Fail(int n) => n == 0 ? throw new InvalidOperationException("as meant") : Fail(n - 1);
        var net = torch.nn.Sequential(torch.nn.Linear(32, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1));
        var optimizer = torch.optim.SGD(net.parameters(), 0.001);
        var (x, y) = (torch.randn(64, 32), torch.randn(64, 1));
        void Step()
        {
            using var scope = torch.NewDisposeScope();
            optimizer.zero_grad();
            var loss = torch.nn.functional.mse_loss(net.call(x), y);
            loss.backward();
            optimizer.step();
        }
        """;

    /// <summary>Fails unless all that <see cref="Setup"/> made is there and works.</summary>
    public const string Check = "if (kept != 4711 || numbers.Length != 100_000 || items[7].Values[1] != 8 || Fib(5) != 5) throw new Exception(\"lost\"); Step();";

    /// <summary>All kinds.</summary>
    public static readonly IReadOnlyList<InterruptCell> All =
    [
        new("LINQ", "while (true) numbers.Where(n => n % 3 == 0).Select(n => n * 2L).Sum();"),
        new("GroupBy", "while (true) numbers.GroupBy(n => n % 1000).Select(g => g.Count()).Max();"),
        new("query", "while (true) (from a in numbers where a % 5 == 0 orderby a % 100 descending select a + 1).Count();"),
        new("sort with a comparer", "while (true) { var copy = (int[])numbers.Clone(); Array.Sort(copy, (a, b) => b.CompareTo(a)); }"),
        new("dictionary", "while (true) { var d = new Dictionary<int, string>(); foreach (int n in numbers) d[n % 5000] = \"v\"; }"),
        new("JSON", "while (true) JsonSerializer.Deserialize<Item[]>(JsonSerializer.Serialize(items));"),
        new("regular expression", "while (true) foreach (string w in words) Regex.IsMatch(w, \"^w(o|r)+d[0-9]*7$\");"),
        new("string", "while (true) { string s = \"\"; for (int i = 0; i < 2000; i++) s += (char)('a' + i % 26); s.Split('k'); }"),
        new("exceptions", "while (true) { try { Fail(3); } catch (InvalidOperationException) { } }"),
        new("catch-all", "while (true) { try { while (true) Fail(2); } catch { } }"),
        new("matrix", "var (a, b, c) = (new double[128, 128], new double[128, 128], new double[128, 128]); while (true) for (int i = 0; i < 128; i++) for (int j = 0; j < 128; j++) for (int k = 0; k < 128; k++) c[i, j] += a[i, k] * b[k, j];"),
        new("allocation", "while (true) { var list = new List<byte[]>(); for (int i = 0; i < 1000; i++) list.Add(new byte[i]); }"),
        new("GC.Collect", "while (true) GC.Collect();"),
        new("Parallel.For", "while (true) Parallel.For(0, 10_000, i => { for (int j = 0; j < 1000; j++) Math.Sqrt(i * j); });"),
        new("PLINQ", "while (true) numbers.AsParallel().Where(n => Math.Sqrt(n) > 7).Select(n => n % 10).Sum();"),
        new("recursion", "while (true) Fib(35);"),
        new("generators", "while (true) foreach (int d in Walk(40)) { }"),
        new("torch training", "while (true) Step();"),
        new("nested tasks", "while (true) await Task.WhenAll(Enumerable.Range(0, 4).Select(i => Task.Run(async () => { await Task.Yield(); await Task.Run(() => { for (int j = 0; j < 100_000; j++) Math.Sqrt(j); }); })));"),
        new("waiting tasks", "while (true) Task.WaitAll(Enumerable.Range(0, 3).Select(i => Task.Run(() => Thread.Sleep(5))).ToArray());"),
        new("empty loop", "while (true) { }"),
        new("printing", "for (int i = 0; ; i++) Console.WriteLine(i);"),
        new("one long call into .NET", "while (true) System.Numerics.BigInteger.Pow(3, 400_000);", OneCall: true),
        new("one long call into libtorch", "while (true) { using var m = torch.randn(600, 600); using var s = torch.linalg.svdvals(m); }", OneCall: true),
    ];
}
