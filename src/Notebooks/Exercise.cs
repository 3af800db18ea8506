using System.Globalization;
using TorchSharp;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Notebooks;

/// <summary>Checks a learner's answer against the right one and says how it differs.</summary>
/// <remarks>
/// A number or a tensor is right if no value is farther from the expected one than <c>tolerance × max(1, |expected|)</c>. A wrong answer
/// throws. An answer that is still to be written does not: the exercise says that it is the learner's turn, its checks wait, and the
/// notebook runs on.
/// </remarks>
public static class Exercise
{
    /// <summary>Default tolerance: single-precision arithmetic done in another order.</summary>
    public const double Tolerance = 1e-5;

    /// <summary>Whether this cell still waits for an answer. Every cell is an asynchronous call of its own, so that the next cell starts without.</summary>
    private static readonly AsyncLocal<bool> Waits = new();

    /// <summary>The place of an answer that the learner has yet to write; fits wherever a value is needed. Shows the task.</summary>
    /// <typeparam name="T">Type of the answer.</typeparam>
    /// <param name="task">What to write here.</param>
    /// <returns>The default of the type: nothing to go on with. The checks of the same cell that follow are left out.</returns>
    public static T Todo<T>(string task)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(task);
        NotebookOutput.Show(new ExerciseLine(task));
        Waits.Value = true;
        return default!;
    }

    /// <summary>Checks a number.</summary>
    /// <param name="name">What the answer is.</param>
    /// <param name="got">The answer.</param>
    /// <param name="expected">The right one.</param>
    /// <param name="tolerance">Greatest difference that is right, relative to the expected number where that is above 1.</param>
    /// <exception cref="ExerciseException">The answer is wrong.</exception>
    public static void Check(string name, double got, double expected, double tolerance = Tolerance)
    {
        double difference = got.Equals(expected) ? 0 : Math.Abs(got - expected);
        Conclude(name, difference <= tolerance * Math.Max(1, Math.Abs(expected)), Compared(Digits(got), Digits(expected), difference), () => Hint([got], [expected]));
    }

    /// <summary>Checks a yes or no.</summary>
    /// <param name="name">What the answer is.</param>
    /// <param name="got">The answer.</param>
    /// <param name="expected">The right one.</param>
    /// <exception cref="ExerciseException">The answer is wrong.</exception>
    public static void Check(string name, bool got, bool expected) =>
        Conclude(name, got == expected, $"got {(got ? "true" : "false")}", () => "It is the other way round: say in your own words why before you change it.");

    /// <summary>Checks a text; capitals and spaces at either end do not count.</summary>
    /// <param name="name">What the answer is.</param>
    /// <param name="got">The answer.</param>
    /// <param name="expected">The right one; a wrong answer does not reveal it.</param>
    /// <exception cref="ExerciseException">The answer is wrong, or missing.</exception>
    public static void Check(string name, string? got, string expected)
    {
        ArgumentNullException.ThrowIfNull(expected);
        string answer = got?.Trim() ?? "";
        Conclude(name, answer.Equals(expected.Trim(), StringComparison.OrdinalIgnoreCase), answer.Length == 0 ? "no answer yet" : $"got “{answer}”",
            () => $"Expected a text of {expected.Trim().Length} letters that begins with “{expected.Trim()[..1]}”.");
    }

    /// <summary>Checks a tensor: its shape first, then its values.</summary>
    /// <param name="name">What the answer is.</param>
    /// <param name="got">The answer, of any shape and type; it stays the caller's.</param>
    /// <param name="expected">The right one; it stays the caller's.</param>
    /// <param name="tolerance">Greatest difference that is right, relative to the expected value where that is above 1.</param>
    /// <exception cref="ExerciseException">The answer has another shape or other values, or is missing.</exception>
    public static void Check(string name, Tensor? got, Tensor expected, double tolerance = Tolerance)
    {
        ArgumentNullException.ThrowIfNull(expected);
        if (got is null)
        {
            Conclude(name, false, "no answer yet", () => "");
            return;
        }
        if (!got.shape.SequenceEqual(expected.shape))
        {
            Conclude(name, false, $"got shape {Shape(got)}, expected {Shape(expected)}", () => got.numel() == expected.numel()
                ? "The number of values is right: reshape, squeeze or permute."
                : "Ask which dimensions a sum or mean should run over, and whether it should keep them (keepdim).");
            return;
        }
        double[] a = Values(got), b = Values(expected);
        int worst = -1;
        double difference = 0;
        bool right = true;
        for (int i = 0; i < a.Length; i++)
        {
            double d = a[i].Equals(b[i]) ? 0 : Math.Abs(a[i] - b[i]);
            right &= d <= tolerance * Math.Max(1, Math.Abs(b[i]));
            if (worst >= 0 && !(d > difference) && !(double.IsNaN(d) && !double.IsNaN(difference))) continue;
            (worst, difference) = (i, d);
        }
        string detail = a.Length == 1 || worst < 0
            ? worst < 0 ? "no values, as expected" : Compared(Digits(a[0]), Digits(b[0]), difference)
            : right ? $"{Shape(got)} values, max difference {Digits(difference)}"
            : $"{Shape(got)} values, max difference {Digits(difference)} at {Place(worst, got.shape)}: got {Digits(a[worst])}, expected {Digits(b[worst])}";
        Conclude(name, right, detail, () => Hint(a, b));
    }

    private static void Conclude(string name, bool right, string detail, Func<string> hint)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        if (Waits.Value) return;
        var line = new CheckLine(right, name, detail);
        NotebookOutput.Show(line);
        if (!right) throw new ExerciseException($"{line}. {hint()}".TrimEnd());
    }

    private static string Compared(string got, string expected, double difference) => $"got {got}, expected {expected}, max difference {Digits(difference)}";

    /// <summary>What usually makes all values wrong in the same way.</summary>
    private static string Hint(double[] got, double[] expected)
    {
        const double close = 1e-4;
        if (got.Any(double.IsNaN) && !expected.Any(double.IsNaN)) return "Not a number: look for 0 / 0, the root or logarithm of a negative number, or a variance of a single value.";
        bool All(Func<double, double, bool> holds) => got.Zip(expected).All(pair => holds(pair.First, pair.Second));
        bool Same(double a, double b) => Math.Abs(a - b) <= close * Math.Max(1e-12, Math.Max(Math.Abs(a), Math.Abs(b)));
        if (All((a, b) => Same(a, -b))) return "The sign is the other way round.";
        int at = Array.FindIndex(expected, value => value != 0 && double.IsFinite(value));
        if (at < 0) return "Compare your formula with the text above, term by term.";
        double ratio = got[at] / expected[at], offset = got[at] - expected[at];
        if (double.IsFinite(ratio) && ratio != 0)
        {
            if (All((a, b) => Same(a * b, 1))) return "It is the reciprocal of the right value.";
            if (expected.Length > 1 && All((a, b) => Same(a, ratio * b)))
                return $"Every value is {Digits(ratio)} times the right one: a factor is missing or too many (n or n − 1? per image or per pixel?).";
            if (expected.Length == 1 && (Same(ratio, 100) || Same(ratio, 0.01))) return "A factor of 100: per cent or share?";
            if (expected.Length == 1 && expected[0] > 0 && got[0] > 0 && (Same(got[0] * got[0], expected[0]) || Same(expected[0] * expected[0], got[0])))
                return "One is the square of the other: variance or standard deviation?";
        }
        if (expected.Length > 1 && All((a, b) => Math.Abs(a - b - offset) <= close * Math.Abs(offset))) return $"Every value is off by {Digits(offset)}: a term is missing or too many.";
        return "Compare your formula with the text above, term by term.";
    }

    private static double[] Values(Tensor tensor)
    {
        using DisposeScope scope = NewDisposeScope();
        return TensorMemory.Doubles(tensor);
    }

    private static string Shape(Tensor tensor) => $"({string.Join(", ", tensor.shape)})";

    private static string Place(int index, long[] shape)
    {
        var place = new long[shape.Length];
        for (int d = shape.Length - 1; d >= 0; d--) (place[d], index) = (index % shape[d], (int)(index / shape[d]));
        return $"[{string.Join(", ", place)}]";
    }

    private static string Digits(double value) => double.IsFinite(value) ? value.ToString("G6", CultureInfo.InvariantCulture) : NumberText.Short(value);
}
