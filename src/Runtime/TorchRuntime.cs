using System.Globalization;
using TorchSharp;
using static TorchSharp.torch;

namespace UnetResnet.Runtime;

/// <summary>Loads libtorch with errors that name the real cause; chooses the device; sets seeds and threads.</summary>
/// <remarks>
/// Nothing happens when the library itself is loaded. Whatever of it needs libtorch first (a network, a batch, a seed) loads libtorch and, unless
/// <see cref="TuneProcess"/> is false, sets two things in the process: libtorch's waiting threads soon sleep (<c>GOMP_SPINCOUNT</c>), and its log keeps to errors. Where the
/// processor hides the sizes of its caches, oneDNN is told them in any case: it would divide by zero.
/// </remarks>
public static class TorchRuntime
{
    private static readonly Lock Gate = new();
    private static volatile bool ready;

    /// <summary>
    /// Whether loading libtorch also makes its threads patient and its log quiet; true by default. Set it to false before the first use of the library, in a process
    /// that settles <c>GOMP_SPINCOUNT</c>, <c>OMP_WAIT_POLICY</c> and libtorch's log level itself. Variables that are set already are kept in any case.
    /// </summary>
    public static bool TuneProcess { get; set; } = true;

    /// <summary>
    /// Loads libtorch, if it is not loaded yet, and seeds it. Call it before any call of TorchSharp's own: what TorchSharp says where loading fails is misleading.
    /// </summary>
    /// <param name="seed">Seed of libtorch's generators on all devices, or null to leave them.</param>
    /// <param name="threads">Threads of one operation, at least 1, or null for libtorch's choice (the physical cores).</param>
    /// <returns>What runs here, for stamps and logs.</returns>
    /// <exception cref="TorchLoadException">libtorch does not load on this machine.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="threads"/> is below 1.</exception>
    public static RuntimeStamp Initialize(long? seed = null, int? threads = null)
    {
        if (threads < 1) throw new ArgumentOutOfRangeException(nameof(threads), threads, "Threads must be at least 1; null leaves the choice to libtorch.");
        Load();
        if (seed is long value) Seed(value);
        if (threads is int count) set_num_threads(count);
        return RuntimeStamp.Read();
    }

    /// <summary>Seeds libtorch's generators: initial weights, dropout, everything drawn from them afterwards.</summary>
    /// <param name="seed">Any number; the same seed gives the same run on the same machine and thread count.</param>
    /// <exception cref="TorchLoadException">libtorch does not load on this machine.</exception>
    public static void Seed(long seed)
    {
        Load();
        manual_seed(seed).Dispose();
    }

    /// <summary>The device to compute on.</summary>
    /// <param name="name"><c>"auto"</c> (CUDA where there is a device, else CPU), <c>"cpu"</c>, <c>"cuda"</c> or <c>"cuda:1"</c>.</param>
    /// <returns>The device; shared, nothing to dispose.</returns>
    /// <exception cref="ArgumentException">The name is not one of these.</exception>
    /// <exception cref="InvalidOperationException">CUDA was asked for and is not there; the message says what is missing.</exception>
    /// <exception cref="TorchLoadException">libtorch does not load on this machine.</exception>
    public static Device Device(string name = "auto")
    {
        Load();
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

    /// <summary>Loads libtorch once. Everything of the library that can be a program's first use of it calls this.</summary>
    /// <exception cref="TorchLoadException">libtorch does not load on this machine.</exception>
    internal static void Load()
    {
        if (ready) return;
        lock (Gate)
        {
            if (ready) return;
            // OpenMP reads its variables when it is loaded.
            if (TuneProcess) PatientThreads.Set();
            NativeTorch.Load();
            if (TuneProcess) QuietLogging.Quiet();
            OneDnnCaches.Correct();
            ready = true;
        }
    }

    /// <summary>The same as <see cref="Load"/> in front of a base constructor, which may create a module or a tensor.</summary>
    /// <param name="name">Given back.</param>
    internal static string Loaded(string name)
    {
        Load();
        return name;
    }
}
