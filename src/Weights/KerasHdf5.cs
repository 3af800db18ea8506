using UnetResnet.Runtime;
using UnetResnet.Weights.Hdf5;
using static TorchSharp.torch;

namespace UnetResnet.Weights;

/// <summary>One layer of a Keras weights file.</summary>
/// <param name="Name">Name of the layer.</param>
/// <param name="WeightNames">Names of its weights, in Keras's order; empty for a layer without weights.</param>
/// <param name="Weights">The weights in the same order, as Keras keeps them: kernels (height, width, in, out), dense kernels (in, out). Owned by the caller.</param>
public sealed record KerasLayer(string Name, IReadOnlyList<string> WeightNames, IReadOnlyList<Tensor> Weights);

/// <summary>What is in a Keras weights file.</summary>
/// <param name="Layers">The layers in the order of <c>layer_names</c>.</param>
/// <param name="KerasVersion">The attribute <c>keras_version</c>; null in files of Keras 1.1 and earlier.</param>
/// <param name="Backend">The attribute <c>backend</c>; null in files of Keras 1.1 and earlier.</param>
public sealed record KerasWeightsFile(IReadOnlyList<KerasLayer> Layers, string? KerasVersion, string? Backend);

/// <summary>
/// Reads the HDF5 files of Keras 1 and 2 (<c>save_weights</c>, and the weights of <c>save</c>): one group per layer, with the order in the attributes
/// <c>layer_names</c> and <c>weight_names</c>, split into <c>layer_names0</c>, <c>layer_names1</c> … where they exceed HDF5's 64 kB.
/// </summary>
/// <remarks>
/// Nothing in a file leads out of it: external links and data in other files are refused.
/// Source: <c>load_weights_from_hdf5_group</c> and <c>load_attributes_from_hdf5_group</c>, keras 2.2.2, <c>keras/engine/saving.py</c>.
/// </remarks>
public static class KerasHdf5
{
    /// <summary>What a tensor costs besides its numbers, so that a file which lists an empty one again and again comes to an end.</summary>
    private const int CostOfTensor = 256;

    private const int MaximumTexts = 1_000_000;

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <returns>Layers and attributes; the tensors are on the CPU and owned by the caller.</returns>
    /// <exception cref="WeightsException">The file is missing, damaged, or not a Keras weights file.</exception>
    public static KerasWeightsFile Read(string path)
    {
        if (!File.Exists(path)) throw new WeightsException($"There is no weights file {path}.");
        try
        {
            using var scope = NewDisposeScope();
            using var hdf5 = Hdf5File.Open(path);
            KerasWeightsFile file = Read(hdf5.Root, path, limit: 4 * new FileInfo(path).Length + (16 << 20));
            foreach (KerasLayer layer in file.Layers) foreach (Tensor weight in layer.Weights) weight.MoveToOuterDisposeScope();
            return file;
        }
        catch (NotSupportedException e)
        {
            // A valid file of a kind that is not read; the reason and the cure are said where it is seen.
            throw new WeightsException($"{path}: {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException or OverflowException)
        {
            throw new WeightsException($"{path} cannot be read as HDF5: {e.Message.TrimEnd('.')}. Download or write it again.", e);
        }
    }

    private static KerasWeightsFile Read(Hdf5Object file, string path, long limit)
    {
        Hdf5Object root = file;
        string[]? names = Strings(root, "layer_names");
        if (names is null && file.Child("model_weights") is { } weights)
        {
            root = weights;
            names = Strings(root, "layer_names");
        }

        if (names is null)
        {
            throw new WeightsException(file.Child("layers") is not null || file.Child("_layer_checkpoint_dependencies") is not null
                ? $"{path} is in the format of Keras 3 (.weights.h5), which names its weights by number. Save it with model.save_weights of Keras 2, or as model.save('….h5')."
                : $"{path} is HDF5, but no Keras weights file: the attribute layer_names is missing. Expected is what Keras's model.save_weights or model.save('….h5') writes.");
        }

        if (names.GroupBy(n => n).FirstOrDefault(n => n.Count() > 1)?.Key is string twice) throw new WeightsException($"{path} lists the layer '{twice}' twice. Write it again.");
        var layers = new List<KerasLayer>();
        foreach (string name in names)
        {
            if (root.Child(name) is not { IsGroup: true } group) throw new WeightsException($"{path} lists the layer '{name}' and has no group of that name. Download or write it again.");
            string[] weightNames = Strings(group, "weight_names") ?? throw new WeightsException($"{path}: layer '{name}' has no attribute weight_names, which gives the order of its weights. Write it again with Keras.");
            layers.Add(new KerasLayer(name, weightNames, [.. weightNames.Select(w => Tensor(group, name, w, path, ref limit))]));
        }

        return new KerasWeightsFile(layers, Text(root, "keras_version") ?? Text(file, "keras_version"), Text(root, "backend") ?? Text(file, "backend"));
    }

    private static Tensor Tensor(Hdf5Object group, string layer, string name, string path, ref long limit)
    {
        if (group.Child(name)?.Data is not { } data) throw new WeightsException($"{path}: layer '{layer}' lists '{name}' and has no data of that name. Download or write it again.");
        (Hdf5Type type, ulong[] dimensions) = (data.Type, data.Dimensions);
        if (type is not { Class: Hdf5Class.FloatingPoint, Size: 2 or 4 or 8, Standard: true })
            throw new WeightsException($"{path}: '{name}' of layer '{layer}' holds {type.Class} of {type.Size} bytes, and weights are IEEE floating-point numbers of 2, 4 or 8. Write it again.");
        if (data.Storage == Hdf5Storage.Elsewhere) throw new WeightsException($"{path}: '{name}' of layer '{layer}' points into another file. Copy the numbers into this one.");
        long[] shape;
        long bytes;
        try
        {
            shape = [.. dimensions.Select(d => checked((long)d))];
            // An empty dimension hides nothing: libtorch multiplies the others for the strides.
            _ = shape.Aggregate(8L, (product, d) => checked(product * Math.Max(d, 1)));
            bytes = data.Bytes;
        }
        catch (OverflowException)
        {
            throw new WeightsException($"{path}: '{name}' of layer '{layer}' has an impossible shape ({string.Join(", ", dimensions)}). Download or write it again.");
        }

        if (bytes > limit || bytes > Array.MaxLength) throw new WeightsException($"{path}: '{name}' of layer '{layer}' claims {bytes} bytes, more than a file of this length can hold. Download or write it again.");
        limit -= bytes + CostOfTensor;
        Tensor tensor = TensorMemory.New(shape, type.Size switch { 2 => float16, 4 => float32, _ => float64 });
        // Straight into libtorch's memory: the numbers are there once only.
        if (tensor.numel() > 0) data.Read(TensorMemory.Of(tensor));
        return type.Size == 2 ? tensor.to(float32) : tensor;
    }

    /// <summary>A list of texts, or its parts in order; null where there is neither.</summary>
    private static string[]? Strings(Hdf5Object owner, string name)
    {
        if (owner.Attribute(name) is { } whole) return whole.Texts();
        if (owner.Attribute(name + "0") is null) return null;
        var all = new List<string>();
        for (int part = 0; owner.Attribute(name + part) is { } next && all.Count < MaximumTexts; part++) all.AddRange(next.Texts());
        return [.. all];
    }

    private static string? Text(Hdf5Object owner, string name) => owner.Attribute(name)?.Texts() is [string text] ? text : null;
}
