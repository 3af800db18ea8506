using System.Runtime.InteropServices;

namespace UnetResnet.Tests;

/// <summary>
/// A disk of its own with room for so many bytes, which can really be full. Only root on Linux may have one; <see cref="SizeLimit"/> shows on other machines what a writer makes of an error in
/// the middle of writing.
/// </summary>
internal sealed class SmallDisk : IDisposable
{
    private const int Detach = 2; // MNT_DETACH

    private readonly TemporaryFolder folder = new();

    private SmallDisk()
    {
    }

    /// <summary>Where it is mounted.</summary>
    internal string Path => folder.Path;

    internal string this[string name] => folder[name];

    /// <summary>Bytes that still fit.</summary>
    internal long Free => new DriveInfo(Path).AvailableFreeSpace;

    /// <summary>Mounts one, or gives null where the system does not allow it.</summary>
    internal static SmallDisk? TryMount(long bytes)
    {
        if (!OperatingSystem.IsLinux()) return null;
        var disk = new SmallDisk();
        if (mount("tmpfs", disk.Path, "tmpfs", 0, FormattableString.Invariant($"size={bytes}")) == 0) return disk;
        disk.folder.Dispose();
        return null;
    }

    /// <summary>Takes all the room that is left.</summary>
    /// <returns>The file that takes it.</returns>
    internal string Fill()
    {
        string path = folder["everything else"];
        byte[] page = new byte[4096];
        using FileStream file = File.Create(path, bufferSize: 0);
        try
        {
            while (true) file.Write(page);
        }
        catch (IOException)
        {
            Assert.Equal(0, Free);
            return path;
        }
    }

    public void Dispose()
    {
        Assert.Equal(0, umount2(Path, Detach));
        folder.Dispose();
    }

    [DllImport("libc")]
    private static extern int mount([MarshalAs(UnmanagedType.LPUTF8Str)] string source, [MarshalAs(UnmanagedType.LPUTF8Str)] string target, [MarshalAs(UnmanagedType.LPUTF8Str)] string type, nuint flags, [MarshalAs(UnmanagedType.LPUTF8Str)] string options);

    [DllImport("libc")]
    private static extern int umount2([MarshalAs(UnmanagedType.LPUTF8Str)] string target, int flags);
}
