using TorchSharp.Modules;
using UnetResnet.Models;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>
/// The products of convolutions, each with its addition, that the steps of a network cannot do without, in GFLOP: what a machine needs at the rate of its fastest convolution
/// is the least time that a step can take there.
/// </summary>
internal sealed class StepWork
{
    private double encoder, stem, decoder, decoderBackward;

    /// <summary>Counts a network's products for some images.</summary>
    /// <param name="unet">The network; it is called once.</param>
    /// <param name="images">A batch.</param>
    public static StepWork Of(UNetResNet50 unet, Tensor images)
    {
        var gflop = new Dictionary<Module, double>(ReferenceEqualityComparer.Instance);
        Action remove = () => { };
        foreach (Conv2d convolution in unet.modules().OfType<Conv2d>())
        {
            remove += convolution.register_forward_hook((_, _, output) =>
            {
                long[] kernel = convolution.weight!.shape;
                gflop[convolution] = 2e-9 * output.numel() * kernel[1] * kernel[2] * kernel[3];
                return output;
            }).remove;
        }

        using (no_grad()) unet.call(images).Dispose();
        remove();

        var work = new StepWork { encoder = unet.Encoder.modules().Where(gflop.ContainsKey).Sum(module => gflop[module]), stem = gflop[unet.Encoder.Stem.Convolution] };
        long channels = unet.Encoder.FeatureChannels[^1];
        bool trained = false;
        foreach ((ConvolutionWithNorm first, ConvolutionWithNorm second) in unet.Decoder.Stages)
        {
            double all = gflop[first.Convolution], below = all * channels / first.Convolution.weight!.shape[1];
            // The small map is convolved before it is doubled: 9 products for four pixels instead of 36.
            double forward = all - below + below / 4;
            work.decoder += forward + gflop[second.Convolution];
            // Gradients of the kernels, and those of the maps that the decoder has made itself.
            work.decoderBackward += forward + (trained ? below / 4 : 0) + 2 * gflop[second.Convolution];
            (trained, channels) = (true, second.Convolution.weight!.shape[0]);
        }

        work.decoder += gflop[unet.Decoder.Prediction];
        work.decoderBackward += 2 * gflop[unet.Decoder.Prediction];
        return work;
    }

    /// <summary>GFLOP of a step of <see cref="StepBenchmark.Names"/>; null for those that compute more than they must.</summary>
    public double? Gflop(string step) => step switch
    {
        "infer" or "infer_bf16" => encoder + decoder,
        "cached" or "cached_bf16" => decoder + decoderBackward,
        "frozen" or "bf16" => encoder + decoder + decoderBackward,
        // Nobody wants the gradient of the images.
        "full" => 3 * (encoder + decoder) - stem,
        _ => null,
    };
}
