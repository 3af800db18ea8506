using TorchSharp.Modules;
using UnetResnet.Data;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using Module = TorchSharp.torch.nn.Module;

namespace UnetResnet.Diagnosis;

/// <summary>How one feature map differs between training and inference.</summary>
/// <param name="Name">Dotted name of the module whose output it is; <c>#2</c> and so on where a module is used again.</param>
/// <param name="Place">Place in the forward pass, from 0.</param>
/// <param name="IsSkip">Whether the decoder takes it as a skip.</param>
/// <param name="RelativeL2">‖inference − training‖ ÷ ‖training‖.</param>
/// <param name="Cosine">Cosine of the angle between the two, −1 to 1.</param>
/// <param name="Cka">
/// Linear centred kernel alignment (Kornblith 2019) of the two with positions as samples and channels as features, 0 to 1; blind to shifts, rotations and one
/// common scale. NaN where one of the two is constant.
/// </param>
/// <param name="DeadInTraining">Share of channels that are zero at every position of every image in training; null where no ReLU made the map.</param>
/// <param name="DeadInInference">The same in inference.</param>
/// <param name="SaturatedInTraining">Share of values in a flat part of the activation (0, and 6 for ReLU6) in training; null where no ReLU made the map.</param>
/// <param name="SaturatedInInference">The same in inference.</param>
public sealed record FeatureDrift(
    string Name, int Place, bool IsSkip, double RelativeL2, double Cosine, double Cka,
    double? DeadInTraining, double? DeadInInference, double? SaturatedInTraining, double? SaturatedInInference)
{
    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}

/// <summary>
/// How far the feature maps of the same images drift apart between training and inference, from the first to the last: after every activation, after every
/// block that holds batch norm, and at the output.
/// </summary>
public sealed record ActivationDrift : DiagnosticReport
{
    /// <summary>Images in the batch.</summary>
    public required int Images { get; init; }

    /// <summary>The feature maps in the order of the forward pass; the last is the output.</summary>
    public required IReadOnlyList<FeatureDrift> Features { get; init; }

    /// <inheritdoc/>
    public override string Title => "How far the features drift";

    /// <inheritdoc/>
    public override string Finding
    {
        get
        {
            FeatureDrift first = Features[0], output = Features[^1], worst = Features.MaxBy(f => f.RelativeL2)!;
            if (worst.RelativeL2 == 0) return "Every feature map is the same in training and in inference.";
            double dead = Features.Max(f => (f.DeadInInference ?? 0) - (f.DeadInTraining ?? 0));
            return $"The relative distance between training and inference is {NumberText.Short(first.RelativeL2)} after '{first.Name}', {NumberText.Short(worst.RelativeL2)} at most (after '{worst.Name}') and {NumberText.Short(output.RelativeL2)} at the output, "
                + $"where the cosine is {NumberText.Short(output.Cosine)}."
                + (dead > 0 ? $" Up to {NumberText.Percent(dead)} of a map's channels are dead in inference only." : "");
        }
    }

    /// <summary>Measures the drift. The model is left as it was.</summary>
    /// <param name="model">Any network; stays the caller's.</param>
    /// <param name="batch">At least 2 images; stays the caller's.</param>
    /// <param name="images">Images of the batch that are used at most, at least 2; all their feature maps are held in memory at once.</param>
    /// <exception cref="ArgumentException">The model or the batch cannot be diagnosed.</exception>
    public static ActivationDrift Measure(nn.Module<Tensor, Tensor> model, Batch batch, int images = 8)
    {
        using var probed = new ProbedModel(model, batch.Inputs);
        return Measure(probed, batch, images);
    }

    internal static ActivationDrift Measure(ProbedModel probed, Batch batch, int images = 8)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(images, 2);
        int count = Math.Min(batch.Size, images);
        probed.CheckBatchSize(count);
        using var scope = NewDisposeScope();
        using Tensor inputs = batch.Inputs.narrow(0, 0, count);
        var points = Points(probed.Model).ToList();
        var training = new Dictionary<string, Tensor>();
        var features = new List<FeatureDrift>();

        try
        {
            probed.AsInTraining();
            // Kept beyond the pass, whose own scope would free them.
            Tensor trained = Watched(probed, inputs, points, (name, _, map) => training[name] = map.detach().clone().DetachFromDisposeScope());
            probed.AsInInference();
            Tensor inferred = Watched(probed, inputs, points, (name, module, map) => features.Add(Compare(name, features.Count, module, training[name], map)));
            features.Add(Compare("output", features.Count, null, trained, inferred));
            return new ActivationDrift { Images = count, Features = features, Notes = probed.Notes };
        }
        finally
        {
            foreach (Tensor map in training.Values) map.Dispose();
        }
    }

    /// <summary>Activations, and modules that hold batch norm and give one tensor.</summary>
    private static IEnumerable<(string Name, nn.Module<Tensor, Tensor> Module)> Points(Module model) => model.named_modules()
        .Where(m => m.module is nn.Module<Tensor, Tensor> && (IsActivation(m.module) || BatchNormLayer.In(m.module).Any(layer => layer.Name.Length > 0)))
        .DistinctBy(m => m.module, ReferenceEqualityComparer.Instance)
        .Select(m => (m.name, (nn.Module<Tensor, Tensor>)m.module));

    private static bool IsActivation(Module module) => module is ReLU or ReLU6 or LeakyReLU or ELU or SELU or CELU or GELU or SiLU or Mish or Hardswish or PReLU or Sigmoid or Tanh or Softplus;

    private static Tensor Watched(ProbedModel probed, Tensor inputs, List<(string Name, nn.Module<Tensor, Tensor> Module)> points, Action<string, Module, Tensor> see)
    {
        Action remove = () => { };
        foreach ((string name, nn.Module<Tensor, Tensor> module) in points)
        {
            int uses = 0;
            // The container may free what it passes on, so everything of the map that is needed later is taken here.
            var hook = module.register_forward_hook((_, _, output) =>
            {
                see(++uses == 1 ? name : $"{name}#{uses}", module, output);
                return output;
            });
            remove += hook.remove;
        }

        try
        {
            return probed.Forward(inputs);
        }
        finally
        {
            remove();
        }
    }

    private static FeatureDrift Compare(string name, int place, Module? module, Tensor training, Tensor inference)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        static double Number(Tensor scalar) => scalar.to(float64).item<double>();
        double trained = Number(training.square().sum()), inferred = Number(inference.square().sum()), both = Number((training * inference).sum());
        double difference = Math.Sqrt(Number((inference - training).square().sum()));
        (double Dead, double Saturated)? before = Idle(module, training), after = Idle(module, inference);
        return new FeatureDrift(
            name, place, ResNet50Encoder.SkipTaps.Contains(DottedName.Last(name)),
            difference == 0 ? 0 : difference / Math.Sqrt(trained),
            difference == 0 ? 1 : both / Math.Sqrt(trained * inferred),
            difference == 0 ? 1 : Cka(training, inference),
            before?.Dead, after?.Dead, before?.Saturated, after?.Saturated);
    }

    private static (double Dead, double Saturated)? Idle(Module? module, Tensor map)
    {
        if (module is not (ReLU or ReLU6)) return null;
        Tensor idle = map == 0;
        double dead = Samples(idle).all(dim: 0).to(float32).mean().item<float>();
        return (dead, (module is ReLU6 ? idle.logical_or(map == 6) : idle).to(float32).mean().item<float>());
    }

    /// <summary>‖YᵀX‖² ÷ (‖XᵀX‖ ‖YᵀY‖) of centred columns, in Frobenius norms.</summary>
    private static double Cka(Tensor first, Tensor second)
    {
        (Tensor x, Tensor y) = (Samples(first).to(float32), Samples(second).to(float32));
        (x, y) = (x - x.mean([0], keepdim: true), y - y.mean([0], keepdim: true));
        static double Norm(Tensor a, Tensor b) => Math.Sqrt(a.t().matmul(b).to(float64).square().sum().item<double>());
        double cross = Norm(y, x);
        return cross * cross / (Norm(x, x) * Norm(y, y));
    }

    /// <summary>(N, C, …) as (positions, C).</summary>
    private static Tensor Samples(Tensor map) => map.dim() <= 2 ? map.reshape(map.shape[0], -1) : map.transpose(0, 1).flatten(1).t();

    internal override IReadOnlyList<TextTable> Tables
    {
        get
        {
            const int most = 20;
            // The whole way in even steps, and every skip.
            double step = Math.Max(1, (Features.Count - 1) / (most - 1.0));
            HashSet<int> chosen = [.. Enumerable.Range(0, most).Select(i => (int)Math.Min(Math.Round(i * step), Features.Count - 1)), .. Features.Where(f => f.IsSkip).Select(f => f.Place)];
            static string Share(double? share) => share is double value ? NumberText.Percent(value) : "—";
            return [new TextTable(
                ["features after", "relative distance", "cosine", "CKA", "dead channels in training", "in inference", "zero values in training", "in inference"],
                [.. Features.Where(f => chosen.Contains(f.Place)).Select(f => (IReadOnlyList<string>)[
                    f.Name + (f.IsSkip ? " (skip)" : ""), NumberText.Short(f.RelativeL2), NumberText.Short(f.Cosine), NumberText.Short(f.Cka),
                    Share(f.DeadInTraining), Share(f.DeadInInference), Share(f.SaturatedInTraining), Share(f.SaturatedInInference)])],
                [false, true, true, true, true, true, true, true],
                Features.Count > chosen.Count ? $"… {Features.Count - chosen.Count} more feature maps of {Features.Count}" : null)];
        }
    }
}
