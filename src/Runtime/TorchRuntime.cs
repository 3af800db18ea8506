using System.Globalization;
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace UnetResnet.Runtime;

/// <summary>Loads libtorch with errors that name the real cause; chooses the device; sets seeds and threads.</summary>
public static class TorchRuntime
{
    private const string Library = "LibTorchSharp";

    /// <summary>
    /// Loads libtorch, if it is not loaded yet, and seeds it. Call it first: everything else in the library works without, but a machine on which
    /// loading fails then shows TorchSharp's own message, which misleads.
    /// </summary>
    /// <param name="seed">Seed of libtorch's generators on all devices, or null to leave them.</param>
    /// <param name="threads">Threads of one operation, at least 1, or null for libtorch's choice (the physical cores).</param>
    /// <returns>What runs here, for stamps and logs.</returns>
    /// <exception cref="TorchLoadException">libtorch does not load on this machine.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="threads"/> is below 1.</exception>
    public static RuntimeStamp Initialize(long? seed = null, int? threads = null)
    {
        if (threads < 1) throw new ArgumentOutOfRangeException(nameof(threads), threads, "Threads must be at least 1; null leaves the choice to libtorch.");
        try
        {
            if (seed is long value) Seed(value);
            if (threads is int count) set_num_threads(count);
            return RuntimeStamp.Read();
        }
        catch (Exception e) when (e is TypeInitializationException or DllNotFoundException or NotSupportedException or EntryPointNotFoundException)
        {
            string folder = Path.GetDirectoryName(typeof(torch).Assembly.Location) is { Length: > 0 } beside ? beside : AppContext.BaseDirectory;
            throw new TorchLoadException(ExplainLoadFailure(folder), e);
        }
    }

    /// <summary>Seeds libtorch's generators: initial weights, dropout, everything drawn from them afterwards.</summary>
    /// <param name="seed">Any number; the same seed gives the same run on the same machine and thread count.</param>
    public static void Seed(long seed) => manual_seed(seed).Dispose();

    /// <summary>The device to compute on.</summary>
    /// <param name="name"><c>"auto"</c> (CUDA where there is a device, else CPU), <c>"cpu"</c>, <c>"cuda"</c> or <c>"cuda:1"</c>.</param>
    /// <returns>The device; shared, nothing to dispose.</returns>
    /// <exception cref="ArgumentException">The name is not one of these.</exception>
    /// <exception cref="InvalidOperationException">CUDA was asked for and is not there; the message says what is missing.</exception>
    public static Device Device(string name = "auto")
    {
        if (name == "auto") return cuda_is_available() ? CUDA : CPU;
        if (name == "cpu") return CPU;
        int index = 0;
        if (name != "cuda" && !(name.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(name.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out index)))
            throw new ArgumentException($"Device '{name}' is not known. Use \"auto\", \"cpu\", \"cuda\" or \"cuda:N\".", nameof(name));
        if (!cuda_is_available())
            throw new InvalidOperationException(
                $"Device '{name}' was asked for, but libtorch sees no CUDA device. Build with -p:Torch=cuda on a machine with an NVIDIA GPU and driver, or use \"cpu\".");
        if (index >= cuda.device_count())
            throw new InvalidOperationException($"Device '{name}' was asked for, but this machine has {cuda.device_count()}, counted from 0. Use \"cuda:{cuda.device_count() - 1}\" or below.");
        return name == "cuda" ? CUDA : device(DeviceType.CUDA, index);
    }

    /// <summary>One sentence: why libtorch does not load from this folder, and what to do.</summary>
    /// <param name="folder">The folder that holds TorchSharp.dll.</param>
    internal static string ExplainLoadFailure(string folder)
    {
        string file = OperatingSystem.IsWindows() ? $"{Library}.dll" : OperatingSystem.IsMacOS() ? $"lib{Library}.dylib" : $"lib{Library}.so";
        string path = Path.Combine(folder, file);
        if (!File.Exists(path))
            return $"libtorch is not beside TorchSharp.dll ({path} is missing): reference TorchSharp-cpu or libtorch-cpu-linux-x64 (GPU: TorchSharp-cuda-linux) and build with a RuntimeIdentifier such as linux-x64.";

        string detail = LoaderMessage(path);
        if (detail.Contains("GLIBCXX_", StringComparison.Ordinal))
            return $"libtorch needs a newer libstdc++ than this machine has ({LineWith(detail, "GLIBCXX_")}): build the project on this machine, which relaxes that requirement, or use Ubuntu 24.04, Debian 13 or newer.";
        if (detail.Contains("GLIBC_", StringComparison.Ordinal))
            return $"libtorch needs a newer C library than this machine has ({LineWith(detail, "GLIBC_")}): use Debian 12, Ubuntu 22.04 or newer.";
        if (detail.Contains("cannot open shared object file", StringComparison.Ordinal))
            return $"libtorch needs a library that this machine lacks ({LineWith(detail, "cannot open shared object file")}): install the package that holds it, for example libgomp1 or libstdc++6.";
        if (RuntimeInformation.ProcessArchitecture != Architecture.X64 && !OperatingSystem.IsMacOS())
            return $"libtorch is built for x64, and this process runs on {RuntimeInformation.ProcessArchitecture}: use an x64 machine, or macOS on arm64.";
        return $"{path} does not load: {detail.ReplaceLineEndings(" ")}; remove artifacts/ and build again, and if that does not help, clear the package from the NuGet cache.";
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
