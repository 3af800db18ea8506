#nullable disable
using System.Text;
#if !NET
using System;
using System.Diagnostics;
using System.IO;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;
#endif

namespace UnetResnet.Runtime;

/// <summary>
/// One entry of a shared library's version-needs table (section .gnu.version_r of a 64-bit ELF file). With the flag "weak" on it the dynamic linker loads the library
/// on a host that lacks the version, where it would have refused. That is right where nothing calls the version's symbols.
/// </summary>
/// <remarks>
/// MSBuild compiles this very file as a task (SymbolVersion.targets), for the copy of the library in an output folder; the library uses it in scripts, which have no
/// output folder. So it keeps to what both compilers know.
/// </remarks>
internal static class SymbolVersionNeed
{
    private const ushort WeakFlag = 0x2;                // VER_FLG_WEAK
    private const uint VersionNeedSection = 0x6ffffffe; // SHT_GNU_verneed

    /// <summary>Sets the flag on the entry of a version.</summary>
    /// <param name="image">The library; changed in place.</param>
    /// <param name="version">For example GLIBCXX_3.4.32.</param>
    /// <returns>Whether something was changed: false where there is no such entry, or it is weak already.</returns>
    /// <exception cref="InvalidDataException">It is no 64-bit little-endian ELF file, or truncated.</exception>
    public static bool Relax(byte[] image, string version)
    {
        int flags;
        try
        {
            flags = FindFlags(image, version);
        }
        catch (Exception e) when (e is ArgumentException || e is IndexOutOfRangeException || e is OverflowException)
        {
            throw new InvalidDataException("the file is truncated or damaged; clear the package from the NuGet cache and restore again", e);
        }

        if (flags < 0 || (BitConverter.ToUInt16(image, flags) & WeakFlag) != 0) return false;
        BitConverter.GetBytes((ushort)(BitConverter.ToUInt16(image, flags) | WeakFlag)).CopyTo(image, flags);
        return true;
    }

    /// <summary>Offset of vna_flags of the entry for a version, or -1 where the library has none.</summary>
    private static int FindFlags(byte[] image, string version)
    {
        if (image.Length < 64 || image[0] != 0x7f || image[1] != 'E' || image[2] != 'L' || image[3] != 'F') throw new InvalidDataException("not an ELF file");
        if (image[4] != 2 || image[5] != 1) throw new InvalidDataException("not a 64-bit little-endian ELF file");

        long sections = BitConverter.ToInt64(image, 0x28);
        int sectionSize = BitConverter.ToUInt16(image, 0x3a);
        int sectionCount = BitConverter.ToUInt16(image, 0x3c);
        for (int i = 0; i < sectionCount; i++)
        {
            int header = checked((int)(sections + (long)i * sectionSize));
            if (BitConverter.ToUInt32(image, header + 4) != VersionNeedSection) continue;

            int need = checked((int)BitConverter.ToInt64(image, header + 24));
            int stringsHeader = checked((int)(sections + (long)BitConverter.ToInt32(image, header + 40) * sectionSize));
            int strings = checked((int)BitConverter.ToInt64(image, stringsHeader + 24));
            while (true)
            {
                int entries = BitConverter.ToUInt16(image, need + 2);
                int entry = need + BitConverter.ToInt32(image, need + 8);
                for (int k = 0; k < entries; k++)
                {
                    if (ReadString(image, strings + BitConverter.ToInt32(image, entry + 8)) == version) return entry + 4;
                    entry += BitConverter.ToInt32(image, entry + 12);
                }

                int next = BitConverter.ToInt32(image, need + 12);
                if (next <= 0) break;
                need += next;
            }
        }

        return -1;
    }

    private static string ReadString(byte[] image, int start)
    {
        int end = start;
        while (image[end] != 0) end++;
        return Encoding.ASCII.GetString(image, start, end - start);
    }
}

#if !NET
/// <summary>
/// Build task: relaxes a version need in the output folder's copy of a library. The file is replaced by a patched copy (write, then rename), so that a hard link into
/// the NuGet cache is broken and the cache stays as it is. On a host that knows the version, or once patched, nothing happens.
/// </summary>
public sealed class RelaxSymbolVersion : Task
{
    /// <summary>The shared library in the output folder, for example libLibTorchSharp.so.</summary>
    [Required] public string Library { get; set; }

    /// <summary>The version that may be absent on the host, for example GLIBCXX_3.4.32.</summary>
    [Required] public string SymbolVersion { get; set; }

    /// <summary>The host library that defines the version, for example libstdc++.so.6.</summary>
    [Required] public string Provider { get; set; }

    public override bool Execute()
    {
        try
        {
            if (!File.Exists(Library)) return true;
            string provider = FindProvider();
            if (provider == null || Contains(File.ReadAllBytes(provider), SymbolVersion)) return true;

            byte[] image = File.ReadAllBytes(Library);
            if (!SymbolVersionNeed.Relax(image, SymbolVersion)) return true;
            ReplaceFile(image);
            Log.LogMessage(MessageImportance.High,
                "{0}: {1} on this host lacks {2}; marked that version need as weak in the output folder's copy.",
                Path.GetFileName(Library), provider, SymbolVersion);
            return true;
        }
        catch (Exception e) when (e is IOException || e is UnauthorizedAccessException || e is InvalidDataException)
        {
            Log.LogError("{0}: could not relax {1}: {2}", Library, SymbolVersion, e.Message);
            return false;
        }
    }

    /// <summary>The provider that this very process has loaded, else the one the dynamic linker's cache names.</summary>
    private string FindProvider()
    {
        if (File.Exists("/proc/self/maps"))
        {
            foreach (string line in File.ReadLines("/proc/self/maps"))
            {
                int slash = line.IndexOf('/');
                if (slash >= 0 && Path.GetFileName(line.Substring(slash)).StartsWith(Provider, StringComparison.Ordinal))
                    return line.Substring(slash);
            }
        }

        foreach (string ldconfig in new[] { "/sbin/ldconfig", "/usr/sbin/ldconfig" })
        {
            if (!File.Exists(ldconfig)) continue;
            using (var process = Process.Start(new ProcessStartInfo(ldconfig, "-p") { RedirectStandardOutput = true, UseShellExecute = false }))
            {
                string listing = process.StandardOutput.ReadToEnd();
                process.WaitForExit();
                foreach (string line in listing.Split('\n'))
                {
                    int arrow = line.IndexOf("=> ", StringComparison.Ordinal);
                    if (arrow >= 0 && line.Contains("x86-64") && line.TrimStart().StartsWith(Provider + " ", StringComparison.Ordinal))
                        return line.Substring(arrow + 3).Trim();
                }
            }
        }

        return null;
    }

    /// <summary>Same time stamp as before, so that the next build does not copy the original over it again.</summary>
    private void ReplaceFile(byte[] image)
    {
        DateTime stamp = File.GetLastWriteTimeUtc(Library);
        string temporary = Library + "." + Process.GetCurrentProcess().Id + ".tmp";
        File.WriteAllBytes(temporary, image);
        File.SetLastWriteTimeUtc(temporary, stamp);
        File.Replace(temporary, Library, null);
    }

    private static bool Contains(byte[] haystack, string needle)
    {
        string text = Encoding.GetEncoding("iso-8859-1").GetString(haystack);
        return text.IndexOf(needle + "\0", StringComparison.Ordinal) >= 0;
    }
}
#endif
