using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using TorchSharp;

namespace UnetResnet.Runtime;

/// <summary>
/// Loads libtorch before TorchSharp does. Left alone, TorchSharp answers a library that does not load with a copy of 490 MB into a folder <c>cpu/</c> (in a script: inside
/// the NuGet cache) and a trace of sixty lines. Here the parts are loaded from where they lie, in the order in which they need each other; where the host's
/// libstdc++ is too old for TorchSharp's library, a relaxed copy of it is loaded from memory (see <see cref="SymbolVersionNeed"/>).
/// </summary>
internal static class NativeTorch
{
    /// <summary>TorchSharp's own native library.</summary>
    internal const string Library = "LibTorchSharp";

    private const string Cpu = "torch_cpu";
    private const string RelaxedVersion = "GLIBCXX_3.4.32";

    private static readonly Dictionary<string, nint> Handles = [];
    private static bool loaded;

    /// <summary>The folder of libtorch in this process, or null where it is not loaded.</summary>
    internal static string? Folder
    {
        get
        {
            using var process = Process.GetCurrentProcess();
            return process.Modules.Cast<ProcessModule>().Select(m => m.FileName).FirstOrDefault(path => Path.GetFileName(path) == FileName(Cpu)) is { } path
                ? Path.GetDirectoryName(path)
                : null;
        }
    }

    /// <summary>The folder of TorchSharp.dll.</summary>
    internal static string ManagedFolder => Path.GetDirectoryName(typeof(torch).Assembly.Location) is { Length: > 0 } beside ? beside : AppContext.BaseDirectory;

    /// <summary>Loads it, or throws. After a failure the next call tries again.</summary>
    /// <exception cref="TorchLoadException">It does not load on this machine.</exception>
    public static void Load()
    {
        if (loaded) return;
        Assembly torchSharp = typeof(torch).Assembly;
        string[] folders = [.. Places(ManagedFolder)];
        // First what TorchSharp asks for: an app's own folders, or what a script's host has resolved. One that lies where the system's loader looks (Debian's libtorch-dev) can be
        // of any version: it comes last, unless it has been loaded on purpose.
        DllImportSearchPath? own = Folder is null ? DllImportSearchPath.AssemblyDirectory : null;
        if (!NativeLibrary.TryLoad(Cpu, torchSharp, own, out nint cpu) && !TryLoad(folders, Cpu, out cpu) && !NativeLibrary.TryLoad(Cpu, torchSharp, null, out cpu))
            throw new TorchLoadException(Explain(ManagedFolder));
        // TorchSharp's library needs libtorch.so too, and in a script looks for it in the wrong package.
        if (Folder is { } folder) NativeLibrary.TryLoad(Path.Combine(folder, FileName("torch")), out _);
        if (NativeLibrary.TryLoad(Library, torchSharp, null, out nint library) || TryLoad(folders, Library, out library) || TryLoadRelaxed(folders, out library))
        {
            lock (Handles)
            {
                if (Handles.Count == 0) AssemblyLoadContext.GetLoadContext(torchSharp)!.ResolvingUnmanagedDll += Resolve;
                (Handles[Cpu], Handles[Library]) = (cpu, library);
            }

            loaded = true;
            return;
        }

        throw new TorchLoadException(Explain(ManagedFolder));
    }

    /// <summary>Where a function of libtorch, or of a library that it was linked with, lies; 0 where there is none of this name.</summary>
    /// <exception cref="TorchLoadException">libtorch does not load on this machine.</exception>
    internal static nint Symbol(string name)
    {
        Load();
        lock (Handles) return NativeLibrary.TryGetExport(Handles[Cpu], name, out nint address) ? address : 0;
    }

    /// <summary>One sentence: why libtorch does not load from a folder, and what to do.</summary>
    /// <param name="folder">The folder that holds TorchSharp.dll.</param>
    internal static string Explain(string folder)
    {
        string[] folders = [.. Places(folder)];
        string file = FileName(Library);
        if (folders.Select(f => Path.Combine(f, file)).FirstOrDefault(File.Exists) is not { } path)
            return $"libtorch is not beside TorchSharp.dll ({Path.Combine(folder, file)} is missing): reference TorchSharp-cpu, or TorchSharp with libtorch-cpu-linux-x64 2.10.0 (GPU: TorchSharp-cuda-linux), and build again.";
        if (Folder is null && !folders.Any(f => File.Exists(Path.Combine(f, FileName(Cpu)))))
            return $"libtorch is missing ({FileName(Cpu)} is not beside {path}): reference TorchSharp-cpu or libtorch-cpu-linux-x64 2.10.0 (GPU: TorchSharp-cuda-linux), in a script as #r \"nuget: libtorch-cpu-linux-x64, 2.10.0\".";

        string detail = LoaderMessage(path);
        if (detail.Contains("GLIBCXX_", StringComparison.Ordinal))
            return $"libtorch needs a newer libstdc++ than this machine has ({LineWith(detail, "GLIBCXX_")}): build the project on this machine, which relaxes that requirement, or use Ubuntu 24.04, Debian 13 or newer.";
        if (detail.Contains("GLIBC_", StringComparison.Ordinal))
            return $"libtorch needs a newer C library than this machine has ({LineWith(detail, "GLIBC_")}): use Debian 12, Ubuntu 22.04 or newer.";
        if (detail.Contains("cannot open shared object file", StringComparison.Ordinal))
            return $"libtorch needs a library that this machine lacks ({LineWith(detail, "cannot open shared object file")}): install the package that holds it, for example libgomp1 or libstdc++6.";
        if (RuntimeInformation.ProcessArchitecture != Architecture.X64 && !OperatingSystem.IsMacOS())
            return $"libtorch is built for x64, and this process runs on {RuntimeInformation.ProcessArchitecture}: use an x64 machine, or macOS on arm64.";
        return $"{path} does not load: {detail.ReplaceLineEndings(" ")}; remove the output folder and build again, and if that does not help, clear the package from the NuGet cache.";
    }

    private static string FileName(string name) => OperatingSystem.IsWindows() ? $"{name}.dll" : OperatingSystem.IsMacOS() ? $"lib{name}.dylib" : $"lib{name}.so";

    /// <summary>
    /// Where the natives of a TorchSharp.dll can lie: beside it (an app with a RuntimeIdentifier), in <c>runtimes/</c> below it (without one), in its package, and in
    /// libtorch's package in the same NuGet cache or the user's (a script).
    /// </summary>
    private static IEnumerable<string> Places(string folder)
    {
        string rid = OperatingSystem.IsWindows() ? "win-x64" : OperatingSystem.IsMacOS() ? "osx-arm64" : "linux-x64";
        string below = Path.Combine("runtimes", rid, "native");
        yield return folder;
        yield return Path.Combine(folder, below);
        string package = Path.GetFullPath(Path.Combine(folder, "..", ".."));
        if (!string.Equals(Path.GetFileName(Path.GetDirectoryName(package)), "torchsharp", StringComparison.OrdinalIgnoreCase)) yield break;
        yield return Path.Combine(package, below);
        string home = Environment.GetEnvironmentVariable("NUGET_PACKAGES") is { Length: > 0 } named
            ? named
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        foreach (string cache in (string[])[Path.GetFullPath(Path.Combine(package, "..", "..")), home])
            yield return Path.Combine(cache, $"libtorch-cpu-{rid}", LibTorchVersion, below);
    }

    /// <summary>The libtorch that TorchSharp 0.107 was built against.</summary>
    private const string LibTorchVersion = "2.10.0";

    private static bool TryLoad(string[] folders, string name, out nint handle)
    {
        handle = 0;
        foreach (string folder in folders)
        {
            string path = Path.Combine(folder, FileName(name));
            if (File.Exists(path) && NativeLibrary.TryLoad(path, out handle)) return true;
        }

        return false;
    }

    private static bool TryLoadRelaxed(string[] folders, out nint handle)
    {
        handle = 0;
        if (!OperatingSystem.IsLinux()) return false;
        foreach (string path in folders.Select(f => Path.Combine(f, FileName(Library))).Where(File.Exists))
        {
            if (!LoaderMessage(path).Contains(RelaxedVersion, StringComparison.Ordinal)) continue;
            byte[] image = File.ReadAllBytes(path);
            if (SymbolVersionNeed.Relax(image, RelaxedVersion) && MemoryLibrary.TryLoad(image, FileName(Library), out handle)) return true;
        }

        return false;
    }

    /// <summary>What TorchSharp's calls get where nobody else finds the library.</summary>
    private static nint Resolve(Assembly assembly, string name)
    {
        if (assembly != typeof(torch).Assembly) return 0;
        lock (Handles) return Handles.GetValueOrDefault(name);
    }

    private static string LoaderMessage(string path)
    {
        try
        {
            NativeLibrary.Load(path);
            return "it loads by itself, so another library of the package does not";
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            return e.Message;
        }
    }

    private static string LineWith(string text, string part) =>
        text.Split('\n').First(line => line.Contains(part, StringComparison.Ordinal)).Trim();
}
