using UnetResnet.Data;
using UnetResnet.Runtime;
using UnetResnet.Training;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Diagnosis;

/// <summary>The part of one batch-norm layer in the gap, in the unit of the loss.</summary>
/// <param name="Layer">Dotted name.</param>
/// <param name="Place">Place in the forward pass among the layers that switch, from 0.</param>
/// <param name="Stage">Part of the network, see <see cref="LayerAttribution.StageOf"/>.</param>
/// <param name="Alone">What the loss rises by when this layer alone goes from batch to running statistics.</param>
/// <param name="AllBut">What the loss falls by when this layer alone goes back, all others on running statistics.</param>
/// <param name="Shapley">What it adds to the loss on average over sampled orders of switching, with the standard error.</param>
public sealed record LayerShare(string Layer, int Place, string Stage, double Alone, double AllBut, ShapleyValue Shapley)
{
    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}

/// <summary>
/// Divides the gap between training and inference among the batch-norm layers: sampled Shapley values beside the two extremes, a layer switched alone and a layer
/// switched back alone.
/// </summary>
/// <remarks>
/// Where layers act together, the extremes contradict each other: alone no layer may do harm, because the others repair it; switched back, one layer may close nearly
/// everything, because everything behind it depends on it. The Shapley value is the mean over all orders between these extremes, and the values sum to the gap.
/// </remarks>
public sealed record LayerShares : DiagnosticReport
{
    private const int Rows = 12;

    /// <summary>Images that were used.</summary>
    public required int Images { get; init; }

    /// <summary>Pairs of orders that were drawn.</summary>
    public required int Pairs { get; init; }

    /// <summary>Loss with all layers as in training.</summary>
    public required double TrainingLoss { get; init; }

    /// <summary>Loss with all layers as in inference.</summary>
    public required double InferenceLoss { get; init; }

    /// <summary>The layers that switch, in the order of the forward pass.</summary>
    public required IReadOnlyList<LayerShare> Layers { get; init; }

    /// <summary>Loss in inference less loss in training; the sum of the Shapley values.</summary>
    public double Gap => InferenceLoss - TrainingLoss;

    /// <summary>The layers, the largest Shapley value first.</summary>
    public IReadOnlyList<LayerShare> Ranking => [.. Layers.OrderByDescending(layer => layer.Shapley.Value)];

    /// <summary>The layers whose Shapley value is more than the noise of the sample.</summary>
    public IReadOnlyList<LayerShare> BeyondNoise => [.. Ranking.Where(layer => layer.Shapley.IsBeyondNoise)];

    /// <summary>The layers whose share may be the largest: those that two standard errors of the difference do not part from the first.</summary>
    public IReadOnlyList<LayerShare> Leaders => [.. Ranking.TakeWhile(layer =>
        Ranking[0].Shapley.Value - layer.Shapley.Value <= 2 * Math.Sqrt(Math.Pow(Ranking[0].Shapley.StandardError, 2) + Math.Pow(layer.Shapley.StandardError, 2)) && (layer == Ranking[0] || layer.Shapley.IsBeyondNoise))];

    /// <inheritdoc/>
    public override string Title => "Shares of the layers";

    /// <inheritdoc/>
    public override string Finding
    {
        get
        {
            if (Layers.Count == 0) return "No layer differs between training and inference, so there is no gap to divide.";
            LayerShare first = Ranking[0];
            return $"The gap of {NumberText.Short(Gap)} is divided among {Layers.Count} layers; {BeyondNoise.Count} of them {(BeyondNoise.Count == 1 ? "has" : "have")} a share beyond the noise of {2 * Pairs} orders. "
                + $"{(Leaders.Count == 1 ? "The largest is" : $"{Leaders.Count} lead, and noise hides which is first; the highest is")} that of '{first.Layer}': {NumberText.Short(first.Shapley.Value)} ± {NumberText.Short(first.Shapley.StandardError)}. "
                + $"Alone on running statistics it adds {NumberText.Short(first.Alone)}; back on batch statistics, alone, it takes away {NumberText.Short(first.AllBut)}.";
        }
    }

    /// <summary>Measures every layer. The model is left as it was.</summary>
    /// <param name="model">Any network; stays the caller's.</param>
    /// <param name="batch">At least 2 images with what should come out; stays the caller's.</param>
    /// <param name="task">What the model was trained for; null for the task that fits the targets, see <see cref="LearningTask.For"/>.</param>
    /// <param name="pairs">Orders that are drawn, at least 2, each followed by its reverse: about twice the number of layers forward passes each.</param>
    /// <param name="images">Images of the batch that are used at most, at least 2.</param>
    /// <param name="seed">Seed of the orders.</param>
    /// <exception cref="ArgumentException">The model or the batch cannot be diagnosed.</exception>
    public static LayerShares Measure(Module<Tensor, Tensor> model, Batch batch, LearningTask? task = null, int pairs = 8, int images = 4, int seed = 0)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ArgumentOutOfRangeException.ThrowIfLessThan(images, 2);
        using var probed = new ProbedModel(model, batch.Inputs);
        int used = Math.Min(batch.Size, images);
        probed.CheckBatchSize(used);
        using var scope = NewDisposeScope();
        Tensor inputs = batch.Inputs.narrow(0, 0, used), targets = batch.Targets.narrow(0, 0, used);
        ProbedLayer[] layers = [.. probed.Switching];
        Dictionary<ProbedLayer, int> places = layers.Select((layer, place) => (layer, place)).ToDictionary(l => l.layer, l => l.place);

        double Loss(IReadOnlyList<bool> running)
        {
            using var pass = NewDisposeScope();
            probed.UseBatchStatistics(layer => !running[places[layer]]);
            return Judgement.Of(probed.Forward(inputs), targets, task).Loss;
        }

        bool[] Team(Func<int, bool> member) => [.. Enumerable.Range(0, layers.Length).Select(member)];
        double training = Loss(Team(_ => false)), inference = Loss(Team(_ => true));
        IReadOnlyList<ShapleyValue> shapley = layers.Length == 0 ? [] : ShapleyValues.Sample(layers.Length, Loss, pairs, seed);
        return new LayerShares
        {
            Images = used,
            Pairs = pairs,
            TrainingLoss = training,
            InferenceLoss = inference,
            Layers = [.. layers.Select((layer, i) => new LayerShare(
                layer.Name, i, LayerAttribution.StageOf(layer.Name), Loss(Team(j => j == i)) - training, inference - Loss(Team(j => j != i)), shapley[i]))],
            Notes = probed.Notes,
        };
    }

    internal override IReadOnlyList<TextTable> Tables => Layers.Count == 0 ? [] :
    [
        new TextTable(
            ["layer", "alone", "all but it", "Shapley value", "± standard error"],
            [.. Ranking.Take(Rows).Select(l => (IReadOnlyList<string>)[
                l.Layer, NumberText.Short(l.Alone), NumberText.Short(l.AllBut), NumberText.Short(l.Shapley.Value), NumberText.Short(l.Shapley.StandardError)])],
            [false, true, true, true, true],
            $"Loss with all layers on batch statistics {NumberText.Short(TrainingLoss)}, on running statistics {NumberText.Short(InferenceLoss)}; {Images} images."
                + (Layers.Count > Rows ? $" … {Layers.Count - Rows} more layer{(Layers.Count - Rows > 1 ? "s" : "")}" : "")),
    ];
}
