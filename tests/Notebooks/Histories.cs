using UnetResnet.Training;

namespace UnetResnet.Tests.Notebooks;

/// <summary>Training histories whose every number is known.</summary>
internal static class Histories
{
    /// <summary>Training falls, validation rises, and the three series of an epoch never share a value.</summary>
    public static TrainingHistory Of(int epochs) => new(Enumerable.Range(1, epochs).Select(e => new EpochRecord(
        e,
        new Score(1.0 / (e + 1), 0.5 + 0.4 * e / epochs, 0.6 + 0.35 * e / epochs),
        new Score(0.3 + 0.01 * e, 0.8 - 0.3 * e / epochs, 0.85 - 0.3 * e / epochs),
        new Score(0.31 + 0.01 * e, 0.79 - 0.3 * e / epochs, 0.84 - 0.3 * e / epochs),
        1e-3,
        1.5)));
}
