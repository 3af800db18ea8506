using CsCheck;
using UnetResnet.Tests.Normalization;
using UnetResnet.Training;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Training;

/// <summary>Losses on sheets of paper. Tolerance 1e-6: a few float32 operations on numbers near 1.</summary>
public class LossesTests
{
    private const double Tolerance = 1e-6;

    // Probability 3/4, 1/2, 1/4, 1/2.
    private static readonly float[] Logits = [MathF.Log(3), 0, -MathF.Log(3), 0];

    [Fact]
    public void Cross_entropy_is_the_mean_over_all_pixels_in_nats()
    {
        using var scope = NewDisposeScope();
        double expected = -(Math.Log(0.75) + Math.Log(0.5) + Math.Log(0.25) + Math.Log(0.5)) / 4;
        Assert.Equal(expected, Value(Losses.BinaryCrossEntropy, Logits, [1, 0, 1, 0], 1, 1, 2, 2), Tolerance);
        Assert.Equal(expected, Value(Losses.BinaryCrossEntropy, Logits, [1, 0, 1, 0], 4, 1, 1, 1), Tolerance);
    }

    [Fact]
    public void Cross_entropy_of_the_surely_wrong_is_the_logit_and_not_a_clip()
    {
        using var scope = NewDisposeScope();
        // Keras clips the probability at 1e-7 and would say 16.1.
        Assert.Equal(1000, Value(Losses.BinaryCrossEntropy, [1000], [0], 1, 1, 1, 1));
        Assert.Equal(1000, Value(Losses.BinaryCrossEntropy, [-1000], [1], 1, 1, 1, 1));
        Assert.Equal(0, Value(Losses.BinaryCrossEntropy, [1000, -1000], [1, 0], 1, 1, 1, 2));
    }

    [Fact]
    public void The_gradient_of_cross_entropy_is_probability_minus_mask()
    {
        using var scope = NewDisposeScope();
        Tensor logits = tensor(Logits, [1, 1, 2, 2]).requires_grad_(true);
        Losses.BinaryCrossEntropy(logits, tensor([1f, 0, 1, 0], [1, 1, 2, 2])).backward();
        Numbers.AssertClose([-0.25 / 4, 0.5 / 4, -0.75 / 4, 0.5 / 4], logits.grad!, Tolerance);
    }

    [Fact]
    public void Dice_is_taken_image_by_image()
    {
        using var scope = NewDisposeScope();
        // One image: Σpm = 3/4 + 1/4, Σp = 2, Σm = 2. Two images: (Σpm, Σp, Σm) = (3/4, 5/4, 1) and (1/4, 3/4, 1).
        Assert.Equal(1 - (2 * 1.0 + 1) / (2 + 2 + 1), Value(Losses.Dice, Logits, [1, 0, 1, 0], 1, 1, 2, 2), Tolerance);
        double two = (1 - (2 * 0.75 + 1) / (1.25 + 1 + 1) + 1 - (2 * 0.25 + 1) / (0.75 + 1 + 1)) / 2;
        Assert.Equal(two, Value(Losses.Dice, Logits, [1, 0, 1, 0], 2, 1, 1, 2), Tolerance);
    }

    [Fact]
    public void Dice_lets_an_empty_image_be_right()
    {
        using var scope = NewDisposeScope();
        Assert.Equal(0, Value(Losses.Dice, [-1000, -1000], [0, 0], 1, 1, 1, 2), Tolerance);
        Assert.Equal(0, Value(Losses.Dice, [1000, -1000], [1, 0], 1, 1, 1, 2), Tolerance);
        Assert.Equal(1 - 1 / 3.0, Value(Losses.Dice, [1000, 1000], [0, 0], 1, 1, 1, 2), Tolerance);
        Assert.Equal(1 - 1 / 3.0, Value(Losses.Dice, [-1000, 1000], [1, 0], 1, 1, 1, 2), Tolerance);
    }

    [Fact]
    public void Dice_stays_between_0_and_1_and_passes_gradients() =>
        Gen.Select(Gen.Float[-20, 20].Array[8], Gen.Int[0, 1].Array[8]).Sample((logits, masks) =>
        {
            using var scope = NewDisposeScope();
            Tensor x = tensor(logits, [2, 1, 2, 2]).requires_grad_(true);
            Tensor loss = Losses.Dice(x, tensor(masks.Select(m => (float)m).ToArray(), [2, 1, 2, 2]));
            // Worst case 4 wrong pixels: 1 − 1/5. Below 0 only by rounding.
            Assert.InRange(loss.item<float>(), -1e-6, 0.8 + 1e-6);
            loss.backward();
            // More probability where the mask is, less where it is not: never the other way round.
            float[] gradient = x.grad!.Values();
            for (int i = 0; i < gradient.Length; i++) Assert.True(masks[i] == 1 ? gradient[i] <= 1e-9 : gradient[i] >= -1e-9, $"{gradient[i]} at mask {masks[i]}");
        }, iter: 50, threads: 1);

    [Fact]
    public void The_sum_is_the_sum()
    {
        using var scope = NewDisposeScope();
        float[] masks = [1, 0, 1, 0];
        double expected = Value(Losses.BinaryCrossEntropy, Logits, masks, 1, 1, 2, 2) + Value(Losses.Dice, Logits, masks, 1, 1, 2, 2);
        Assert.Equal(expected, Value(Losses.BinaryCrossEntropyAndDice, Logits, masks, 1, 1, 2, 2), Tolerance);
    }

    [Fact]
    public void Losses_leave_nothing_behind()
    {
        using Tensor logits = tensor(Logits, [1, 1, 2, 2]), masks = ones(1, 1, 2, 2);
        foreach (LossFunction loss in new LossFunction[] { Losses.BinaryCrossEntropy, Losses.Dice, Losses.BinaryCrossEntropyAndDice })
        {
            long before = LiveTensors.Settled();
            loss(logits, masks).Dispose();
            Assert.Equal(before, Tensor.TotalCount);
        }
    }

    private static double Value(LossFunction loss, float[] logits, float[] masks, params long[] shape) =>
        loss(tensor(logits, shape), tensor(masks, shape)).item<float>();
}
