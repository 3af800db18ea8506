using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Normalization;

/// <summary>
/// Batch normalisation that can only do inference: four buffers, no parameters, the same numbers in training and evaluation, nothing that
/// <c>train()</c>, an optimiser or a forward pass could change. After detectron2's and torchvision's layer of the same name.
/// </summary>
/// <remarks>
/// TorchSharp 0.107.0 has a <c>torchvision.ops.FrozenBatchNorm2d</c> whose <c>forward</c> overwrites its own bias, so that its output drifts at
/// every call; this one is idempotent.
/// </remarks>
public sealed class FrozenBatchNorm2d : Module<Tensor, Tensor>
{
#pragma warning disable IDE1006 // Field names are the state keys of torchvision's FrozenBatchNorm2d.
    private readonly Tensor weight;
    private readonly Tensor bias;
    private readonly Tensor running_mean;
    private readonly Tensor running_var;
#pragma warning restore IDE1006
    private readonly double eps;

    /// <summary>Freezes a copy of the given numbers; the originals stay with their owner.</summary>
    /// <param name="weight">γ, shape (C).</param>
    /// <param name="bias">β, shape (C).</param>
    /// <param name="runningMean">Running mean, shape (C).</param>
    /// <param name="runningVar">Running variance, shape (C).</param>
    /// <param name="eps">Added to the variance before the root.</param>
    /// <exception cref="ArgumentException">The four shapes differ or are not one-dimensional.</exception>
    public FrozenBatchNorm2d(Tensor weight, Tensor bias, Tensor runningMean, Tensor runningVar, double eps) : base(nameof(FrozenBatchNorm2d))
    {
        foreach (Tensor t in new[] { weight, bias, runningMean, runningVar })
        {
            if (t.dim() != 1 || t.shape[0] != weight.shape[0])
                throw new ArgumentException($"FrozenBatchNorm2d expects four tensors of shape (C), and one has shape ({string.Join(", ", t.shape)}) beside ({string.Join(", ", weight.shape)}).");
        }

        this.weight = Copy(weight);
        this.bias = Copy(bias);
        running_mean = Copy(runningMean);
        running_var = Copy(runningVar);
        this.eps = eps;
        RegisterComponents();
    }

    /// <summary>Freezes a copy of what the layer has learnt and counted.</summary>
    /// <param name="layer">The layer; it is not changed.</param>
    public static FrozenBatchNorm2d From(ModalBatchNorm2d layer) =>
        new(layer.Weight, layer.Bias, layer.RunningMean, layer.RunningVar, layer.Options.Eps);

    /// <summary>Freezes a copy of what the layer has learnt and counted.</summary>
    /// <param name="layer">TorchSharp's own layer, with affine parameters and running statistics; it is not changed.</param>
    /// <exception cref="ArgumentException">The layer has no affine parameters or no running statistics.</exception>
    public static FrozenBatchNorm2d From(BatchNorm2d layer) =>
        layer.weight is { } weight && layer.bias is { } bias && layer.running_mean is { } mean && layer.running_var is { } variance
            ? new(weight, bias, mean, variance, layer.eps)
            : throw new ArgumentException("The layer has no affine parameters or no running statistics, so there is nothing to freeze. Create it with affine and track_running_stats.", nameof(layer));

    /// <summary>γ, shape (C). Owned by the layer.</summary>
    public Tensor Weight => weight;

    /// <summary>β, shape (C). Owned by the layer.</summary>
    public Tensor Bias => bias;

    /// <summary>Running mean, shape (C). Owned by the layer.</summary>
    public Tensor RunningMean => running_mean;

    /// <summary>Running variance, shape (C). Owned by the layer.</summary>
    public Tensor RunningVar => running_var;

    /// <summary>Added to the variance before the root.</summary>
    public double Eps => eps;

    /// <summary>Normalises with the frozen numbers.</summary>
    /// <param name="input">(N, C, H, W).</param>
    /// <returns>(N, C, H, W), owned by the caller.</returns>
    /// <exception cref="ArgumentException">Wrong shape.</exception>
    public override Tensor forward(Tensor input)
    {
        if (input.dim() != 4 || input.shape[1] != weight.shape[0])
            throw new ArgumentException($"FrozenBatchNorm2d expects (N, {weight.shape[0]}, H, W) and got ({string.Join(", ", input.shape)}).", nameof(input));
        return functional.batch_norm(input, running_mean, running_var, weight, bias, training: false, momentum: 0, eps: eps);
    }

    private static Tensor Copy(Tensor source)
    {
        using Tensor detached = source.detach();
        return detached.clone().DetachFromDisposeScope();
    }
}
