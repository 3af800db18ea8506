using Cellar.Files;

namespace Cellar.VsCode;

/// <summary>What happened to a file of settings.</summary>
internal enum SettingsChange
{
    /// <summary>Nothing was to be done.</summary>
    None,

    /// <summary>The setting was written.</summary>
    Written,

    /// <summary>The setting was taken back.</summary>
    Removed,
}

/// <summary>The user settings of one VS Code, and the copy beside it that tells what they were.</summary>
/// <param name="path">The file <c>settings.json</c>; it need not be there.</param>
internal sealed class SettingsFile(string path)
{
    /// <summary>The file.</summary>
    public string Path { get; } = path;

    /// <summary>The file as it was before <see cref="Write"/>; empty if there was none. Without it nothing is taken back, because nothing was written.</summary>
    public string Copy => Path + ".before-cellar";

    /// <summary>Writes the setting, after a copy of the file.</summary>
    /// <exception cref="InvalidOperationException">The settings are damaged or may not be written; they stay as they are.</exception>
    public SettingsChange Write()
    {
        byte[] before = Bytes(Path);
        byte[] after = Try(() => new SettingsText(before).WithCompletion());
        if (after.AsSpan().SequenceEqual(before)) return SettingsChange.None;
        RefuseReadOnly();
        Save(Copy, before);
        Save(Path, after);
        return SettingsChange.Written;
    }

    /// <summary>Takes the setting back. Settings that nobody touched since are the copy again, byte for byte; from others it alone is removed.</summary>
    /// <exception cref="InvalidOperationException">The settings are damaged or may not be written; they stay as they are.</exception>
    public SettingsChange Remove()
    {
        if (!File.Exists(Copy)) return SettingsChange.None;
        byte[] copy = Bytes(Copy), now = Bytes(Path);
        byte[] after = Try(() => now.AsSpan().SequenceEqual(new SettingsText(copy).WithCompletion()) ? copy : new SettingsText(now).WithoutCompletion());
        if (!after.AsSpan().SequenceEqual(now)) RefuseReadOnly();
        if (after.Length == 0) File.Delete(Path);
        else if (!after.AsSpan().SequenceEqual(now)) Save(Path, after);
        File.Delete(Copy);
        return after.AsSpan().SequenceEqual(now) ? SettingsChange.None : SettingsChange.Removed;
    }

    private static byte[] Bytes(string file) => File.Exists(file) ? File.ReadAllBytes(file) : [];

    private static string Target(string file) => new FileInfo(file) is { LinkTarget: not null } link ? link.ResolveLinkTarget(returnFinalTarget: true)!.FullName : file;

    /// <summary>Whole or not at all. A link, as people have who keep their settings elsewhere, stays a link, and the file keeps its permissions.</summary>
    private static void Save(string file, byte[] bytes)
    {
        string target = Target(file);
        UnixFileMode? mode = !OperatingSystem.IsWindows() && File.Exists(target) ? File.GetUnixFileMode(target) : null;
        AtomicFile.Write(target, stream => stream.Write(bytes));
        if (mode is { } kept && !OperatingSystem.IsWindows()) File.SetUnixFileMode(target, kept);
    }

    /// <summary>Whoever has protected the file from changes means this one too, although it could be replaced.</summary>
    private void RefuseReadOnly()
    {
        if (File.Exists(Path) && (File.GetAttributes(Target(Path)) & FileAttributes.ReadOnly) != 0)
            throw new InvalidOperationException($"{Path} is read-only. Nothing was changed. Make it writable and run this again, or change it by hand: {Editors.Setting}");
    }

    private byte[] Try(Func<byte[]> change)
    {
        try
        {
            return change();
        }
        catch (FormatException e)
        {
            throw new InvalidOperationException($"{Path}: {e.Message}. Nothing was changed. Mend it in VS Code (Preferences: Open User Settings (JSON)) and run this again.", e);
        }
    }
}
