using UnetResnet.Data;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Diagnosis;

/// <summary>
/// Two controls. The same pipeline on images of pure noise N(127, 127): the gap is there as well, so it is nothing about the images. And the twin in which every
/// batch-norm layer is folded away into the fixed affine map that it is in inference: its gap must vanish, or something else than batch norm differs between the
/// modes.
/// </summary>
/// <remarks>Source of the noise: the minimal reproducer of keras issue 9214 (ozabluda, 2018), 50 images N(127, 127).</remarks>
public sealed record ControlExperiments : DiagnosticReport
{
    /// <inheritdoc/>
    public override string Title => "Control experiments";

    /// <inheritdoc/>
    public override string Finding =>
        $"Between the modes the logits of the images move by {NumberText.Short(Images.RelativeDifference)} of their spread, those of noise by {NumberText.Short(Noise.RelativeDifference)}. "
        + (TwinIsSame
            ? $"With batch norm folded away they do not move ({NumberText.Short(Math.Max(TwinOnImages.RelativeDifference, TwinOnNoise.RelativeDifference))}), so batch norm is the only difference between the modes."
            : $"With batch norm folded away they still move by {NumberText.Short(Math.Max(TwinOnImages.RelativeDifference, TwinOnNoise.RelativeDifference))}: something else in the model depends on the training mode.");

    /// <summary>The model itself on the images.</summary>
    public required ModeDifference Images { get; init; }

    /// <summary>The model itself on noise.</summary>
    public required ModeDifference Noise { get; init; }

    /// <summary>The twin without batch norm on the images.</summary>
    public required ModeDifference TwinOnImages { get; init; }

    /// <summary>The twin without batch norm on noise.</summary>
    public required ModeDifference TwinOnNoise { get; init; }

    /// <summary>Largest difference between the twin and the model in inference on the images, relative to the largest logit: rounding, about 1e-6.</summary>
    public required double TwinError { get; init; }

    /// <summary>Whether the twin is one function in both modes, up to rounding.</summary>
    public bool TwinIsSame => Math.Max(TwinOnImages.RelativeDifference, TwinOnNoise.RelativeDifference) < 1e-3;

    internal override IReadOnlyList<TextTable> Tables =>
    [
        new(["", "largest logit difference", "RMS ÷ spread of the logits"],
            [.. new[] { ("images", Images), ("noise", Noise), ("images, batch norm folded away", TwinOnImages), ("noise, batch norm folded away", TwinOnNoise) }
                .Select(row => (IReadOnlyList<string>)[row.Item1, NumberText.Short(row.Item2.Largest), NumberText.Short(row.Item2.RelativeDifference)])],
            [false, true, true]),
    ];

    /// <summary>Runs both controls with eight passes. The model is left as it was found.</summary>
    /// <param name="model">Any network with batch norm.</param>
    /// <param name="images">Preprocessed (N, …), N at least 2. They stay the caller's.</param>
    /// <param name="preprocessing">How the pipeline preprocesses, for images (N, 3, H, W): the noise goes the same way. Null gives the noise the images' own mean and deviation.</param>
    /// <param name="seed">Seed of the noise.</param>
    /// <exception cref="ArgumentException">The model has no batch norm, or there are fewer than 2 images.</exception>
    public static ControlExperiments Measure(Module<Tensor, Tensor> model, Tensor images, Preprocessing? preprocessing = null, int seed = 0)
    {
        using var probe = new ProbedModel(model, images);
        return Measure(probe, images, preprocessing, seed);
    }

    internal static ControlExperiments Measure(ProbedModel probe, Tensor images, Preprocessing? preprocessing = null, int seed = 0)
    {
        probe.CheckBatchSize(images.shape[0]);
        using var scope = NewDisposeScope();
        Tensor noise = NoiseLike(images, preprocessing, seed);
        (ModeDifference onImages, Tensor inference) = Between(probe, images);
        (ModeDifference onNoise, _) = Between(probe, noise);
        using var twin = new FoldedTwin(probe.Layers);
        (ModeDifference twinOnImages, Tensor folded) = Between(probe, images);
        (ModeDifference twinOnNoise, _) = Between(probe, noise);
        return new ControlExperiments
        {
            Images = onImages,
            Noise = onNoise,
            TwinOnImages = twinOnImages,
            TwinOnNoise = twinOnNoise,
            TwinError = ((folded - inference).abs().max() / inference.abs().max().clamp_min(1e-12)).to(float64).item<double>(),
            Notes = probe.Notes,
        };
    }

    private static Tensor NoiseLike(Tensor images, Preprocessing? preprocessing, int seed)
    {
        // From a generator of its own: libtorch's is the caller's.
        var random = new SplitMix64(seed, 9214);
        var values = new float[images.numel()];
        for (int i = 0; i < values.Length; i++) values[i] = (float)random.NextNormal();
        Tensor normal = tensor(values, images.shape, device: images.device);
        if (preprocessing is not null) return preprocessing.Apply(normal.mul(127).add(127));
        return normal.mul(images.std()).add(images.mean());
    }

    private static (ModeDifference Difference, Tensor Inference) Between(ProbedModel probe, Tensor images)
    {
        // Not only the batch-norm layers: the flags of all modules, so that anything else that depends on them shows.
        probe.Model.train();
        probe.UseDropout(false);
        probe.AsInTraining();
        Tensor training = probe.Forward(images);
        probe.Model.eval();
        probe.AsInInference();
        Tensor inference = probe.Forward(images);
        double relative = Judgement.Relative(Judgement.Distance(training, inference), Math.Max(Judgement.Spread(training), 1e-12));
        return (new ModeDifference((training - inference).abs().max().to(float64).item<double>(), relative), inference);
    }

    /// <summary>Puts in the place of every batch-norm layer what the layer would be in inference: a scale and a shift of its input.</summary>
    private sealed class FoldedTwin : IDisposable
    {
        private readonly List<BatchNormLayer> replaced = [];

        internal FoldedTwin(IEnumerable<ProbedLayer> layers)
        {
            // A frozen layer of that kind for good is its own twin.
            foreach (BatchNormLayer layer in layers.Where(layer => layer.HasStatistics).Select(layer => layer.Layer).Where(layer => layer is not FrozenLayer))
            {
                layer.Replacement = new ScaleAndShift(layer);
                replaced.Add(layer);
            }
        }

        public void Dispose()
        {
            foreach (BatchNormLayer layer in replaced) layer.Replacement = null;
        }
    }

    private sealed class ScaleAndShift : NormReplacement
    {
        private readonly float[] scale, shift;

        internal ScaleAndShift(BatchNormLayer layer)
        {
            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            (Tensor factor, Tensor offset) = layer.InInference();
            (scale, shift) = (factor.to(float32).Values<float>(), offset.to(float32).Values<float>());
        }

        internal override string Name => "a scale and a shift";

        internal override Tensor Apply(BatchNormLayer layer, Tensor input)
        {
            using var pass = NewDisposeScope();
            Tensor PerChannel(float[] values) => tensor(values, input.dtype, input.device).reshape([1, -1, .. Enumerable.Repeat(1L, (int)input.dim() - 2)]);
            return (input * PerChannel(scale) + PerChannel(shift)).MoveToOuterDisposeScope();
        }

        internal override ChannelScaling Scaling(BatchNormLayer layer) => new(Groups: 1, NeedsSums: false, (_, _) => [(scale, shift)]);
    }
}

/// <summary>How far a network's outputs for the same images are apart in training and in inference, with dropout off.</summary>
/// <param name="Largest">Largest difference of a logit.</param>
/// <param name="RelativeDifference">Root mean square of the differences ÷ standard deviation of the logits in training, as in <see cref="TrainEvalGap"/>.</param>
public sealed record ModeDifference(double Largest, double RelativeDifference)
{
    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
