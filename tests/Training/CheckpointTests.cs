using TorchSharp.Modules;
using UnetResnet.Data;
using UnetResnet.Lab.Benchmarks;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Tests.Normalization;
using UnetResnet.Training;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using static UnetResnet.Tests.Training.Toys;

namespace UnetResnet.Tests.Training;

/// <summary>Training that is stopped goes on where it was, and only there.</summary>
[Trait("Category", "Reliability")]
public sealed class CheckpointTests : IDisposable
{
    private const int Epochs = 6;

    private static readonly Lazy<string> Uninterrupted = new(() => SoakTraining.Run(Epochs, checkpoints: null, progress: null));

    private readonly TemporaryFolder folder = new();
    private readonly int threads = get_num_threads();

    /// <summary>One thread: sums have one order then, and small tensors are fastest.</summary>
    public CheckpointTests() => TorchRuntime.Initialize(threads: 1);

    public void Dispose()
    {
        TorchRuntime.Initialize(threads: threads);
        folder.Dispose();
    }

    /// <summary>Dropout, augmentation, zero-debiased batch norm, a falling rate; three epochs on a frozen beginning, three of everything.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(6)]
    public void Losses_after_a_stop_are_those_of_a_training_without_one_bit_for_bit(int stopAfter)
    {
        Stop(stopAfter);
        // What another process has drawn meanwhile does not matter.
        TorchRuntime.Seed(99);
        var seen = new Recorder();
        Assert.Equal(Uninterrupted.Value, SoakTraining.Run(Epochs, folder.Path, seen));
        Assert.Equal(Enumerable.Range(stopAfter + 1, Epochs - stopAfter), seen.Epochs.Select(e => e.Epoch));
    }

    [Fact]
    public void It_may_be_stopped_in_every_epoch()
    {
        for (int epoch = 1; epoch < Epochs; epoch++) Stop(epoch);
        Assert.Equal(Uninterrupted.Value, SoakTraining.Run(Epochs, folder.Path, null));
    }

    [Fact]
    public void Checkpoints_change_nothing_by_themselves()
    {
        Assert.Equal(Uninterrupted.Value, SoakTraining.Run(Epochs, folder.Path, null));
        Assert.NotEqual(Uninterrupted.Value, SoakTraining.Run(Epochs + 1, null, null));
    }

    [Fact]
    public void A_UNet_on_a_frozen_encoder_goes_on_too()
    {
        BatchLoader images = Squares(4, 2, side: 32, scale: 60);
        (string Losses, string Weights) Train(string? checkpoints, params int[] stops)
        {
            foreach (int stop in stops)
            {
                using UNetResNet50 stopped = Net();
                Assert.Throws<OperationCanceledException>(() => Fit(stopped, stop));
            }

            using UNetResNet50 unet = Net();
            TrainingHistory history = Fit(unet, null);
            return (string.Join(' ', history.Select(e => $"{e.Training.Loss:R} {e.Validation.Loss:R}")), Convert.ToHexString(unet.state_dict()["decoder.conv6_1_conv.weight"].Bytes()));

            TrainingHistory Fit(UNetResNet50 net, int? stop)
            {
                using var source = new CancellationTokenSource();
                var options = new TrainingOptions { Epochs = 3, ScoreTrainingInInferenceMode = false, StillStatisticsEpochs = 1 };
                return new Trainer(net, options).Fit(images, images, new Recorder(e => { if (e.Epoch == stop) source.Cancel(); }), source.Token, checkpoints);
            }
        }

        static UNetResNet50 Net()
        {
            TorchRuntime.Seed(5);
            var unet = new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } });
            unet.Encoder.Freeze(BatchNormMode.Keras213);
            return unet;
        }

        Assert.Equal(Train(null), Train(folder.Path, 1, 2));
    }

    [Fact]
    public void A_training_that_is_over_is_not_trained_again()
    {
        int losses = 0;
        TrainingHistory Fit()
        {
            using Sequential net = Network();
            var options = new TrainingOptions { Epochs = 2, Task = LearningTask.Of((outputs, targets) => { losses++; return Losses.BinaryCrossEntropy(outputs, targets); }) };
            return new Trainer(net, options).Fit(Squares(4, 2), Squares(2, 2), checkpoints: folder.Path);
        }

        TrainingHistory first = Fit();
        Assert.Equal((10, 0), (losses, first.Remarks.Count)); // 2 batches in training, 1 in validation, 2 again, twice
        TrainingHistory again = Fit();
        Assert.Equal(10, losses);
        Assert.Equal(first, again);
        Assert.Equal($"Resumed after epoch 2, from {folder["checkpoint-000002.safetensors"]}.", Assert.Single(again.Remarks));
        Assert.EndsWith("000002.safetensors.", again.ToString());
    }

    [Fact]
    public void Early_stopping_remembers_its_best_epoch()
    {
        // Training pulls the logit up, validation wants it down: the first epoch is the best, and patience ends with epoch 4.
        int Fit(int? stop)
        {
            using var net = new OffsetNet();
            using var source = new CancellationTokenSource();
            var options = new TrainingOptions { Epochs = 6, LearningRate = 0.1, EarlyStoppingPatience = 3 };
            return new Trainer(net, options).Fit(Loader(1, (0, 1)), Loader(1, (0, 0)), new Recorder(e => { if (e.Epoch == stop) source.Cancel(); }), source.Token, folder.Path).Count;
        }

        Assert.Throws<OperationCanceledException>(() => Fit(2));
        Assert.Equal(4, Fit(null));
        Assert.Equal(4, Fit(null));
    }

    /// <summary>The first epoch has counted the batches of a source that does not know its length; see the schedule's test in TrainerTests.</summary>
    [Fact]
    public void The_schedule_goes_on_where_the_length_of_the_source_was_learnt()
    {
        using var scope = NewDisposeScope();
        Tensor image = zeros(1, 3, 2, 2), mask = zeros(1, 1, 2, 2);
        IEnumerable<(Tensor, Tensor)> Batches()
        {
            for (int i = 0; i < 3; i++) yield return (image, mask);
        }

        IBatchSource source = BatchSource.Of(Batches());
        var progresses = new List<double>();
        void Fit(int? stop)
        {
            using var net = new OffsetNet();
            using var cancel = new CancellationTokenSource();
            new Trainer(net, new TrainingOptions { Epochs = 2, Schedule = Schedule }).Fit(source, source, new Recorder(e => { if (e.Epoch == stop) cancel.Cancel(); }), cancel.Token, folder.Path);
        }

        double Schedule(double progress)
        {
            progresses.Add(Math.Round(6 * progress, 9));
            return 1;
        }

        Assert.Throws<OperationCanceledException>(() => Fit(1));
        Fit(null);
        Assert.Equal([0, 0, 0, 3, 4, 5], progresses);
    }

    public static TheoryData<string, string> Others => new()
    {
        { "rate", "LearningRate was 0.005 and is 0.0050001" },
        { "epochs", "Epochs was 2 and is 3" },
        { "seed", "Seed was 3 and is 4" },
        { "schedule", "Schedule was Cosine and is Constant" },
        { "frozen", "the parameter '0.weight' was trained, Float32 (16, 3, 3, 3) and is frozen" },
        { "mode", "the layer '1' was Trainable" },
        { "width", "the parameter '4.weight' was trained, Float32 (16, 16, 3, 3) and is trained, Float32 (1, 16, 1, 1)" },
        { "dropout", "the dropout '3' was 0.3 and is 0.4" },
        { "order", "the training source was BatchLoaderOptions" },
        { "images", "13 samples" },
        { "network", "the network was Sequential and is UNetOptions" },
    };

    [Theory]
    [MemberData(nameof(Others))]
    public void A_checkpoint_of_another_training_is_refused_by_name(string other, string difference)
    {
        TrainingOptions options = SoakTraining.Options(2);
        using (Sequential net = SoakTraining.Network()) new Trainer(net, options).Fit(SoakTraining.Training(), SoakTraining.Validation(), checkpoints: folder.Path);
        using Module<Tensor, Tensor> model = other switch
        {
            "width" => Network(),
            "network" => new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } }),
            _ => SoakTraining.Network(other == "dropout" ? 0.4 : 0.3),
        };
        if (other == "frozen") model.named_parameters().First().parameter.requires_grad_(false);
        if (other == "mode") model.SetBatchNormMode(BatchNormMode.AffineOnly);
        options = other switch
        {
            "rate" => options with { LearningRate = 0.0050001 },
            "epochs" => options with { Epochs = 3 },
            "seed" => options with { Seed = 4 },
            "schedule" => options with { Schedule = LearningRateSchedules.Constant },
            _ => options,
        };
        var before = Numbers.State(model);
        string message = Assert.Throws<CheckpointException>(() => new Trainer(model, options)
            .Fit(SoakTraining.Training(seed: other == "order" ? 1 : 0, samples: other == "images" ? 13 : 12), SoakTraining.Validation(), checkpoints: folder.Path)).Message;
        Assert.StartsWith(folder["checkpoint-000002.safetensors"], message);
        Assert.Contains(difference, message);
        Assert.Contains("name another folder", message);
        Assert.Empty(Numbers.Changed(before, Numbers.State(model)));
    }

    [Fact]
    public void What_only_one_side_has_is_a_difference_too()
    {
        Dictionary<string, string> one = new() { ["a"] = "1", ["b"] = "2" }, other = new() { ["a"] = "1" };
        Assert.Equal("b was 2 and is not there", TrainingSettings.Difference(one, other));
        Assert.Equal("b was not there and is 2", TrainingSettings.Difference(other, one));
        Assert.Equal("a was 1 and is 3", TrainingSettings.Difference(other, new Dictionary<string, string> { ["a"] = "3" }));
        Assert.Null(TrainingSettings.Difference(one, new Dictionary<string, string>(one)));
    }

    [Fact]
    public void Phases_that_begin_elsewhere_are_another_training()
    {
        SoakTraining.Run(6, folder.Path, null);
        using Sequential net = SoakTraining.Network();
        var other = new TrainingRecipe([.. SoakTraining.Recipe(8).Phases]);
        string message = Assert.Throws<CheckpointException>(() => other.Fit(net, SoakTraining.Training(), SoakTraining.Validation(), checkpoints: folder.Path)).Message;
        Assert.Contains("is of another training: Epochs was 3 and is 4", message);
    }

    [Fact]
    public void As_many_as_were_asked_for_stay_for_their_owner_alone()
    {
        using Sequential net = Network();
        string path = folder["a", "b"];
        new Trainer(net, new TrainingOptions { Epochs = 5, KeptCheckpoints = 2 }).Fit(Squares(4, 2), Squares(2, 2), checkpoints: path);
        Assert.Equal(["checkpoint-000004.safetensors", "checkpoint-000005.safetensors"], Directory.GetFiles(path).Select(Path.GetFileName).Order());
        Assert.Throws<ArgumentOutOfRangeException>("KeptCheckpoints", () => new Trainer(net, new TrainingOptions { KeptCheckpoints = 0 }));
        if (OperatingSystem.IsWindows()) return;
        Assert.Equal((Rights.OwnersFolder, Rights.OwnersFile), (Rights.Of(path), Rights.Of(Path.Combine(path, "checkpoint-000005.safetensors"))));
    }

    [Fact]
    public void No_tensor_stays_behind()
    {
        using Sequential net = Network(dropout: 0.3);
        BatchLoader training = Squares(4, 2), validation = Squares(2, 2, seed: 1);
        void Fit(int place) => new Trainer(net, new TrainingOptions { Epochs = 2 }).Fit(training, validation, checkpoints: folder[$"{place / 2}"]);
        Fit(0);
        Fit(1);
        long before = LiveTensors.Settled();
        for (int i = 2; i < 6; i++) Fit(i);
        Assert.Equal(before, LiveTensors.Settled());
    }

    private void Stop(int afterEpoch) =>
        Assert.Throws<StoppedException>(() => SoakTraining.Run(Epochs, folder.Path, new Recorder(e => { if (e.Epoch == afterEpoch) throw new StoppedException(); })));

    private sealed class StoppedException : Exception;
}
