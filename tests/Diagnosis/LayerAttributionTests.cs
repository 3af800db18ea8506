using TorchSharp.Modules;
using UnetResnet.Data;
using UnetResnet.Diagnosis;
using UnetResnet.Lab.Benchmarks;
using UnetResnet.Models;
using UnetResnet.Normalization;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Diagnosis;

public class LayerAttributionTests
{
    [Theory]
    [InlineData("cnn", 3)]
    [InlineData("dense", 6)]
    public void One_ill_layer_is_ranked_first_and_found_by_bisection_in_every_place(string network, int layers)
    {
        using Module<Tensor, Tensor> model = network == "cnn" ? ForeignNetworks.Cnn() : ForeignNetworks.DenseNet();
        using Batch batch = ForeignNetworks.Squares(), pretraining = ForeignNetworks.Squares(count: 32, seed: 1);
        ForeignNetworks.Settle(model, pretraining.Inputs);
        for (int ill = 0; ill < layers; ill++)
        {
            using var state = new ModelState(model);
            var names = BatchNormLayer.In(model).ToList();
            string name;
            using (var probed = new ProbedModel(model, batch.Inputs)) name = probed.Layers[ill].Name;
            BatchNormLayer layer = names.Single(l => l.Name == name);
            layer.RunningMean!.add_(layer.RunningVar!.sqrt());
            layer.RunningVar!.mul_(4);
            LayerAttribution attribution = Untouched.By(model, () => LayerAttribution.Measure(model, batch));
            Assert.Equal(layers, attribution.Layers.Count);
            Assert.Equal(name, attribution.Ranking[0].Layer);
            // 1 is expected of a healthy layer, 1.3 to 2 with the heavy tails of eight images; the ill one is far beyond.
            Assert.All(attribution.Layers, l => Assert.Equal(l.Layer == name, l.IsBeyondNoise));
            Assert.Equal(name, attribution.Bisection!.Layer);
            Assert.Equal(attribution.Bisection, Untouched.By(model, () => LayerAttribution.Bisect(model, batch)));
            Assert.InRange(attribution.Bisection.Forwards, 2, 2 + (int)Math.Ceiling(Math.Log2(layers)));
        }
    }

    [Fact]
    public void The_curves_begin_and_end_where_they_should_and_agree_with_each_other()
    {
        using Sequential model = ForeignNetworks.Cnn();
        using Batch batch = ForeignNetworks.Squares(), pretraining = ForeignNetworks.Squares(seed: 1, scale: 3, offset: 2);
        ForeignNetworks.Settle(model, pretraining.Inputs);
        LayerAttribution attribution = LayerAttribution.Measure(model, batch);
        TrainEvalGap gap = TrainEvalGap.Measure(model, batch);
        Assert.Equal((gap.TrainingLoss, gap.InferenceLoss, gap.RelativeLogitDifference), (attribution.TrainingLoss, attribution.InferenceLoss, attribution.Distance));
        LayerEffect first = attribution.Layers[0], second = attribution.Layers[1], last = attribution.Layers[2];
        Assert.Equal((0.0, gap.TrainingLoss), (last.PrefixDistance, last.PrefixLoss));
        // Of three layers, the first two on batch statistics are all but the last, and the first alone is the first flipped.
        Assert.Equal((last.LeaveOneOutDistance, last.LeaveOneOutLoss), (second.PrefixDistance, second.PrefixLoss));
        Assert.Equal((first.FlipOneDistance, first.FlipOneLoss), (first.PrefixDistance, first.PrefixLoss));
        Assert.Equal(2 + 3 * 3 - 1, attribution.Forwards); // the last point of the prefix curve is known
        Assert.Equal(["bn1", "bn2", "bn3"], attribution.Stages.Select(s => s.Stage));
        Assert.Equal(attribution.Layers.Select(l => l.LeaveOneOutDistance), attribution.Stages.Select(s => s.Harm));
    }

    // The sweep over all 53 places runs in the benchmark; here the first, one in the middle and the last.
    [Fact]
    public void In_our_encoder_it_is_ranked_first_too()
    {
        using UNetResNet50 unet = Miniature.UNet();
        using Batch batch = Miniature.Images(count: 8), pretraining = Miniature.Images(count: 48, seed: 1);
        var ranks = Untouched.By(unet, () => AttributionSweep.Run(unet, [pretraining.Inputs], batch, [0, 33, 52]));
        Assert.Equal([("bn_conv1", 1), ("bn4c_branch2c", 1), ("bn5c_branch2c", 1)], ranks);
    }

    [Fact]
    public void Without_a_layer_that_switches_there_is_nothing_to_blame()
    {
        using UNetResNet50 unet = Miniature.UNet();
        unet.SetBatchNormMode(BatchNormMode.Inference);
        using Batch batch = Miniature.Images(count: 2);
        LayerAttribution attribution = LayerAttribution.Measure(unet, batch);
        Assert.Empty(attribution.Layers);
        Assert.Null(attribution.Bisection);
        Assert.StartsWith("No batch-norm layer differs", attribution.Finding, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_equal_layers_the_first_in_the_forward_pass_comes_first_and_noise_comes_last()
    {
        static LayerEffect Layer(int place, double harm, double errors) => new($"bn{place}", place, "", harm, 0, 0, 0, 0, 0, errors);
        var attribution = new LayerAttribution
        {
            Images = 2,
            TrainingLoss = 0,
            InferenceLoss = 1,
            Distance = 1,
            Bisection = null,
            Forwards = 0,
            Layers = [Layer(0, 9, errors: 3), Layer(1, 1, errors: 4), Layer(2, 2, errors: 3.1), Layer(3, 2, errors: 9), Layer(4, 1, errors: 5), Layer(5, 9, errors: 1)],
        };
        // 3 standard errors are still noise.
        Assert.Equal([2, 3, 1, 4, 0, 5], attribution.Ranking.Select(layer => layer.Place));
    }

    [Theory]
    [InlineData("encoder.bn_conv1", "encoder conv1")]
    [InlineData("encoder.bn3d_branch2b", "encoder stage 3")]
    [InlineData("bn5a_branch1", "stage 5")]
    [InlineData("decoder.conv10_2_bn", "decoder conv10")]
    [InlineData("dense1.0.norm", "dense1")]
    [InlineData("bn2", "bn2")]
    public void Layers_belong_to_parts(string layer, string stage) => Assert.Equal(stage, LayerAttribution.StageOf(layer));

    [Fact]
    public void A_part_belongs_to_a_name() => Assert.Equal("layer", Assert.Throws<ArgumentNullException>(() => LayerAttribution.StageOf(null!)).ParamName);
}
