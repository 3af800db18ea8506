using UnetResnet.Data;
using UnetResnet.Runtime;
using UnetResnet.Training;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Diagnosis;

/// <summary>One cell of a <see cref="ModeMatrix"/>.</summary>
/// <param name="EncoderBatch">Whether the encoder's batch-norm layers use the statistics of the batch.</param>
/// <param name="DecoderBatch">Whether the other batch-norm layers do.</param>
/// <param name="Dropout">Whether dropout is on.</param>
/// <param name="Loss">Loss on the batch.</param>
/// <param name="Figure">The task's first figure, such as the IoU, or null where it has none.</param>
public sealed record ModeCell(bool EncoderBatch, bool DecoderBatch, bool Dropout, double Loss, Figure? Figure)
{
    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}

/// <summary>
/// Encoder batch norm × decoder batch norm × dropout: the loss of one batch with each of the three switched by itself, and the gap between training and
/// inference divided among them.
/// </summary>
/// <remarks>
/// The effects are those of switching one after the other from training to inference, from the output to the input: dropout, the decoder, the encoder. So the
/// decoder is judged on the features that it was trained on, and whatever it then makes of an ill encoder's features counts as the encoder's. In any other order
/// a healthy decoder would share the blame, because its batch statistics repair a part of the harm.
/// </remarks>
public sealed record ModeMatrix : DiagnosticReport
{
    private static readonly string[] KnownEncoders = ["encoder", "backbone", "features"];

    /// <summary>What counts as the encoder, such as <c>encoder</c>, or <c>first 3 layers</c>.</summary>
    public required string Encoder { get; init; }

    /// <summary>Batch-norm layers of the encoder that differ between training and inference.</summary>
    public required int EncoderLayers { get; init; }

    /// <summary>The other batch-norm layers that differ.</summary>
    public required int DecoderLayers { get; init; }

    /// <summary>All combinations, training first: 8, or 4 without dropout.</summary>
    public required IReadOnlyList<ModeCell> Cells { get; init; }

    /// <summary>Loss with everything as in training, dropout included.</summary>
    public double TrainingLoss => Cells[0].Loss;

    /// <summary>Loss with everything as in inference.</summary>
    public double InferenceLoss => Cells[^1].Loss;

    /// <summary>Loss in inference less loss in training; the sum of the three effects.</summary>
    public double Gap => InferenceLoss - TrainingLoss;

    /// <summary>Part of the gap that the encoder's batch norm causes, in the unit of the loss.</summary>
    public double EncoderEffect => LossOf(false, false, false) - LossOf(true, false, false);

    /// <summary>Part of the gap that the other batch norm causes.</summary>
    public double DecoderEffect => LossOf(true, false, false) - LossOf(true, true, false);

    /// <summary>Part of the gap that switching dropout off causes; negative where dropout costs.</summary>
    public double DropoutEffect => LossOf(true, true, false) - LossOf(true, true, true);

    /// <inheritdoc/>
    public override string Title => "Which switch makes the gap";

    /// <inheritdoc/>
    public override string Finding =>
        $"From training to inference the loss goes from {NumberText.Short(TrainingLoss)} to {NumberText.Short(InferenceLoss)}. Switched one after the other, "
        + $"dropout changes it by {Signed(DropoutEffect)}, the other batch norm by {Signed(DecoderEffect)}, and batch norm in the {Encoder}, last, by {Signed(EncoderEffect)}.";

    /// <summary>Measures all combinations. The model is left as it was.</summary>
    /// <param name="model">Any network; stays the caller's.</param>
    /// <param name="batch">At least 2 images with what should come out; stays the caller's.</param>
    /// <param name="encoder">
    /// Name of the module whose batch-norm layers are the encoder's; null for <c>encoder</c>, <c>backbone</c> or <c>features</c>, whichever there is, or the
    /// first half of the layers where there is none.
    /// </param>
    /// <param name="task">What the model was trained for; null for the task that fits the targets, see <see cref="LearningTask.For"/>.</param>
    /// <param name="seed">Seed of the dropout; every cell with dropout drops the same units.</param>
    /// <exception cref="ArgumentException">The model or the batch cannot be diagnosed, or no batch-norm layer lies in the module named.</exception>
    public static ModeMatrix Measure(Module<Tensor, Tensor> model, Batch batch, string? encoder = null, LearningTask? task = null, long seed = 0)
    {
        using var probed = new ProbedModel(model, batch.Inputs);
        using var examination = new Examination(probed, batch, task, seed);
        return Measure(examination, encoder);
    }

    internal static ModeMatrix Measure(Examination examination, string? encoder = null)
    {
        ProbedModel probed = examination.Probe;
        (string name, HashSet<ProbedLayer> inEncoder) = Split(probed, encoder);
        var cells = new List<ModeCell>();
        foreach (bool dropout in probed.HasDropout ? new[] { true, false } : [false])
        {
            foreach ((bool encoderBatch, bool decoderBatch) in new[] { (true, true), (true, false), (false, true), (false, false) })
            {
                bool OnBatch(ProbedLayer layer) => inEncoder.Contains(layer) ? encoderBatch : decoderBatch;
                Judgement judged = dropout ? examination.WithDropout(OnBatch) : examination.With(OnBatch).Judged;
                cells.Add(new ModeCell(encoderBatch, decoderBatch, dropout, judged.Loss, judged.Figure));
            }
        }

        return new ModeMatrix
        {
            Encoder = name,
            EncoderLayers = probed.Switching.Count(inEncoder.Contains),
            DecoderLayers = probed.Switching.Count(layer => !inEncoder.Contains(layer)),
            Cells = cells,
            Notes = probed.Notes,
        };
    }

    private static (string Name, HashSet<ProbedLayer> Layers) Split(ProbedModel probed, string? encoder)
    {
        HashSet<ProbedLayer> Below(string module) => [.. probed.Layers.Where(layer => DottedName.IsIn(layer.Name, module))];
        foreach (string name in encoder is null ? KnownEncoders : [encoder])
        {
            if (Below(name) is { Count: > 0 } layers) return (name, layers);
        }

        if (encoder is not null)
            throw new ArgumentException($"No batch-norm layer lies in '{encoder}'. The layers are called {string.Join(", ", probed.Layers.Take(4).Select(layer => $"'{layer.Name}'"))}, …: name one of their parents.", nameof(encoder));
        int half = (probed.Layers.Count + 1) / 2;
        return (half == 1 ? "first layer" : $"first {half} layers", [.. probed.Layers.Take(half)]);
    }

    private double LossOf(bool encoderBatch, bool decoderBatch, bool dropout) =>
        Cells.First(c => c.EncoderBatch == encoderBatch && c.DecoderBatch == decoderBatch && c.Dropout == (dropout && Cells[0].Dropout)).Loss;

    private static string Signed(double value) => value > 0 ? "+" + NumberText.Short(value) : NumberText.Short(value);

    internal override IReadOnlyList<TextTable> Tables =>
    [
        new TextTable(
            [$"{Encoder} batch norm", "other batch norm", "dropout", "loss", .. Cells[0].Figure is { } figure ? new[] { figure.Name } : []],
            [.. Cells.Select(c => (IReadOnlyList<string>)[
                c.EncoderBatch ? "batch" : "running", c.DecoderBatch ? "batch" : "running", c.Dropout ? "on" : "off", NumberText.Short(c.Loss),
                .. c.Figure is { } value ? new[] { NumberText.Short(value.Value) } : []])],
            [false, false, false, true, .. Cells[0].Figure is null ? [] : new[] { true }]),
        new TextTable(
            ["switch", "layers", "effect on the loss"],
            [
                [$"{Encoder} batch norm", $"{EncoderLayers}", Signed(EncoderEffect)],
                ["other batch norm", $"{DecoderLayers}", Signed(DecoderEffect)],
                ["dropout", "", Signed(DropoutEffect)],
                ["together", "", Signed(Gap)],
            ],
            [false, true, true]),
    ];
}
