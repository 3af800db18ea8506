using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Cellar.Packages;

namespace UnetResnet.Lab.Results;

/// <summary>The machine a figure was taken on.</summary>
/// <param name="Cpu">Name of the processor as it gives it itself.</param>
/// <param name="Cores">Logical processors this process may use.</param>
/// <param name="MemoryBytes">Memory this process may use: the machine's, or the container's limit.</param>
/// <param name="System">Operating system.</param>
/// <param name="DotNet">Version of the .NET runtime.</param>
internal sealed record Machine(string Cpu, int Cores, long MemoryBytes, string System, string DotNet)
{
    /// <summary>This machine.</summary>
    public static Machine Current { get; } = new(
        CpuName(),
        Environment.ProcessorCount,
        GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
        SystemName(),
        Environment.Version.ToString());

    /// <summary>The packages whose versions decide what a notebook shows.</summary>
    public static IReadOnlyDictionary<string, string> PackageVersions { get; } = ProgramAssemblies.Current.PackageVersions
        .Where(p => p.Key is "UnetResnet.Helpers" or "UnetResnet.Notebooks" or "TorchSharp" or "TorchSharp-cuda-linux" or "Plotly.NET" or "SkiaSharp" or "Microsoft.Data.Analysis"
            or "Microsoft.DotNet.Interactive.Formatting" || p.Key.StartsWith("libtorch-c", StringComparison.Ordinal))
        .ToDictionary(p => p.Key, p => p.Value);

    private static string CpuName()
    {
        if (File.Exists("/proc/cpuinfo"))
        {
            foreach (string line in File.ReadLines("/proc/cpuinfo"))
            {
                if (line.StartsWith("model name", StringComparison.Ordinal)) return line[(line.IndexOf(':') + 1)..].Trim();
            }
        }

        return Output("sysctl", "-n machdep.cpu.brand_string")
            ?? Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER")
            ?? RuntimeInformation.ProcessArchitecture.ToString();
    }

    private static string SystemName()
    {
        const string release = "/etc/os-release";
        string? pretty = File.Exists(release) ? File.ReadLines(release).FirstOrDefault(l => l.StartsWith("PRETTY_NAME=", StringComparison.Ordinal)) : null;
        return pretty is null ? RuntimeInformation.OSDescription : pretty["PRETTY_NAME=".Length..].Trim('"');
    }

    /// <summary>What a program prints, or null where it is absent, fails or takes more than ten seconds.</summary>
    public static string? Output(string program, string arguments)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            Task<string> text = process.StandardOutput.ReadToEndAsync();
            process.BeginErrorReadLine();
            if (process.WaitForExit(TimeSpan.FromSeconds(10))) return process.ExitCode == 0 ? text.Result.Trim() : null;
            process.Kill(entireProcessTree: true);
            return null;
        }
        catch (Exception e) when (e is Win32Exception or InvalidOperationException)
        {
            return null;
        }
    }
}
