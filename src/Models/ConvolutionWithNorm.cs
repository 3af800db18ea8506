using TorchSharp.Modules;
using UnetResnet.Models.Products;
using UnetResnet.Models.Winograd;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Models;

/// <summary>A convolution, the batch norm after it and the ReLU after that; they belong to the network.</summary>
/// <param name="Convolution">The convolution.</param>
/// <param name="Norm">The batch norm, or null.</param>
/// <param name="Activation">The ReLU, or null.</param>
internal sealed record ConvolutionWithNorm(Conv2d Convolution, ModalBatchNorm2d? Norm, ReLU? Activation)
{
    /// <summary>Of the convolution's window.</summary>
    internal int Stride { get; init; } = 1;

    /// <summary>The modules.</summary>
    internal IEnumerable<Module> Modules => new Module?[] { Convolution, Norm, Activation }.OfType<Module>();

    /// <summary>Every tensor that decides what the layer computes.</summary>
    internal IEnumerable<Tensor> Tensors => new[] { Convolution.weight, Convolution.bias, Norm?.Weight, Norm?.Bias, Norm?.RunningMean, Norm?.RunningVar }.OfType<Tensor>();

    /// <summary>Whether batch norm is a fixed scale and shift for each channel now.</summary>
    internal bool IsFixed => Norm is null || (Norm.Counter is null && Norm.Watcher is null && Norm.ReplacedBy is null or "folded" && !Norm.Mode.UsesBatchStatistics(Norm.training));

    /// <summary>Whether a forward pass leaves the running statistics as they are.</summary>
    internal bool IsStill => Norm is null || Norm.ReplacedBy is not null || !(Norm.training && Norm.Mode.UpdatesStatistics());

    /// <summary>All three, one after the other.</summary>
    /// <param name="x">(N, C, H, W).</param>
    /// <param name="watched">Whether a hook may keep intermediate results, which are then not written to again.</param>
    internal Tensor Apply(Tensor x, bool watched) => NormalizedAndActivated(Convolved(x, watched), watched);

    /// <summary>The convolution, in the precision of the map: of weights in float32 a copy is taken, through which gradients flow back.</summary>
    /// <param name="x">(N, C, H, W).</param>
    /// <param name="plain">Whether the module itself is called, whatever is faster.</param>
    internal Tensor Convolved(Tensor x, bool plain)
    {
        if (!plain && Stride == 1 && WinogradConvolution.Suits(x, x.shape[2], x.shape[3], Convolution.weight!)) return WinogradConvolution.Apply(Convolution, null, x);
        Tensor kernel = Convolution.weight!;
        if (!plain && Stride == 1 && ProductConvolution.Suits(x, kernel)) return ProductConvolution.Apply(x, kernel, Convolution.bias);
        if (x.dtype != bfloat16) return Convolution.call(x);
        long padding = kernel.shape[2] == 3 ? 1 : 0;
        return functional.conv2d(x, kernel.As(x), Convolution.bias?.As(x), strides: [Stride, Stride], padding: [padding, padding]);
    }

    /// <summary>Batch norm and ReLU of the convolution's result, as one operation where that is possible and nobody watches.</summary>
    internal Tensor NormalizedAndActivated(Tensor y, bool watched) => (watched ? null : Norm?.Activated(y, Activation is not null)) ?? Activated(Called(y), watched);

    /// <summary>The same with a sum before the ReLU.</summary>
    /// <param name="y">What the convolution gives.</param>
    /// <param name="onto">Computes what the batch norm's result is added to.</param>
    /// <param name="watched">Whether a hook may keep intermediate results, which are then not written to again.</param>
    internal Tensor NormalizedAndActivated(Tensor y, Func<Tensor> onto, bool watched)
    {
        // Who watches sees the layers in Keras's order, this one before those of the sum.
        if (watched) return Activated(Called(y).add(onto(), One), watched);
        Tensor sum = onto();
        return Norm?.Activated(y, Activation is not null, sum) ?? Activated(Called(y).add_(sum, One), watched);
    }

    /// <summary>Batch norm and ReLU of the convolution's result, dropout of channels and a 1×1 convolution to one channel as one operation.</summary>
    /// <param name="y">What the convolution gives.</param>
    /// <param name="kept">Gives what dropout multiplies each channel of each image by; called only where the result is not null.</param>
    /// <param name="prediction">The 1×1 convolution.</param>
    /// <returns>Null where that is not possible.</returns>
    internal Tensor? Projected(Tensor y, Func<Tensor> kept, Conv2d prediction)
    {
        Tensor kernel = prediction.weight!;
        return Activation is null || kernel.shape[0] != 1 || kernel.dtype != float32 ? null : Norm?.Projected(y, kept, kernel, prediction.bias!);
    }

    private Tensor Called(Tensor y) => Norm?.call(y) ?? y;

    /// <summary>The batch norm of the convolution's result and what follows, without gradients and in the memory of the result or the sum.</summary>
    /// <param name="y">What the convolution gives; overwritten.</param>
    /// <param name="onto">What the batch norm's result is added to before the ReLU, overwritten; or null.</param>
    internal Tensor Finished(Tensor y, Tensor? onto)
    {
        if (Norm?.ApplyInPlace(y, Activation is not null, onto) == true) return onto ?? y;
        y = Called(y);
        return Activated(onto is null ? y : onto.add_(y, One), watched: false);
    }

    /// <summary>The ReLU of the batch norm's result, which is written to unless it is watched: no backward pass needs it.</summary>
    internal Tensor Activated(Tensor y, bool watched) => Activation is null ? y : watched ? Activation.call(y) : y.relu_();

    /// <summary>
    /// The kernel and the bias of the one convolution that computes convolution and batch norm: w·γ/σ and β + (b − μ)·γ/σ, the scale in double precision.
    /// </summary>
    internal (Tensor Kernel, Tensor Bias) Folded()
    {
        Tensor weight = Convolution.weight!.detach();
        if (Norm is null) return Unfolded();
        (Tensor scale, Tensor shift) = new ModalLayer("", Norm).InInference(Convolution.bias);
        return (weight * scale.to(float32).view(-1, 1, 1, 1), shift.to(float32).detach());
    }

    /// <summary>The convolution's own kernel and bias.</summary>
    internal (Tensor Kernel, Tensor Bias) Unfolded() => (Convolution.weight!.detach(), Convolution.bias?.detach() ?? zeros(Convolution.weight!.shape[0], device: Convolution.weight!.device));

    /// <summary>Kept alive on purpose: native code may still read a temporary number when a collection frees it.</summary>
    private static readonly TorchSharp.Scalar One = 1;
}
