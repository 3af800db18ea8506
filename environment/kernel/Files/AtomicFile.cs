namespace Cellar.Files;

/// <summary>Writes files so that nobody ever sees half of one: a temporary file in the same folder, then a rename.</summary>
internal static class AtomicFile
{
    private const UnixFileMode OwnersFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>
    /// Writes a file and creates its folder if need be. If <paramref name="write"/> throws, the old file stays and no temporary file is left. Temporary files in the folder
    /// whose writers were killed are deleted.
    /// </summary>
    /// <param name="path">The file. One that is replaced hands its access rights on.</param>
    /// <param name="write">Writes the content.</param>
    /// <param name="isPrivate">Whether the file, and folders that are missing, are readable for their owner alone (0600 and 0700).</param>
    public static void Write(string path, Action<Stream> write, bool isPrivate = false)
    {
        string full = Path.GetFullPath(path), folder = Path.GetDirectoryName(full)!;
        CreateFolder(folder, isPrivate);
        using var name = new TemporaryName(full);
        string temporary = name.Path;
        try
        {
            UnixFileMode? rights = OperatingSystem.IsWindows() ? null : isPrivate ? OwnersFile : File.Exists(full) ? File.GetUnixFileMode(full) : null;
            using (FileStream stream = Create(temporary, rights))
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

        TemporaryName.Sweep(folder);
    }

    /// <summary>Writes a text file in UTF-8 without a byte-order mark.</summary>
    public static void WriteText(string path, string text) =>
        Write(path, stream => { using var writer = new StreamWriter(stream, leaveOpen: true); writer.Write(text); });

    /// <summary>One by one: only the last folder would get the access.</summary>
    private static void CreateFolder(string path, bool isPrivate)
    {
        if (Directory.Exists(path)) return;
        if (!isPrivate || OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
            return;
        }

        if (Path.GetDirectoryName(path) is { } above) CreateFolder(above, isPrivate);
        Directory.CreateDirectory(path, OwnersFile | UnixFileMode.UserExecute);
    }

    /// <summary>Nobody else can open the file before it has its rights.</summary>
    private static FileStream Create(string path, UnixFileMode? rights)
    {
        if (rights is not { } mode || OperatingSystem.IsWindows()) return File.Create(path);
        var stream = new FileStream(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = OwnersFile });
        File.SetUnixFileMode(stream.SafeFileHandle, mode);
        return stream;
    }
}
