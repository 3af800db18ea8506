using UnetResnet.Data;
using UnetResnet.Runtime;
using UnetResnet.Training;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Diagnosis;

/// <summary>What batches of one size do. Logit differences are root mean squares, in standard deviations of the logits of the whole batch.</summary>
/// <param name="BatchSize">Images in a batch.</param>
/// <param name="Batches">Batches that were measured.</param>
/// <param name="Loss">Mean loss as in training.</param>
/// <param name="LossSpread">Standard deviation of the loss from batch to batch.</param>
/// <param name="LogitDistance">How far an image's logits are from those that it gets in the whole batch.</param>
/// <param name="CompanionSpread">How far an image's logits scatter when it is in one batch with other companions; 0 where a batch has no choice of companions.</param>
public sealed record BatchSizePoint(int BatchSize, int Batches, double Loss, double LossSpread, double LogitDistance, double CompanionSpread)
{
    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}

/// <summary>
/// How much the output in training depends on the size of the batch and on the other images in it. Batch statistics of few images are noisy, and an image's
/// prediction then depends on its companions; in inference it does not.
/// </summary>
public sealed record BatchSizeSensitivity : DiagnosticReport
{
    /// <summary>All images that were used, the largest batch.</summary>
    public required int Images { get; init; }

    /// <summary>The sizes, rising; the last is the whole batch.</summary>
    public required IReadOnlyList<BatchSizePoint> Points { get; init; }

    /// <summary>Loss of the same images in inference, which does not depend on the size of the batch.</summary>
    public required double InferenceLoss { get; init; }

    /// <summary>Distance between the logits in inference and those of the whole batch in training: the part that no batch size removes.</summary>
    public required double InferenceDistance { get; init; }

    /// <summary>
    /// Exponent p of LogitDistance² ∝ (1/B − 1/N)ᵖ, by least squares. Pure sampling noise of the statistics has p = 1; NaN with fewer than two sizes that differ
    /// from the whole batch.
    /// </summary>
    public double NoiseExponent
    {
        get
        {
            (double X, double Y)[] logs = [.. Points.Where(p => p.BatchSize < Images && p.LogitDistance > 0).Select(p => (Math.Log(1.0 / p.BatchSize - 1.0 / Images), 2 * Math.Log(p.LogitDistance)))];
            if (logs.Length < 2) return double.NaN;
            (double x, double y) = (logs.Average(p => p.X), logs.Average(p => p.Y));
            return logs.Sum(p => (p.X - x) * (p.Y - y)) / logs.Sum(p => (p.X - x) * (p.X - x));
        }
    }

    /// <inheritdoc/>
    public override string Title => "How much the batch matters";

    /// <inheritdoc/>
    public override string Finding
    {
        get
        {
            if (Points.All(p => p.LogitDistance == 0)) return "The output does not depend on the size of the batch or on the other images in it.";
            BatchSizePoint small = Points[0], large = Points[^1];
            return $"In batches of {small.BatchSize} the loss is {NumberText.Short(small.Loss)} ± {NumberText.Short(small.LossSpread)}, with all {large.BatchSize} images in one batch {NumberText.Short(large.Loss)}; in inference {NumberText.Short(InferenceLoss)}. "
                + $"Other companions move an image's logits by {NumberText.Short(Points.Max(p => p.CompanionSpread))} of their standard deviation at most; inference moves them by {NumberText.Short(InferenceDistance)}, "
                + (InferenceDistance > Points.Max(p => p.LogitDistance) ? "more than any size of the batch: a larger batch cannot close the gap." : "no more than small batches do.");
        }
    }

    /// <summary>Measures batches of 1, 2, 4, … images and the whole. The model is left as it was.</summary>
    /// <param name="model">Any network; stays the caller's.</param>
    /// <param name="batch">At least 4 images with what should come out; stays the caller's.</param>
    /// <param name="task">What the model was trained for; null for the task that fits the targets, see <see cref="LearningTask.For"/>.</param>
    /// <param name="arrangements">How often the images are shuffled into batches of each size, at least 2.</param>
    /// <param name="seed">Seed of the shuffles.</param>
    /// <exception cref="ArgumentException">The model or the batch cannot be diagnosed, or there are fewer than 4 images.</exception>
    public static BatchSizeSensitivity Measure(Module<Tensor, Tensor> model, Batch batch, LearningTask? task = null, int arrangements = 4, int seed = 0)
    {
        using var probed = new ProbedModel(model, batch.Inputs);
        return Measure(probed, batch, task, arrangements, seed);
    }

    internal static BatchSizeSensitivity Measure(ProbedModel probed, Batch batch, LearningTask? task = null, int arrangements = 4, int seed = 0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(arrangements, 2);
        int images = batch.Size;
        if (images < 4)
            throw new ArgumentException($"Batches of different sizes need at least 4 images, and there are {images}. Use a larger batch.", nameof(batch));
        probed.CheckBatchSize(images);
        using var scope = NewDisposeScope();
        Tensor inference = probed.Forward(batch.Inputs);
        double inferenceLoss = Judgement.Of(inference, batch.Targets, task).Loss;
        probed.AsInTraining();
        Tensor whole = probed.Forward(batch.Inputs);
        double spread = Judgement.Spread(whole);
        double Relative(double distance) => Judgement.Relative(distance, spread);

        var points = new List<BatchSizePoint>();
        // A layer that sees one value per channel has no statistics of a single image, so some networks start at 2.
        long smallest = probed.Switching.Any(layer => layer.ValuesPerImage < 2 * layer.Uses) ? 2 : 1;
        for (int size = (int)smallest; size < images; size *= 2) points.Add(Point(probed, batch, task, size, arrangements, seed, whole, Relative));
        points.Add(new BatchSizePoint(images, 1, Judgement.Of(whole, batch.Targets, task).Loss, 0, 0, 0));
        return new BatchSizeSensitivity
        {
            Images = images,
            Points = points,
            InferenceLoss = inferenceLoss,
            InferenceDistance = Relative(Judgement.Distance(inference, whole)),
            Notes = probed.Notes,
        };
    }

    private static BatchSizePoint Point(ProbedModel probed, Batch batch, LearningTask? task, int size, int arrangements, int seed, Tensor whole, Func<double, double> relative)
    {
        using var scope = NewDisposeScope();
        var losses = new List<double>();
        var outputs = new List<Tensor>();
        for (int arrangement = 0; arrangement < (size == 1 ? 1 : arrangements); arrangement++)
        {
            long[] order = [.. Enumerable.Range(0, batch.Size).Select(i => (long)i)];
            new SplitMix64(seed, arrangement).Shuffle<long>(order);
            var (parts, places) = (new List<Tensor>(), new List<long>());
            // Images that fill no batch sit this arrangement out; the logits of the whole batch stand in for them and are no part of the comparison below.
            foreach (long[] chosen in order.Chunk(size).Where(chunk => chunk.Length == size))
            {
                Tensor index = tensor(chosen, device: batch.Inputs.device);
                Tensor output = probed.Forward(batch.Inputs.index_select(0, index));
                losses.Add(Judgement.Of(output, batch.Targets.index_select(0, index), task).Loss);
                parts.Add(output);
                places.AddRange(chosen);
            }

            using var noGrad = no_grad();
            outputs.Add(whole.index_copy(0, tensor(places.ToArray(), device: whole.device), cat(parts)));
        }

        Tensor all = stack(outputs);
        double used = (double)(batch.Size / size * size) / batch.Size;
        double mean = losses.Average();
        return new BatchSizePoint(
            size, losses.Count, mean, Math.Sqrt(losses.Average(l => (l - mean) * (l - mean))),
            relative(Math.Sqrt((all - whole).square().mean().to(float64).item<double>() / used)),
            size == 1 ? 0 : relative(Math.Sqrt(all.var(0, unbiased: true).mean().to(float64).item<double>() / used)));
    }

    internal override IReadOnlyList<TextTable> Tables =>
    [
        new TextTable(
            ["batch", "loss in training", "± between batches", "logits from the whole batch's", "scatter with companions"],
            [.. Points.Select(p => (IReadOnlyList<string>)[$"{p.BatchSize}", NumberText.Short(p.Loss), NumberText.Short(p.LossSpread), NumberText.Short(p.LogitDistance), NumberText.Short(p.CompanionSpread)])],
            [true, true, true, true, true],
            $"In inference: loss {NumberText.Short(InferenceLoss)}, logits {NumberText.Short(InferenceDistance)} from the whole batch's. Exponent of the noise {NumberText.Short(NoiseExponent)}; sampling alone has 1."),
    ];
}
