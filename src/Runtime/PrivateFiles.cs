namespace UnetResnet.Runtime;

/// <summary>Folders and files that only their owner may read (0700 and 0600): features, checkpoints and caches can tell about patients' images.</summary>
/// <remarks>On Windows access is inherited from the folder above, which is the user's own for temporary files and caches.</remarks>
internal static class PrivateFiles
{
    private const UnixFileMode OwnersFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OwnersFolder = OwnersFile | UnixFileMode.UserExecute;

    /// <summary>Creates a folder, and those above it that are missing, for the owner alone. Folders that exist keep their access.</summary>
    /// <param name="path">The folder.</param>
    /// <returns>Its full path.</returns>
    /// <exception cref="IOException">A file has its name, or it cannot be created.</exception>
    public static string CreateFolder(string path)
    {
        string full = Path.GetFullPath(path);
        if (Directory.Exists(full)) return full;
        if (Path.GetDirectoryName(full) is { } above) CreateFolder(above); // one by one: only the last would get the access
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(full);
        else Directory.CreateDirectory(full, OwnersFolder);
        return full;
    }

    /// <summary>Opens a file for its owner alone, new or old, to read and to write.</summary>
    /// <param name="path">The file; made if it is missing.</param>
    /// <param name="share">What others may do meanwhile.</param>
    /// <exception cref="IOException">It cannot be opened, or others have it.</exception>
    internal static FileStream Open(string path, FileShare share)
    {
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = share };
        if (OperatingSystem.IsWindows()) return new FileStream(path, options);
        options.UnixCreateMode = OwnersFile;
        var file = new FileStream(path, options);
        try
        {
            File.SetUnixFileMode(file.SafeFileHandle, OwnersFile);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A file system without rights.
        }

        return file;
    }

    /// <summary>Writes a file as <see cref="AtomicFile.Write(string, Action{Stream})"/> does, readable for its owner alone from its first byte on; so are folders that are missing.</summary>
    /// <param name="path">The file; replaced if it exists.</param>
    /// <param name="write">Writes the content.</param>
    public static void Write(string path, Action<Stream> write) => Write(path, write, sweep: true);

    /// <param name="path">The file.</param>
    /// <param name="write">Writes the content.</param>
    /// <param name="sweep">Whether to delete temporary files of killed writers; not worth while in a folder that is deleted as a whole.</param>
    internal static void Write(string path, Action<Stream> write, bool sweep)
    {
        CreateFolder(Path.GetDirectoryName(Path.GetFullPath(path))!);
        AtomicFile.Write(path, write, OwnersFile, sweep);
    }
}
