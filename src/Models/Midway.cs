using UnetResnet.Normalization;
using static TorchSharp.torch;

namespace UnetResnet.Models;

/// <summary>
/// A place in the middle of a U-Net's forward pass, and what arrives there: with it a pass can go on whose beginning has been computed before.
/// </summary>
/// <param name="Part">The residual block or decoder stage that comes next, counted from 0 through the whole network.</param>
/// <param name="Map">What goes into it.</param>
/// <param name="Features">The encoder's feature maps so far.</param>
/// <param name="Images">Shape of the images, (N, 3, H, W).</param>
internal sealed record Midway(int Part, Tensor Map, IReadOnlyList<Tensor> Features, long[] Images)
{
    /// <summary>The same images several times over, one copy after the other, for a pass to overwrite; in the caller's dispose scope.</summary>
    internal Midway Repeated(int times)
    {
        Tensor Copies(Tensor map) => times == 1 ? map.clone() : cat([.. Enumerable.Repeat(map, times)]);
        return this with { Map = Copies(Map), Features = [.. Features.Select(Copies)], Images = [Images[0] * times, .. Images[1..]] };
    }

    /// <summary>The part in which each batch-norm layer of a network lies; the first layer, which comes before all parts, is in none.</summary>
    internal static IReadOnlyDictionary<ModalBatchNorm2d, int> Parts(UNetResNet50 unet)
    {
        var parts = new Dictionary<ModalBatchNorm2d, int>(ReferenceEqualityComparer.Instance);
        int part = 0;
        void Add(IEnumerable<ConvolutionWithNorm> layers)
        {
            foreach (ModalBatchNorm2d norm in layers.Select(layer => layer.Norm).OfType<ModalBatchNorm2d>()) parts[norm] = part;
            part++;
        }

        foreach (ResidualBlock block in unet.Encoder.Stages.SelectMany(blocks => blocks)) Add(block.Layers);
        foreach ((ConvolutionWithNorm first, ConvolutionWithNorm second) in unet.Decoder.Stages) Add([first, second]);
        return parts;
    }
}
