using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using UnetResnet.Runtime;

namespace UnetResnet.Benchmarks;

/// <summary>Micro-benchmarks: <c>dotnet run -c Release --project tests/benchmarks -- --filter '*'</c>. Results go to <c>artifacts/benchmarks/</c> below the working folder.</summary>
internal static class Program
{
    private static int Main(string[] arguments)
    {
        TorchRuntime.Initialize();
        // In this process: a program of its own for each benchmark would need libtorch beside it.
        IConfig config = ManualConfig.Create(DefaultConfig.Instance).WithArtifactsPath(Path.Combine("artifacts", "benchmarks")).AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance));
        return BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(arguments, config).Any() ? 0 : 1;
    }
}
