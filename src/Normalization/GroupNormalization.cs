using System.Globalization;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Normalization;

/// <summary>
/// Group normalisation (Wu and He 2018) in batch norm's place: mean and variance of each image by itself, over groups of channels, so that there is no batch and no
/// difference between training and inference. γ and β are carried over; the features of a network trained with batch norm are not the same, so it must be trained
/// on.
/// </summary>
public static class GroupNormalization
{
    /// <summary>Converts every batch-norm layer in a module, this library's or TorchSharp's. They count as no batch-norm layers any more; state keys and values stay.</summary>
    /// <param name="module">The module.</param>
    /// <param name="groups">Groups of channels, which must divide the channels of every layer. 1 normalises over all channels as LayerNorm does, one per channel is InstanceNorm.</param>
    /// <returns>Number of layers converted.</returns>
    /// <exception cref="ArgumentException">A layer's channels do not divide, or there is no layer. Nothing is changed then.</exception>
    public static int Apply(Module module, int groups = 8)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(groups, 1);
        var layers = module.BatchNormLayers();
        if (layers.Count == 0) throw BatchNormLayer.Missing(nameof(module), ", so there is nothing to convert");
        (string name, BatchNormLayer? odd) = layers.FirstOrDefault(l => l.Layer.Channels % groups != 0);
        if (odd is not null)
            throw new ArgumentException(
                $"{groups} groups do not divide the {odd.Channels} channels of '{name}'. Numbers that divide all layers: {string.Join(", ", Divisors(layers))}.", nameof(groups));
        foreach ((_, BatchNormLayer layer) in layers) Convert(layer, groups);
        return layers.Count;
    }

    /// <summary>Takes back <see cref="Apply"/>: the layers are batch norm again, in their old mode, with the running statistics that they had; γ and β stay as trained.</summary>
    /// <param name="module">The module.</param>
    /// <returns>Number of layers changed; 0 where none was converted.</returns>
    public static int Undo(Module module)
    {
        BatchNormLayer[] layers = [.. BatchNormLayer.All(module).Where(layer => layer.Replacement is Groups)];
        foreach (BatchNormLayer layer in layers) layer.Replacement = null;
        return layers.Length;
    }

    /// <summary>Converts one layer, whose channels the groups divide.</summary>
    internal static void Convert(BatchNormLayer layer, int groups) => layer.Replacement = new Groups(groups);

    /// <summary>The groups of a converted layer, or null.</summary>
    internal static int? GroupsOf(BatchNormLayer layer) => (layer.Replacement as Groups)?.Count;

    private static IEnumerable<int> Divisors(IEnumerable<(string Name, BatchNormLayer Layer)> layers) =>
        Enumerable.Range(1, (int)layers.Min(l => l.Layer.Channels)).Where(d => layers.All(l => l.Layer.Channels % d == 0));

    private sealed class Groups(int count) : NormReplacement
    {
        internal int Count => count;

        internal override string Name => string.Create(CultureInfo.InvariantCulture, $"GroupNorm({count})");

        internal override Tensor Apply(BatchNormLayer layer, Tensor input) => functional.group_norm(input, count, layer.Weight, layer.Bias, layer.Options.Eps);
    }
}
