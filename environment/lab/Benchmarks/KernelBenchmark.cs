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
internal sealed record KernelFigure(string Name, string Unit, double Value, double Best, double Limit, int Samples)
{
    /// <summary>Whether the limit is kept.</summary>
    public bool Holds => Value <= Limit;
}

/// <summary>Times the real kernel process from a client's side.</summary>
internal static class KernelBenchmark
{
    /// <summary>Measures every figure.</summary>
    /// <param name="starts">How many kernels to start one after another.</param>
    /// <param name="progress">Told what is under way.</param>
    public static IReadOnlyList<KernelFigure> Run(int starts, IProgress<string> progress)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("unetresnet-bench-");
        try
        {
            Pack(folder.FullName);
            progress.Report("a package is fetched, so that it is in the cache");
            using (var kernel = new KernelProcess(folder.FullName)) kernel.Execute(PackageCell);

            List<double> start = [], completion = [], inspection = [], package = [], resident = [], proportional = [], cell = [], interrupt = [];
            for (int i = 0; i < starts; i++)
            {
                progress.Report($"kernel {i + 1} of {starts}");
                var watch = Stopwatch.StartNew();
                using var kernel = new KernelProcess(folder.FullName);
                kernel.Execute("1 + 1");
                start.Add(watch.Elapsed.TotalSeconds);
                completion.Add(Milliseconds(() => kernel.Ask("complete_request", new JsonObject { ["code"] = "Console.Wri", ["cursor_pos"] = 11 })));
                inspection.Add(Milliseconds(() => kernel.Ask("inspect_request", new JsonObject { ["code"] = "Console.WriteLine", ["cursor_pos"] = 11, ["detail_level"] = 0 })));
                Thread.Sleep(3000);
                if (Memory(kernel.Id) is var (rss, pss))
                {
                    resident.Add(rss);
                    proportional.Add(pss);
                }

                package.Add(Milliseconds(() => kernel.Execute(PackageCell)) / 1000);
                if (i < starts - 1) continue;

                progress.Report("100 cells and 10 interrupts");
                for (int n = 0; n < 110; n++)
                {
                    double time = Milliseconds(() => kernel.Execute($"var x{n} = {n};\nx{n} * 2"));
                    if (n >= 10) cell.Add(time);
                }

                for (int n = 0; n < 10; n++) interrupt.Add(kernel.Interrupt().TotalMilliseconds);
            }

            return
            [
                Figure("start to first result", "s", 2.5, start),
                Figure("warm cell", "ms", 20, cell),
                Figure("first completion", "ms", 400, completion),
                Figure("first inspection after it", "ms", 400, inspection),
                Figure("interrupt of a busy loop", "ms", 100, interrupt),
                Figure("#r \"nuget:\" of a cached package", "s", 1.5, package),
                .. resident.Count > 0 ? (KernelFigure[])[Figure("idle memory (RSS)", "MB", 250, resident), Figure("idle memory (PSS)", "MB", 250, proportional)] : [],
            ];
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private const string PackageCell = "#i \"nuget: source\"\n#r \"nuget: Bench.Package, 1.0.0\"\nBenchPackage.Answer";

    private static KernelFigure Figure(string name, string unit, double limit, List<double> samples)
    {
        double[] sorted = [.. samples.Order()];
        double median = sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[sorted.Length / 2 - 1] + sorted[sorted.Length / 2]) / 2;
        return new KernelFigure(name, unit, median, sorted[0], limit, sorted.Length);
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
