using UnetResnet.Data;
using UnetResnet.Runtime;
using UnetResnet.Training;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Diagnosis;

/// <summary>The part of one switch in the gap between training and inference.</summary>
/// <param name="Switch">What is switched from training to inference.</param>
/// <param name="First">Change of the loss when it is switched first, everything else as in training.</param>
/// <param name="Last">Change of the loss when it is switched last, everything else as in inference.</param>
/// <param name="Shapley">Mean change over all orders.</param>
public sealed record ModeShare(string Switch, double First, double Last, double Shapley)
{
    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}

/// <summary>
/// Divides the gap of a <see cref="ModeMatrix"/> among the encoder's batch norm, the other batch norm and dropout, without favouring an order: exact Shapley values
/// over all six orders of switching (two where there is no dropout).
/// </summary>
public sealed record ModeShares : DiagnosticReport
{
    /// <summary>The matrix that is divided.</summary>
    public required ModeMatrix Matrix { get; init; }

    /// <summary>The parts; their Shapley values sum to the gap.</summary>
    public required IReadOnlyList<ModeShare> Shares { get; init; }

    /// <summary>Loss in inference less loss in training.</summary>
    public double Gap => Matrix.Gap;

    /// <summary>What the switches do only together: the gap less the effects of each switched alone.</summary>
    public double Interaction => Gap - Shares.Sum(share => share.First);

    /// <inheritdoc/>
    public override string Title => "Shares of the gap";

    /// <inheritdoc/>
    public override string Finding =>
        $"Of the gap {Signed(Gap)}, {string.Join(", ", Shares.Select(share => $"{share.Switch} makes {Signed(share.Shapley)}"))} on average over all orders of switching. "
        + $"Each switched alone, they make {Signed(Gap - Interaction)} together; the other {Signed(Interaction)} is interaction.";

    /// <summary>Measures all combinations and divides the gap. The model is left as it was.</summary>
    /// <inheritdoc cref="ModeMatrix.Measure(Module{Tensor, Tensor}, Batch, string?, LearningTask?, long)" path="/*[not(self::summary)]"/>
    public static ModeShares Measure(Module<Tensor, Tensor> model, Batch batch, string? encoder = null, LearningTask? task = null, long seed = 0) =>
        Measure(ModeMatrix.Measure(model, batch, encoder, task, seed));

    /// <summary>Divides the gap of a matrix that has been measured.</summary>
    /// <param name="matrix">The matrix.</param>
    public static ModeShares Measure(ModeMatrix matrix)
    {
        ArgumentNullException.ThrowIfNull(matrix);
        string[] switches = [$"batch norm in the {matrix.Encoder}", "the other batch norm", .. matrix.Cells.Any(cell => cell.Dropout) ? new[] { "dropout" } : []];
        double Worth(IReadOnlyList<bool> inference) => matrix.Cells.First(cell =>
            cell.EncoderBatch != inference[0] && cell.DecoderBatch != inference[1] && cell.Dropout == (inference.Count > 2 && !inference[2])).Loss;
        bool[] Team(Func<int, bool> member) => [.. Enumerable.Range(0, switches.Length).Select(member)];
        IReadOnlyList<double> shapley = ShapleyValues.Exact(switches.Length, Worth);
        return new ModeShares
        {
            Matrix = matrix,
            Shares = [.. switches.Select((name, i) => new ModeShare(
                name, Worth(Team(j => j == i)) - Worth(Team(_ => false)), Worth(Team(_ => true)) - Worth(Team(j => j != i)), shapley[i]))],
            Notes = matrix.Notes,
        };
    }

    internal override IReadOnlyList<TextTable> Tables =>
    [
        new TextTable(
            ["switch", "switched first", "switched last", "Shapley value", "share of the gap"],
            [
                .. Shares.Select(share => (IReadOnlyList<string>)[share.Switch, Signed(share.First), Signed(share.Last), Signed(share.Shapley), Percent(share.Shapley)]),
                ["together", Signed(Shares.Sum(s => s.First)), Signed(Shares.Sum(s => s.Last)), Signed(Shares.Sum(s => s.Shapley)), Percent(Gap)],
            ],
            [false, true, true, true, true]),
    ];

    private string Percent(double value) => Gap == 0 ? "–" : $"{NumberText.Fixed(100 * value / Gap, 0)} %";

    private static string Signed(double value) => value > 0 ? "+" + NumberText.Short(value) : NumberText.Short(value);
}
