namespace UnetResnet.Tests;

/// <summary>Access rights of files and folders, as <c>ls</c> writes them.</summary>
internal static class Rights
{
    /// <summary>A folder of its owner alone.</summary>
    public const string OwnersFolder = "rwx------";

    /// <summary>A file of its owner alone.</summary>
    public const string OwnersFile = "rw-------";

    /// <summary>Such as <c>rw-r--r--</c>.</summary>
    public static string Of(string path)
    {
        if (OperatingSystem.IsWindows()) throw new PlatformNotSupportedException("Windows has other rights.");
        UnixFileMode mode = File.GetUnixFileMode(path);
        return string.Concat(Enumerable.Range(0, 9).Select(i => mode.HasFlag((UnixFileMode)(1 << (8 - i))) ? "rwx"[i % 3] : '-'));
    }
}
