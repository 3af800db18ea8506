using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Cellar.Files;

/// <summary>
/// Name of a temporary file that is being written, <c>NAME.cellar-HOST-PROCESS.RANDOM.tmp</c>: it tells whether its writer still lives. A writer that is killed leaves
/// its file behind, and the next one in that folder deletes it. The mark keeps libraries that cells load, and that name their files alike, from doing so.
/// </summary>
internal sealed partial class TemporaryName : IDisposable
{
    private static readonly string Host = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Environment.MachineName)))[..8];

    private static readonly ConcurrentDictionary<string, bool> InUse = [];

    /// <summary>A new name beside a file, in use until it is disposed.</summary>
    /// <param name="file">Full path of the file that it will become.</param>
    public TemporaryName(string file)
    {
        Path = string.Create(CultureInfo.InvariantCulture, $"{file}.cellar-{Host}-{Environment.ProcessId}.{Guid.NewGuid():N}.tmp");
        InUse.TryAdd(Path, true);
    }

    /// <summary>The temporary file.</summary>
    public string Path { get; }

    /// <summary>
    /// Deletes the temporary files in a folder that processes of this machine began and no longer write. Those of other machines, which may share the folder, and of other
    /// programs are left alone.
    /// </summary>
    public static void Sweep(string folder)
    {
        try
        {
            foreach (string file in Directory.EnumerateFiles(folder, "*.tmp").Where(IsLeftOver).ToList()) File.Delete(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // What was to be written is written.
        }
    }

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

    [GeneratedRegex(@"\.cellar-(?<host>[0-9a-f]{8})-(?<process>\d{1,10})\.[0-9a-f]{32}\.tmp$", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
