namespace UnetResnet.Runtime;

/// <summary>Writes files so that nobody ever sees half of one: a temporary file in the same folder, then a rename.</summary>
internal static class AtomicFile
{
    /// <summary>
    /// Writes a file and creates its folder if need be. If <paramref name="write"/> throws, the old file stays and no temporary file is left. A file that is replaced
    /// hands its access rights on. Temporary files in the folder whose writers were killed are deleted.
    /// </summary>
    /// <param name="path">The file; replaced if it exists.</param>
    /// <param name="write">Writes the content.</param>
    public static void Write(string path, Action<Stream> write) => Write(path, write, mode: null);

    /// <param name="path">The file.</param>
    /// <param name="write">Writes the content.</param>
    /// <param name="mode">Access rights; null for those of the file that is replaced, or the process's usual ones.</param>
    /// <param name="sweep">Whether to look for temporary files of killed writers, which reads the whole folder.</param>
    internal static void Write(string path, Action<Stream> write, UnixFileMode? mode, bool sweep = true)
    {
        string full = Path.GetFullPath(path), folder = Path.GetDirectoryName(full)!;
        Directory.CreateDirectory(folder);
        using var name = new TemporaryName(full);
        string temporary = name.Path;
        try
        {
            using (FileStream stream = Create(temporary, OperatingSystem.IsWindows() ? null : mode ?? (File.Exists(full) ? File.GetUnixFileMode(full) : null)))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, full, overwrite: true);
        }
        catch (ArgumentOutOfRangeException e) when (e is { ParamName: "value", Source: "System.Private.CoreLib" })
        {
            // What .NET makes of EFBIG: 4 GB on FAT32, a quota, ulimit -f.
            throw new IOException("The file is larger than the file system, or a limit of this user, allows", e);
        }
        finally
        {
            File.Delete(temporary);
        }

        if (sweep) TemporaryName.Sweep(folder);
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
