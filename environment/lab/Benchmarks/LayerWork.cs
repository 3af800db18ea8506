using TorchSharp.Modules;
using UnetResnet.Normalization;
using static TorchSharp.torch.nn;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>What a layer has to compute and to move in one forward pass in inference mode, float32, if every number is read and written once.</summary>
/// <param name="Name">Dotted name.</param>
/// <param name="Kind">Such as <c>3×3 convolution</c>.</param>
/// <param name="Flop">Floating-point operations; a product and its addition are two.</param>
/// <param name="Bytes">Bytes of input, output and weights.</param>
internal sealed record LayerWork(string Name, string Kind, long Flop, long Bytes)
{
    /// <summary>Operations for each byte: what decides whether arithmetic or memory is the limit.</summary>
    public double Intensity => (double)Flop / Bytes;

    /// <summary>Counts a layer.</summary>
    /// <param name="name">Dotted name.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="input">Shape of its input.</param>
    /// <param name="output">Shape of its output.</param>
    /// <returns>Null for what is no layer of this kind: containers, dropout, which does nothing in inference.</returns>
    public static LayerWork? Of(string name, Module layer, long[] input, long[] output)
    {
        (long into, long outOf) = (Product(input), Product(output));
        return layer switch
        {
            Conv2d convolution => Weighted($"{convolution.weight!.shape[2]}×{convolution.weight.shape[3]} convolution", convolution.weight.shape, convolution.bias is not null),
            Linear linear => Weighted("linear", linear.weight!.shape, linear.bias is not null),
            // One product and one sum with numbers that are known beforehand.
            ModalBatchNorm2d norm => new LayerWork(name, "batch norm", 2 * outOf, 4 * (into + outOf + 4 * norm.Channels)),
            TorchSharp.Modules.ReLU => new LayerWork(name, "ReLU", outOf, 4 * (into + outOf)),
            _ => null,
        };

        LayerWork Weighted(string kind, long[] weight, bool bias)
        {
            long products = outOf * Product(weight[1..]), filters = bias ? weight[0] : 0;
            return new LayerWork(name, kind, 2 * products + (bias ? outOf : 0), 4 * (into + outOf + Product(weight) + filters));
        }
    }

    private static long Product(long[] shape) => shape.Aggregate(1L, (product, side) => product * side);
}
