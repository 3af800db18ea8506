using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch.nn;

namespace UnetResnet.Diagnosis;

/// <summary>
/// How fast running statistics forget. After t steps with momentum m (the weight of the new value) the share (1 − m)^t of what stood there before is still in
/// them: the statistics of another data set, or of the weights as they were.
/// </summary>
public sealed record EmaClock : DiagnosticReport
{
    /// <summary>Above this share of old statistics at the first validation, its scores say more about the old statistics than about the network.</summary>
    public const double LargestOldShare = 0.05;

    private EmaClock(IReadOnlyList<EmaClockRow> rows, int stepsPerEpoch) => (Rows, StepsPerEpoch) = (rows, stepsPerEpoch);

    /// <inheritdoc/>
    public override string Title => "Clock of the moving averages";

    /// <inheritdoc/>
    public override string Finding => Rows.Where(row => row.Warns).ToList() is { Count: > 0 } slow
        ? $"At the first validation, after {StepsPerEpoch} steps, {NumberText.Percent(slow[0].OldShareAtFirstValidation)} of the old statistics are still in the running ones of {slow[0].Layers} layer{(slow[0].Layers == 1 ? "" : "s")} (momentum {NumberText.Short(slow[0].Momentum)}); they are below 1 % after {NumberText.Fixed(slow[0].StepsToOnePercent, 0)} steps, {NumberText.Short(slow[0].EpochsToOnePercent)} epochs. Use a momentum of at least {NumberText.Short(MomentumFor(StepsPerEpoch))}, or judge later."
        : Rows.Count == 0
            ? "No layer moves its running statistics in training, so there is no clock."
            : $"At the first validation, after {StepsPerEpoch} steps, at most {NumberText.Percent(Rows.Max(row => row.OldShareAtFirstValidation), 1)} of the old statistics are left.";

    /// <summary>One row for each momentum, the slowest first.</summary>
    public IReadOnlyList<EmaClockRow> Rows { get; }

    /// <summary>Training steps before the first validation.</summary>
    public int StepsPerEpoch { get; }

    /// <summary>Whether any momentum is too small for the first validation.</summary>
    public bool Warns => Rows.Any(row => row.Warns);

    internal override IReadOnlyList<TextTable> Tables =>
    [
        new(["momentum (new value)", "Keras's momentum", "layers", "half-life, steps", "below 1 % after, steps", "epochs", "old share at first validation"],
            [.. Rows.Select(row => (IReadOnlyList<string>)[
                NumberText.Short(row.Momentum), NumberText.Short(1 - row.Momentum), NumberText.Short(row.Layers), NumberText.Short(row.HalfLife),
                NumberText.Short(row.StepsToOnePercent), NumberText.Short(row.EpochsToOnePercent), NumberText.Short(row.OldShareAtFirstValidation)])],
            [true, true, true, true, true, true, true],
            Rows.Any(row => row.ZeroDebiased) ? "A zero-debiased average forgets what stood there before in its first step; the half-life is that of later values." : null),
    ];

    /// <summary>The clock of one momentum.</summary>
    /// <param name="momentum">Weight of the new value, above 0 and at most 1. Keras's 0.99 is 0.01 here.</param>
    /// <param name="stepsPerEpoch">Training steps before the first validation, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    public static EmaClock Measure(double momentum, int stepsPerEpoch) => Measure([momentum], stepsPerEpoch);

    /// <summary>The clocks of several momenta side by side.</summary>
    /// <param name="momenta">Weights of the new value, each above 0 and at most 1.</param>
    /// <param name="stepsPerEpoch">Training steps before the first validation, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    public static EmaClock Measure(IEnumerable<double> momenta, int stepsPerEpoch)
    {
        CheckSteps(stepsPerEpoch);
        return new([.. momenta.Order().Select(momentum => EmaClockRow.Of(momentum, stepsPerEpoch, layers: 1, zeroDebiased: false))], stepsPerEpoch);
    }

    /// <summary>The clocks of a model's layers, as far as training moves their running statistics.</summary>
    /// <param name="model">The model; it is not changed and not run.</param>
    /// <param name="stepsPerEpoch">Training steps before the first validation, at least 1; <c>loader.BatchCount</c> as a rule.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is not even one step.</exception>
    public static EmaClock Measure(Module model, int stepsPerEpoch)
    {
        CheckSteps(stepsPerEpoch);
        // A cumulative average has no momentum: it weighs all steps alike and has no half-life.
        var moving = BatchNormLayer.In(model).Where(layer => layer.Momentum is > 0 && layer.HasStatistics && layer.Mode.UpdatesStatistics());
        return new(
            [.. moving.GroupBy(layer => (Momentum: layer.Momentum!.Value, Debiased: layer.Options.ZeroDebias))
                .OrderBy(group => group.Key.Momentum)
                .Select(group => EmaClockRow.Of(group.Key.Momentum, stepsPerEpoch, group.Count(), group.Key.Debiased))], stepsPerEpoch);
    }

    /// <summary>The smallest momentum that leaves no more than <see cref="LargestOldShare"/> of the old statistics after these steps: 1 − 0.05^(1/steps).</summary>
    /// <param name="steps">Training steps, at least 1.</param>
    public static double MomentumFor(int steps)
    {
        CheckSteps(steps);
        return 1 - Math.Pow(LargestOldShare, 1.0 / steps);
    }

    private static void CheckSteps(int steps)
    {
        if (steps < 1) throw new ArgumentOutOfRangeException(nameof(steps), steps, "There must be at least 1 training step before the first validation; a loader's BatchCount is the number of steps in an epoch.");
    }
}

/// <summary>The clock of one momentum.</summary>
/// <param name="Momentum">Weight of the new value, 0 to 1.</param>
/// <param name="ZeroDebiased">Whether the first step already replaces what stood there before (Keras 2.1.3 to 2.2.5).</param>
/// <param name="Layers">Number of layers with it.</param>
/// <param name="HalfLife">Steps after which half of the old statistics are forgotten: ln ½ / ln(1 − m).</param>
/// <param name="StepsToOnePercent">Steps after which 1 % is left: ln 0.01 / ln(1 − m).</param>
/// <param name="EpochsToOnePercent">The same in epochs.</param>
/// <param name="OldShareAtFirstValidation">Share of the old statistics at the end of the first epoch, (1 − m)^steps; 0 where zero-debiased.</param>
public sealed record EmaClockRow(
    double Momentum, bool ZeroDebiased, int Layers, double HalfLife, double StepsToOnePercent, double EpochsToOnePercent, double OldShareAtFirstValidation)
{
    /// <summary>Whether the first validation comes too early for this momentum.</summary>
    public bool Warns => OldShareAtFirstValidation > EmaClock.LargestOldShare;

    /// <summary>Share of the old statistics that is left after some steps.</summary>
    /// <param name="steps">Training steps, 0 or more.</param>
    public double OldShareAfter(int steps) => ZeroDebiased && steps > 0 ? 0 : Math.Pow(1 - Momentum, steps);

    internal static EmaClockRow Of(double momentum, int stepsPerEpoch, int layers, bool zeroDebiased)
    {
        if (momentum is not (> 0 and <= 1))
            throw new ArgumentOutOfRangeException(nameof(momentum), momentum, "Momentum is the weight of the new value, above 0 and at most 1 (Keras's 0.99 is 0.01 here, PyTorch's default 0.1).");
        double logarithm = Math.Log(1 - momentum), toOnePercent = Math.Log(0.01) / logarithm;
        return new(momentum, zeroDebiased, layers, Math.Log(0.5) / logarithm, toOnePercent, toOnePercent / stepsPerEpoch, zeroDebiased ? 0 : Math.Pow(1 - momentum, stepsPerEpoch));
    }

    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
