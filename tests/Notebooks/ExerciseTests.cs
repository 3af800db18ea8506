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
        Exercise.Check("count", 53, 53);
        Exercise.Check("mode", " keras213 ", "Keras213");
        Exercise.Check("does it drift", true, true);
        Exercise.Check("mean", tensor(new[] { 1.0, 2 }), tensor(new[] { 1.0, 2 }));
        Assert.Equal(
            """
            ✓ scale: got 1.5, expected 1.5, max difference 0
            ✓ count: got 53, expected 53, max difference 0
            ✓ mode: got “keras213”
            ✓ does it drift: got true
            ✓ mean: (2) values, max difference 0

            """.ReplaceLineEndings("\n"), console.Text);
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

    [Theory]
    [InlineData(-2.0, 2.0, "sign")]
    [InlineData(0.25, 4.0, "reciprocal")]
    [InlineData(93.0, 0.93, "per cent")]
    [InlineData(9.0, 3.0, "square")]
    [InlineData(double.NaN, 3.0, "Not a number")]
    [InlineData(1.0, 3.0, "term by term")]
    public void A_wrong_number_gets_a_hint(double got, double expected, string hint)
    {
        using var console = new ConsoleCapture();
        ExerciseException failure = Assert.Throws<ExerciseException>(() => Exercise.Check("answer", got, expected));
        Assert.Contains(hint, failure.Message, StringComparison.Ordinal);
        Assert.StartsWith("✗ answer: got ", console.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new[] { 2.0, 4, 6 }, "2 times")]
    [InlineData(new[] { 1.5, 2.5, 3.5 }, "off by 0.5")]
    [InlineData(new[] { -1.0, -2, -3 }, "sign")]
    [InlineData(new[] { 1.0, 2, 4 }, "[2]: got 4, expected 3")]
    [InlineData(new[] { 1.0, double.NaN, 3 }, "at [1]: got NaN, expected 2")]
    public void A_wrong_tensor_gets_the_place_and_a_hint(double[] got, string expected)
    {
        using var console = new ConsoleCapture();
        using DisposeScope scope = NewDisposeScope();
        ExerciseException failure = Assert.Throws<ExerciseException>(() => Exercise.Check("answer", tensor(got), tensor(new[] { 1.0, 2, 3 })));
        Assert.Contains(expected, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_place_of_the_largest_difference_has_all_coordinates()
    {
        using var console = new ConsoleCapture();
        using DisposeScope scope = NewDisposeScope();
        Tensor expected = zeros(2, 3, 4), got = zeros(2, 3, 4);
        got[1, 2, 3] = 5;
        got[0, 0, 1] = 2;
        Assert.Contains("max difference 5 at [1, 2, 3]", Assert.Throws<ExerciseException>(() => Exercise.Check("t", got, expected)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_wrong_shape_is_told_before_any_value()
    {
        using var console = new ConsoleCapture();
        using DisposeScope scope = NewDisposeScope();
        string reshaped = Assert.Throws<ExerciseException>(() => Exercise.Check("t", zeros(6), zeros(2, 3))).Message;
        Assert.Contains("got shape (6), expected (2, 3)", reshaped, StringComparison.Ordinal);
        Assert.Contains("reshape", reshaped, StringComparison.Ordinal);
        Assert.Contains("keepdim", Assert.Throws<ExerciseException>(() => Exercise.Check("t", zeros(2), zeros(2, 3))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Types_of_tensors_may_differ()
    {
        using var console = new ConsoleCapture();
        using DisposeScope scope = NewDisposeScope();
        Exercise.Check("t", tensor(new[] { 1f, 2 }), tensor(new long[] { 1, 2 }));
    }

    [Fact]
    public void A_missing_answer_is_met_kindly()
    {
        using var console = new ConsoleCapture();
        using DisposeScope scope = NewDisposeScope();
        Assert.Contains("no answer yet", Assert.Throws<ExerciseException>(() => Exercise.Check("t", (Tensor?)null, zeros(1))).Message, StringComparison.Ordinal);
        Assert.Contains("no answer yet", Assert.Throws<ExerciseException>(() => Exercise.Check("t", "", "word")).Message, StringComparison.Ordinal);
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
        Exercise.Check("yes or no", factor > 1, true);
        Exercise.Check("text", null, "word");
        Exercise.Check("tensor", (Tensor?)null, zeros(1));
    }

    [Fact]
    public void A_wrong_text_does_not_reveal_the_right_one()
    {
        using var console = new ConsoleCapture();
        string message = Assert.Throws<ExerciseException>(() => Exercise.Check("mode", "Trainable", "Inference")).Message;
        Assert.DoesNotContain("Inference", message + console.Text, StringComparison.Ordinal);
        Assert.Contains("9 letters that begins with “I”", message, StringComparison.Ordinal);
    }
}
