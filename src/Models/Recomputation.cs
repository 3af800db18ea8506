using UnetResnet.Normalization;
using static TorchSharp.torch;

namespace UnetResnet.Models;

/// <summary>
/// A block of layers whose intermediate results are forgotten after the forward pass and computed again in the backward pass: activation checkpointing (Chen 2016,
/// "Training deep nets with sublinear memory cost"). The gradients are the same; a training step computes one forward pass more.
/// </summary>
internal sealed class Recomputation : autograd.SingleTensorFunction<Recomputation>
{
    private const string Block = "block";

    [ThreadStatic]
    private static bool isOn;

    /// <inheritdoc/>
    public override string Name => nameof(Recomputation);

    /// <summary>Networks on this thread recompute, or do not, until the result is disposed.</summary>
    internal static IDisposable Use(bool on)
    {
        var before = new Before(isOn);
        isOn = on;
        return before;
    }

    /// <summary>Whether some layers are to be recomputed now: somebody wants gradients of them, and a second forward pass would give the same.</summary>
    internal static bool Suits(IEnumerable<ConvolutionWithNorm> layers) =>
        isOn && is_grad_enabled() && layers.All(layer => layer.Norm?.Options.Renormalization is null) && layers.Any(layer => layer.Tensors.Any(tensor => tensor.requires_grad));

    /// <summary>block(inputs), of which only the inputs are kept for the backward pass.</summary>
    /// <param name="layers">The block's layers, one of which wants gradients.</param>
    /// <param name="block">Computes; twice, from inputs that it does not write to.</param>
    /// <param name="inputs">Maps.</param>
    internal static Tensor Of(IEnumerable<ConvolutionWithNorm> layers, Func<IReadOnlyList<Tensor>, Tensor> block, params IReadOnlyList<Tensor> inputs)
    {
        // Inputs from a frozen encoder want no gradients; a parameter among the arguments tells autograd that the block is to be gone through all the same.
        Tensor wanted = layers.SelectMany(layer => layer.Tensors).First(tensor => tensor.requires_grad);
        return apply([block, wanted, .. inputs]);
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var block = (Func<IReadOnlyList<Tensor>, Tensor>)vars[0];
        Tensor[] inputs = [.. vars.Skip(2).Cast<Tensor>()];
        ctx.save_data(Block, block);
        ctx.save_for_backward([.. inputs]);
        return block(inputs);
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        var block = (Func<IReadOnlyList<Tensor>, Tensor>)ctx.get_data(Block);
        using var scope = NewDisposeScope();
        using var gradients = enable_grad();
        using IDisposable again = ModalBatchNorm2d.Again();
        Tensor[] inputs = [.. ctx.get_saved_variables().Select(input => input.detach().requires_grad_(input.requires_grad))];
        // Gradients of the parameters add up in the parameters themselves.
        block(inputs).backward([grad_output]);
        return [null!, null!, .. inputs.Select(input => input.grad?.MoveToOuterDisposeScope()!)];
    }

    private sealed class Before(bool on) : IDisposable
    {
        public void Dispose() => isOn = on;
    }
}
