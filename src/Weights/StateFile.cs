using UnetResnet.Weights.Hdf5;
using static TorchSharp.torch;

namespace UnetResnet.Weights;

/// <summary>What is in a file of tensors by name, whatever its format.</summary>
/// <param name="Format">The format in words.</param>
/// <param name="Tensors">The tensors on the CPU, owned by the caller.</param>
/// <param name="Metadata">Text by name; empty where the format has none.</param>
internal sealed record StateFile(string Format, IReadOnlyDictionary<string, Tensor> Tensors, IReadOnlyDictionary<string, string> Metadata)
{
    /// <summary>Whether the file begins as HDF5 does.</summary>
    /// <exception cref="WeightsException">The file is missing or cannot be read.</exception>
    internal static bool IsHdf5(string path) => Start(path).AsSpan().StartsWith(Hdf5File.Signature);

    /// <summary>Whether a name says that the file is TorchSharp's.</summary>
    internal static bool IsDat(string path) => Path.GetExtension(path).Equals(".dat", StringComparison.OrdinalIgnoreCase);

    /// <summary>Reads safetensors, PyTorch's zip, or TorchSharp's <c>.dat</c>: the content decides, and between formats without a signature the extension.</summary>
    /// <exception cref="WeightsException">The file cannot be read, or is not valid.</exception>
    internal static StateFile Read(string path)
    {
        byte[] start = Start(path);
        // safetensors that somebody called .dat are still known by their beginning.
        bool dat = IsDat(path) && !(MayBeSafetensors(start) && start is [_, _, _, _, _, _, _, _, (byte)'{', ..]);
        if (start.AsSpan().StartsWith("PK"u8) || (!dat && IsOldPickle(start))) return new("PyTorch", PyTorchFile.Read(path), new Dictionary<string, string>());
        if (dat || (!MayBeSafetensors(start) && TorchSharpFile.Begins(start))) return new("TorchSharp", TorchSharpFile.Read(path), new Dictionary<string, string>());
        (IReadOnlyDictionary<string, Tensor> tensors, IReadOnlyDictionary<string, string> metadata) = Safetensors.Read(path);
        return new("safetensors", tensors, metadata);
    }

    /// <summary>The pickle of a PyTorch before 1.6, which its reader refuses with the cure. A safetensors file may start with 0x80 too, but its header's length ends in zeros.</summary>
    private static bool IsOldPickle(byte[] start) => start is [0x80, 0x02, _, _, _, _, _, not 0, ..];

    /// <summary>The header's length, at most 100 MB, ends in four zeros.</summary>
    private static bool MayBeSafetensors(byte[] start) => start is [_, _, _, _, 0, 0, 0, 0, ..];

    private static byte[] Start(string path)
    {
        if (!File.Exists(path)) throw new WeightsException($"There is no weights file {path}.");
        try
        {
            var first = new byte[32];
            using FileStream file = File.OpenRead(path);
            return first[..file.ReadAtLeast(first, first.Length, throwOnEndOfStream: false)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new WeightsException($"{path} cannot be read: {e.Message}", e);
        }
    }
}
