using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Runtime.Loader;
using System.Text.Json.Serialization;
using Cellar.Engine;
using Cellar.Packages;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>What small cells leave behind.</summary>
/// <param name="Cells">How many were run; each declares a variable and answers its double.</param>
/// <param name="KernelKb">Kilobytes of resident memory that a cell costs the kernel.</param>
/// <param name="RuntimeKb">The same for a process that loads and runs the same assemblies and does nothing else: what .NET itself keeps of an assembly that has run.</param>
/// <param name="FirstMs">Median time of the first hundred cells that count.</param>
/// <param name="LastMs">The same of the last hundred.</param>
internal sealed record CellsResult(
    [property: JsonPropertyName("cells")] int Cells,
    [property: JsonPropertyName("kernel_kb")] double KernelKb,
    [property: JsonPropertyName("runtime_kb")] double RuntimeKb,
    [property: JsonPropertyName("first_ms")] double FirstMs,
    [property: JsonPropertyName("last_ms")] double LastMs);

/// <summary>Runs many small cells in a kernel, and the assemblies that such cells are compiled to in a process without a compiler.</summary>
internal static class CellsBenchmark
{
    /// <summary>The option by which this program is started as the process without a compiler.</summary>
    public const string LoadOption = "--load";

    /// <summary>Cells in front of those that count.</summary>
    private const int Before = 100;

    /// <summary>Measures both.</summary>
    /// <param name="cells">How many cells count, at least 100.</param>
    /// <param name="command">How this benchmark is started again, without its options.</param>
    /// <param name="progress">Told what is under way.</param>
    public static CellsResult Run(int cells, IReadOnlyList<string> command, IProgress<string> progress)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("unetresnet-bench-");
        try
        {
            progress.Report($"{cells} cells in a kernel");
            (double kernel, double first, double last) = InKernel(cells, folder.FullName);
            progress.Report($"{cells} cells are compiled");
            string images = Path.Combine(folder.FullName, "cells");
            Compile(Before + cells, images);
            progress.Report($"{cells} assemblies of cells in a process without a compiler");
            return new CellsResult(cells, kernel, Started([.. command, LoadOption, images]), first, last);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>Loads and runs assemblies of cells in this process.</summary>
    /// <param name="folder">Holds what <see cref="Compile"/> has written.</param>
    /// <returns>Kilobytes of resident memory that each costs, after the first hundred.</returns>
    public static double Load(string folder)
    {
        var context = new AssemblyLoadContext("cells");
        int count = Directory.GetFiles(folder, "*.dll").Length;
        var slots = new object?[count + 2];
        double before = 0;
        for (int n = 0; n < count; n++)
        {
            if (n == Before) before = Resident();
            using MemoryStream image = new(File.ReadAllBytes(Image(folder, n))), symbols = new(File.ReadAllBytes(Symbols(folder, n)));
            string[] entry = File.ReadAllLines(Entry(folder, n));
            MethodInfo factory = context.LoadFromStream(image, symbols).GetType(entry[0], throwOnError: true)!.GetMethod(entry[1], BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic)!;
            object value = factory.CreateDelegate<Func<object?[], Task<object>>>()(slots).Result;
            if (value is not int answer || answer != 2 * n) throw new InvalidOperationException($"Cell {n} answers {value}.");
        }

        return (Resident() - before) / (count - Before);
    }

    /// <summary>Resident memory of this process in kilobytes, once garbage is collected.</summary>
    private static double Resident()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        return Environment.WorkingSet / 1000.0;
    }

    private static (double Kilobytes, double First, double Last) InKernel(int cells, string folder)
    {
        using var kernel = new KernelProcess(folder);
        var times = new List<double>();
        double Resident()
        {
            kernel.Execute("GC.Collect(); GC.WaitForPendingFinalizers(); GC.Collect();");
            using Process process = Process.GetProcessById(kernel.Id);
            return process.WorkingSet64 / 1000.0;
        }

        double before = 0;
        for (int n = 0; n < Before + cells; n++)
        {
            if (n == Before) before = Resident();
            var watch = Stopwatch.StartNew();
            kernel.Execute(Code(n));
            if (n >= Before) times.Add(watch.Elapsed.TotalMilliseconds);
        }

        return ((Resident() - before) / cells, Median(times.Take(100)), Median(times.TakeLast(100)));
    }

    private static void Compile(int cells, string folder)
    {
        Directory.CreateDirectory(folder);
        var compiler = new CellCompiler(folder, new CellReferenceResolver(folder));
        MetadataReference[] framework = [.. ProgramAssemblies.Current.FrameworkPaths.Select(path => References.ToFile(path))];
        CSharpCompilation? previous = null;
        for (int n = 0; n < cells; n++)
        {
            CompiledCell cell = compiler.Compile(Code(n), $"cell {n}", previous, n == 0 ? framework : [], n == 0 ? ["System"] : [], CancellationToken.None);
            IMethodSymbol entry = cell.Compilation.GetEntryPoint(CancellationToken.None)!;
            File.WriteAllBytes(Image(folder, n), cell.Image!.ToArray());
            File.WriteAllBytes(Symbols(folder, n), cell.Symbols!.ToArray());
            File.WriteAllLines(Entry(folder, n), [entry.ContainingType.MetadataName, entry.MetadataName]);
            previous = cell.Compilation;
        }
    }

    private static double Started(IReadOnlyList<string> command)
    {
        using Process process = Process.Start(new ProcessStartInfo(command[0], command.Skip(1)) { RedirectStandardOutput = true })!;
        string printed = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 && double.TryParse(printed, CultureInfo.InvariantCulture, out double kilobytes)
            ? kilobytes
            : throw new InvalidOperationException($"The process without a compiler ended with {process.ExitCode}: {printed}");
    }

    private static double Median(IEnumerable<double> times)
    {
        double[] sorted = [.. times.Order()];
        return sorted[sorted.Length / 2];
    }

    private static string Code(int n) => $"var x{n} = {n};\nx{n} * 2";

    private static string Image(string folder, int n) => Path.Combine(folder, $"{n}.dll");

    private static string Symbols(string folder, int n) => Path.Combine(folder, $"{n}.pdb");

    private static string Entry(string folder, int n) => Path.Combine(folder, $"{n}.txt");
}
