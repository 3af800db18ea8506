using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace UnetResnet.Runtime;

/// <summary>
/// Name of a temporary file or folder that is being written, <c>NAME.HOST-PROCESS.RANDOM.tmp</c>: it tells whether its writer still lives. A writer that is killed leaves its file
/// behind, and the next save in that folder deletes it.
/// </summary>
internal sealed partial class TemporaryName : IDisposable
{
    private static readonly string Host = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Environment.MachineName)))[..8];

    private static readonly ConcurrentDictionary<string, bool> InUse = [];

    /// <summary>A new name beside a file, in use until it is disposed.</summary>
    /// <param name="file">Full path of the file that it will become.</param>
    internal TemporaryName(string file)
    {
        Path = string.Create(CultureInfo.InvariantCulture, $"{file}.{Host}-{Environment.ProcessId}.{Guid.NewGuid():N}.tmp");
        InUse.TryAdd(Path, true);
    }

    /// <summary>The temporary file.</summary>
    internal string Path { get; }

    /// <summary>
    /// Deletes the temporary files in a folder whose writers are gone: those of this machine's processes that no longer run, and those with this process's number that it does
    /// not write. Files of other machines, which may share the folder, and of other programs are left alone.
    /// </summary>
    internal static void Sweep(string folder)
    {
        try
        {
            foreach (string file in Directory.EnumerateFiles(folder, "*.tmp").Where(IsLeftOver).ToList()) File.Delete(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // What was to be saved is saved.
        }
    }

    /// <summary>The same for temporary folders, with all that is in them.</summary>
    /// <param name="folder">The folder that they lie in.</param>
    /// <param name="name">What they are called in front of the mark.</param>
    internal static void SweepFolders(string folder, string name)
    {
        foreach (string left in Directory.EnumerateDirectories(folder, $"{name}.*.tmp").Where(IsLeftOver).ToList())
        {
            try
            {
                Directory.Delete(left, recursive: true);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Another user's, who sweeps it.
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => InUse.TryRemove(Path, out _);

    private static bool IsLeftOver(string file)
    {
        Match ours = Pattern().Match(file);
        if (!ours.Success || ours.Groups["host"].Value != Host || !int.TryParse(ours.Groups["process"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out int process)) return false;
        // In a container a program often has the number that it had before.
        return process == Environment.ProcessId ? !InUse.ContainsKey(file) : !IsRunning(process);
    }

    private static bool IsRunning(int process)
    {
        try
        {
            using Process found = Process.GetProcessById(process);
            return true;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    [GeneratedRegex(@"\.(?<host>[0-9a-f]{8})-(?<process>\d{1,10})\.[0-9a-f]{32}\.tmp$", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
