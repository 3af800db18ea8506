using Microsoft.Data.Analysis;
using TorchSharp.Modules;
using UnetResnet.Data;
using UnetResnet.Diagnosis;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Notebooks;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Diagnosis;

public class StatisticsDistanceTests
{
    [Fact]
    public void A_channel_by_hand()
    {
        // z = (3 − 1)/√(3.9 + 0.1) = 1 and r = (8.9 + 0.1)/4 = 2.25, so √r − 1 = ½.
        ChannelDistance d = ChannelDistance.Of(mean: 3, variance: 8.9, runningMean: 1, runningVariance: 3.9, eps: 0.1, gamma: -2);
        Assert.Equal(1, d.Z, 1e-12);
        Assert.Equal(Math.Log(2.25), d.LogR, 1e-12);
        Assert.Equal(0.5 * (2.25 + 1 - 1 - Math.Log(2.25)), d.Kl, 1e-12);
        Assert.Equal(1 + 0.25 * 8.9 / 9, d.Wasserstein, 1e-12);
        Assert.Equal(4 * d.Wasserstein, d.WeightedWasserstein, 1e-12);
        Assert.Equal(2, d.Gamma);
    }

    /// <summary>The identity of the class's remarks, layer by layer on what each is fed in training: in units of the largest distance, float32 outputs leave 1e-6.</summary>
    [Theory]
    [InlineData("cnn")]
    [InlineData("dense")]
    [InlineData("unet")]
    public void The_distance_is_the_mean_square_of_what_the_layer_injects(string network)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using Module<Tensor, Tensor> model = Foreign(network);
        using Batch batch = Images(network);
        StatisticsDistance report = StatisticsDistance.Measure(model, batch.Inputs);
        using var probe = new ProbedModel(model, batch.Inputs);
        var injected = new Dictionary<string, double[]>();
        probe.AsInTraining();
        // Watched as the report watches, and in double precision, so that the identity is tested and not the rounding of a network.
        probe.Forward(batch.Inputs, probe.Layers, (layer, input) =>
        {
            Tensor x = input.to(float64), mean = layer.RunningMean!.to(float64), variance = layer.RunningVar!.to(float64);
            Tensor training = functional.batch_norm(x, null!, null!, training: true, eps: layer.Eps), inference = functional.batch_norm(x, mean, variance, eps: layer.Eps);
            injected[layer.Name] = (inference - training).square().mean([0, 2, 3]).data<double>().ToArray();
        });
        Assert.Equal(probe.Layers.Select(l => l.Name), report.AlongTraining.Select(l => l.Name));
        double largest = 0;
        foreach (LayerDistance layer in report.AlongTraining)
        {
            for (int c = 0; c < layer.Channels.Count; c++)
            {
                double expected = injected[layer.Name][c];
                largest = Math.Max(largest, expected);
                Assert.True(Math.Abs(layer.Channels[c].Wasserstein - expected) <= 1e-5 * (1 + expected), $"{layer.Name}[{c}]: {layer.Channels[c].Wasserstein} and injected {expected}");
            }
        }

        Assert.True(largest > 0.5, $"{largest}");
    }

    [Fact]
    public void Statistics_of_the_same_images_are_at_distance_zero_and_a_corrupted_layer_stands_out_only_along_the_training_path()
    {
        using DenseNet model = ForeignNetworks.DenseNet();
        using Batch batch = ForeignNetworks.Squares(16);
        ForeignNetworks.Settle(model, batch.Inputs);
        StatisticsDistance settled = StatisticsDistance.Measure(model, batch.Inputs);
        // Settled statistics hold the unbiased variance: r is 1 − 1/n with n of at least 16·64.
        Assert.All(settled.AlongTraining.Concat(settled.AlongInference), layer => Assert.True(layer.Wasserstein < 1e-4, $"{layer.Name} {layer.Wasserstein}"));
        Assert.Empty(settled.Outliers());

        BatchNormLayer layer = BatchNormLayer.In(model).Single(l => l.Name == "dense1.1.norm");
        using (no_grad()) layer.RunningMean!.add_(3 * layer.RunningVar!.sqrt());
        StatisticsDistance corrupted = StatisticsDistance.Measure(model, batch.Inputs);
        Assert.Equal(["dense1.1.norm"], corrupted.Outliers().Select(l => l.Name));
        LayerDistance ill = corrupted.AlongTraining.Single(l => l.Name == "dense1.1.norm");
        Assert.Equal(3, ill.RmsZ, 0.02);
        Assert.All(corrupted.AlongTraining.Where(l => l != ill), l => Assert.True(l.Wasserstein < 1e-4));
        // The layers behind it are fed what it has spoilt.
        Assert.All(corrupted.AlongInference.Where(l => l.Place > ill.Place), l => Assert.True(l.Wasserstein > 0.01, $"{l.Name} {l.Wasserstein}"));
        Assert.Contains("dense1.1.norm", corrupted.Finding);
    }

    [Fact]
    public void Every_channel_is_in_the_data_frame_and_the_heat_map_is_made_of_quantiles()
    {
        using Sequential model = ForeignNetworks.Cnn();
        using Batch batch = ForeignNetworks.Squares(offset: 2);
        StatisticsDistance report = StatisticsDistance.Measure(model, batch.Inputs);
        DataFrame frame = report.ToDataFrame();
        Assert.Equal(2 * 3 * 16, frame.Rows.Count);
        Assert.Equal(["path", "layer", "depth", "channel", "z", "log_r", "kl", "wasserstein2", "gamma", "weighted_wasserstein2"], frame.Columns.Select(c => c.Name));
        Assert.Equal(report.AlongInference[2].Channels[15].Wasserstein, (double)frame["wasserstein2"][95]);
        Assert.Equal(("inference", "bn3", 2, 15), ((string)frame["path"][95], (string)frame["layer"][95], (int)frame["depth"][95], (int)frame["channel"][95]));

        double[,] map = report.HeatMap(StatisticsPath.Training, c => c.Wasserstein, 3);
        double[] sorted = [.. report.AlongTraining[1].Channels.Select(c => c.Wasserstein).Order()];
        Assert.Equal([sorted[0], (sorted[7] + sorted[8]) / 2, sorted[15]], [map[0, 1], map[1, 1], map[2, 1]]);
        Assert.Equal("heatmap", (string?)ChartFigure.Of(report.Chart())["data"]![0]!["type"]);
        Assert.Equal(2, ChartFigure.Of(report.DepthChart("Errors grow"))["data"]!.AsArray().Count);
        Assert.Contains("Wasserstein", report.ToText());
        Assert.Contains("<table", report.ToHtml());
    }

    [Theory]
    [InlineData("cnn")]
    [InlineData("unet")]
    public void The_model_is_left_as_it_was(string network)
    {
        using Module<Tensor, Tensor> model = Foreign(network);
        using Batch batch = Images(network);
        Untouched.By(model, () => StatisticsDistance.Measure(model, batch.Inputs));
        Untouched.By(model, () => ControlExperiments.Measure(model, batch.Inputs));
        using Tensor pixels = (batch.Inputs * 30 + 100).round().clamp(0, 255);
        Untouched.By(model, () => PreprocessingFingerprint.MeasurePixels(model, pixels));
        Untouched.By(model, () => EmaClock.Measure(model, 10));
    }

    [Fact]
    public void Layers_without_running_statistics_are_told()
    {
        using Sequential model = Sequential(("conv", Conv2d(3, 16, 1)), ("bn", BatchNorm2d(16, track_running_stats: false)), ("head", Conv2d(16, 1, 1)));
        using Batch batch = ForeignNetworks.Squares();
        Assert.Contains("keeps running statistics", Assert.Throws<ArgumentException>(() => StatisticsDistance.Measure(model, batch.Inputs)).Message);
        Assert.Contains("at least 2 images", Assert.Throws<ArgumentException>(() => StatisticsDistance.Measure(model, batch.Inputs.narrow(0, 0, 1))).Message);
    }

    internal static Module<Tensor, Tensor> Foreign(string network)
    {
        switch (network)
        {
            case "cnn": return ForeignNetworks.Cnn(dropout: 0.5);
            case "dense": return ForeignNetworks.DenseNet();
            default:
                var unet = new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } });
                unet.Encoder.Freeze(BatchNormMode.Keras213);
                return unet;
        }
    }

    internal static Batch Images(string network) => network == "unet" ? ForeignNetworks.Squares(4, 32, scale: 3, offset: 2) : ForeignNetworks.Squares(8, 16, scale: 3, offset: 2);
}
