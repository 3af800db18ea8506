using System.Text.Json;
using System.Text.Json.Serialization;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using Module = TorchSharp.torch.nn.Module;

namespace UnetResnet.Weights;

/// <summary>
/// What a model file says beside its numbers, as texts by name in the safetensors header: the kind of network, the options that build it, what the encoder's images looked like, what
/// each batch-norm layer does where it is not the default, what it is replaced by, which parameters are frozen, and the version that wrote it.
/// </summary>
internal static class ModelHeader
{
    internal const string Network = "network", Options = "options", Preprocessing = "preprocessing", Modes = "batch_norm_modes", LayerOptions = "batch_norm_options", Frozen = "frozen", Groups = "group_normalization";

    /// <summary>Without <c>DecoderFilters</c>, which follow from the width. An option that this version does not know is an error: the network would be another one.</summary>
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        IgnoreReadOnlyProperties = true,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new JsonStringEnumConverter(namingPolicy: null, allowIntegerValues: false) },
    };

    /// <summary>Describes a network.</summary>
    /// <param name="network">The network.</param>
    /// <param name="options">What builds it, with the options that its batch-norm layers have in common, see <see cref="Common"/>.</param>
    /// <param name="layers">Its batch-norm layers, and the options that each would have if it were built from <paramref name="options"/>.</param>
    /// <param name="preprocessing">Name of the images' preprocessing, or null.</param>
    internal static Dictionary<string, string> Of(Module network, object options, IReadOnlyList<(string Name, ModalBatchNorm2d Layer, BatchNormOptions Built)> layers, string? preprocessing)
    {
        var header = new Dictionary<string, string> { ["format"] = "pt", ["kit"] = RuntimeStamp.LibraryVersion, [Network] = network.GetType().Name, [Options] = JsonSerializer.Serialize(options, Json) };
        if (preprocessing is not null) header[Preprocessing] = preprocessing;
        // Folded, a layer computes what it computes in inference mode; its numbers are neutral.
        var modes = layers.Select(l => (l.Name, Mode: l.Layer.Replacement is FoldedNorm ? BatchNormMode.Inference : l.Layer.Mode)).Where(l => l.Mode != BatchNormMode.Trainable);
        Add(header, Modes, modes.GroupBy(l => l.Mode, l => l.Name).ToDictionary(g => g.Key, g => g.ToArray()));
        Add(header, Groups, layers.Select(l => (l.Name, Groups: GroupNormalization.GroupsOf(new ModalLayer(l.Name, l.Layer)))).Where(l => l.Groups is not null).ToDictionary(l => l.Name, l => l.Groups));
        Add(header, LayerOptions, layers.Where(l => l.Layer.Options != l.Built).ToDictionary(l => l.Name, l => l.Layer.Options));
        Add(header, Frozen, network.named_parameters().Where(p => !p.parameter.requires_grad).Select(p => p.name).ToArray());
        return header;
    }

    /// <summary>The options of a part's layers if all have the same, else those that it was built with.</summary>
    internal static BatchNormOptions Common(Module part, BatchNormOptions built) =>
        part.modules().OfType<ModalBatchNorm2d>().Select(l => l.Options).Distinct().ToArray() is [var one] ? one : built;

    /// <summary>The options in a header, or null where it has none.</summary>
    /// <exception cref="WeightsException">They are of another network, or not understood.</exception>
    internal static TOptions? OptionsIn<TOptions>(IReadOnlyDictionary<string, string> metadata, string network, string path) where TOptions : class
    {
        if (!metadata.ContainsKey(Options)) return null;
        if (metadata.GetValueOrDefault(Network) is var found && found != network)
            throw new WeightsException($"{path} holds a {found}, and a {network} was expected. Load it with {found}.Load.");
        return Read<TOptions>(metadata, Options, path);
    }

    /// <summary>Gives a network that was built from the options the rest: modes, options of single layers, group normalisation, what is frozen.</summary>
    /// <exception cref="WeightsException">The header names what the network does not have, or is not understood.</exception>
    internal static void Apply(Module network, IReadOnlyDictionary<string, string> metadata, string path)
    {
        var layers = network.named_modules().Where(m => m.module is ModalBatchNorm2d).ToDictionary(m => m.name, m => (ModalBatchNorm2d)m.module);
        var parameters = network.named_parameters().ToDictionary(p => p.name, p => p.parameter);
        foreach ((BatchNormMode mode, string[] names) in Read<Dictionary<BatchNormMode, string[]>>(metadata, Modes, path) ?? [])
            foreach (string name in names) Named(layers, name, Modes, path).Mode = mode;
        foreach ((string name, BatchNormOptions options) in Read<Dictionary<string, BatchNormOptions>>(metadata, LayerOptions, path) ?? [])
            Named(layers, name, LayerOptions, path).Options = options;
        foreach ((string name, int groups) in Read<Dictionary<string, int>>(metadata, Groups, path) ?? [])
        {
            ModalBatchNorm2d layer = Named(layers, name, Groups, path);
            if (groups < 1 || layer.Channels % groups != 0)
                throw new WeightsException($"{path}: {Groups} in its header gives '{name}' {groups} groups, which do not divide its {layer.Channels} channels. Write the file again.");
            GroupNormalization.Convert(new ModalLayer(name, layer), groups);
        }

        if (!metadata.ContainsKey(Options)) return;
        // γ and β too: a mode has its own opinion, and the user may have set another.
        foreach (var parameter in parameters.Values) parameter.requires_grad_(true);
        foreach (string name in Read<string[]>(metadata, Frozen, path) ?? []) Named(parameters, name, Frozen, path).requires_grad_(false);
    }

    private static void Add<T>(Dictionary<string, string> header, string key, T value) where T : System.Collections.ICollection
    {
        if (value.Count > 0) header[key] = JsonSerializer.Serialize(value, Json);
    }

    private static T Named<T>(Dictionary<string, T> known, string name, string key, string path) =>
        known.TryGetValue(name, out T? found) ? found : throw new WeightsException($"{path}: {key} in its header names '{name}', which the network does not have. Write the file again.");

    private static T? Read<T>(IReadOnlyDictionary<string, string> metadata, string key, string path) where T : class
    {
        if (!metadata.TryGetValue(key, out string? text)) return null;
        try
        {
            return JsonSerializer.Deserialize<T>(text, Json) ?? throw new JsonException("it is null");
        }
        catch (Exception e) when (e is JsonException or ArgumentException or NotSupportedException or InvalidOperationException)
        {
            throw new WeightsException($"{path}: {key} in its header cannot be used: {e.Message.TrimEnd('.')}. It was written by version {metadata.GetValueOrDefault("kit", "unknown")}, and this is {RuntimeStamp.LibraryVersion}. Write the file again, or use that version.", e);
        }
    }
}
