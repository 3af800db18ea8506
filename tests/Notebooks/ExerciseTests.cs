using TorchSharp;
using UnetResnet.Notebooks;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Notebooks;

public class ExerciseTests
{
    [Fact]
    public void A_right_answer_is_told()
    {
        using var console = new ConsoleCapture();
        using DisposeScope scope = NewDisposeScope();
        Exercise.Check("scale", 1.5, 1.5);
        Exercise.Check("ratio above one", 2.5, ratio => ratio > 1);
        Exercise.CheckWord("mode", "  keras213 ", Exercise.Fingerprint("mode", "Keras213"));
        Exercise.Check("mean", tensor(new[] { 1.0, 2 }), tensor(new[] { 1.0, 2 }));
        Assert.Equal("✓ scale: 1.5\n✓ ratio above one: 2.5\n✓ mode: “keras213”\n✓ mean: (2) values\n", console.Text);
    }

    [Fact]
    public void Tolerance_is_relative_above_one_and_absolute_below()
    {
        using var console = new ConsoleCapture();
        Exercise.Check("small", 0.001, 0, tolerance: 0.001);
        Exercise.Check("large", 1001, 1000, tolerance: 0.001);
        Assert.Throws<ExerciseException>(() => Exercise.Check("small", 0.0011, 0, tolerance: 0.001));
        Assert.Throws<ExerciseException>(() => Exercise.Check("large", 1001.1, 1000, tolerance: 0.001));
    }

    [Fact]
    public void Each_wrong_attempt_shows_the_next_hint_and_a_right_one_begins_anew()
    {
        using var console = new ConsoleCapture();
        string Attempt(double answer) => Assert.Throws<ExerciseException>(() => Exercise.Check("staged hints", answer, right => right == 42, "think", "compute", "double 21")).Message;
        Assert.EndsWith("Hint 1 of 3: think", Attempt(1), StringComparison.Ordinal);
        Assert.EndsWith("Hint 2 of 3: compute", Attempt(2), StringComparison.Ordinal);
        Assert.EndsWith("Hint 3 of 3: double 21", Attempt(3), StringComparison.Ordinal);
        Assert.EndsWith("folded below.", Attempt(4), StringComparison.Ordinal);
        Exercise.Check("staged hints", 42.0, right => right == 42, "think");
        Assert.EndsWith("Hint 1 of 3: think", Attempt(5), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-2.5, 2.5, "sign")]
    [InlineData(0.25, 4.0, "reciprocal")]
    [InlineData(93.0, 0.93, "per cent")]
    [InlineData(9.0, 3.0, "square")]
    [InlineData(double.NaN, 3.0, "Not a number")]
    public void A_wrong_number_gets_a_remark_that_does_not_show_the_right_one(double got, double measured, string remark)
    {
        using var console = new ConsoleCapture();
        string message = Assert.Throws<ExerciseException>(() => Exercise.Check("remark " + remark, got, measured)).Message;
        Assert.Contains(remark, message, StringComparison.Ordinal);
        Assert.DoesNotContain(measured.ToString(System.Globalization.CultureInfo.InvariantCulture), message.Replace(got.ToString(System.Globalization.CultureInfo.InvariantCulture), ""), StringComparison.Ordinal);
        Assert.StartsWith("✗ remark", console.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new[] { 2.0, 4, 6 }, "same factor")]
    [InlineData(new[] { 1.5, 2.5, 3.5 }, "same amount")]
    [InlineData(new[] { -1.0, -2, -3 }, "sign")]
    [InlineData(new[] { 1.0, double.NaN, 3 }, "Not a number")]
    public void A_wrong_tensor_gets_a_remark(double[] got, string remark)
    {
        using var console = new ConsoleCapture();
        using DisposeScope scope = NewDisposeScope();
        ExerciseException failure = Assert.Throws<ExerciseException>(() => Exercise.Check("tensor", tensor(got), tensor(new[] { 1.0, 2, 3 })));
        Assert.Contains(remark, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_wrong_shape_is_told_before_any_value()
    {
        using var console = new ConsoleCapture();
        using DisposeScope scope = NewDisposeScope();
        string reshaped = Assert.Throws<ExerciseException>(() => Exercise.Check("shape", zeros(6), zeros(2, 3))).Message;
        Assert.Contains("shape (6) where (2, 3) is needed", reshaped, StringComparison.Ordinal);
        Assert.Contains("reshape", reshaped, StringComparison.Ordinal);
        Assert.Contains("keepdim", Assert.Throws<ExerciseException>(() => Exercise.Check("shape", zeros(2), zeros(2, 3))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Types_of_tensors_may_differ()
    {
        using var console = new ConsoleCapture();
        using DisposeScope scope = NewDisposeScope();
        Exercise.Check("types", tensor(new[] { 1f, 2 }), tensor(new long[] { 1, 2 }));
    }

    [Fact]
    public void A_missing_answer_is_refused_kindly()
    {
        using var console = new ConsoleCapture();
        using DisposeScope scope = NewDisposeScope();
        Assert.Contains("no answer yet", Assert.Throws<ExerciseException>(() => Exercise.Check("missing", (Tensor?)null, zeros(1))).Message, StringComparison.Ordinal);
        Assert.Contains("no answer yet", Assert.Throws<ExerciseException>(() => Exercise.CheckWord("missing", " ", "abc")).Message, StringComparison.Ordinal);
        Assert.Contains("no answer yet", Assert.Throws<ExerciseException>(() => Exercise.Check("missing", (Func<double, double>?)null, f => f!(1) == 1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_function_that_fails_is_wrong_and_its_error_is_told()
    {
        using var console = new ConsoleCapture();
        Func<int[], double> first = values => values[5];
        Assert.Contains("IndexOutOfRangeException", Assert.Throws<ExerciseException>(() => Exercise.Check("first", first, f => f([1]) == 1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_exercise_without_an_answer_says_whose_turn_it_is_and_the_notebook_runs_on()
    {
        using var console = new ConsoleCapture();
        await UnansweredCell();
        Assert.Equal("✎ Your turn: Compute γ/√(σ²+ε). Replace Exercise.Todo(…) by your answer and run the cell again.\n", console.Text);
        // The next cell is checked again, and so is this one once it has an answer.
        Assert.Throws<ExerciseException>(() => Exercise.Check("next cell", 1, 2));
    }

    /// <summary>As a kernel runs a cell: an asynchronous method, with answers of every type that may be missing.</summary>
    private static async Task UnansweredCell()
    {
        await Task.Yield();
        double factor = Exercise.Todo<double>("Compute γ/√(σ²+ε).");
        Exercise.Check("number", factor, 1);
        Exercise.Check("property", factor, _ => throw new InvalidOperationException("asked without an answer"));
        Exercise.CheckWord("text", null, "abc");
        Exercise.Check("tensor", (Tensor?)null, zeros(1));
    }

    [Fact]
    public void A_fingerprint_belongs_to_one_exercise_and_does_not_show_the_answer()
    {
        using var console = new ConsoleCapture();
        string fingerprint = Exercise.Fingerprint("mode", "Inference");
        Assert.Equal(fingerprint, Exercise.Fingerprint("mode", " INFERENCE"));
        Assert.NotEqual(fingerprint, Exercise.Fingerprint("another", "Inference"));
        string message = Assert.Throws<ExerciseException>(() => Exercise.CheckWord("mode", "Trainable", fingerprint)).Message;
        Assert.DoesNotContain("Inference", message + console.Text, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void A_prediction_is_shown_again_beside_what_happened()
    {
        using var console = new ConsoleCapture();
        Prediction.Commit("Which curve?", "").Reveal("It rises.");
        Prediction.Commit("Which curve?", " overfitting ").Reveal("It rises.");
        Assert.Equal(
            "✎ Predict: Which curve? Write your answer between the quotation marks, then run the cell.\n✎ What happened: It rises.\n"
            + "✎ Predict: Which curve? You say: overfitting\n✎ What happened: It rises. You said: overfitting\n", console.Text);
    }
}
