using TorchSharp.Modules;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Weights.Hdf5;
using static TorchSharp.torch;

namespace UnetResnet.Weights;

/// <summary>
/// Takes an encoder to Keras: an HDF5 file in the layout of <c>resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5</c>, which <c>load_weights</c> of every Keras to 2.2.4
/// and <see cref="EncoderWeights"/> read.
/// </summary>
/// <remarks>
/// Keras 1's names (<c>conv1_W:0</c>; <c>running_std</c>, which holds the variance), kernels as (height, width, in, out), layers in the order of Keras's
/// <c>model.layers</c>, names as texts of fixed length as h5py writes them, no <c>keras_version</c>. Layers without weights are left out; Keras skips them.
/// Source: <c>save_weights_to_hdf5_group</c>, keras 1.1.1.
/// </remarks>
public static class KerasExport
{
    private static readonly string[] ConvolutionParts = ["W", "b"];
    private static readonly string[] NormParts = ["gamma", "beta", "running_mean", "running_std"];

    /// <summary>Writes the file; the encoder is not changed.</summary>
    /// <param name="encoder">The encoder, with or without top.</param>
    /// <param name="path">The file.</param>
    /// <param name="overwrite">Whether a file of this name may be replaced.</param>
    /// <exception cref="ArgumentException">Keras's ResNet50 computes something else: torchvision's architecture, another padding or ε, or batch norm that is folded or replaced.</exception>
    /// <exception cref="WeightsException">The file is there already, or cannot be written.</exception>
    public static void Write(ResNet50Encoder encoder, string path, bool overwrite = false)
    {
        Check(encoder);
        Overwriting.Check(path, overwrite);
        using var scope = NewDisposeScope();
        Dictionary<string, Tensor> state = encoder.state_dict();
        string[] layers = [.. LayerOrder(encoder)];
        WeightsFile.Write(path, stream =>
        {
            using var file = new Hdf5Writer(stream);
            (string, ulong)[] links = [.. layers.Select(layer => (layer, Layer(file, layer, state)))];
            file.Finish(file.Group(links, "layer_names", layers));
        });
    }

    private static void Check(ResNet50Encoder encoder)
    {
        ResNet50Options options = encoder.Options;
        ModalBatchNorm2d[] norms = [.. encoder.modules().OfType<ModalBatchNorm2d>()];
        if (options.Architecture != ResNet50Architecture.Keras)
            throw new ArgumentException("This encoder is torchvision's ResNet50, another network than Keras's: its stride sits on the 3×3 convolutions. There it would compute other features. Export it for PyTorch.", nameof(encoder));
        if (options.Padding != ConvolutionPadding.Same || norms.Any(n => Math.Abs(n.Options.Eps - 1e-3) > 1e-9))
            throw new ArgumentException($"Keras's ResNet50 of this layout has padding 'same' and ε 0.001; this encoder has padding {options.Padding} and ε {string.Join(", ", norms.Select(n => n.Options.Eps).Distinct().Select(NumberText.Short))}, and would compute other features there.", nameof(encoder));
        if (norms.FirstOrDefault(n => n.ReplacedBy is not null) is { } other)
            throw new ArgumentException($"Batch norm is replaced by {other.ReplacedBy}, which Keras's ResNet50 does not have. Undo it first (Folding.Undo, GroupNormalization.Undo).", nameof(encoder));
    }

    /// <summary>Keras sorts by depth: a shortcut's convolution stands after the main branch's last one, its batch norm after that one's.</summary>
    private static IEnumerable<string> LayerOrder(ResNet50Encoder encoder)
    {
        string[] names = [.. encoder.named_children().Where(c => c.module is Conv2d or ModalBatchNorm2d or Linear).Select(c => c.name)];
        for (int i = 0; i < names.Length; i++)
        {
            // Here: res2c, bn2c, res1, bn1. There: res2c, res1, bn2c, bn1.
            bool shortcutFollows = i + 2 < names.Length && names[i].StartsWith("bn", StringComparison.Ordinal) && names[i + 1].EndsWith("_branch1", StringComparison.Ordinal);
            if (!shortcutFollows)
            {
                yield return names[i];
                continue;
            }

            yield return names[i + 1];
            yield return names[i];
            i++;
        }
    }

    private static ulong Layer(Hdf5Writer file, string name, Dictionary<string, Tensor> state)
    {
        bool norm = name.StartsWith("bn", StringComparison.Ordinal);
        string[] keys = norm ? ["weight", "bias", "running_mean", "running_var"] : ["weight", "bias"];
        string[] parts = [.. (norm ? NormParts : ConvolutionParts).Select(part => $"{name}_{part}:0")];
        return file.Group([.. parts.Zip(keys, (part, key) => (part, Dataset(file, state[$"{name}.{key}"])))], "weight_names", parts);
    }

    private static ulong Dataset(Hdf5Writer file, Tensor tensor)
    {
        using var scope = NewDisposeScope();
        Tensor weight = tensor.detach().cpu().to(float32);
        weight = weight.dim() switch { 4 => weight.permute(2, 3, 1, 0), 2 => weight.t(), _ => weight };
        return file.Dataset(weight.Bytes(), weight.shape);
    }
}
