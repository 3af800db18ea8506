using System.Text;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Weights;

/// <summary>Any module, for the kit's own use. Saves a module's parameters and buffers as safetensors, under the names of its <c>state_dict</c>, and loads them back strictly, also from the formats of PyTorch and TorchSharp.</summary>
internal static class ModuleWeights
{
    /// <summary>Saves.</summary>
    /// <param name="module">The module; not changed.</param>
    /// <param name="path">The file; replaced if it exists, never half-written. With the extension <c>.dat</c> in the format of TorchSharp's own <c>module.load</c> instead of safetensors.</param>
    /// <param name="metadata">Text by name that goes into the file, or null.</param>
    /// <exception cref="ArgumentException">Metadata for a <c>.dat</c> file, whose format has no place for it.</exception>
    public static void Save(Module module, string path, IReadOnlyDictionary<string, string>? metadata = null)
    {
        if (!StateFile.IsDat(path))
            Safetensors.Write(path, module.state_dict(), metadata);
        else if (metadata is { Count: > 0 })
            throw new ArgumentException("A .dat file of TorchSharp has no place for metadata. Save as .safetensors, or without.", nameof(metadata));
        else
            WeightsFile.Write(path, stream => SaveDat(module, stream));
    }

    /// <summary>Given a stream, TorchSharp would close it.</summary>
    private static void SaveDat(Module module, Stream stream)
    {
        using var writer = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true);
        module.save(writer);
    }

    /// <summary>
    /// Loads. All or nothing: the module is changed only if every name and shape fits and every number is finite. Element types may differ among the
    /// floating-point ones: half-precision files fit a single-precision network.
    /// </summary>
    /// <param name="module">The module.</param>
    /// <param name="path">The file: safetensors, a state dict in PyTorch's <c>.pth</c>, or a <c>.dat</c> of TorchSharp's <c>module.save</c>.</param>
    /// <returns>The file's metadata; none in the other two formats.</returns>
    /// <exception cref="WeightsException">The file is not valid, or does not fit, the message lists what is missing, unexpected or of another shape; or a weight is infinite or not a number.</exception>
    public static IReadOnlyDictionary<string, string> Load(Module module, string path)
    {
        using var scope = NewDisposeScope();
        StateFile file = StateFile.Read(path);
        StateLoading.Apply(module, file.Tensors, byName: false, new LoadReport { Path = path, Format = file.Format, Family = module.GetType().Name, Matched = [] });
        return file.Metadata;
    }
}
