using System.Diagnostics;
using Cellar.Engine;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>What checkpoints cost a loop.</summary>
/// <param name="Loop">What the loop does.</param>
/// <param name="Without">Nanoseconds a turn without checkpoints.</param>
/// <param name="With">The same with them.</param>
/// <param name="Limit">The highest share that they may cost.</param>
internal sealed record CheckpointCost(string Loop, double Without, double With, double Limit)
{
    /// <summary>What they add, as a share.</summary>
    public double Share => With / Without - 1;

    /// <summary>
    /// Times loops in cells, with and without checkpoints in turn. Where in memory a loop happens to lie can matter more than what it does: each is compiled several times, the
    /// best time of each copy counts, and of the copies the one in the middle.
    /// </summary>
    public static async Task<IReadOnlyList<CheckpointCost>> MeasureAsync()
    {
        const int copies = 9, rounds = 10;
        using var with = new NotebookEngine(Path.GetTempPath());
        using var without = new NotebookEngine(Path.GetTempPath()) { Checkpoints = false };
        var loops = new List<Func<int, long>[][]>();
        for (int copy = 0; copy < copies; copy++) loops.Add([await LoopsAsync(without), await LoopsAsync(with)]);
        (string Name, int Turns, double Limit)[] kinds = [("counts", 10_000_000, 0.3), ("calls a method of .NET", 1_000_000, 0.05)];
        var costs = new List<CheckpointCost>();
        for (int kind = 0; kind < kinds.Length; kind++)
        {
            // Short calls first, and pauses, in which the runtime compiles the loops: to see what they do, and then for good.
            for (int pass = 0; pass < 6; pass++)
            {
                foreach (Func<int, long>[] side in loops.SelectMany(copy => copy))
                    for (int i = 0; i < 60; i++) side[kind](1000);
                Thread.Sleep(200);
            }

            double[][] best = [[.. Enumerable.Repeat(double.MaxValue, copies)], [.. Enumerable.Repeat(double.MaxValue, copies)]];
            for (int round = 0; round < rounds; round++)
                for (int copy = 0; copy < copies; copy++)
                    for (int side = 0; side < 2; side++)
                    {
                        var watch = Stopwatch.StartNew();
                        loops[copy][side][kind](kinds[kind].Turns);
                        best[side][copy] = Math.Min(best[side][copy], watch.Elapsed.TotalNanoseconds / kinds[kind].Turns);
                    }

            double[] middle = [.. best.Select(times => times.Order().ElementAt(copies / 2))];
            costs.Add(new CheckpointCost(kinds[kind].Name, middle[0], middle[1], kinds[kind].Limit));
        }

        return costs;
    }

    private static async Task<Func<int, long>[]> LoopsAsync(NotebookEngine engine)
    {
        const string code = """
            long Count(int n) { long sum = 0; for (int i = 0; i < n; i++) sum += i; return sum; }
            string text = "checkpoint";
            long Call(int n) { long sum = 0; string t = text; for (int i = 0; i < n; i++) sum += t.IndexOf('p', i & 3); return sum; }
            Func<int, long>[] loops = [Count, Call];
            """;
        CellResult result = await engine.ExecuteAsync(code, "loops", _ => { });
        if (result.Error is { } error) throw new InvalidOperationException(error.Message);
        return (Func<int, long>[])engine.Variable("loops")!;
    }
}
