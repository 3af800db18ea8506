using UnetResnet.Models;
using static TorchSharp.torch;

namespace UnetResnet.Weights;

/// <summary>
/// Loads weights into a <see cref="ResNet50Encoder"/> from the kit's safetensors, the same names in a PyTorch <c>.pth</c>, or a Keras HDF5 file of any naming generation. The family is
/// recognised by the names, and weights of another network are refused.
/// </summary>
public static class EncoderWeights
{
    private static readonly string[] NormParts = ["weight", "bias", "running_mean", "running_var"];

    /// <summary>What Keras calls the four arrays of a batch norm. Keras 1's <c>running_std</c> holds the variance.</summary>
    private static readonly string[][] NormSuffixes = [["gamma"], ["beta"], ["running_mean", "moving_mean"], ["running_std", "moving_variance"]];

    private static readonly string[][] KernelSuffixes = [["W", "kernel"], ["b", "bias"]];

    private static ReadOnlySpan<byte> Hdf5Signature => [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>Loads. All or nothing: the encoder is changed only if the whole file is acceptable.</summary>
    /// <param name="encoder">The encoder, for example of a U-Net.</param>
    /// <param name="path">A safetensors, HDF5 or .pth file; its first bytes tell which.</param>
    /// <param name="options">How strictly; null for strict.</param>
    /// <returns>What was done.</returns>
    /// <exception cref="WeightsException">The file cannot be read, is of another network, or does not fit.</exception>
    public static LoadReport Load(ResNet50Encoder encoder, string path, LoadOptions? options = null)
    {
        using var scope = NewDisposeScope();
        byte[] start = Start(path);
        if (start.AsSpan().StartsWith(Hdf5Signature)) return LoadKeras(encoder, path, options ?? new LoadOptions());
        if (IsPyTorch(start)) return LoadKit(encoder, path, options ?? new LoadOptions(), "PyTorch", PyTorchFile.Read(path), new Dictionary<string, string>());
        (IReadOnlyDictionary<string, Tensor> tensors, IReadOnlyDictionary<string, string> metadata) = Safetensors.Read(path);
        return LoadKit(encoder, path, options ?? new LoadOptions(), "safetensors", tensors, metadata);
    }

    private static LoadReport LoadKit(
        ResNet50Encoder encoder, string path, LoadOptions options, string format, IReadOnlyDictionary<string, Tensor> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        var layers = tensors.Keys.Select(name => name[..Math.Max(name.LastIndexOf('.'), 0)]).ToHashSet();
        if (ResNet50Names.FamilyOf(layers) is ResNet50Family.Torchvision) throw Torchvision(path);
        // PyTorch's batch norm counts its batches; nothing here uses the number.
        string[] counters = [.. tensors.Keys.Where(name => name.EndsWith(".num_batches_tracked", StringComparison.Ordinal))];
        return StateLoading.Apply(encoder, tensors.Where(t => !counters.Contains(t.Key)).ToDictionary(), options.ByName, new LoadReport
        {
            Path = path,
            Format = format,
            Family = ResNet50Names.Describe(ResNet50Family.Kit),
            Matched = [],
            Ignored = counters,
            Metadata = metadata,
        });
    }

    private static LoadReport LoadKeras(ResNet50Encoder encoder, string path, LoadOptions options)
    {
        KerasWeightsFile file = KerasHdf5.Read(path);
        ResNet50Family family = ResNet50Names.FamilyOf(file.Layers.Select(l => l.Name).ToHashSet())
            ?? throw new WeightsException($"{path} holds no ResNet50: neither 'res2a_branch2a' (Keras to 2.2.4) nor 'conv2_block1_1_conv' (keras-applications from 1.0.8) is among its {file.Layers.Count} layers. KerasHdf5.Read shows what is there.");
        if (file.Backend == "theano")
            throw new WeightsException($"{path} was written with the Theano backend, whose convolutions turn their kernels by 180°. Load it into Keras with the TensorFlow backend and save it again, or take the file with 'tf_kernels' in its name.");
        if (family == ResNet50Family.KerasApplications) CheckSettings(encoder.Options, path, family, 1.001e-5, options);

        Dictionary<string, string> names = ResNet50Names.All.ToDictionary(n => n.In(family), n => n.Kit);
        var tensors = new Dictionary<string, Tensor>();
        List<string> transposed = [], ignored = [], unexpected = [];
        foreach (KerasLayer layer in file.Layers.Where(l => l.Weights.Count > 0))
        {
            if (!names.TryGetValue(layer.Name, out string? kit)) unexpected.Add(layer.Name);
            else if (kit == ResNet50Names.Top.Kit && !encoder.Options.IncludeTop) ignored.Add(layer.Name);
            else Convert(layer, kit, path, tensors, transposed);
        }

        var metadata = new Dictionary<string, string>();
        if (file.KerasVersion is not null) metadata["keras_version"] = file.KerasVersion;
        if (file.Backend is not null) metadata["backend"] = file.Backend;
        return StateLoading.Apply(encoder, tensors, options.ByName, new LoadReport
        {
            Path = path,
            Format = "Keras HDF5",
            Family = ResNet50Names.Describe(family),
            Matched = [],
            Unexpected = unexpected,
            Transposed = transposed,
            Ignored = ignored,
            Metadata = metadata,
        });
    }

    /// <summary>By position, as Keras does; a name that says something else is an error rather than a guess.</summary>
    private static void Convert(KerasLayer layer, string kit, string path, Dictionary<string, Tensor> tensors, List<string> transposed)
    {
        bool norm = kit.StartsWith("bn", StringComparison.Ordinal);
        (string[] parts, string[][] suffixes) = norm ? (NormParts, NormSuffixes) : (NormParts[..2], KernelSuffixes);
        if (layer.Weights.Count > parts.Length || (norm && layer.Weights.Count != 4))
            throw new WeightsException($"{path}: layer '{layer.Name}' has {layer.Weights.Count} weights and should have {(norm ? "4: gamma, beta, mean and variance" : "a kernel and a bias")}. It is not the layer of ResNet50 that its name says.");
        for (int i = 0; i < layer.Weights.Count; i++)
        {
            int says = Array.FindIndex(suffixes, s => s.Any(suffix => Says(layer.WeightNames[i], suffix)));
            if (says >= 0 && says != i)
                throw new WeightsException($"{path}: weight {i + 1} of layer '{layer.Name}' is named '{layer.WeightNames[i]}' and should be {string.Join(" or ", suffixes[i])}: the order of weight_names is not Keras's. Write the file again with Keras.");
            string key = $"{kit}.{parts[i]}";
            Tensor weight = layer.Weights[i];
            if (!norm && i == 0 && weight.dim() is 2 or 4)
            {
                weight = weight.dim() == 4 ? weight.permute(3, 2, 0, 1) : weight.t();
                transposed.Add(key);
            }

            tensors[key] = weight;
        }
    }

    /// <summary><c>bn_conv1_running_std:0</c>, <c>conv1/conv1/kernel:0</c>: the suffix after an underscore or a slash.</summary>
    private static bool Says(string name, string suffix)
    {
        string bare = name.Split(':')[0];
        return bare == suffix || bare.EndsWith("_" + suffix, StringComparison.Ordinal) || bare.EndsWith("/" + suffix, StringComparison.Ordinal);
    }

    private static void CheckSettings(ResNet50Options network, string path, ResNet50Family family, double eps, LoadOptions options)
    {
        if (options.AnyEpsAndPadding || (network.Padding == ConvolutionPadding.Symmetric && Math.Abs(network.BatchNorm.Eps - eps) < 1e-9)) return;
        throw new WeightsException(
            $"{path} holds the weights of {ResNet50Names.Describe(family)}, which were trained with symmetric padding and ε {eps}; this encoder has padding {network.Padding} and ε {network.BatchNorm.Eps}. Build it with Padding = ConvolutionPadding.Symmetric and BatchNorm = … with {{ Eps = {eps} }}, or load with AnyEpsAndPadding = true.");
    }

    private static WeightsException Torchvision(string path) => new(
        $"{path} holds the weights of {ResNet50Names.Describe(ResNet50Family.Torchvision)}, another network: its stride sits on the 3×3 convolutions, and they have no biases. The features would be wrong without any error. Take the weights of Keras.");

    /// <summary>A zip file, or the pickle of an older PyTorch, which its reader refuses with the cure. A safetensors file may start with 0x80 too, but its header's length ends in zeros.</summary>
    private static bool IsPyTorch(byte[] start) => start.AsSpan().StartsWith("PK"u8) || start is [0x80, 0x02, .., not 0];

    private static byte[] Start(string path)
    {
        if (!File.Exists(path)) throw new WeightsException($"There is no weights file {path}.");
        try
        {
            var first = new byte[8];
            using FileStream file = File.OpenRead(path);
            return first[..file.ReadAtLeast(first, 8, throwOnEndOfStream: false)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new WeightsException($"{path} cannot be read: {e.Message}", e);
        }
    }
}
