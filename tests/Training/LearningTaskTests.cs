using TorchSharp.Modules;
using UnetResnet.Data;
using UnetResnet.Models;
using UnetResnet.Runtime;
using UnetResnet.Training;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Training;

public class LearningTaskTests
{
    [Fact]
    public void The_task_shows_in_outputs_and_targets()
    {
        using var scope = NewDisposeScope();
        Assert.Same(LearningTask.BinarySegmentation, LearningTask.For(zeros(2, 1, 4, 4), zeros(2, 1, 4, 4)));
        Assert.Same(LearningTask.MultiClassSegmentation, LearningTask.For(zeros(2, 3, 4, 4), zeros(2, 4, 4, dtype: int64)));
        Assert.Same(LearningTask.Classification, LearningTask.For(zeros(2, 3), zeros(2, dtype: int64)));
        string message = Assert.Throws<ArgumentException>(() => LearningTask.For(zeros(2, 3, 4, 4), zeros(2, 1, 4, 4))).Message;
        Assert.All(new[] { "(2, 3, 4, 4)", "(2, 1, 4, 4)", "LearningTask.Of" }, text => Assert.Contains(text, message));
        Assert.Contains("classification", Assert.Throws<ArgumentException>(() => LearningTask.Resolve(LearningTask.Classification, zeros(2, 1, 4, 4), zeros(2, 1, 4, 4))).Message);
    }

    /// <summary>−ln softmax of the right class: ln(1 + 2e⁻¹) where it leads by 1, and 1 more where it is one of the two others.</summary>
    [Theory]
    [InlineData("2,1,4,4", "2,1,4,4", false, "binary segmentation")]
    [InlineData("2,2,4,4", "2,2,4,4", false, "binary prediction")]
    [InlineData("2,1,4", "2,1,4", false, "binary prediction")]
    [InlineData("2,3,4,4", "2,4,4", true, "multi-class segmentation")]
    [InlineData("2,2,4,4", "2,4,4", true, "multi-class segmentation")]
    [InlineData("2,1,4,4", "2,4,4", true, null)]
    [InlineData("2,3,4,4", "2,4,4", false, null)]
    [InlineData("2,3,4,4", "2,4,5", true, null)]
    [InlineData("2,3,4,4", "3,4,4", true, null)]
    [InlineData("2,3,4,4", "2,1,4,4", true, null)]
    [InlineData("2,3,4", "2,4,4", true, null)]
    [InlineData("4,2", "4", true, "classification")]
    [InlineData("4,1", "4", true, null)]
    [InlineData("4,3", "4", false, null)]
    [InlineData("4,3", "5", true, null)]
    [InlineData("4,3", "4,1", true, null)]
    [InlineData("4,3,2", "4", true, null)]
    public void A_task_is_known_by_shapes_and_type(string outputs, string targets, bool whole, string? name)
    {
        using var scope = NewDisposeScope();
        static long[] Shape(string text) => [.. text.Split(',').Select(long.Parse)];
        Tensor given = zeros(Shape(outputs)), wanted = zeros(Shape(targets), whole ? int64 : float32);
        if (name is not null) Assert.Equal(name, LearningTask.For(given, wanted).Name);
        else Assert.Contains("none of the known tasks", Assert.Throws<ArgumentException>("outputs", () => LearningTask.For(given, wanted)).Message);
    }

    [Fact]
    public void Cross_entropy_is_that_of_the_right_class()
    {
        using var scope = NewDisposeScope();
        double leading = Math.Log(1 + 2 * Math.Exp(-1));
        Tensor logits = tensor(new float[] { 1, 0, 0, 1, 0, 0 }, [2, 3]);
        Assert.Equal((leading + leading + 1) / 2, Losses.CrossEntropy(logits, tensor(new long[] { 0, 1 })).item<float>(), 1e-6);

        // The same two as pixels, with a third that does not count.
        Tensor pixels = tensor(new float[] { 1, 1, 9, 0, 0, 0, 0, 0, 0 }, [1, 3, 1, 3]);
        Assert.Equal((leading + leading + 1) / 2, Losses.CrossEntropy(pixels, tensor(new long[] { 0, 1, 255 }, [1, 1, 3])).item<float>(), 1e-6);
        Assert.Equal(0, Losses.CrossEntropy(pixels, full([1, 1, 3], 255L)).item<float>());
    }

    /// <summary>
    /// Two batches, of one and two pixels rows. All pixels together: class 0 is right twice and taken for 1 once; class 1 right once; class 2 neither occurs nor is predicted.
    /// IoU 2/3 and 1/2; the mean of per-batch means would be another number.
    /// </summary>
    [Fact]
    public void Mean_IoU_counts_the_pixels_of_all_batches_together()
    {
        using var scope = NewDisposeScope();
        static Tensor Logits(params int[] predicted) => functional.one_hot(tensor(predicted.Select(p => (long)p).ToArray()), 3).to(float32).t().reshape(1, 3, 1, predicted.Length);
        static Tensor Classes(params long[] classes) => tensor(classes, [1, 1, classes.Length]);
        double[] first = Sums(Logits(0, 1), Classes(0, 0)), second = Sums(Logits(0, 1, 2), Classes(0, 1, 255));
        IReadOnlyList<Figure> figures = Metric.MeanIoU.Figures([.. first.Zip(second, (a, b) => a + b)]);
        Assert.Equal(["mean IoU", "IoU of class 0", "IoU of class 1", "IoU of class 2"], figures.Select(f => f.Name));
        Assert.Equal(2.0 / 3, figures[1].Value, 1e-12);
        Assert.Equal(1.0 / 2, figures[2].Value, 1e-12);
        Assert.True(double.IsNaN(figures[3].Value));
        Assert.Equal((2.0 / 3 + 0.5) / 2, figures[0].Value, 1e-12);

        static double[] Sums(Tensor logits, Tensor classes) => Metric.MeanIoU.Sums(logits, classes).data<double>().ToArray();
    }

    [Fact]
    public void A_classifier_is_trained_and_scored_by_its_accuracy()
    {
        TorchRuntime.Seed(0);
        using Sequential net = Sequential(Linear(2, 16), ReLU(), Linear(16, 3));
        using Tensor inputs = tensor(new float[] { 2, 0, 0, 2, -2, -2 }, [3, 2]), classes = tensor(new long[] { 0, 1, 2 });
        IBatchSource source = BatchSource.Of([(inputs, classes)]);
        TrainingHistory history = new Trainer(net, new TrainingOptions { Epochs = 60, LearningRate = 0.05 }).Fit(source, source);
        Assert.Equal(1, history.Last.Validation.Accuracy);
        Assert.True(history.Last.Validation.Loss < 0.1 * history[0].Training.Loss);
        Assert.True(double.IsNaN(history.Last.Validation.IoU));
        Assert.Equal(["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "train_inference_loss", "train_inference_accuracy", "learning_rate", "seconds"], history.ToDataFrame().Columns.Select(c => c.Name));
        Assert.Contains("validation accuracy", history.ToString());
        Assert.Contains("accuracy 1.000", history.Last.ToString());
    }

    [Fact]
    public void A_U_Net_of_three_classes_learns_which_pixel_is_which()
    {
        TorchRuntime.Seed(0);
        using var unet = new UNetResNet50(new UNetOptions { Classes = 3, Encoder = new ResNet50Options { Width = 16 } });
        using Tensor images = zeros(4, 3, 32, 32), classes = zeros(4, 32, 32, dtype: int64);
        for (int c = 1; c < 3; c++)
        {
            using Tensor place = images.narrow(3, 10 * c, 8).narrow(1, c, 1).fill_(2), label = classes.narrow(2, 10 * c, 8).fill_(c);
        }

        IBatchSource source = BatchSource.Of([(images, classes)]);
        TrainingHistory history = new Trainer(unet, new TrainingOptions { Epochs = 12, LearningRate = 3e-3, ScoreTrainingInInferenceMode = false }).Fit(source, source);
        Assert.True(history.Last.Training.IoU > 0.6, history.ToString());
        Assert.Equal(["mean IoU", "IoU of class 0", "IoU of class 1", "IoU of class 2"], history.Last.Training.Figures.Select(f => f.Name));
        using Tensor probabilities = unet.Predict(images), sums = probabilities.sum(1);
        Assert.Equal([4L, 3, 32, 32], probabilities.shape);
        Assert.True(allclose(sums, ones_like(sums), atol: 1e-5));
    }

    /// <summary>Output channels that are no multiple of 16 must not read memory that nobody has filled (see ChannelCounts): freed NaNs lie ready for it.</summary>
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(21)]
    public void Any_number_of_classes_has_finite_logits_and_gradients(int classes)
    {
        TorchRuntime.Seed(0);
        using var unet = new UNetResNet50(new UNetOptions { Classes = classes, Encoder = new ResNet50Options { Width = 16 } });
        using Tensor images = randn(2, 3, 32, 32), targets = randint(classes, [2, 32, 32], dtype: int64);
        for (int run = 0; run < 10; run++)
        {
            for (int size = 64; size <= 1 << 20; size *= 2) full([size], float.NaN).Dispose();
            using var scope = NewDisposeScope();
            unet.zero_grad();
            Tensor loss = Losses.CrossEntropy(unet.call(images), targets);
            loss.backward();
            Assert.True(loss.isfinite().item<bool>());
            Assert.All(unet.named_parameters(), p => Assert.True(p.parameter.grad is not { } gradient || gradient.isfinite().all().item<bool>(), p.name));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_batch_is_freed_when_training_is_cancelled_or_fails(bool cancel)
    {
        using var scope = NewDisposeScope();
        using var net = Toys.Network();
        using var stop = new CancellationTokenSource();
        Tensor images = randn(2, 3, 4, 4), masks = zeros(2, 1, 4, 4);
        IEnumerable<(Tensor, Tensor)> Batches()
        {
            if (cancel) stop.Cancel();
            yield return (images, masks);
        }

        IBatchSource source = BatchSource.Of(_ => Batches(), [(images, masks)]);
        LearningTask? task = cancel ? null : LearningTask.Of((_, _) => throw new InvalidOperationException("no loss"));
        void Fit() => new Trainer(net, new TrainingOptions { Task = task }).Fit(source, source, cancellation: stop.Token);
        // The layers' averages are made in the first pass.
        Assert.ThrowsAny<Exception>(Fit);
        long before = LiveTensors.Settled();
        if (cancel) Assert.Throws<OperationCanceledException>(Fit);
        else Assert.Throws<InvalidOperationException>(Fit);
        Assert.Equal(before, Tensor.TotalCount);
        if (cancel) Assert.Throws<OperationCanceledException>(() => Trainer.Score(net, source, cancellation: stop.Token));
        else Assert.Throws<InvalidOperationException>(() => Trainer.Score(net, source, task));
        Assert.Equal(before, Tensor.TotalCount);
    }
}
