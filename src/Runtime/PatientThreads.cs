using System.Runtime.InteropServices;

namespace UnetResnet.Runtime;

/// <summary>
/// Lets libtorch's threads wait for each other for a fraction of a millisecond and then sleep. By default they spin for milliseconds at the end of every operation, and on two cores
/// that something else uses too (an editor, a second notebook), each spins on the core that the other would need.
/// </summary>
/// <remarks>
/// 4000 looks outlast the gap between most operations. On two idle cores of an Intel Xeon a step that trains everything at width 16 took 109 ms at best with 4000 looks,
/// 108 ms with libgomp's own 300,000 and 128 ms with 1500; beside two busy loops a step with a frozen encoder took 165 ms, 327 ms and 168 ms
/// (<c>GOMP_SPINCOUNT=N lab bench train --only frozen,full</c>). OpenMP (libgomp) reads the variables once, when it is loaded; what the user has set stays.
/// </remarks>
internal static class PatientThreads
{
    /// <summary>The variable, in the process's own environment: .NET's <see cref="Environment"/> keeps a copy that native code does not see.</summary>
    internal const string Variable = "GOMP_SPINCOUNT";

    /// <summary>How often a thread looks before it sleeps.</summary>
    internal const string Looks = "4000";

    /// <summary>Sets it, to be called before libtorch is loaded.</summary>
    internal static void Set()
    {
        if (OperatingSystem.IsLinux() && Environment.GetEnvironmentVariable("OMP_WAIT_POLICY") is null) _ = SetVariable(Variable, Looks, overwrite: 0);
    }

    [DllImport("libc", EntryPoint = "setenv")]
    private static extern int SetVariable([MarshalAs(UnmanagedType.LPUTF8Str)] string name, [MarshalAs(UnmanagedType.LPUTF8Str)] string value, int overwrite);
}
