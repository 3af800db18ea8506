using System.Runtime.InteropServices;

namespace UnetResnet.Runtime;

/// <summary>
/// Lets libtorch's threads wait for each other for microseconds and then sleep. By default they spin for milliseconds at the end of every operation, and on two cores
/// that something else uses too (an editor, a second notebook), each spins on the core that the other would need.
/// </summary>
/// <remarks>
/// A training step on two cores took as long as by default when nothing else ran (51 and 53 ms), and beside two busy loops less than half as long (179 and 442 ms). With no
/// spinning at all it took 77 and 158 ms. OpenMP (libgomp) reads the variables once, when it is loaded; what the user has set stays.
/// </remarks>
internal static class PatientThreads
{
    /// <summary>The variable, in the process's own environment: .NET's <see cref="Environment"/> keeps a copy that native code does not see.</summary>
    internal const string Variable = "GOMP_SPINCOUNT";

    /// <summary>How often a thread looks before it sleeps.</summary>
    internal const string Looks = "1500";

    /// <summary>Sets it, to be called before libtorch is loaded.</summary>
    internal static void Set()
    {
        if (OperatingSystem.IsLinux() && Environment.GetEnvironmentVariable("OMP_WAIT_POLICY") is null) _ = SetVariable(Variable, Looks, overwrite: 0);
    }

    [DllImport("libc", EntryPoint = "setenv")]
    private static extern int SetVariable([MarshalAs(UnmanagedType.LPUTF8Str)] string name, [MarshalAs(UnmanagedType.LPUTF8Str)] string value, int overwrite);
}
