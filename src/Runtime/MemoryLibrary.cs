using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace UnetResnet.Runtime;

/// <summary>Loads a shared library from memory, on Linux: what is changed on the way in need not lie on a disk.</summary>
internal static class MemoryLibrary
{
    private const uint CloseOnExec = 1; // MFD_CLOEXEC

    /// <summary>Loads it, if the system allows that.</summary>
    /// <param name="image">The library's bytes.</param>
    /// <param name="name">A name for debuggers.</param>
    /// <param name="handle">The loaded library.</param>
    public static bool TryLoad(byte[] image, string name, out nint handle)
    {
        handle = 0;
        int descriptor = CreateMemoryFile(name, CloseOnExec);
        if (descriptor < 0) return false;
        using var file = new SafeFileHandle(descriptor, ownsHandle: true);
        RandomAccess.Write(file, image, fileOffset: 0);
        // The mapping stays when the file is closed.
        return NativeLibrary.TryLoad($"/proc/self/fd/{descriptor}", out handle);
    }

    [DllImport("libc", EntryPoint = "memfd_create")]
    private static extern int CreateMemoryFile([MarshalAs(UnmanagedType.LPUTF8Str)] string name, uint flags);
}
