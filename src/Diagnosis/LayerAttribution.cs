using System.Text.RegularExpressions;
using UnetResnet.Data;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Training;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Diagnosis;

/// <summary>What one batch-norm layer does to the output. Distances are root mean squares over the logits, in standard deviations of the logits in training.</summary>
/// <param name="Layer">Dotted name.</param>
/// <param name="Place">Place in the forward pass among the layers that switch, from 0.</param>
/// <param name="Stage">Part of the network, see <see cref="LayerAttribution.StageOf"/>.</param>
/// <param name="LeaveOneOutDistance">Distance from the training output with this layer alone on running statistics: the harm that it does by itself.</param>
/// <param name="LeaveOneOutLoss">Loss with this layer alone on running statistics.</param>
/// <param name="FlipOneDistance">Distance from the training output with this layer alone on batch statistics: what is left of the gap without its part.</param>
/// <param name="FlipOneLoss">Loss with this layer alone on batch statistics.</param>
/// <param name="PrefixDistance">Distance from the training output with all layers up to and including this one on batch statistics.</param>
/// <param name="PrefixLoss">Loss with all layers up to and including this one on batch statistics.</param>
/// <param name="StandardErrors">
/// How far the running mean and variance lie from those of the batch in training, in standard errors of the latter as the images' own means and variances
/// scatter; root mean square over the channels, each counted up to 10. About 1 for a healthy layer.
/// </param>
public sealed record LayerEffect(
    string Layer, int Place, string Stage, double LeaveOneOutDistance, double LeaveOneOutLoss, double FlipOneDistance, double FlipOneLoss, double PrefixDistance, double PrefixLoss,
    double StandardErrors)
{
    /// <summary>Whether the statistics are farther apart than the sampling of a batch explains: more than 3 standard errors.</summary>
    public bool IsBeyondNoise => StandardErrors > LayerAttribution.NoiseLimit;

    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}

/// <summary>Harm of one part of the network.</summary>
/// <param name="Stage">Name of the part.</param>
/// <param name="Layers">Layers in it that switch.</param>
/// <param name="Harm">Root of the summed squares of the layers' leave-one-out distances.</param>
/// <param name="LossChange">Sum of what each layer alone adds to the loss in training.</param>
public sealed record StageEffect(string Stage, int Layers, double Harm, double LossChange)
{
    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}

/// <summary>The layer at which the first half of the gap is passed, found without trying every layer.</summary>
/// <param name="Layer">Dotted name.</param>
/// <param name="Place">Its place among the layers that switch, from 0.</param>
/// <param name="Forwards">Forward passes that it took, the two that measure the whole gap included.</param>
/// <param name="Before">Distance from the training output with the layers before it on batch statistics.</param>
/// <param name="After">Distance with this layer on batch statistics too.</param>
public sealed record AttributionBisection(string Layer, int Place, int Forwards, double Before, double After)
{
    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}

/// <summary>
/// Which layers make the gap. Every layer that differs between training and inference is switched by itself in three ways: alone on running statistics
/// (leave one out), alone on batch statistics (flip one), and together with all layers before it (prefix curve, which also gives the bisection).
/// </summary>
/// <remarks>
/// Ranked by leave one out: the other layers then see what they see in training, so a healthy layer does no more harm than the noise of a small batch,
/// however ill the layers before it are. That noise can still move the output more than a truly ill layer in the depth, so layers whose statistics
/// are within the sampling error of the batch's come after all others. The images should therefore be a random sample, not neighbours.
/// </remarks>
public sealed partial record LayerAttribution : DiagnosticReport
{
    /// <summary>Standard errors beyond which a layer's statistics differ from the batch's by more than sampling.</summary>
    internal const double NoiseLimit = 3;

    /// <summary>Images that were used.</summary>
    public required int Images { get; init; }

    /// <summary>Loss with all layers as in training.</summary>
    public required double TrainingLoss { get; init; }

    /// <summary>Loss with all layers as in inference.</summary>
    public required double InferenceLoss { get; init; }

    /// <summary>Distance between the outputs in training and in inference, in standard deviations of the logits in training.</summary>
    public required double Distance { get; init; }

    /// <summary>The layers that switch, in the order of the forward pass.</summary>
    public required IReadOnlyList<LayerEffect> Layers { get; init; }

    /// <summary>The layer at which half of the gap is passed; null where no layer switches or there is no gap.</summary>
    public required AttributionBisection? Bisection { get; init; }

    /// <summary>Forward passes of the whole measurement.</summary>
    public required int Forwards { get; init; }

    /// <summary>Whether every layer was also switched alone to batch statistics and together with those before it; a doctor leaves that out.</summary>
    public bool IsWhole => Layers.All(layer => !double.IsNaN(layer.FlipOneLoss));

    /// <summary>The layers, the most harmful first, of equal ones the first in the forward pass; those within the noise of sampling after all others.</summary>
    public IReadOnlyList<LayerEffect> Ranking => [.. Layers.OrderByDescending(layer => layer.IsBeyondNoise).ThenByDescending(layer => layer.LeaveOneOutDistance)];

    /// <summary>Sums by part of the network, in the order of the forward pass.</summary>
    public IReadOnlyList<StageEffect> Stages => [.. Layers.GroupBy(layer => layer.Stage).Select(stage => new StageEffect(
        stage.Key, stage.Count(), Math.Sqrt(stage.Sum(layer => layer.LeaveOneOutDistance * layer.LeaveOneOutDistance)), stage.Sum(layer => layer.LeaveOneOutLoss - TrainingLoss)))];

    /// <inheritdoc/>
    public override string Title => "Which layers make the gap";

    /// <inheritdoc/>
    public override string Finding
    {
        get
        {
            if (Layers.Count == 0) return "No batch-norm layer differs between training and inference, so none makes a gap.";
            LayerEffect worst = Ranking[0];
            StageEffect stage = Stages.MaxBy(s => s.Harm)!;
            int beyond = Layers.Count(layer => layer.IsBeyondNoise);
            return (beyond == 0 ? $"No layer's running statistics differ from the batch's by more than sampling explains. " : $"{beyond} of {Layers.Count} layers {(beyond == 1 ? "has" : "have")} running statistics farther from the batch's than sampling explains. ")
                + $"Alone on its running statistics, '{worst.Layer}' moves the output most: by {NumberText.Short(worst.LeaveOneOutDistance)} standard deviations of the logits (all {Layers.Count} layers together {NumberText.Short(Distance)}). "
                + $"The part that does most is {stage.Stage} ({stage.Layers} layer{(stage.Layers > 1 ? "s" : "")})."
                + (Bisection is { } b ? $" Half of the gap is made by the layers up to '{b.Layer}', found with {b.Forwards} forward passes." : "");
        }
    }

    /// <summary>Measures every layer. The model is left as it was.</summary>
    /// <param name="model">Any network; stays the caller's.</param>
    /// <param name="batch">At least 2 images with what should come out; stays the caller's.</param>
    /// <param name="task">What the model was trained for; null for the task that fits the targets, see <see cref="LearningTask.For"/>.</param>
    /// <param name="images">Images of the batch that are used at most, at least 2; every layer costs three forward passes of them.</param>
    /// <exception cref="ArgumentException">The model or the batch cannot be diagnosed.</exception>
    public static LayerAttribution Measure(Module<Tensor, Tensor> model, Batch batch, LearningTask? task = null, int images = 8)
    {
        using var probed = new ProbedModel(model, batch.Inputs);
        return Measure(probed, batch, task, images);
    }

    /// <summary>Finds the layer at which half of the gap is passed with about log₂ of the number of layers forward passes. The model is left as it was.</summary>
    /// <param name="model">Any network; stays the caller's.</param>
    /// <param name="batch">At least 2 images; stays the caller's.</param>
    /// <param name="images">Images of the batch that are used at most, at least 2.</param>
    /// <returns>The layer; null where no layer switches or there is no gap. It is the ill one where exactly one is ill.</returns>
    /// <exception cref="ArgumentException">The model or the batch cannot be diagnosed.</exception>
    public static AttributionBisection? Bisect(Module<Tensor, Tensor> model, Batch batch, int images = 8)
    {
        using var probed = new ProbedModel(model, batch.Inputs);
        using var scope = NewDisposeScope();
        using var bench = new Bench(probed, batch, null, images);
        return Bisect(probed.Switching, k => k == 0 ? bench.Gap : bench.Prefixes([k])[0].Distance);
    }

    /// <summary>Not whole: only what each layer does by itself, and the bisection. That is one pass for each layer and a few more; the other columns are NaN.</summary>
    internal static LayerAttribution Measure(ProbedModel probed, Batch batch, LearningTask? task = null, int images = 8, bool whole = true)
    {
        using var bench = new Bench(probed, batch, task, images);
        IReadOnlyList<ProbedLayer> layers = probed.Switching;
        // With all layers on batch statistics the curve is back where it began.
        (double Distance, double Loss)[] prefix = !whole ? [] : [.. bench.Prefixes(Enumerable.Range(1, Math.Max(0, layers.Count - 1))), .. layers.Take(1).Select(_ => (0.0, bench.TrainingLoss))];
        (double Distance, double Loss)[] leftOut = bench.LeaveOneOut(layers), flipped = whole ? bench.FlipOne(layers) : [];
        (double Distance, double Loss) none = (double.NaN, double.NaN);
        return new LayerAttribution
        {
            Images = bench.Images,
            TrainingLoss = bench.TrainingLoss,
            InferenceLoss = bench.InferenceLoss,
            Distance = bench.Gap,
            Layers = [.. layers.Select((layer, place) =>
            {
                ((double distance, double loss), (double flippedDistance, double flippedLoss), (double prefixDistance, double prefixLoss)) = (leftOut[place], whole ? flipped[place] : none, whole ? prefix[place] : none);
                return new LayerEffect(layer.Name, place, StageOf(layer.Name), distance, loss, flippedDistance, flippedLoss, prefixDistance, prefixLoss, bench.StandardErrors(layer));
            })],
            Bisection = Bisect(layers, k => k == 0 ? bench.Gap : whole ? prefix[k - 1].Distance : bench.Prefixes([k])[0].Distance),
            Forwards = bench.Forwards,
            Notes = probed.Notes,
        };
    }

    /// <summary>Names of the layers that switch in the order of <see cref="Ranking"/>, by leave one out alone: a third of the forward passes of a whole measurement.</summary>
    internal static IReadOnlyList<string> Rank(Module<Tensor, Tensor> model, Batch batch, int images = 8)
    {
        using var probed = new ProbedModel(model, batch.Inputs);
        using var bench = new Bench(probed, batch, null, images);
        return [.. probed.Switching.Zip(bench.LeaveOneOut(probed.Switching), (layer, leftOut) => (layer.Name, IsBeyondNoise: bench.StandardErrors(layer) > NoiseLimit, leftOut.Distance))
            .OrderByDescending(layer => layer.IsBeyondNoise).ThenByDescending(layer => layer.Distance).Select(layer => layer.Name)];
    }

    /// <summary>
    /// The part of a network that a layer belongs to: of Keras's ResNet50 and U-Net the stage (<c>encoder stage 3</c>, <c>decoder conv7</c>), of any other network
    /// the first component of the dotted name.
    /// </summary>
    /// <param name="layer">Dotted name of a layer.</param>
    public static string StageOf(string layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        string owner = DottedName.Owner(layer) is { Length: > 0 } part ? part + " " : "";
        if (ResidualStage().Match(layer) is { Success: true } residual) return $"{owner}stage {residual.Groups[1].Value}";
        if (DecoderStage().Match(layer) is { Success: true } decoder) return $"{owner}{decoder.Groups[1].Value}";
        return layer.EndsWith("bn_conv1", StringComparison.Ordinal) ? $"{owner}conv1" : DottedName.First(layer);
    }

    private static AttributionBisection? Bisect(IReadOnlyList<ProbedLayer> layers, Func<int, double> prefixDistance)
    {
        double gap = prefixDistance(0);
        if (layers.Count == 0 || gap == 0) return null;
        (int low, double before, int high, double after, int forwards) = (0, gap, layers.Count, 0.0, 2);
        while (high - low > 1)
        {
            int middle = (low + high) / 2;
            double distance = prefixDistance(middle);
            forwards++;
            if (distance > gap / 2) (low, before) = (middle, distance);
            else (high, after) = (middle, distance);
        }

        return new AttributionBisection(layers[high - 1].Name, high - 1, forwards, before, after);
    }

    [GeneratedRegex(@"(?:^|\.)bn(\d)[a-z]_branch")]
    private static partial Regex ResidualStage();

    [GeneratedRegex(@"(?:^|\.)(conv\d+)_\d_bn$")]
    private static partial Regex DecoderStage();

    internal override IReadOnlyList<TextTable> Tables => Layers.Count == 0 ? [] :
    [
        new TextTable(
            ["layer", "place", "standard errors", "alone on running statistics: distance", "loss", .. IsWhole ? ["alone on batch statistics: distance", "loss"] : Array.Empty<string>()],
            [.. Ranking.Take(12).Select(l => (IReadOnlyList<string>)[
                l.Layer, $"{l.Place + 1}", NumberText.Short(l.StandardErrors), NumberText.Short(l.LeaveOneOutDistance), NumberText.Short(l.LeaveOneOutLoss),
                .. IsWhole ? [NumberText.Short(l.FlipOneDistance), NumberText.Short(l.FlipOneLoss)] : Array.Empty<string>()])],
            [false, true, true, true, true, .. IsWhole ? [true, true] : Array.Empty<bool>()],
            $"Loss with all layers on batch statistics {NumberText.Short(TrainingLoss)}, on running statistics {NumberText.Short(InferenceLoss)}."
                + (Layers.Count > 12 ? $" … {Layers.Count - 12} more layer{(Layers.Count - 12 > 1 ? "s" : "")}" : "")),
        new TextTable(
            ["part", "layers", "harm", "added to the loss"],
            [.. Stages.Select(s => (IReadOnlyList<string>)[s.Stage, $"{s.Layers}", NumberText.Short(s.Harm), NumberText.Short(s.LossChange)])],
            [false, true, true, true]),
    ];

    /// <summary>Runs the model with layers switched and compares with the output in training.</summary>
    private sealed class Bench : IDisposable
    {
        private readonly ProbedModel probed;
        private readonly LearningTask? task;
        private readonly IDisposable scope = NewDisposeScope();
        private readonly Tensor inputs;
        private readonly Tensor targets;
        private readonly Tensor training;
        private readonly double spread;
        private readonly Dictionary<ProbedLayer, List<double>> squaredErrors = [];
        private readonly SwitchedPasses? passes;

        internal Bench(ProbedModel probed, Batch batch, LearningTask? task, int images)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(images, 2);
            (this.probed, this.task) = (probed, task);
            Images = Math.Min(batch.Size, images);
            probed.CheckBatchSize(Images);
            (inputs, targets) = (batch.Inputs.narrow(0, 0, Images), batch.Targets.narrow(0, 0, Images));
            passes = SwitchedPasses.Of(probed, inputs);
            probed.AsInTraining();
            training = probed.Forward(inputs, probed.Switching, (layer, input) =>
            {
                if (!squaredErrors.TryGetValue(layer, out List<double>? errors)) squaredErrors.Add(layer, errors = []);
                errors.Add(SquaredErrors(layer, input));
            });
            Forwards++;
            (spread, TrainingLoss) = (Judgement.Spread(training), Judgement.Of(training, targets, task).Loss);
            (Gap, InferenceLoss) = With([_ => false])[0];
        }

        internal int Images { get; }

        internal int Forwards { get; private set; }

        internal double TrainingLoss { get; }

        internal double InferenceLoss { get; }

        internal double Gap { get; }

        internal double StandardErrors(ProbedLayer layer) => Math.Sqrt(squaredErrors[layer].Average());

        /// <summary>With each of the layers alone on running statistics.</summary>
        internal (double Distance, double Loss)[] LeaveOneOut(IReadOnlyList<ProbedLayer> layers) => With([.. layers.Select(layer => (Func<ProbedLayer, bool>)(other => other != layer))]);

        /// <summary>With each of the layers alone on batch statistics.</summary>
        internal (double Distance, double Loss)[] FlipOne(IReadOnlyList<ProbedLayer> layers) => With([.. layers.Select(layer => (Func<ProbedLayer, bool>)(other => other == layer))]);

        /// <summary>With the first layers on batch statistics, for each of some numbers of layers.</summary>
        internal (double Distance, double Loss)[] Prefixes(IEnumerable<int> counts) => With([.. counts.Select(count =>
        {
            HashSet<ProbedLayer> first = [.. probed.Switching.Take(count)];
            return (Func<ProbedLayer, bool>)first.Contains;
        })]);

        public void Dispose()
        {
            passes?.Dispose();
            scope.Dispose();
        }

        /// <summary>Mean over the channels and both moments of the squared distance between batch and running statistics, in standard errors of the batch's.</summary>
        private static double SquaredErrors(ProbedLayer layer, Tensor input)
        {
            const double most = 10;
            using var pass = NewDisposeScope();
            (Tensor means, Tensor variances) = OfImages(input);
            Tensor mean = means.mean([0], keepdim: true);
            // Around the batch's mean an image varies by the square of what lies between the two means more than around its own.
            variances = variances + (means - mean).square();
            // A channel that is the same in all images has no scatter to compare with; a thousandth of its deviation stands in for it.
            Tensor running = layer.RunningVar.to(float64) + layer.Eps;
            Tensor ofMean = (mean.squeeze(0) - layer.RunningMean.to(float64)).square() / (means.var(0, unbiased: true) / input.shape[0] + 1e-6 * running);
            Tensor ofVariance = (variances.mean([0]) - layer.RunningVar.to(float64)).square() / (variances.var(0, unbiased: true) / input.shape[0] + 1e-6 * running.square());
            return (ofMean.clamp_max(most * most).mean() + ofVariance.clamp_max(most * most).mean()).item<double>() / 2;
        }

        /// <summary>Each image's own mean and biased variance of every channel, float64 (N, C).</summary>
        private static (Tensor Means, Tensor Variances) OfImages(Tensor input)
        {
            using ChannelMap? map = ChannelMap.Of(input);
            if (map is not null)
            {
                int images = (int)input.shape[0];
                (double[] Mean, double[] Variance)[] moments = [.. map.Sums(images).Select(sums => ChannelMap.Moments(sums, map.Count(images)))];
                return (tensor(moments.SelectMany(m => m.Mean).ToArray(), [images, input.shape[1]]), tensor(moments.SelectMany(m => m.Variance).ToArray(), [images, input.shape[1]]));
            }

            (Tensor variances, Tensor means) = var_mean(input.dim() == 2 ? input.unsqueeze(2) : input.flatten(2), [2], unbiased: false);
            return (means.to(float64), variances.to(float64));
        }

        private (double Distance, double Loss)[] With(IReadOnlyList<Func<ProbedLayer, bool>> choices)
        {
            var found = new (double, double)[choices.Count];
            void See(int choice, Tensor output) => found[choice] = (Judgement.Relative(Judgement.Distance(output, training), spread), Judgement.Of(output, targets, task).Loss);
            Forwards += choices.Count;
            if (passes is not null)
            {
                passes.Run(choices, See);
                return found;
            }

            for (int i = 0; i < choices.Count; i++)
            {
                using var pass = NewDisposeScope();
                probed.UseBatchStatistics(choices[i]);
                See(i, probed.Forward(inputs));
            }

            return found;
        }
    }
}
