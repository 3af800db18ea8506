using TorchSharp.Modules;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Tests.Normalization;
using UnetResnet.Training;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using static UnetResnet.Tests.Training.Toys;

namespace UnetResnet.Tests.Training;

public sealed class TrainingRecipeTests : IDisposable
{
    private readonly int threads = get_num_threads();

    public TrainingRecipeTests() => TorchRuntime.Initialize(threads: 1);

    public void Dispose() => TorchRuntime.Initialize(threads: threads);

    [Fact]
    public void A_group_learns_at_its_own_rate()
    {
        // Adam's first step is the learning rate times the sign of the gradient (up to its epsilon), whatever the loss.
        float[] Step(params LearningRateGroup[] groups)
        {
            using var net = Network();
            float[][] before = [.. Weights(net)];
            new Trainer(net, new TrainingOptions { Epochs = 1, LearningRate = 1e-2, LearningRates = groups }).Fit(Squares(4, 4), Squares(2, 2, seed: 1));
            return [.. Weights(net).Select((after, i) => after.Zip(before[i], (a, b) => Math.Abs(a - b)).Max())];
        }

        static IEnumerable<float[]> Weights(Module<Tensor, Tensor> net) => new[] { "0.weight", "1.weight", "4.weight" }.Select(name => net.named_parameters().Single(p => p.name == name).parameter.Values());

        // Float32 weights near 1 carry 1e-7.
        float[] uniform = Step(), apart = Step(new LearningRateGroup("0", 0.1), new LearningRateGroup("", 1), new LearningRateGroup("4", 3));
        Assert.All(uniform, change => Assert.Equal(1e-2, change, 1e-4));
        Assert.Equal(1e-3, apart[0], 1e-5);
        Assert.Equal(1e-2, apart[1], 1e-4);
        Assert.Equal(3e-2, apart[2], 3e-4);
    }

    [Fact]
    public void Groups_of_factor_1_change_nothing()
    {
        Dictionary<string, byte[]> Trained(params LearningRateGroup[] groups)
        {
            using var net = Network(dropout: 0.3);
            TrainingHistory history = new Trainer(net, new TrainingOptions { Epochs = 3, LearningRate = 1e-2, Schedule = LearningRateSchedules.Cosine, LearningRates = groups }).Fit(Squares(6, 3), Squares(2, 2, seed: 1));
            Assert.All(history, e => Assert.InRange(e.LearningRate, 1e-4, 1e-2));
            return Numbers.State(net);
        }

        Assert.Empty(Numbers.Changed(Trained(), Trained(new LearningRateGroup("0", 1), new LearningRateGroup("4", 1))));
    }

    [Fact]
    public void A_group_that_names_nothing_and_a_factor_of_zero_are_refused()
    {
        using var net = Network();
        var nothing = new TrainingOptions { LearningRates = [new("encoder", 0.1)] };
        Assert.Contains("'encoder'", Assert.Throws<ArgumentException>("LearningRates", () => new Trainer(net, nothing).Fit(Squares(2, 2), Squares(2, 2))).Message);
        Assert.Throws<ArgumentOutOfRangeException>("LearningRates", () => new Trainer(net, new TrainingOptions { LearningRates = [new("0", 0)] }));
        Assert.Throws<ArgumentOutOfRangeException>("StillStatisticsEpochs", () => new Trainer(net, new TrainingOptions { StillStatisticsEpochs = -1 }));
    }

    [Fact]
    public void Statistics_stand_still_in_the_last_epochs_while_the_rest_learns()
    {
        using var net = Network();
        BatchNormLayer layer = net.BatchNormLayers()[0].Layer;
        var states = new List<(float[] Statistics, float[] Gamma, BatchNormMode Mode)>();
        new Trainer(net, new TrainingOptions { Epochs = 4, LearningRate = 1e-2, StillStatisticsEpochs = 2 })
            .Fit(Squares(4, 2), Squares(2, 2, seed: 1), new Recorder(_ => states.Add((layer.RunningVar.Values(), layer.Weight!.Values(), layer.Mode))));
        Assert.Equal([BatchNormMode.Trainable, BatchNormMode.Trainable, BatchNormMode.AffineOnly, BatchNormMode.AffineOnly], states.Select(s => s.Mode));
        Assert.NotEqual(states[0].Statistics, states[1].Statistics);
        Assert.Equal(states[1].Statistics, states[2].Statistics);
        Assert.Equal(states[1].Statistics, states[3].Statistics);
        Assert.NotEqual(states[2].Gamma, states[3].Gamma);
        Assert.Equal(BatchNormMode.Trainable, layer.Mode);
        Assert.True(layer.Weight!.requires_grad);
    }

    [Fact]
    public void Held_statistics_keep_what_is_frozen_frozen()
    {
        using Module<Tensor, Tensor> net = Sequential(new ModalBatchNorm2d(16), new ModalBatchNorm2d(16), new ModalBatchNorm2d(16), new ModalBatchNorm2d(16));
        BatchNormLayer[] layers = [.. net.BatchNormLayers().Select(l => l.Layer)];
        BatchNormMode[] modes = [BatchNormMode.Trainable, BatchNormMode.Keras213, BatchNormMode.AffineOnly, BatchNormMode.Trainable];
        for (int i = 0; i < 4; i++) layers[i].Mode = modes[i];
        layers[3].Bias!.requires_grad_(false);
        using (new StillStatistics(net))
        {
            Assert.Equal([BatchNormMode.AffineOnly, BatchNormMode.Inference, BatchNormMode.AffineOnly, BatchNormMode.AffineOnly], layers.Select(l => l.Mode));
            Assert.Equal([true, false, true, false], layers.Select(l => l.Bias!.requires_grad));
        }

        Assert.Equal(modes, layers.Select(l => l.Mode));
        Assert.Equal([true, false, true, false], layers.Select(l => l.Bias!.requires_grad));
        Assert.Equal([true, false, true, true], layers.Select(l => l.Weight!.requires_grad));
    }

    [Fact]
    public void Two_phases_train_the_decoder_and_then_everything_slowly()
    {
        using UNetResNet50 unet = UNet();
        var encoders = new List<Dictionary<string, byte[]>> { Numbers.State(unet.Encoder) };
        TrainingHistory history = TrainingRecipe.TwoPhase(new TrainingOptions { Epochs = 2 }, wholeEpochs: 1)
            .Fit(unet, Squares(4, 2, side: 32), Squares(2, 2, side: 32, seed: 1), new Recorder(_ => encoders.Add(Numbers.State(unet.Encoder))));

        Assert.Equal([1, 2, 3], history.Select(e => e.Epoch));
        Assert.Equal([1e-3, 1e-3, 1e-4], history.Select(e => Math.Round(e.LearningRate, 9)));
        Assert.Empty(Numbers.Changed(encoders[0], encoders[2]));
        string[] changed = Numbers.Changed(encoders[2], encoders[3]);
        Assert.Contains("conv1.weight", changed);
        Assert.Contains("bn5c_branch2c.bias", changed);
        Assert.DoesNotContain(changed, name => name.Contains("running", StringComparison.Ordinal));
    }

    [Fact]
    public void Everything_is_unfrozen_with_less_rate_and_more_dropout()
    {
        using UNetResNet50 unet = UNet();
        unet.Encoder.Freeze(BatchNormMode.Keras213);
        TrainingHistory history = TrainingRecipe.UnfreezeEverything(new TrainingOptions { Epochs = 1 }, factor: 0.2, dropout: 0.6)
            .Fit(unet, Squares(2, 2, side: 32), Squares(2, 2, side: 32, seed: 1));
        Assert.Equal(2e-4, history.Last.LearningRate, 1e-12);
        Assert.Equal(0.6, unet.Decoder.modules().OfType<Dropout2d>().Single().p);
        Assert.DoesNotContain(unet.parameters(), p => !p.requires_grad);
        Assert.All(unet.BatchNormLayers(), l => Assert.Equal(BatchNormMode.Trainable, l.Layer.Mode));
        Assert.Throws<ArgumentOutOfRangeException>("dropout", () => TrainingRecipe.UnfreezeEverything(new TrainingOptions(), dropout: 1));
        Assert.Throws<ArgumentOutOfRangeException>("dropout", () => TrainingRecipe.UnfreezeEverything(new TrainingOptions(), dropout: -0.01));
        Assert.Single(TrainingRecipe.UnfreezeEverything(new TrainingOptions(), dropout: 0).Phases);

        // The rate is really used: of 32 channels, 0.6 of them 0 in every image and place, or none.
        using var scope = NewDisposeScope();
        Dropout2d layer = unet.Decoder.modules().OfType<Dropout2d>().Single();
        layer.train();
        Tensor kept = layer.call(ones(200, 16, 2, 2)).amax([2, 3]) > 0;
        // 3,200 draws: a standard deviation of 0.009.
        Assert.InRange(kept.to(float32).mean().item<float>(), 0.36, 0.44);
    }

    [Fact]
    public void A_discriminative_recipe_slows_the_encoder_only()
    {
        TrainingRecipe recipe = TrainingRecipe.Discriminative(new TrainingOptions { Epochs = 1 }, 0.05);
        Assert.Equal([new LearningRateGroup("encoder", 0.05)], recipe.Phases[0].Options.LearningRates);
        using UNetResNet50 unet = UNet();
        float[] before = unet.Encoder.named_parameters().First(p => p.name == "conv1.bias").parameter.Values();
        recipe.Fit(unet, Squares(2, 2, side: 32), Squares(2, 2, side: 32, seed: 1));
        float[] after = unet.Encoder.named_parameters().First(p => p.name == "conv1.bias").parameter.Values();
        // One step of Adam at 5e-5 or below, from 0.
        Assert.InRange(after.Zip(before, (a, b) => Math.Abs(a - b)).Max(), 1e-6, 5.1e-5);
    }

    /// <summary>
    /// The first phase validates better than the second ever will. Patience 2 lets a second phase that gets better in every epoch run to its end, and ends one that gets
    /// worse after its third epoch.
    /// </summary>
    [Theory]
    [InlineData(1, 5)]
    [InlineData(0, 3)]
    public void Patience_asks_for_the_best_epoch_of_the_phase(float trainingMask, int expected)
    {
        using var net = new OffsetNet();
        Action<Module<Tensor, Tensor>> LogitIs(float value) => _ =>
        {
            using (no_grad()) net.parameters().Single().fill_(value);
        };
        // Training moves the logit towards the training mask, and validation judges it by foreground.
        TrainingHistory history = new TrainingRecipe(
            new TrainingPhase("best of all", new TrainingOptions { Epochs = 3, LearningRate = 1e-3 }, LogitIs(9)),
            new TrainingPhase("second", new TrainingOptions { Epochs = 5, LearningRate = 0.1, EarlyStoppingPatience = 2 }, LogitIs(0))).Fit(net, Loader(1, (0, trainingMask)), Loader(1, (0, 1)));
        Assert.Equal(3 + expected, history.Count);
        Assert.All(history.Skip(3), epoch => Assert.True(epoch.Validation.Loss > history.Take(3).Max(e => e.Validation.Loss)));
    }

    [Fact]
    public void Recipes_are_ten_times_slower_where_nothing_else_is_said_and_keep_other_groups()
    {
        var options = new TrainingOptions { LearningRate = 0.5, LearningRates = [new("decoder", 2)] };
        Assert.Equal([0.5, 0.05], TrainingRecipe.TwoPhase(options, wholeEpochs: 7).Phases.Select(phase => phase.Options.LearningRate));
        Assert.Equal([12, 7], TrainingRecipe.TwoPhase(options, wholeEpochs: 7).Phases.Select(phase => phase.Options.Epochs));
        Assert.Equal([new("decoder", 2), new("encoder", 0.1)], TrainingRecipe.Discriminative(options).Phases.Single().Options.LearningRates);
        Assert.Equal(0.05, TrainingRecipe.UnfreezeEverything(options).Phases.Single().Options.LearningRate);
        TrainingRecipe[] recipes = [TrainingRecipe.TwoPhase(options, 7), TrainingRecipe.Discriminative(options), TrainingRecipe.UnfreezeEverything(options)];
        Assert.Equal(["decoder", "whole", "discriminative", "everything"], recipes.SelectMany(recipe => recipe.Phases).Select(phase => phase.Name));
        using UNetResNet50 unet = UNet();
        TrainingRecipe.UnfreezeEverything(options).Phases.Single().Prepare!(unet);
        Assert.Equal(0.5, unet.Decoder.SpatialDropout.p);
    }

    [Fact]
    public void A_recipe_without_phases_is_refused()
    {
        using var net = Network();
        Assert.Throws<InvalidOperationException>(() => new TrainingRecipe().Fit(net, Squares(2, 2), Squares(2, 2)));
    }

    private static UNetResNet50 UNet()
    {
        TorchRuntime.Seed(0);
        return new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } });
    }
}
