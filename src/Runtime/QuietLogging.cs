using System.Runtime.InteropServices;

namespace UnetResnet.Runtime;

/// <summary>
/// Keeps libtorch from writing a warning to stderr for every convolution on a CPU that NNPACK does not know, and for every upsampling. Its log level is the exported
/// variable <c>FLAGS_caffe2_log_level</c> of libc10; the documented environment variable TORCH_CPP_LOG_LEVEL is read only in a Python process.
/// </summary>
internal static class QuietLogging
{
    /// <summary>libtorch's number for "errors and worse".</summary>
    internal const int ErrorLevel = 2;

    /// <summary>The library that holds the log level, in the folder of the libtorch that is loaded.</summary>
    internal static string LibraryPath =>
        Path.Combine(NativeTorch.Folder ?? NativeTorch.ManagedFolder, OperatingSystem.IsWindows() ? "c10.dll" : OperatingSystem.IsMacOS() ? "libc10.dylib" : "libc10.so");

    /// <summary>Sets the level, once libtorch is loaded and before its first operation.</summary>
    internal static void Quiet()
    {
        // Where it has no such variable, libtorch is noisy.
        if (NativeLibrary.TryLoad(LibraryPath, out nint library) && NativeLibrary.TryGetExport(library, "FLAGS_caffe2_log_level", out nint level))
            Marshal.WriteInt32(level, ErrorLevel);
    }
}
