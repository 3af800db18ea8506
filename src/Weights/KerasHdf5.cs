using PureHDF;
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
/// External links are followed, as the HDF5 library does: a file from a stranger can name another HDF5 file on this machine, whose numbers are then loaded.
/// Source: <c>load_weights_from_hdf5_group</c> and <c>load_attributes_from_hdf5_group</c>, keras 2.2.2, <c>keras/engine/saving.py</c>.
/// </remarks>
public static class KerasHdf5
{
    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <returns>Layers and attributes; the tensors are on the CPU and owned by the caller.</returns>
    /// <exception cref="WeightsException">The file is missing, damaged, or not a Keras weights file.</exception>
    public static KerasWeightsFile Read(string path)
    {
        if (!File.Exists(path)) throw new WeightsException($"There is no weights file {path}.");
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 16);
            using var guarded = new GuardedStream(stream);
            using var scope = NewDisposeScope();
            using var hdf5 = H5File.Open(guarded, leaveOpen: true);
            KerasWeightsFile file = Read(hdf5, path, limit: 4 * stream.Length + (16 << 20));
            foreach (KerasLayer layer in file.Layers) foreach (Tensor weight in layer.Weights) weight.MoveToOuterDisposeScope();
            return file;
        }
        // The library meets damaged files with exceptions of every kind.
        catch (Exception e) when (e is not WeightsException)
        {
            throw new WeightsException($"{path} cannot be read as HDF5: {e.Message.TrimEnd('.')}. Download or write it again.", e);
        }
    }

    private static KerasWeightsFile Read(IH5Group file, string path, long limit)
    {
        IH5Group root = file;
        string[]? names = Strings(root, "layer_names");
        if (names is null && root.LinkExists("model_weights") && root.Get("model_weights") is IH5Group weights)
        {
            root = weights;
            names = Strings(root, "layer_names");
        }

        if (names is null)
        {
            throw new WeightsException(file.LinkExists("layers") || file.LinkExists("_layer_checkpoint_dependencies")
                ? $"{path} is in the format of Keras 3 (.weights.h5), which names its weights by number. Save it with model.save_weights of Keras 2, or as model.save('….h5')."
                : $"{path} is HDF5, but no Keras weights file: the attribute layer_names is missing. Expected is what Keras's model.save_weights or model.save('….h5') writes.");
        }

        if (names.GroupBy(n => n).FirstOrDefault(n => n.Count() > 1)?.Key is string twice) throw new WeightsException($"{path} lists the layer '{twice}' twice. Write it again.");
        var layers = new List<KerasLayer>();
        foreach (string name in names)
        {
            if (!root.LinkExists(name) || root.Get(name) is not IH5Group group) throw new WeightsException($"{path} lists the layer '{name}' and has no group of that name. Download or write it again.");
            string[] weightNames = Strings(group, "weight_names") ?? throw new WeightsException($"{path}: layer '{name}' has no attribute weight_names, which gives the order of its weights. Write it again with Keras.");
            layers.Add(new KerasLayer(name, weightNames, [.. weightNames.Select(w => Tensor(group, name, w, path, ref limit))]));
        }

        return new KerasWeightsFile(layers, Text(root, "keras_version") ?? Text(file, "keras_version"), Text(root, "backend") ?? Text(file, "backend"));
    }

    private static Tensor Tensor(IH5Group group, string layer, string name, string path, ref long limit)
    {
        if (!group.LinkExists(name) || group.Get(name) is not IH5Dataset dataset) throw new WeightsException($"{path}: layer '{layer}' lists '{name}' and has no data of that name. Download or write it again.");
        long[] shape;
        long count;
        try
        {
            shape = [.. dataset.Space.Dimensions.Select(d => checked((long)d))];
            count = shape.Aggregate(1L, (product, d) => checked(product * d));
        }
        catch (OverflowException)
        {
            throw new WeightsException($"{path}: '{name}' of layer '{layer}' has an impossible shape ({string.Join(", ", dataset.Space.Dimensions)}). Download or write it again.");
        }

        int size = dataset.Type.Size;
        if (dataset.Type.Class != H5DataTypeClass.FloatingPoint || size is not (2 or 4 or 8))
            throw new WeightsException($"{path}: '{name}' of layer '{layer}' holds {dataset.Type.Class} of {size} bytes, and weights are floating-point numbers of 2, 4 or 8. Write it again.");
        if (dataset.Layout.Class is not (H5DataLayoutClass.Compact or H5DataLayoutClass.Contiguous or H5DataLayoutClass.Chunked)) throw new WeightsException($"{path}: '{name}' of layer '{layer}' points into another file. Copy the numbers into this one.");
        // A quotient, since the product may overflow.
        if (count > limit / size) throw new WeightsException($"{path}: '{name}' of layer '{layer}' claims {count} numbers of {size} bytes, more than a file of this length can hold. Download or write it again.");
        limit -= count * size;
        if (count == 0) return zeros(shape);
        return size switch
        {
            2 => tensor(dataset.Read<Half[]>(), shape).to(float32),
            4 => tensor(dataset.Read<float[]>(), shape),
            _ => tensor(dataset.Read<double[]>(), shape),
        };
    }

    /// <summary>A list of texts, or its parts in order; null where there is neither.</summary>
    private static string[]? Strings(IH5Object owner, string name)
    {
        if (owner.AttributeExists(name)) return List(owner, name);
        if (!owner.AttributeExists(name + "0")) return null;
        var all = new List<string>();
        for (int part = 0; owner.AttributeExists(name + part); part++) all.AddRange(List(owner, name + part));
        return [.. all];
    }

    private static string[] List(IH5Object owner, string name)
    {
        IH5Attribute attribute = owner.Attribute(name);
        // h5py writes an empty list as an empty array of numbers.
        return attribute.Space.Dimensions.Contains(0ul) ? [] : [.. attribute.Read<string[]>().Select(Trim)];
    }

    private static string? Text(IH5Object owner, string name) => owner.AttributeExists(name) ? Trim(owner.Attribute(name).Read<string>()) : null;

    private static string Trim(string text) => text.TrimEnd('\0');
}
