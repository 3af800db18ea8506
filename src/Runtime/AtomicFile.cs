namespace UnetResnet.Runtime;

/// <summary>Writes files so that nobody ever sees half of one: a temporary file in the same folder, then a rename.</summary>
internal static class AtomicFile
{
    /// <summary>
    /// Writes a file and creates its folder if need be. If <paramref name="write"/> throws, the old file stays and no temporary file is left. A file that is replaced
    /// hands its access rights on.
    /// </summary>
    /// <param name="path">The file; replaced if it exists.</param>
    /// <param name="write">Writes the content.</param>
    public static void Write(string path, Action<Stream> write) => Write(path, write, mode: null);

    /// <param name="path">The file.</param>
    /// <param name="write">Writes the content.</param>
    /// <param name="mode">Access rights; null for those of the file that is replaced, or the process's usual ones.</param>
    internal static void Write(string path, Action<Stream> write, UnixFileMode? mode)
    {
        string full = Path.GetFullPath(path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        string temporary = $"{full}.{Environment.ProcessId}.{Guid.NewGuid():N}.tmp";
        try
        {
            using (FileStream stream = Create(temporary, OperatingSystem.IsWindows() ? null : mode ?? (File.Exists(full) ? File.GetUnixFileMode(full) : null)))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, full, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    /// <summary>Writes a text file in UTF-8 without a byte-order mark.</summary>
    /// <param name="path">The file; replaced if it exists.</param>
    /// <param name="text">The content.</param>
    public static void WriteText(string path, string text) =>
        Write(path, stream => { using var writer = new StreamWriter(stream, leaveOpen: true); writer.Write(text); });

    /// <summary>Nobody else can open the file before it has its rights.</summary>
    private static FileStream Create(string path, UnixFileMode? mode)
    {
        if (mode is not { } rights || OperatingSystem.IsWindows()) return File.Create(path);
        var stream = new FileStream(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite });
        File.SetUnixFileMode(stream.SafeFileHandle, rights);
        return stream;
    }
}
