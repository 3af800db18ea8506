using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace UnetResnet.Runtime;

/// <summary>
/// Lets libtorch's threads sleep while they wait for each other. By default they spin for milliseconds at the end of every operation, and on two cores that
/// something else uses too (an editor, a second notebook), each spins on the core that the other would need: a training step then takes four times as long or more.
/// </summary>
/// <remarks>OpenMP reads <c>OMP_WAIT_POLICY</c> once, when it is loaded. A value that the user has set stays.</remarks>
internal static class PatientThreads
{
    /// <summary>The variable, in the process's own environment: .NET's <see cref="Environment"/> keeps a copy that native code does not see.</summary>
    internal const string Variable = "OMP_WAIT_POLICY";

    [ModuleInitializer]
    [SuppressMessage("Usage", "CA2255", Justification = "It must be set before libtorch is loaded, whichever of the library's types is touched first.")]
    internal static void Set()
    {
        if (OperatingSystem.IsLinux()) _ = SetVariable(Variable, "passive", overwrite: 0);
    }

    [DllImport("libc", EntryPoint = "setenv")]
    private static extern int SetVariable([MarshalAs(UnmanagedType.LPUTF8Str)] string name, [MarshalAs(UnmanagedType.LPUTF8Str)] string value, int overwrite);
}
