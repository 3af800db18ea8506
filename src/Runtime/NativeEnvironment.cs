using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace UnetResnet.Runtime;

/// <summary>
/// The environment that native code sees. On Unix, <see cref="Environment.SetEnvironmentVariable(string, string)"/> changes only
/// .NET's own copy, so libtorch would never notice a variable set there.
/// </summary>
internal static class NativeEnvironment
{
    /// <summary>Sets a variable for managed and native code alike, unless the user has set it already.</summary>
    internal static void SetDefault(string name, string value)
    {
        if (Environment.GetEnvironmentVariable(name) is not null) return;
        Environment.SetEnvironmentVariable(name, value);
        if (OperatingSystem.IsLinux() || OperatingSystem.IsMacOS()) _ = SetEnvironmentUnix(name, value, 0);
        else if (OperatingSystem.IsWindows()) _ = SetEnvironmentWindows(name, value);
    }

    /// <summary>
    /// Quiet before libtorch loads, whichever of the library's types is touched first: libtorch reads the variable once, while loading,
    /// and would otherwise print NNPACK and upsampling warnings on stderr at every call.
    /// </summary>
    [ModuleInitializer]
    [SuppressMessage("Usage", "CA2255", Justification = "libtorch reads the variable once, at load; there is no later moment that is early enough.")]
    internal static void Quiet() => SetDefault("TORCH_CPP_LOG_LEVEL", "ERROR");

    [DllImport("libc", EntryPoint = "setenv")]
    private static extern int SetEnvironmentUnix([MarshalAs(UnmanagedType.LPUTF8Str)] string name, [MarshalAs(UnmanagedType.LPUTF8Str)] string value, int overwrite);

    [DllImport("ucrtbase", EntryPoint = "_putenv_s")]
    private static extern int SetEnvironmentWindows([MarshalAs(UnmanagedType.LPStr)] string name, [MarshalAs(UnmanagedType.LPStr)] string value);
}
