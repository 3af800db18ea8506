using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Normalization;

/// <summary>
/// Batch norm with the batch's statistics, the sum and the ReLU after it as one operation with gradients. libtorch's batch norm and ReLU read or write a whole map six times forward and
/// eight times backward, this one three and five times.
/// </summary>
internal sealed class NormalizedActivation : autograd.SingleTensorFunction<NormalizedActivation>
{
    /// <summary>Values of a map below which calling C# from the graph takes longer than what is saved.</summary>
    internal const long LeastValues = 1 << 18;

    private const string Key = "call";

    /// <inheritdoc/>
    public override string Name => nameof(NormalizedActivation);

    /// <summary>(x − μ)/σ·γ + β, or (x − μ)/σ·γ + β + onto; or its ReLU.</summary>
    /// <param name="x">(N, C, H, W), a map that <see cref="ChannelMap"/> takes.</param>
    /// <param name="weight">γ, (C).</param>
    /// <param name="bias">β, (C).</param>
    /// <param name="statistics">μ and the biased variance of each channel of x.</param>
    /// <param name="eps">What is added to the variance.</param>
    /// <param name="relu">Whether negative results become 0.</param>
    /// <param name="onto">A map of the same kind, or null.</param>
    /// <returns>(N, C, H, W), channels last, owned by the caller's dispose scope.</returns>
    internal static Tensor Apply(Tensor x, Tensor weight, Tensor bias, (double[] Mean, double[] Variance) statistics, double eps, bool relu, Tensor? onto)
    {
        (ChannelGradient numbers, double[] inverse) = ChannelGradient.Of(statistics, weight, bias, eps);
        var call = new Call(numbers, inverse, relu);
        return is_grad_enabled() ? apply([call, .. new[] { x, weight, bias, onto }.OfType<Tensor>()]) : Compute(call, x, onto);
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var call = (Call)vars[0];
        Tensor[] tensors = [.. vars.Skip(1).Cast<Tensor>()];
        ctx.save_data(Key, call);
        ctx.save_for_backward([.. tensors]);
        return Compute(call, tensors[0], tensors.ElementAtOrDefault(3));
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        var call = (Call)ctx.get_data(Key);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        List<Tensor> saved = ctx.get_saved_variables();
        (Tensor x, Tensor weight, Tensor bias, Tensor? onto) = (saved[0], saved[1], saved[2], saved.ElementAtOrDefault(3));
        Tensor gradient = ChannelsLast.Of(grad_output);
        bool relu = call.Relu;
        if (onto is not null && relu) (gradient, relu) = (LetThrough(call, x, onto, gradient), false);
        using ChannelMap values = ChannelMap.Of(x)!, gradients = ChannelMap.Of(gradient)!;
        ChannelGradient numbers = call.Numbers;
        double[] sums = values.GradientSums(gradients, numbers, relu);
        int channels = call.Inverse.Length;
        // Σ g and Σ g·x̂.
        double[] ofBias = sums[..channels], ofWeight = [.. call.Inverse.Select((inverse, c) => sums[channels + c] * inverse)];
        Tensor? ofX = null;
        if (x.requires_grad)
        {
            ofX = Like(x);
            using ChannelMap to = ChannelMap.Of(ofX)!;
            values.GradientTo(gradients, numbers.Through(call.Inverse, ofWeight, ofBias, values.Count(1)), relu, to);
        }

        var all = new List<Tensor> { null!, ofX?.MoveToOuterDisposeScope()!, Wanted(weight, ofWeight)!, Wanted(bias, ofBias)! };
        if (onto is not null) all.Add(onto.requires_grad ? gradient.MoveToOuterDisposeScope() : null!);
        return all;
    }

    private static Tensor Compute(Call call, Tensor x, Tensor? onto)
    {
        Tensor y = Like(x);
        using ChannelMap from = ChannelMap.Of(x)!, to = ChannelMap.Of(y)!;
        using ChannelMap? sum = onto is null ? null : ChannelMap.Of(onto);
        from.ScaleTo(call.Numbers, call.Relu, sum, to);
        return y;
    }

    private static Tensor LetThrough(Call call, Tensor x, Tensor onto, Tensor gradient)
    {
        Tensor passed = Like(x);
        using ChannelMap values = ChannelMap.Of(x)!, sum = ChannelMap.Of(onto)!, gradients = ChannelMap.Of(gradient)!, to = ChannelMap.Of(passed)!;
        values.LetThrough(gradients, call.Numbers, sum, to);
        return passed;
    }

    private static Tensor? Wanted(Tensor parameter, double[] gradient) => parameter.requires_grad ? tensor(gradient.Select(one => (float)one).ToArray()).MoveToOuterDisposeScope() : null;

    private static Tensor Like(Tensor map) => ChannelsLast.Empty(map.shape[0], map.shape[1], map.shape[2], map.shape[3]);

    /// <summary>What an operation is computed with.</summary>
    /// <param name="Numbers">Of each channel.</param>
    /// <param name="Inverse">1/σ of each channel.</param>
    /// <param name="Relu">Whether negative results become 0.</param>
    private sealed record Call(ChannelGradient Numbers, double[] Inverse, bool Relu);
}
