using System.Runtime.InteropServices;

namespace UnetResnet.Tests;

/// <summary>
/// A disk on which no file gets larger than so many bytes: what a writer sees of a full one, an error in the middle of writing. The system sets the limit for the whole process, so hold it
/// shortly. On Linux and macOS.
/// </summary>
internal sealed class SizeLimit : IDisposable
{
    private const int FileSize = 1; // RLIMIT_FSIZE

    /// <summary>The signal SIGXFSZ would end the process; once it is seen to, the write fails instead.</summary>
    private static readonly IDisposable Signal = PosixSignalRegistration.Create((PosixSignal)25, context => context.Cancel = true);

    private readonly Limits before;

    internal SizeLimit(long bytes)
    {
        GC.KeepAlive(Signal);
        Assert.Equal(0, Get(FileSize, out before));
        Assert.Equal(0, Set(FileSize, before with { Now = (nuint)bytes }));
    }

    public void Dispose() => Assert.Equal(0, Set(FileSize, before));

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Limits(nuint Now, nuint Most);

    [DllImport("libc", EntryPoint = "getrlimit")]
    private static extern int Get(int what, out Limits limits);

    [DllImport("libc", EntryPoint = "setrlimit")]
    private static extern int Set(int what, in Limits limits);
}
