using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;

namespace UnetResnet.Runtime;

/// <summary>
/// Keeps libtorch from writing a warning to stderr for every convolution on a CPU that NNPACK does not know, and for every upsampling. Its log level is the exported
/// variable <c>FLAGS_caffe2_log_level</c> of libc10; the documented environment variable TORCH_CPP_LOG_LEVEL is read only in a Python process.
/// </summary>
internal static class QuietLogging
{
    /// <summary>libtorch's number for "errors and worse".</summary>
    internal const int ErrorLevel = 2;

    /// <summary>The library that holds the log level.</summary>
    internal static string LibraryPath { get; } = Path.Combine(
        Path.GetDirectoryName(typeof(torch).Assembly.Location) ?? AppContext.BaseDirectory,
        OperatingSystem.IsWindows() ? "c10.dll" : OperatingSystem.IsMacOS() ? "libc10.dylib" : "libc10.so");

    /// <summary>Sets the level before the first operation, whichever of the library's types is touched first.</summary>
    [ModuleInitializer]
    [SuppressMessage("Usage", "CA2255", Justification = "There is no later moment that is surely before libtorch's first warning.")]
    internal static void Quiet()
    {
        // Where it does not load or has no such variable, libtorch is noisy; TorchRuntime.Initialize explains a library that does not load.
        if (NativeLibrary.TryLoad(LibraryPath, out IntPtr library) && NativeLibrary.TryGetExport(library, "FLAGS_caffe2_log_level", out IntPtr level))
            Marshal.WriteInt32(level, ErrorLevel);
    }
}
