namespace UnetResnet.Notebooks;

/// <summary>What usually makes all values of an answer wrong in the same way, said without the right ones.</summary>
internal static class ExerciseDifference
{
    /// <summary>A remark, or an empty text where no pattern shows.</summary>
    /// <param name="got">The answer.</param>
    /// <param name="right">The right values.</param>
    internal static string Remark(double[] got, double[] right)
    {
        if (got.Any(double.IsNaN) && !right.Any(double.IsNaN)) return "Not a number: look for 0 / 0, the root or logarithm of a negative number, or a variance of a single value.";
        if (All(got, right, (a, b) => Same(a, -b))) return "The sign is the other way round.";
        int at = Array.FindIndex(right, value => value != 0 && double.IsFinite(value));
        if (at < 0) return "";
        double ratio = got[at] / right[at], offset = got[at] - right[at];
        if (double.IsFinite(ratio) && ratio != 0)
        {
            if (All(got, right, (a, b) => Same(a * b, 1))) return "It is the reciprocal of the right value.";
            if (right.Length > 1 && All(got, right, (a, b) => Same(a, ratio * b))) return "All values are wrong by the same factor: n or n − 1? per image or per pixel?";
            if (right.Length == 1 && (Same(ratio, 100) || Same(ratio, 0.01))) return "A factor of 100: per cent or share?";
            if (right.Length == 1 && right[0] > 0 && got[0] > 0 && (Same(got[0] * got[0], right[0]) || Same(right[0] * right[0], got[0])))
                return "One is the square of the other: variance or standard deviation?";
        }

        return right.Length > 1 && All(got, right, (a, b) => Math.Abs(a - b - offset) <= Close * Math.Abs(offset)) ? "All values are off by the same amount: a term is missing or too many." : "";
    }

    private const double Close = 1e-4;

    private static bool All(double[] got, double[] right, Func<double, double, bool> holds) => got.Zip(right).All(pair => holds(pair.First, pair.Second));

    private static bool Same(double a, double b) => Math.Abs(a - b) <= Close * Math.Max(1e-12, Math.Max(Math.Abs(a), Math.Abs(b)));
}
