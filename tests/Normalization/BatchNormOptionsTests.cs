using UnetResnet.Normalization;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Normalization;

/// <summary>The history of the moving statistics. Tolerance 1e-6 · (1 + |x|): a few float32 operations on numbers that a sheet of paper holds.</summary>
public class BatchNormOptionsTests
{
    private const double Tolerance = 1e-6;

    // A channel with the values 1, 2, 3, 4 has mean 2.5, biased variance 1.25, unbiased 5/3; the quirk multiplies the latter by 4 / (4 − 1.001).
    private const double Mean = 2.5, Biased = 1.25, Unbiased = 5.0 / 3, Twice = Unbiased * 4 / 2.999;

    /// <summary>Framework; running mean and variance after one step from (10, 20) on the values 1, 2, 3, 4.</summary>
    public static TheoryData<string, double, double> AfterOneStep => new()
    {
        { nameof(BatchNormOptions.Keras212), 0.99 * 10 + 0.01 * Mean, 0.99 * 20 + 0.01 * Unbiased },
        { nameof(BatchNormOptions.Keras213), Mean, Unbiased },
        { nameof(BatchNormOptions.Keras214), Mean, Twice },
        { nameof(BatchNormOptions.Keras230), 0.99 * 10 + 0.01 * Mean, 0.99 * 20 + 0.01 * Twice },
        { nameof(BatchNormOptions.Keras3), 0.99 * 10 + 0.01 * Mean, 0.99 * 20 + 0.01 * Biased },
        { nameof(BatchNormOptions.Torch), 0.9 * 10 + 0.1 * Mean, 0.9 * 20 + 0.1 * Unbiased },
    };

    [Theory]
    [MemberData(nameof(AfterOneStep))]
    public void One_step_moves_the_statistics_as_in_history(string framework, double mean, double variance)
    {
        using var scope = NewDisposeScope();
        ModalBatchNorm2d layer = Layer(Named(framework));
        layer.call(tensor([1f, 2, 3, 4], [2, 1, 1, 2]));
        Numbers.AssertClose([mean], layer.RunningMean, Tolerance, framework);
        Numbers.AssertClose([variance], layer.RunningVar, Tolerance, framework);
    }

    [Fact]
    public void The_variance_that_normalises_is_the_biased_one_in_every_framework()
    {
        using var scope = NewDisposeScope();
        foreach (string framework in AfterOneStep.Select(row => (string)((object[])row)[0]))
        {
            BatchNormOptions options = Named(framework);
            double deviation = Math.Sqrt(Biased + options.Eps);
            double[] expected = [-1.5 / deviation, -0.5 / deviation, 0.5 / deviation, 1.5 / deviation];
            Numbers.AssertClose(expected, Layer(options).call(tensor([1f, 2, 3, 4], [2, 1, 1, 2])), Tolerance, framework);
        }
    }

    [Fact]
    public void Epsilon_and_momentum_are_those_of_the_frameworks()
    {
        Assert.All(
            AfterOneStep.Select(row => (string)((object[])row)[0]).Where(name => name.StartsWith("Keras", StringComparison.Ordinal)),
            name => Assert.Equal((1e-3, 0.01), (Named(name).Eps, Named(name).Momentum)));
        Assert.Equal((1e-5, 0.1), (BatchNormOptions.Torch.Eps, BatchNormOptions.Torch.Momentum));
        using var layer = new ModalBatchNorm2d(1);
        Assert.Equal(BatchNormOptions.Keras213, layer.Options);
    }

    [Fact]
    public void Zero_debias_forgets_at_once_what_stood_there_and_then_averages()
    {
        using var scope = NewDisposeScope();
        ModalBatchNorm2d layer = Layer(BatchNormOptions.Keras213);
        var random = new Random(3);
        double[] means = new double[8];
        for (int t = 0; t < means.Length; t++)
        {
            means[t] = Math.Round(10 * random.NextDouble(), 2);
            layer.call(tensor([(float)means[t] - 1, (float)means[t] + 1], [2, 1, 1, 1]));
            double[] weights = [.. Enumerable.Range(0, t + 1).Select(k => Math.Pow(0.99, t - k))];
            Numbers.AssertClose([means.Zip(weights, (m, w) => m * w).Sum() / weights.Sum()], layer.RunningMean, Tolerance, $"step {t + 1}");
            // Every batch has the unbiased variance 2: whatever the weights, their sum is 1, and nothing of the 20 is left.
            Numbers.AssertClose([2], layer.RunningVar, Tolerance, $"step {t + 1}");
        }
    }

    [Fact]
    public void Zero_debias_keeps_its_weights_when_the_momentum_changes()
    {
        using var scope = NewDisposeScope();
        ModalBatchNorm2d layer = Layer(BatchNormOptions.Keras213 with { Momentum = 0.5 });
        Tensor Batch(float mean) => tensor([mean - 1, mean + 1], [2, 1, 1, 1]);
        layer.call(Batch(1));
        layer.Options = layer.Options with { Momentum = 0.25 };
        layer.call(Batch(4));
        // The first batch keeps 0.75 of its 0.5, the second enters with 0.25.
        Numbers.AssertClose([(0.375 * 1 + 0.25 * 4) / 0.625], layer.RunningMean, Tolerance);
        Numbers.AssertClose([2], layer.RunningVar, Tolerance);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Momentum_0_leaves_the_statistics_where_they_are(bool zeroDebias)
    {
        using var scope = NewDisposeScope();
        ModalBatchNorm2d layer = Layer(new BatchNormOptions { Momentum = 0, ZeroDebias = zeroDebias });
        for (int i = 0; i < 3; i++) layer.call(tensor([1f, 2, 3, 4], [2, 1, 1, 2]));
        Assert.Equal([10f], layer.RunningMean.Values());
        Assert.Equal([20f], layer.RunningVar.Values());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Momentum_1_takes_the_last_batch(bool zeroDebias)
    {
        using var scope = NewDisposeScope();
        ModalBatchNorm2d layer = Layer(new BatchNormOptions { Momentum = 1, ZeroDebias = zeroDebias });
        layer.call(tensor([1f, 2, 3, 4], [2, 1, 1, 2]));
        Numbers.AssertClose([Mean], layer.RunningMean, Tolerance);
        Numbers.AssertClose([Unbiased], layer.RunningVar, Tolerance);
    }

    [Theory]
    [InlineData(0.1, 6.6, 44)]
    [InlineData(0.01, 69, 458)]
    public void A_moving_average_forgets_half_and_99_percent_when_the_books_say(double momentum, double half, double nearlyAll)
    {
        double Steps(double share) => Math.Log(share) / Math.Log(1 - momentum);
        Assert.Equal(half, Steps(0.5), half < 10 ? 0.05 : 0.5);
        Assert.Equal(nearlyAll, Steps(0.01), 0.5);

        using var layer = new ModalBatchNorm2d(1, BatchNormOptions.Torch with { Momentum = momentum }, BatchNormMode.TorchFrozenParameters);
        using Tensor x = tensor([-1f, 1], [2, 1, 1, 1]);
        using (no_grad()) layer.RunningMean.fill_(1);
        var left = new List<double> { 1 };
        while (left[^1] > 0.009)
        {
            layer.call(x).Dispose();
            left.Add(layer.RunningMean.Values()[0]);
        }

        // The batch's mean is 0, so what is left of the 1 is the share of the old statistics.
        Assert.Equal((int)Math.Ceiling(Steps(0.5)), left.FindIndex(share => share < 0.5));
        Assert.Equal((int)Math.Ceiling(Steps(0.01)), left.FindIndex(share => share < 0.01));
        // 460 roundings of 6e-8 each.
        for (int t = 0; t < left.Count; t++) Assert.Equal(Math.Pow(1 - momentum, t), left[t], 3e-5);
    }

    [Fact]
    public void Torch_options_give_the_layer_of_TorchSharp()
    {
        using var scope = NewDisposeScope();
        const int channels = 4;
        var random = new Random(5);
        using var theirs = nn.BatchNorm2d(channels);
        using var ours = new ModalBatchNorm2d(channels, BatchNormOptions.Torch);
        using (no_grad())
        {
            Tensor gamma = rand(channels), beta = rand(channels);
            theirs.weight!.copy_(gamma);
            ours.Weight.copy_(gamma);
            theirs.bias!.copy_(beta);
            ours.Bias.copy_(beta);
        }

        for (int step = 0; step < 5; step++)
        {
            foreach (bool training in new[] { true, false })
            {
                theirs.train(training);
                ours.train(training);
                theirs.zero_grad();
                ours.zero_grad();
                Tensor values = tensor(Numbers.Normal(random, 3, channels, 20), [3, channels, 4, 5]);
                Tensor gradient = tensor(Numbers.Normal(random, 3, channels, 20), [3, channels, 4, 5]);
                Tensor theirInput = values.clone().requires_grad_(true), ourInput = values.clone().requires_grad_(true);
                Tensor theirOutput = theirs.call(theirInput), ourOutput = ours.call(ourInput);
                theirOutput.backward([gradient]);
                ourOutput.backward([gradient]);
                Numbers.AssertClose(theirOutput.Values().Doubles(), ourOutput, Tolerance, "output");
                Numbers.AssertClose(theirInput.grad!.Values().Doubles(), ourInput.grad!, Tolerance, "input gradient");
                Numbers.AssertClose(theirs.weight!.grad!.Values().Doubles(), ours.Weight.grad!, Tolerance, "weight gradient");
                Numbers.AssertClose(theirs.bias!.grad!.Values().Doubles(), ours.Bias.grad!, Tolerance, "bias gradient");
                Numbers.AssertClose(theirs.running_mean!.Values().Doubles(), ours.RunningMean, Tolerance, "running_mean");
                Numbers.AssertClose(theirs.running_var!.Values().Doubles(), ours.RunningVar, Tolerance, "running_var");
            }
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1e-3)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void Eps_must_be_above_0(double eps) =>
        Assert.Contains("above 0", Assert.Throws<ArgumentOutOfRangeException>("Eps", () => new BatchNormOptions { Eps = eps }).Message);

    [Theory]
    [InlineData(-0.01)]
    [InlineData(1.01)]
    [InlineData(double.NaN)]
    public void Momentum_must_be_a_share(double momentum) =>
        Assert.Contains("Keras's 0.99 is 0.01 here", Assert.Throws<ArgumentOutOfRangeException>("Momentum", () => new BatchNormOptions { Momentum = momentum }).Message);

    [Fact]
    public void Unknown_estimators_are_refused() =>
        Assert.Contains("Unbiased", Assert.Throws<ArgumentOutOfRangeException>("MovingVariance", () => new BatchNormOptions { MovingVariance = (VarianceEstimator)9 }).Message);

    private static ModalBatchNorm2d Layer(BatchNormOptions options)
    {
        var layer = new ModalBatchNorm2d(1, options);
        using var noGrad = no_grad();
        layer.RunningMean.fill_(10);
        layer.RunningVar.fill_(20);
        return layer;
    }

    private static BatchNormOptions Named(string name) => (BatchNormOptions)typeof(BatchNormOptions).GetProperty(name)!.GetValue(null)!;
}
