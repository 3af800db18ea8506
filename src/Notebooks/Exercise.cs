using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using TorchSharp;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Notebooks;

/// <summary>Checks a learner's answer without holding the answer, and gives one more hint after each wrong attempt.</summary>
/// <remarks>
/// A check compares with something that it measures, or asks whether a property holds; a word is compared by its fingerprint. A wrong answer throws and never shows
/// the right one. An answer that is still to be written does not throw: the exercise says that it is the learner's turn, its checks wait, and the notebook runs on.
/// </remarks>
public static partial class Exercise
{
    /// <summary>Default tolerance: single-precision arithmetic done in another order.</summary>
    public const double Tolerance = 1e-5;

    /// <summary>Whether this cell still waits for an answer. Every cell is an asynchronous call of its own, so that the next cell starts without.</summary>
    private static readonly AsyncLocal<bool> Waits = new();

    /// <summary>Wrong attempts so far, by exercise.</summary>
    private static readonly ConcurrentDictionary<string, int> Attempts = new(StringComparer.Ordinal);

    /// <summary>The place of an answer that the learner has yet to write; fits wherever a value is needed. Shows the task.</summary>
    /// <typeparam name="T">Type of the answer.</typeparam>
    /// <param name="task">What to write here.</param>
    /// <returns>The default of the type: nothing to go on with. The checks of the same cell that follow are left out.</returns>
    public static T Todo<T>(string task)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(task);
        NotebookOutput.Show(new ExerciseLine("Your turn", task, "Replace Exercise.Todo(…) by your answer and run the cell again."));
        Waits.Value = true;
        return default!;
    }

    /// <summary>Checks whether a property holds of the answer.</summary>
    /// <typeparam name="T">Type of the answer.</typeparam>
    /// <param name="name">What the answer is; names the exercise, so that its wrong attempts are counted.</param>
    /// <param name="answer">The answer.</param>
    /// <param name="holds">Whether it is right; it is not asked while the answer is still to be written. An exception means no.</param>
    /// <param name="hints">One for each wrong attempt, from a nudge to nearly the whole way.</param>
    /// <exception cref="ExerciseException">The answer is wrong, or missing.</exception>
    public static void Check<T>(string name, T answer, Func<T, bool> holds, params string[] hints)
    {
        ArgumentNullException.ThrowIfNull(holds);
        if (Waits.Value) return;
        string trouble = "";
        bool right = false;
        try
        {
            right = answer is not null && holds(answer);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            trouble = $"It ended with {e.GetType().Name}: {e.Message}";
        }

        Conclude(name, right, Shown(answer), trouble, hints);
    }

    /// <summary>Checks a number against one that the check measures by another way.</summary>
    /// <param name="name">What the answer is; names the exercise, so that its wrong attempts are counted.</param>
    /// <param name="answer">The answer.</param>
    /// <param name="measured">What it must agree with; a wrong answer does not show it.</param>
    /// <param name="tolerance">Greatest difference that is right, relative to the measured number where that is above 1.</param>
    /// <param name="hints">One for each wrong attempt, from a nudge to nearly the whole way.</param>
    /// <exception cref="ExerciseException">The answer is wrong.</exception>
    public static void Check(string name, double answer, double measured, double tolerance = Tolerance, params string[] hints)
    {
        double difference = answer.Equals(measured) ? 0 : Math.Abs(answer - measured);
        bool right = difference <= tolerance * Math.Max(1, Math.Abs(measured));
        Conclude(name, right, Digits(answer), right ? "" : ExerciseDifference.Remark([answer], [measured]), hints);
    }

    /// <summary>Checks a tensor against one that the check computes by another way: its shape first, then its values.</summary>
    /// <param name="name">What the answer is; names the exercise, so that its wrong attempts are counted.</param>
    /// <param name="answer">The answer, of any shape and type; it stays the caller's.</param>
    /// <param name="measured">What it must agree with; it stays the caller's, and a wrong answer does not show it.</param>
    /// <param name="tolerance">Greatest difference that is right, relative to the measured value where that is above 1.</param>
    /// <param name="hints">One for each wrong attempt, from a nudge to nearly the whole way.</param>
    /// <exception cref="ExerciseException">The answer has another shape or other values, or is missing.</exception>
    public static void Check(string name, Tensor? answer, Tensor measured, double tolerance = Tolerance, params string[] hints)
    {
        if (Waits.Value) return;
        ArgumentNullException.ThrowIfNull(measured);
        if (answer is null)
        {
            Conclude(name, false, "no answer yet", "", hints);
            return;
        }

        if (!answer.shape.SequenceEqual(measured.shape))
        {
            Conclude(name, false, $"shape {Shape(answer)} where {Shape(measured)} is needed", answer.numel() == measured.numel()
                ? "The number of values is right: reshape, squeeze or permute."
                : "Ask which dimensions a sum or mean should run over, and whether it should keep them (keepdim).", hints);
            return;
        }

        double[] a = Values(answer), b = Values(measured);
        bool right = a.Zip(b).All(pair => pair.First.Equals(pair.Second) || Math.Abs(pair.First - pair.Second) <= tolerance * Math.Max(1, Math.Abs(pair.Second)));
        Conclude(name, right, $"{Shape(answer)} values", right ? "" : ExerciseDifference.Remark(a, b), hints);
    }

    /// <summary>Checks a word or a short text by its fingerprint; capitals and spaces do not count.</summary>
    /// <param name="name">What the answer is; names the exercise, so that its wrong attempts are counted.</param>
    /// <param name="answer">The answer.</param>
    /// <param name="fingerprint">What <see cref="Fingerprint"/> gives for the right one.</param>
    /// <param name="hints">One for each wrong attempt, from a nudge to nearly the whole way.</param>
    /// <exception cref="ExerciseException">The answer is wrong, or missing.</exception>
    public static void CheckWord(string name, string? answer, string fingerprint, params string[] hints)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(fingerprint);
        if (Waits.Value) return;
        Conclude(name, !string.IsNullOrWhiteSpace(answer) && Fingerprint(name, answer) == fingerprint, Shown(answer), "", hints);
    }

    /// <summary>The fingerprint of an answer in words: the beginning of a SHA-256 of the exercise and the answer.</summary>
    /// <param name="name">Name of the exercise: one word has another fingerprint in each.</param>
    /// <param name="answer">The right answer, for the author of an exercise.</param>
    /// <returns>12 hexadecimal digits.</returns>
    public static string Fingerprint(string name, string answer)
    {
        ArgumentNullException.ThrowIfNull(answer);
        string plain = Spaces().Replace(answer.Trim(), " ").ToLowerInvariant();
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{name}\n{plain}")))[..12];
    }

    private static void Conclude(string name, bool right, string shown, string remark, IReadOnlyList<string> hints)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        ArgumentNullException.ThrowIfNull(hints);
        if (Waits.Value) return;
        if (right)
        {
            Attempts.TryRemove(name, out _);
            NotebookOutput.Show(new CheckLine(true, name, shown));
            return;
        }

        int attempt = Attempts.AddOrUpdate(name, 1, (_, before) => before + 1);
        var line = new CheckLine(false, name, shown);
        NotebookOutput.Show(line);
        string hint = hints.Count == 0 ? ""
            : attempt <= hints.Count ? $"Hint {attempt} of {hints.Count}: {hints[attempt - 1]}"
            : "You have seen every hint. The solution is folded below.";
        throw new ExerciseException(string.Join(' ', new[] { $"{line}.", remark, hint }.Where(part => part.Length > 0)));
    }

    private static string Shown<T>(T answer) => answer switch
    {
        null => "no answer yet",
        string text when string.IsNullOrWhiteSpace(text) => "no answer yet",
        string text => $"“{text.Trim()}”",
        bool yes => yes ? "yes" : "no",
        double number => Digits(number),
        float number => Digits(number),
        IFormattable value => value.ToString(null, CultureInfo.InvariantCulture),
        Delegate => "your function",
        _ => "your answer",
    };

    private static double[] Values(Tensor tensor)
    {
        using DisposeScope scope = NewDisposeScope();
        return TensorMemory.Doubles(tensor);
    }

    private static string Shape(Tensor tensor) => $"({string.Join(", ", tensor.shape)})";

    private static string Digits(double value) => double.IsFinite(value) ? value.ToString("G6", CultureInfo.InvariantCulture) : NumberText.Short(value);

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();
}
