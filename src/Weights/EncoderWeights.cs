using UnetResnet.Models;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Weights;

/// <summary>
/// Loads weights into a <see cref="ResNet50Encoder"/>: the kit's or torchvision's names in safetensors, PyTorch's <c>.pth</c> or TorchSharp's <c>.dat</c>, or a Keras HDF5 file of any naming
/// generation. The family is recognised by the names, and weights of another network are refused.
/// </summary>
public static class EncoderWeights
{
    private static readonly string[] NormParts = ["weight", "bias", "running_mean", "running_var"];

    /// <summary>What Keras calls the four arrays of a batch norm. Keras 1's <c>running_std</c> holds the variance.</summary>
    private static readonly string[][] NormSuffixes = [["gamma"], ["beta"], ["running_mean", "moving_mean"], ["running_std", "moving_variance"]];

    private static readonly string[][] KernelSuffixes = [["W", "kernel"], ["b", "bias"]];

    /// <summary>Loads. All or nothing: the encoder is changed only if the whole file is acceptable.</summary>
    /// <param name="encoder">The encoder, for example of a U-Net.</param>
    /// <param name="path">A safetensors, HDF5, .pth or .dat file; its first bytes tell which, and the extension .dat where they do not.</param>
    /// <param name="options">How strictly; null for strict.</param>
    /// <returns>What was done.</returns>
    /// <exception cref="WeightsException">The file cannot be read, is of another network, or does not fit.</exception>
    public static LoadReport Load(ResNet50Encoder encoder, string path, LoadOptions? options = null)
    {
        using var scope = NewDisposeScope();
        options ??= new LoadOptions();
        return StateFile.IsHdf5(path) ? LoadKeras(encoder, path, options) : LoadState(encoder, path, options, StateFile.Read(path));
    }

    private static LoadReport LoadState(ResNet50Encoder encoder, string path, LoadOptions options, StateFile file)
    {
        var layers = file.Tensors.Keys.Select(DottedName.Owner).ToHashSet();
        ResNet50Family family = ResNet50Names.FamilyOf(layers) is ResNet50Family.Torchvision ? ResNet50Family.Torchvision : ResNet50Family.Kit;
        if (ArchitectureOf(family, file.Tensors.Keys, layers) is { } architecture) CheckArchitecture(encoder.Options, path, family, architecture);
        if (family == ResNet50Family.Torchvision) CheckSettings(encoder.Options, path, family, 1e-5, options);
        CheckHeader(encoder.Options, path, file.Metadata, options);

        Dictionary<string, string> names = ResNet50Names.All.ToDictionary(n => n.In(family), n => n.Kit);
        var tensors = new Dictionary<string, Tensor>();
        List<string> ignored = [], unexpected = [];
        foreach ((string key, Tensor tensor) in file.Tensors)
        {
            // PyTorch's batch norm counts its batches; nothing here uses the number.
            if (key.EndsWith(".num_batches_tracked", StringComparison.Ordinal)) ignored.Add(key);
            else if (!names.TryGetValue(DottedName.Owner(key), out string? kit)) unexpected.Add(key);
            else if (family == ResNet50Family.Torchvision && kit == ResNet50Names.Top.Kit && !encoder.Options.IncludeTop) ignored.Add(key);
            else tensors.Add(kit + key[DottedName.Owner(key).Length..], tensor);
        }

        LoadReport report = StateLoading.Apply(encoder, tensors, options.ByName, new LoadReport
        {
            Path = path,
            Format = file.Format,
            Family = ResNet50Names.Describe(family),
            Matched = [],
            Unexpected = unexpected,
            Ignored = ignored,
            Metadata = file.Metadata,
        });
        encoder.Preprocessing = family == ResNet50Family.Torchvision ? "torch" : file.Metadata.GetValueOrDefault(ModelHeader.Preprocessing);
        return report;
    }

    /// <summary>The kit's names stand for both networks, of which torchvision's has no biases in its convolutions; null where there are none of its layers.</summary>
    private static ResNet50Architecture? ArchitectureOf(ResNet50Family family, IEnumerable<string> keys, IReadOnlySet<string> layers) =>
        family == ResNet50Family.Torchvision ? ResNet50Architecture.Torchvision
        : !layers.Any(IsConvolution) ? null
        : keys.Any(key => key.EndsWith(".bias", StringComparison.Ordinal) && IsConvolution(DottedName.Owner(key))) ? ResNet50Architecture.Keras
        : ResNet50Architecture.Torchvision;

    private static bool IsConvolution(string layer) => layer == "conv1" || layer.StartsWith("res", StringComparison.Ordinal);

    private static LoadReport LoadKeras(ResNet50Encoder encoder, string path, LoadOptions options)
    {
        KerasWeightsFile file = KerasHdf5.Read(path);
        ResNet50Family family = ResNet50Names.FamilyOf(file.Layers.Select(l => l.Name).ToHashSet())
            ?? throw new WeightsException($"{path} holds no ResNet50: neither 'res2a_branch2a' (Keras to 2.2.4) nor 'conv2_block1_1_conv' (keras-applications from 1.0.8) is among its {file.Layers.Count} layers. KerasHdf5.Read shows what is there.");
        if (file.Backend == "theano")
            throw new WeightsException($"{path} was written with the Theano backend, whose convolutions turn their kernels by 180°. Load it into Keras with the TensorFlow backend and save it again, or take the file with 'tf_kernels' in its name.");
        CheckArchitecture(encoder.Options, path, family, ResNet50Architecture.Keras);
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
        LoadReport report = StateLoading.Apply(encoder, tensors, options.ByName, new LoadReport
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
        encoder.Preprocessing = "caffe";
        return report;
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

    private static void CheckArchitecture(ResNet50Options network, string path, ResNet50Family family, ResNet50Architecture architecture)
    {
        if (network.Architecture == architecture) return;
        string whose = family == ResNet50Family.Kit ? $"{ResNet50Names.Describe(family)}, of {architecture}'s architecture" : ResNet50Names.Describe(family);
        throw new WeightsException(architecture == ResNet50Architecture.Torchvision
            ? $"{path} holds the weights of {whose}: its stride sits on the 3×3 convolutions, and they have no biases. This encoder is Keras's, another network, in which the features would be wrong without any error. Build it from ResNet50Options.Torchvision, or take the weights of Keras."
            : $"{path} holds the weights of {whose}: its stride sits on the first 1×1 convolution of a stage, and convolutions have biases. This encoder is torchvision's, another network, in which the features would be wrong. Build it with Architecture = ResNet50Architecture.Keras, or take the weights of torchvision.");
    }

    /// <summary>A file of <c>encoder.Save</c> says how its network pads and which ε it has.</summary>
    private static void CheckHeader(ResNet50Options network, string path, IReadOnlyDictionary<string, string> metadata, LoadOptions options)
    {
        if (metadata.ContainsKey(ModelHeader.Groups))
            throw new WeightsException($"{path} was saved from an encoder with group normalisation, whose weights are of no use under batch norm. Take ResNet50Encoder.Load(path), which builds it as it was.");
        if (options.AnyEpsAndPadding || ModelHeader.OptionsIn<ResNet50Options>(metadata, nameof(ResNet50Encoder), path) is not { } file) return;
        if (file.Padding == network.Padding && Math.Abs(file.BatchNorm.Eps - network.BatchNorm.Eps) < 1e-9) return;
        throw new WeightsException(
            $"{path} was saved from an encoder with padding {file.Padding} and ε {NumberText.Short(file.BatchNorm.Eps)}, and this one has padding {network.Padding} and ε {NumberText.Short(network.BatchNorm.Eps)}. Take ResNet50Encoder.Load(path), build the encoder alike, or load with AnyEpsAndPadding = true.");
    }

    private static void CheckSettings(ResNet50Options network, string path, ResNet50Family family, double eps, LoadOptions options)
    {
        if (options.AnyEpsAndPadding || (network.Padding == ConvolutionPadding.Symmetric && Math.Abs(network.BatchNorm.Eps - eps) < 1e-9)) return;
        throw new WeightsException(
            $"{path} holds the weights of {ResNet50Names.Describe(family)}, which were trained with symmetric padding and ε {NumberText.Short(eps)}; this encoder has padding {network.Padding} and ε {NumberText.Short(network.BatchNorm.Eps)}. Build it with Padding = ConvolutionPadding.Symmetric and BatchNorm = … with {{ Eps = {NumberText.Short(eps)} }}, or load with AnyEpsAndPadding = true.");
    }
}
