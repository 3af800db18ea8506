using TorchSharp;
using UnetResnet.Data;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Tests.Normalization;
using UnetResnet.Training;
using static TorchSharp.torch;
using static UnetResnet.Tests.Training.Toys;

namespace UnetResnet.Tests.Training;

public sealed class TrainerTests : IDisposable
{
    /// <summary>A step so small that float32 weights near 1 stand still, so that scores have a closed form.</summary>
    private static readonly TrainingOptions Still = new() { Epochs = 2, LearningRate = 1e-30 };

    private readonly int threads = get_num_threads();

    /// <summary>One thread: sums have one order then, and small tensors are fastest.</summary>
    public TrainerTests() => TorchRuntime.Initialize(threads: 1);

    public void Dispose() => TorchRuntime.Initialize(threads: threads);

    [Fact]
    public void Scores_are_means_over_images_also_with_a_small_last_batch()
    {
        // Batches of 2, 2 and 1 image; training mode adds 1 to every logit. One decision changes: −0.5 becomes 0.5.
        (float Value, float Mask)[] images = [(1, 1), (-0.5f, 1), (3, 0), (-4, 0), (0.5f, 1)];
        using var net = new OffsetNet(inTraining: 1);
        TrainingHistory history = new Trainer(net, Still).Fit(Loader(2, images), Loader(2, (2, 1), (2, 0), (-1, 0)));

        double[] training = [.. images.Select(i => CrossEntropy(i.Value + 1, i.Mask))], inference = [.. images.Select(i => CrossEntropy(i.Value, i.Mask))];
        Assert.Equal([1, 2], history.Select(e => e.Epoch));
        foreach (EpochRecord epoch in history)
        {
            // Float32 means of a few numbers near 1.
            Assert.Equal(training.Average(), epoch.Training.Loss, 1e-6);
            Assert.Equal((0.8, 0.8), (Math.Round(epoch.Training.IoU, 6), Math.Round(epoch.Training.Dice, 6)));
            Assert.Equal(inference.Average(), epoch.TrainingInInferenceMode.Loss, 1e-6);
            Assert.Equal((0.6, 0.6), (Math.Round(epoch.TrainingInInferenceMode.IoU, 6), Math.Round(epoch.TrainingInInferenceMode.Dice, 6)));
            Assert.Equal((CrossEntropy(2, 1) + CrossEntropy(2, 0) + CrossEntropy(-1, 0)) / 3, epoch.Validation.Loss, 1e-6);
            Assert.Equal(2.0 / 3, epoch.Validation.IoU, 1e-6);
            Assert.Equal(1e-30, epoch.LearningRate);
            Assert.True(epoch.Seconds > 0);
        }
    }

    /// <summary>Lower bounds only, so that a busy machine changes nothing: what slept did sleep.</summary>
    [Fact]
    public void The_share_of_time_that_training_waits_for_batches_is_recorded()
    {
        using Tensor images = zeros(1, 3, 2, 2), masks = zeros(1, 1, 2, 2);
        IEnumerable<(Tensor, Tensor)> Batches(int epoch)
        {
            if (epoch > 0) Thread.Sleep(200);
            yield return (images, masks);
        }

        LearningTask slow = LearningTask.Of((outputs, targets) =>
        {
            Thread.Sleep(50);
            return Losses.BinaryCrossEntropy(outputs, targets);
        });
        using var net = new OffsetNet();
        EpochRecord record = new Trainer(net, new TrainingOptions { Epochs = 1, Task = slow, ScoreTrainingInInferenceMode = false }).Fit(BatchSource.Of(Batches, [(images, masks)]), BatchSource.Of([(images, masks)])).Last;
        Assert.True(record.DataWait * record.Seconds >= 0.19, record.ToString());
        Assert.True(record.DataWait <= 1 - 0.04 / record.Seconds, record.ToString());
        Assert.EndsWith($"{NumberText.Percent(record.DataWait)} of the training spent waiting for data", record.ToString());
        Assert.DoesNotContain("waiting", Epoch(1, 1).ToString());
    }

    [Fact]
    public void Every_epoch_is_reported_and_kept()
    {
        using var net = Network();
        var recorder = new Recorder();
        var trainer = new Trainer(net, new TrainingOptions { Epochs = 3, Task = LearningTask.BinarySegmentation with { Loss = Losses.BinaryCrossEntropyAndDice } });
        TrainingHistory history = trainer.Fit(Squares(6, 4), Squares(3, 4, seed: 1), recorder);
        Assert.Same(trainer.History, history);
        Assert.Equal([1, 2, 3], history.Select(e => e.Epoch));
        Assert.Equal(history, recorder.Epochs);
        Assert.All(history.SelectMany(e => new[] { e.Training, e.Validation, e.TrainingInInferenceMode }), score =>
        {
            Assert.True(score.Loss > 0);
            Assert.InRange(score.IoU, 0, 1);
            Assert.InRange(score.Dice, score.IoU, 1);
        });
        Assert.True(net.training);
    }

    [Fact]
    public void Training_learns()
    {
        using var net = Network();
        TrainingHistory history = new Trainer(net, new TrainingOptions { Epochs = 20, LearningRate = 0.03 }).Fit(Squares(8, 4), Squares(4, 4, seed: 1));
        Assert.True(history.Last.Training.Loss < history[0].Training.Loss / 2);
        Assert.True(history.Last.Validation.IoU > 0.9);
    }

    [Fact]
    public void The_training_images_need_not_be_scored_twice()
    {
        int losses = 0;
        using var net = new OffsetNet();
        var options = Still with { Epochs = 1, ScoreTrainingInInferenceMode = false, Task = LearningTask.Of((l, m) => { losses++; return Losses.BinaryCrossEntropy(l, m); }) };
        EpochRecord epoch = new Trainer(net, options).Fit(Loader(1, (1, 1), (2, 1)), Loader(1, (1, 1))).Last;
        Assert.Equal(3, losses);
        Assert.True(double.IsNaN(epoch.TrainingInInferenceMode.Loss) && double.IsNaN(epoch.TrainingInInferenceMode.IoU) && double.IsNaN(epoch.TrainingInInferenceMode.Dice));
    }

    [Fact]
    public void Scoring_puts_modes_back_and_changes_nothing()
    {
        using var net = Network(dropout: 0.5);
        foreach (BatchNormMode mode in Enum.GetValues<BatchNormMode>())
        {
            net.SetBatchNormMode(mode);
            net.train();
            net.children().First().eval();
            var state = Numbers.State(net);
            bool[] flags = Flags(net);
            TorchRuntime.Seed(5);
            using Tensor expectedDraw = rand(4);
            TorchRuntime.Seed(5);
            BatchLoader images = Squares(5, 2);
            TorchRuntime.Seed(5);
            Score score = Trainer.Score(net, images);
            using Tensor draw = rand(4);

            Assert.Equal(expectedDraw.Values(), draw.Values());
            Assert.Equal(score, Trainer.Score(net, images));
            Assert.Equal(flags, Flags(net));
            Assert.Equal(mode, net.BatchNormLayers()[0].Layer.Mode);
            Assert.Empty(Numbers.Changed(state, Numbers.State(net)));
        }
    }

    [Fact]
    public void Parameters_frozen_by_hand_stay_frozen_while_scores_are_taken()
    {
        using var net = Network();
        BatchNormLayer norm = net.BatchNormLayers()[0].Layer;
        norm.Weight!.requires_grad_(false);
        var before = Numbers.State(net);
        new Trainer(net, new TrainingOptions { Epochs = 2 }).Fit(Squares(4, 2), Squares(2, 2));
        Assert.False(norm.Weight!.requires_grad);
        Assert.Equal(
            ["0.bias", "0.weight", "1.bias", "1.running_mean", "1.running_var", "4.bias", "4.weight"],
            Numbers.Changed(before, Numbers.State(net)).Order());
    }

    [Fact]
    public void Only_parameters_that_receive_gradients_change()
    {
        using var net = Network();
        net.Freeze(BatchNormMode.Inference);
        net.children().Last().Unfreeze();
        var before = Numbers.State(net);
        new Trainer(net, new TrainingOptions { Epochs = 3 }).Fit(Squares(4, 2), Squares(2, 2));
        Assert.Equal(["4.bias", "4.weight"], Numbers.Changed(before, Numbers.State(net)).Order());
    }

    [Fact]
    public void Nothing_trainable_is_an_error()
    {
        using var net = Network();
        net.Freeze(BatchNormMode.Inference);
        string message = Assert.Throws<InvalidOperationException>(() => new Trainer(net).Fit(Squares(2, 2), Squares(2, 2))).Message;
        Assert.Contains("Unfreeze", message);
    }

    [Fact]
    public void Early_stopping_waits_as_long_as_it_was_told()
    {
        // Training pulls the logit up, validation wants it down: the first epoch is the best.
        TrainingHistory Fit(int? patience, float validationMask)
        {
            using var net = new OffsetNet();
            return new Trainer(net, new TrainingOptions { Epochs = 6, LearningRate = 0.1, EarlyStoppingPatience = patience }).Fit(Loader(1, (0, 1)), Loader(1, (0, validationMask)));
        }

        Assert.Equal(2, Fit(1, 0).Count);
        Assert.Equal(4, Fit(3, 0).Count);
        Assert.Equal(1, Fit(3, 0).Best.Epoch);
        Assert.Equal(6, Fit(null, 0).Count);
        Assert.Equal(6, Fit(1, 1).Count);
    }

    [Fact]
    public void Cancelling_keeps_the_epochs_that_ended_and_the_model()
    {
        using var net = Network();
        var trainer = new Trainer(net, new TrainingOptions { Epochs = 5 });
        using var source = new CancellationTokenSource();
        var stopper = new Recorder(epoch => { if (epoch.Epoch == 2) source.Cancel(); });
        Assert.Throws<OperationCanceledException>(() => trainer.Fit(Squares(4, 2), Squares(2, 2), stopper, source.Token));
        Assert.Equal([1, 2], trainer.History.Select(e => e.Epoch));

        Assert.True(double.IsFinite(Trainer.Score(net, Squares(2, 2)).Loss));
        trainer.Fit(Squares(4, 2), Squares(2, 2));
        Assert.Equal([1, 2, 3, 4, 5, 6, 7], trainer.History.Select(e => e.Epoch));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Cancelling_works_between_two_batches_of_training_and_of_scoring(int afterLosses)
    {
        // Two training batches, then two of validation.
        using var net = Network();
        using var source = new CancellationTokenSource();
        int losses = 0;
        Tensor Loss(Tensor logits, Tensor masks)
        {
            if (++losses == afterLosses) source.Cancel();
            return Losses.BinaryCrossEntropy(logits, masks);
        }

        var trainer = new Trainer(net, new TrainingOptions { Task = LearningTask.Of(Loss) });
        Assert.Throws<OperationCanceledException>(() => trainer.Fit(Squares(4, 2), Squares(4, 2), cancellation: source.Token));
        Assert.Equal(afterLosses, losses);
        Assert.Empty(trainer.History);
        Assert.DoesNotContain(false, Flags(net));
    }

    [Fact]
    public void The_same_seed_gives_the_same_history()
    {
        EpochRecord[] first = Run(seed: 1), again = Run(seed: 1), other = Run(seed: 2);
        Assert.Equal(first, again);
        // Dropout is the only thing that the trainer's seed decides.
        Assert.All(first.Zip(other), pair => Assert.NotEqual(pair.First.Training.Loss, pair.Second.Training.Loss));

        static EpochRecord[] Run(int seed)
        {
            using var net = Network(dropout: 0.5);
            TrainingHistory history = new Trainer(net, new TrainingOptions { Epochs = 3, Seed = seed }).Fit(Squares(6, 4), Squares(3, 4, seed: 1));
            return [.. history.Select(e => e with { Seconds = 0, DataWait = 0 })];
        }
    }

    [Fact]
    public void A_non_finite_loss_stops_with_epoch_batch_and_cure()
    {
        using var net = new OffsetNet();
        var trainer = new Trainer(net, new TrainingOptions { LearningRate = 0.25 });
        BatchLoader training = Loader(2, (1, 1), (1, 1), (1, 0), (float.PositiveInfinity, 0), (1, 1));
        var e = Assert.Throws<NonFiniteLossException>(() => trainer.Fit(training, Loader(1, (1, 1))));
        Assert.Equal((1, 2), (e.Epoch, e.Batch));
        Assert.Contains("epoch 1, batch 2", e.Message);
        Assert.Contains("Lower the learning rate (now 0.25)", e.Message);
        Assert.Contains("images and masks", e.Message);
        Assert.Empty(trainer.History);
        // Adam's first step is the learning rate; the broken batch did not add to it.
        Assert.Equal(0.25f, net.Bias, 1e-5f);
    }

    /// <summary>The root of 0 has an infinite slope, which times 0 is no number; the loss itself is finite.</summary>
    [Theory]
    [Trait("Category", "Reliability")]
    [InlineData(1)]
    [InlineData(2)]
    public void A_gradient_that_is_no_number_is_found_after_the_last_step_too(int epochs)
    {
        // An epoch has two batches of training; scores are taken without gradients.
        int steps = 0;
        using var net = new OffsetNet();
        Tensor Loss(Tensor logits, Tensor masks)
        {
            Tensor loss = Losses.BinaryCrossEntropy(logits, masks);
            return logits.requires_grad && ++steps == 2 * epochs ? loss + (logits * 0).sqrt().sum() : loss;
        }

        var trainer = new Trainer(net, new TrainingOptions { Epochs = epochs, LearningRate = 0.25, Task = LearningTask.Of(Loss) });
        var e = Assert.Throws<NonFiniteWeightsException>(() => trainer.Fit(Loader(1, (1, 1), (2, 0)), Loader(1, (1, 1))));
        Assert.Equal((2 * epochs, epochs, "bias"), (steps, e.Epoch, Assert.Single(e.Parameters)));
        Assert.Contains($"Epoch {epochs} left NaN or infinite values in 1 of 1 trained parameters (first in 'bias')", e.Message);
        Assert.Contains("learning rate (now 0.25)", e.Message);
        Assert.Equal(Enumerable.Range(1, epochs - 1), trainer.History.Select(epoch => epoch.Epoch));
    }

    /// <summary>
    /// With a gradient that never changes, each of Adam's steps is the learning rate of that step. Over two epochs of three batches a rate that is the progress
    /// itself is 0, 1/6 … 5/6 of its base.
    /// </summary>
    [Fact]
    public void The_schedule_moves_with_every_batch_and_begins_at_its_beginning()
    {
        using var net = new OffsetNet();
        var biases = new List<float>();
        var options = new TrainingOptions { Epochs = 2, LearningRate = 0.6, Schedule = progress => progress, Task = LearningTask.Of((logits, _) => -logits.mean()) };
        TrainingHistory history = new Trainer(net, options).Fit(Loader(1, (0, 1), (0, 1), (0, 1)), Loader(1, (0, 1)), new Recorder(_ => biases.Add(net.Bias)));
        Assert.Equal([0.2, 0.5], history.Select(e => Math.Round(e.LearningRate, 12)));
        // 0 + 0.1 + 0.2, and 0.3 + 0.4 + 0.5 more; float32 moments.
        Assert.Equal(0.3, biases[0], 1e-5);
        Assert.Equal(1.5, biases[1], 1e-5);
    }

    /// <summary>A source that does not know its length: the first epoch has one rate, 0; the second knows it.</summary>
    [Fact]
    public void The_schedule_of_a_source_of_unknown_length_moves_from_the_second_epoch_on()
    {
        using var scope = NewDisposeScope();
        using var net = new OffsetNet();
        Tensor image = zeros(1, 3, 2, 2), mask = zeros(1, 1, 2, 2);
        IEnumerable<(Tensor, Tensor)> Batches()
        {
            for (int i = 0; i < 3; i++) yield return (image, mask);
        }

        IBatchSource source = BatchSource.Of(Batches());
        Assert.Null(source.BatchCount);
        var progresses = new List<double>();
        double Schedule(double progress)
        {
            progresses.Add(Math.Round(6 * progress, 9));
            return 1;
        }

        new Trainer(net, new TrainingOptions { Epochs = 2, Schedule = Schedule }).Fit(source, source);
        Assert.Equal([0, 0, 0, 3, 4, 5], progresses);
    }

    [Fact]
    public void A_learning_rate_far_too_high_is_told_too()
    {
        using var net = new OffsetNet(gain: 1e4);
        var trainer = new Trainer(net, new TrainingOptions { LearningRate = 1e37 });
        // The first step is more than float32 holds, and the only one of its epoch.
        var e = Assert.Throws<NonFiniteWeightsException>(() => trainer.Fit(Loader(3, (0, 1), (0, 1), (0, 1)), Loader(1, (0, 0))));
        Assert.Equal(1, e.Epoch);
        Assert.Contains("1e37", e.Message);
        Assert.Empty(trainer.History);
    }

    [Fact]
    [Trait("Category", "Reliability")]
    public void Live_tensors_stay_flat_over_50_steps_of_a_UNet()
    {
        TorchRuntime.Seed(0);
        using var unet = new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } });
        var live = new List<(long Tensors, long InScopes)>();
        Tensor Loss(Tensor logits, Tensor masks)
        {
            live.Add((Tensor.TotalCount, DisposeScopeManager.Statistics.ThreadTotalLiveCount));
            return Losses.BinaryCrossEntropyAndDice(logits, masks);
        }

        BatchLoader training = Squares(104, 2, side: 32), validation = Squares(2, 2, side: 32);
        // What construction left to the garbage collector must not go missing in between.
        long before = LiveTensors.Settled();
        new Trainer(unet, new TrainingOptions { Epochs = 1, Task = LearningTask.Of(Loss), ScoreTrainingInInferenceMode = false }).Fit(training, validation);

        // The first step creates gradients and Adam's moments; from the second on nothing may be added.
        Assert.Equal(53, live.Count);
        Assert.Equal([live[1]], live[1..52].Distinct());
        Assert.InRange(LiveTensors.Settled() - before, 0, unet.parameters().Count() + 2 * unet.BatchNormLayers().Count);
    }

    private static double CrossEntropy(double logit, double mask) => Math.Log(1 + Math.Exp(mask == 1 ? -logit : logit));

    private static bool[] Flags(nn.Module module) => [module.training, .. module.named_modules().Select(m => m.module.training)];
}
