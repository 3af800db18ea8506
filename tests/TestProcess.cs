using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using UnetResnet.Runtime;
using UnetResnet.Tests.Processes;

namespace UnetResnet.Tests;

/// <summary>
/// Many tests start with a call of TorchSharp's own, and its threads must be patient beside other processes. Two processes share the cores, as notebooks do that run at a time:
/// threads that wait for one that has no core take a third of a diagnosis's time. <see cref="ManyThreadsTest"/> has them all.
/// </summary>
internal static class TestProcess
{
    /// <summary>How many threads a process computes with, as OpenMP reads it.</summary>
    internal static string Threads { get; } = Math.Max(1, Environment.ProcessorCount / TwoProcesses.Count).ToString(CultureInfo.InvariantCulture);

    /// <summary>How many threads libtorch computes with in this process: <see cref="Threads"/>, unless the environment says otherwise.</summary>
    internal static int ThreadsAtStart { get; private set; }

    [ModuleInitializer]
    [SuppressMessage("Usage", "CA2255", Justification = "A test process has no entry point of ours.")]
    internal static void Start()
    {
        // In the process's own environment, which OpenMP reads; programs that tests start get the one that is read before, as .NET keeps a copy.
        _ = Environment.GetEnvironmentVariables();
        if (!OperatingSystem.IsWindows()) _ = SetVariable("OMP_NUM_THREADS", Threads, overwrite: 0);
        // Programs that tests start run for a second or two, most of which is compiling: profiling does not pay, and neither does mapping each page of code twice.
        foreach (string name in (string[])["DOTNET_TieredPGO", "DOTNET_EnableWriteXorExecute"])
            if (Environment.GetEnvironmentVariable(name) is null) Environment.SetEnvironmentVariable(name, "0");
        ThreadsAtStart = TorchRuntime.Initialize().Threads;
    }

    [DllImport("libc", EntryPoint = "setenv")]
    private static extern int SetVariable([MarshalAs(UnmanagedType.LPUTF8Str)] string name, [MarshalAs(UnmanagedType.LPUTF8Str)] string value, int overwrite);
}
