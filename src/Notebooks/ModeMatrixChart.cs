using Plotly.NET;
using UnetResnet.Diagnosis;

namespace UnetResnet.Notebooks;

/// <content>Draws a <see cref="ModeMatrix"/>.</content>
public static partial class ReportCharts
{
    /// <summary>The losses as colours: encoder by row, the rest by column.</summary>
    /// <param name="matrix">The report.</param>
    /// <returns>The chart.</returns>
    public static GenericChart Chart(this ModeMatrix matrix)
    {
        (bool DecoderBatch, bool Dropout)[] columns = [.. matrix.Cells.Select(c => (c.DecoderBatch, c.Dropout)).Distinct()];
        bool dropout = columns.Length > 2;
        var losses = new double[2, columns.Length];
        foreach (ModeCell cell in matrix.Cells) losses[cell.EncoderBatch ? 0 : 1, Array.IndexOf(columns, (cell.DecoderBatch, cell.Dropout))] = cell.Loss;
        ModeShares shares = ModeShares.Measure(matrix);
        string title = matrix.Gap == 0 ? "No switch changes the loss"
            : shares.Interaction > matrix.Gap / 2 && matrix.Gap > 0 ? "Each switch alone changes little; together they make the gap"
            : $"Most of the change comes from {shares.Shares.MaxBy(share => Math.Abs(share.Shapley))!.Switch}";
        return Charts.Heatmap(
            losses, [$"{matrix.Encoder}: batch", $"{matrix.Encoder}: running"],
            [.. columns.Select(c => $"rest: {(c.DecoderBatch ? "batch" : "running")}{(dropout ? c.Dropout ? "<br>with dropout" : "<br>no dropout" : "")}")],
            title, "loss", ".3f");
    }

    /// <summary>The part of each switch in the gap as bars.</summary>
    /// <param name="matrix">The report.</param>
    /// <returns>The chart.</returns>
    public static GenericChart EffectsChart(this ModeMatrix matrix) => Charts.Bars(
        new Dictionary<string, double> { [$"{matrix.Encoder} batch norm"] = matrix.EncoderEffect, ["other batch norm"] = matrix.DecoderEffect, ["dropout"] = matrix.DropoutEffect },
        $"From training to inference the loss changes by {matrix.Gap.ToString("+0.000;-0.000;0", System.Globalization.CultureInfo.InvariantCulture)}", "part of the change of the loss", ".3f");
}
