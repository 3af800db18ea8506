using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using System.Text.Json.Nodes;
using Cellar.Engine;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>One figure of the kernel, with the limit that it should keep.</summary>
/// <param name="Name">What was measured.</param>
/// <param name="Unit">Of value and limit.</param>
/// <param name="Value">The figure that counts: a median, where several were taken.</param>
/// <param name="Best">The lowest one.</param>
/// <param name="Limit">At most this.</param>
/// <param name="Samples">How many were taken.</param>
/// <param name="Peers">Medians of the other kernels on this machine, by name; null where one does not do it.</param>
internal sealed record KernelFigure(string Name, string Unit, double Value, double Best, double Limit, int Samples, IReadOnlyDictionary<string, double?> Peers)
{
    /// <summary>Whether the limit is kept.</summary>
    public bool Holds => Value <= Limit;
}

/// <summary>Times the real kernel process from a client's side, and other kernels in turn with it.</summary>
internal static class KernelBenchmark
{
    private const string Start = "start to first result", Cell = "warm cell", Completion = "first completion", Inspection = "first inspection after it",
        Interrupt = "interrupt of a busy loop", Package = "#r \"nuget:\" of a cached package", Resident = "idle memory (RSS)", Proportional = "idle memory (PSS)";

    private static readonly (string Name, string Unit, double Limit)[] Figures =
    [
        (Start, "s", 1.1), (Cell, "ms", 6), (Completion, "ms", 60), (Inspection, "ms", 400), (Interrupt, "ms", 100), (Package, "ms", 50), (Resident, "MB", 200), (Proportional, "MB", 200),
    ];

    /// <summary>Measures every figure.</summary>
    /// <param name="starts">How many kernels to start one after another.</param>
    /// <param name="peers">Other kernels, started in turn with this one.</param>
    /// <param name="progress">Told what is under way.</param>
    public static IReadOnlyList<KernelFigure> Run(int starts, IReadOnlyList<KernelProgram> peers, IProgress<string> progress)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("unetresnet-bench-");
        try
        {
            Pack(folder.FullName);
            progress.Report("a package is fetched, so that it is in the cache");
            using (var kernel = new KernelProcess(folder.FullName)) kernel.Execute(PackageCell);

            KernelProgram[] all = [KernelProgram.Own, .. peers];
            Dictionary<string, List<double>>[] samples = [.. all.Select(_ => Figures.ToDictionary(f => f.Name, _ => new List<double>()))];
            for (int i = 0; i < starts; i++)
            {
                for (int k = 0; k < all.Length; k++)
                {
                    progress.Report($"{all[k].Name}, start {i + 1} of {starts}");
                    try
                    {
                        Measure(all[k], folder.FullName, samples[k], cells: i == starts - 1);
                    }
                    catch (Exception e) when (k > 0 && e is (TimeoutException or InvalidOperationException))
                    {
                        progress.Report($"{all[k].Name}: {e.Message} Its figures so far stay.");
                    }
                }
            }

            return [.. Figures.Where(f => samples[0][f.Name].Count > 0).Select(f => new KernelFigure(
                f.Name, f.Unit, Median(samples[0][f.Name])!.Value, samples[0][f.Name].Min(), f.Limit, samples[0][f.Name].Count,
                all.Zip(samples).Skip(1).ToDictionary(p => p.First.Name, p => Median(p.Second[f.Name]))))];
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private const string PackageCell = "#i \"nuget: source\"\n#r \"nuget: Bench.Package, 1.0.0\"\nBenchPackage.Answer";

    private static void Measure(KernelProgram program, string folder, Dictionary<string, List<double>> samples, bool cells)
    {
        var watch = Stopwatch.StartNew();
        using var kernel = new KernelProcess(folder, program);
        kernel.Execute("1 + 1");
        samples[Start].Add(watch.Elapsed.TotalSeconds);
        samples[Completion].Add(Milliseconds(() => kernel.Ask("complete_request", program.Completion)));
        if (program == KernelProgram.Own) samples[Inspection].Add(Milliseconds(() => kernel.Ask("inspect_request", new JsonObject { ["code"] = "Console.WriteLine", ["cursor_pos"] = 11, ["detail_level"] = 0 })));
        Thread.Sleep(3000);
        if (Memory(kernel.Id) is var (rss, pss))
        {
            samples[Resident].Add(rss);
            samples[Proportional].Add(pss);
        }

        if (program == KernelProgram.Own) samples[Package].Add(Milliseconds(() => kernel.Execute(PackageCell)));
        if (!cells) return;
        for (int n = 0; n < 110; n++)
        {
            double time = Milliseconds(() => kernel.Execute(program.Cell(n)));
            if (n >= 10) samples[Cell].Add(time);
        }

        for (int n = 0; n < 10; n++)
        {
            if (kernel.Interrupt() is not { } time)
            {
                samples[Interrupt].Clear(); // not every time is not at all
                return;
            }

            samples[Interrupt].Add(time.TotalMilliseconds);
        }
    }

    private static double? Median(List<double> samples)
    {
        double[] sorted = [.. samples.Order()];
        return sorted.Length == 0 ? null : sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[sorted.Length / 2 - 1] + sorted[sorted.Length / 2]) / 2;
    }

    private static double Milliseconds(Action action)
    {
        var watch = Stopwatch.StartNew();
        action();
        return watch.Elapsed.TotalMilliseconds;
    }

    /// <summary>Resident and proportional memory in MB (10⁶ bytes), where Linux tells them.</summary>
    private static (double Resident, double Proportional)? Memory(int process)
    {
        string file = $"/proc/{process}/smaps_rollup";
        if (!File.Exists(file)) return null;
        string[] lines = File.ReadAllLines(file);
        double Megabytes(string name) => double.Parse(lines.First(l => l.StartsWith(name, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024 / 1e6;
        return (Megabytes("Rss:"), Megabytes("Pss:"));
    }

    /// <summary>A package with one class in a folder that is the only source.</summary>
    private static void Pack(string folder)
    {
        File.WriteAllText(Path.Combine(folder, "NuGet.Config"), "<configuration><packageSources><clear /></packageSources></configuration>");
        Directory.CreateDirectory(Path.Combine(folder, "source"));
        using ZipArchive archive = ZipFile.Open(Path.Combine(folder, "source", "Bench.Package.1.0.0.nupkg"), ZipArchiveMode.Create);
        using (Stream specification = archive.CreateEntry("Bench.Package.nuspec").Open())
            specification.Write("<package><metadata><id>Bench.Package</id><version>1.0.0</version><authors>lab</authors><description>For a measurement.</description></metadata></package>"u8);
        CSharpCompilation compilation = CSharpCompilation.Create(
            "Bench.Package", [CSharpSyntaxTree.ParseText("public static class BenchPackage { public static int Answer => 42; }")],
            [References.ToFile(typeof(object).Assembly.Location)], new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary));
        using Stream assembly = archive.CreateEntry("lib/netstandard2.0/Bench.Package.dll").Open();
        using var compiled = new MemoryStream();
        if (!compilation.Emit(compiled).Success) throw new InvalidOperationException("The package for the measurement does not compile.");
        assembly.Write(compiled.GetBuffer().AsSpan(0, (int)compiled.Length));
    }
}
