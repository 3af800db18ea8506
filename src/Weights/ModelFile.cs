using TorchSharp;
using UnetResnet.Models;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Weights;

/// <summary>Files that hold a whole network: the numbers, and in the header what builds it. What all kinds of networks have in common.</summary>
internal static class ModelFile
{
    private const string Extension = ".safetensors";

    /// <summary>Writes the state of a network under its header.</summary>
    internal static void Write(Module network, IReadOnlyDictionary<string, string> header, string path)
    {
        if (!Path.GetExtension(path).Equals(Extension, StringComparison.OrdinalIgnoreCase))
            throw new ArgumentException($"'{path}' should end in {Extension}: other formats have no place for what the network is built from.", nameof(path));
        Safetensors.Write(path, network.state_dict(), header);
    }

    /// <summary>The options in the header of a file, which need not hold anything else.</summary>
    /// <exception cref="WeightsException">The file cannot be read, or has none.</exception>
    internal static TOptions Options<TOptions>(string path, string network) where TOptions : class
    {
        using var scope = NewDisposeScope();
        IReadOnlyDictionary<string, string> metadata = StateFile.Read(path).Metadata;
        if (metadata.ContainsKey(ModelHeader.Groups)) throw new WeightsException($"{path} describes a network with group normalisation, which is no option. Load weights of such a network from a file of its own Save.");
        return ModelHeader.OptionsIn<TOptions>(metadata, network, path) ?? throw WithoutOptions(path, network);
    }

    /// <summary>Builds the network that a file describes, or the caller where it does not, and fills it.</summary>
    /// <exception cref="WeightsException">The file cannot be read, has no options or others than the caller's, or does not hold the network that they describe.</exception>
    internal static TNetwork Load<TOptions, TNetwork>(string path, TOptions? given, Func<TOptions, ResNet50Options> encoder, Func<TOptions, TNetwork> build, Func<TNetwork, ResNet50Encoder> encoderOf)
        where TOptions : class
        where TNetwork : Module<Tensor, Tensor>
    {
        using var scope = NewDisposeScope();
        if (StateFile.IsHdf5(path)) throw new WeightsException($"{path} is an HDF5 file of Keras, which holds no {typeof(TNetwork).Name}. EncoderWeights.Load(encoder, path) reads an encoder's weights from it.");
        StateFile file = StateFile.Read(path);
        TOptions? own = ModelHeader.OptionsIn<TOptions>(file.Metadata, typeof(TNetwork).Name, path);
        if (own is not null && given is not null && !own.Equals(given))
            throw new WeightsException($"{path} says itself what it was built from, and it is not what the caller says. File: {own}. Caller: {given}. Leave the options out.");
        TOptions options = own ?? given ?? throw WithoutOptions(path, typeof(TNetwork).Name);
        CheckSize(file, encoder(options), path);

        TNetwork? network = null;
        try
        {
            network = build(options);
            // A network in double or half precision comes back as one.
            ScalarType[] types = [.. file.Tensors.Values.Where(t => t.is_floating_point()).Select(t => t.dtype).Distinct()];
            if (types is [var type and not ScalarType.Float32]) network.to(type);
            // PyTorch's batch norm counts its batches; nothing here uses the number.
            var tensors = file.Tensors.Where(t => !t.Key.EndsWith(".num_batches_tracked", StringComparison.Ordinal)).ToDictionary();
            StateLoading.Apply(network, tensors, byName: false, new LoadReport { Path = path, Format = file.Format, Family = typeof(TNetwork).Name, Matched = [] });
            ModelHeader.Apply(network, file.Metadata, path);
            encoderOf(network).Preprocessing = file.Metadata.GetValueOrDefault(ModelHeader.Preprocessing);
            return network;
        }
        catch (Exception e)
        {
            network?.Dispose();
            if (e is ArgumentException && own is not null) throw new WeightsException($"{path} describes no {typeof(TNetwork).Name} that can be built. {e.Message}", e);
            throw;
        }
    }

    /// <summary>A ResNet50 has 5758 w² numbers, and a classifier 32 w for each class. Nothing large is built for a file that does not hold it.</summary>
    private static void CheckSize(StateFile file, ResNet50Options encoder, string path)
    {
        long numbers = file.Tensors.Values.Sum(t => t.numel());
        double least = 5000d * encoder.Width * encoder.Width + (encoder.IncludeTop ? 32d * encoder.Width * encoder.Classes : 0);
        if (numbers < least) throw new WeightsException($"{path} holds {numbers} numbers, fewer than a ResNet50 of width {encoder.Width}. It is cut short, or of another network.");
    }

    private static WeightsException WithoutOptions(string path, string network) => new(
        $"{path} does not say what its network was built from, and shapes do not tell padding, ε or dropout. Give the options: {network}.Load(path, options). Files of Save, of 'lab export', and of save(model, path) in the exported unet_resnet50.py have them in their header.");
}
