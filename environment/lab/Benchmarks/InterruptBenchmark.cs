using System.Text.Json.Serialization;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>What interrupts did to kernels.</summary>
/// <param name="Tried">How many cells were interrupted.</param>
/// <param name="Died">How often the kernel's process ended.</param>
/// <param name="Hung">How often the cell did not end in time.</param>
/// <param name="LostVariables">How often what earlier cells made was gone or broken, the process being alive.</param>
/// <param name="P95">From the interrupt to the cell's error, in milliseconds: 95 of 100 take at most this long. Long single calls are left out.</param>
internal sealed record InterruptResult(
    [property: JsonPropertyName("tried")] int Tried,
    [property: JsonPropertyName("died")] int Died,
    [property: JsonPropertyName("hung")] int Hung,
    [property: JsonPropertyName("lost_variables")] int LostVariables,
    [property: JsonPropertyName("p95_ms")] double P95)
{
    /// <summary>The highest p95 that is good enough, in milliseconds.</summary>
    public const double Limit = 150;

    /// <summary>The same for each kind of cell.</summary>
    [JsonIgnore]
    public IReadOnlyList<InterruptKind> Kinds { get; init; } = [];

    /// <summary>Whether nothing was lost and the limit is kept.</summary>
    [JsonIgnore]
    public bool Holds => Died + Hung + LostVariables == 0 && P95 < Limit;
}

/// <summary>What interrupts of one kind of cell did.</summary>
internal sealed record InterruptKind(InterruptCell Cell, int Tried, int Lost, double Median, double P95, double Longest);

/// <summary>Interrupts busy cells of many kinds in a real kernel process, from a client's side.</summary>
internal static class InterruptBenchmark
{
    /// <summary>Interrupts cells, the kinds in turn, each after a random time.</summary>
    /// <param name="count">How many.</param>
    /// <param name="patience">After what time a cell that has not stopped hangs.</param>
    /// <param name="progress">Told what is under way.</param>
    public static InterruptResult Run(int count, TimeSpan patience, IProgress<string> progress)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("unetresnet-bench-");
        var random = new Random(1);
        int died = 0, hung = 0, lost = 0;
        List<double>[] times = [.. InterruptCells.All.Select(_ => new List<double>())];
        int[] losses = new int[times.Length];
        KernelProcess? kernel = null;
        try
        {
            for (int i = 0; i < count; i++)
            {
                int kind = i % times.Length;
                if (i % 100 == 0) progress.Report($"{i} of {count} interrupts, {died} died, {hung} hung, {lost} lost variables");
                if (kernel is null)
                {
                    kernel = new KernelProcess(folder.FullName);
                    kernel.Execute(InterruptCells.Setup);
                }

                try
                {
                    times[kind].Add(kernel.Interrupt(InterruptCells.All[kind].Code, TimeSpan.FromMilliseconds(random.Next(2, 60)), patience).TotalMilliseconds);
                    kernel.Execute(InterruptCells.Check);
                    continue;
                }
                catch (TimeoutException) when (kernel.HasExited)
                {
                    died++;
                }
                catch (TimeoutException)
                {
                    hung++;
                }
                catch (InvalidOperationException e)
                {
                    progress.Report($"after an interrupt of {InterruptCells.All[kind].Name}: {e.Message}");
                    lost++;
                }

                losses[kind]++;
                kernel.Kill();
                kernel.Dispose();
                kernel = null;
            }
        }
        finally
        {
            kernel?.Dispose();
            folder.Delete(recursive: true);
        }

        return new InterruptResult(count, died, hung, lost, Percentile(times.Where((_, k) => !InterruptCells.All[k].OneCall).SelectMany(t => t), 0.95))
        {
            Kinds =
            [
                .. times.Select((t, k) => new InterruptKind(
                    InterruptCells.All[k], t.Count + losses[k], losses[k], Percentile(t, 0.5), Percentile(t, 0.95), Percentile(t, 1))),
            ],
        };
    }

    private static double Percentile(IEnumerable<double> values, double part)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length == 0 ? 0 : sorted[Math.Clamp((int)Math.Ceiling(part * sorted.Length) - 1, 0, sorted.Length - 1)];
    }
}
