using CsCheck;
using UnetResnet.Tests.Normalization;
using UnetResnet.Training;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Training;

public class MetricsTests
{
    /// <summary>What is predicted on four pixels; the mask; IoU; Dice.</summary>
    public static TheoryData<string, string, double, double> OnPaper => new()
    {
        { "++--", "1010", 1.0 / 3, 2.0 / 4 },
        { "+++-", "1100", 2.0 / 3, 4.0 / 5 },
        { "+-+-", "1010", 1, 1 },
        { "+-+-", "0101", 0, 0 },
        { "----", "0000", 1, 1 },
        { "----", "0010", 0, 0 },
        { "+---", "0000", 0, 0 },
        { "++++", "1111", 1, 1 },
    };

    [Theory]
    [MemberData(nameof(OnPaper))]
    public void Overlaps_are_those_on_paper(string predicted, string mask, double iou, double dice)
    {
        using var scope = NewDisposeScope();
        Tensor logits = tensor(predicted.Select(c => c == '+' ? 0.01f : -0.01f).ToArray(), [1, 1, 2, 2]);
        Tensor masks = tensor(mask.Select(c => c - '0' + 0f).ToArray(), [1, 1, 2, 2]);
        Numbers.AssertClose([iou], Metrics.IoU(logits, masks), 1e-7);
        Numbers.AssertClose([dice], Metrics.Dice(logits, masks), 1e-7);
    }

    [Fact]
    public void Each_image_has_its_own_value()
    {
        using var scope = NewDisposeScope();
        Tensor logits = tensor([1f, 1, -1, -1, -1, -1], [3, 1, 1, 2]), masks = tensor([1f, 0, 0, 0, 1, 1], [3, 1, 1, 2]);
        Assert.Equal([0.5f, 1, 0], Metrics.IoU(logits, masks).Values());
        Numbers.AssertClose([2.0 / 3, 1, 0], Metrics.Dice(logits, masks), 1e-7);
    }

    [Fact]
    public void Probability_one_half_is_background()
    {
        using var scope = NewDisposeScope();
        Tensor logits = zeros(1, 1, 2, 2);
        Assert.Equal([1f], Metrics.IoU(logits, zeros(1, 1, 2, 2)).Values());
        Assert.Equal([0f], Metrics.IoU(logits, ones(1, 1, 2, 2)).Values());
    }

    [Fact]
    public void Dice_is_a_function_of_IoU() =>
        Gen.Select(Gen.Float[-1, 1].Array[12], Gen.Int[0, 1].Array[12]).Sample((logits, masks) =>
        {
            using var scope = NewDisposeScope();
            Tensor x = tensor(logits, [3, 1, 2, 2]), m = tensor(masks.Select(v => (float)v).ToArray(), [3, 1, 2, 2]);
            float[] iou = Metrics.IoU(x, m).Values();
            Assert.All(iou, value => Assert.InRange(value, 0, 1));
            Numbers.AssertClose([.. iou.Select(j => 2.0 * j / (1 + j))], Metrics.Dice(x, m), 1e-6);
        }, iter: 50, threads: 1);

    [Fact]
    public void Metrics_leave_nothing_behind()
    {
        using Tensor logits = rand(2, 1, 3, 3), masks = ones(2, 1, 3, 3);
        long before = LiveTensors.Settled();
        Metrics.IoU(logits, masks).Dispose();
        Metrics.Dice(logits, masks).Dispose();
        Assert.Equal(before, Tensor.TotalCount);
    }
}
