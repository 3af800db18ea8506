using System.Diagnostics;
using UnetResnet.Data;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Training;

/// <summary>Trains a segmentation network with Adam and scores it after every epoch, in training mode and in inference mode.</summary>
public sealed class Trainer
{
    private readonly Module<Tensor, Tensor> model;
    private readonly TrainingOptions options;

    /// <summary>Creates a trainer.</summary>
    /// <param name="model">Images (N, 3, H, W) to logits (N, 1, H, W). Stays the caller's. Only parameters that receive gradients are trained.</param>
    /// <param name="options">Checked on entry; null for the defaults.</param>
    /// <exception cref="ArgumentOutOfRangeException">The options are not valid.</exception>
    public Trainer(Module<Tensor, Tensor> model, TrainingOptions? options = null)
    {
        this.model = model;
        this.options = (options ?? new TrainingOptions()).Validate();
    }

    /// <summary>The epochs that have ended; kept when training is cancelled or fails.</summary>
    public TrainingHistory History { get; } = new();

    /// <summary>Trains. The model is left in training mode, as training frameworks do.</summary>
    /// <param name="training">The training images.</param>
    /// <param name="validation">The validation images.</param>
    /// <param name="progress">Told about every epoch that ends, or null.</param>
    /// <param name="cancellation">Stops between two batches; epochs that have ended stay in <see cref="History"/>.</param>
    /// <returns><see cref="History"/>.</returns>
    /// <exception cref="InvalidOperationException">Nothing is trainable, or a loader is empty.</exception>
    /// <exception cref="NonFiniteLossException">The loss became NaN or infinite.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> was requested.</exception>
    public TrainingHistory Fit(BatchLoader training, BatchLoader validation, IProgress<EpochRecord>? progress = null, CancellationToken cancellation = default)
    {
        var trainable = model.parameters().Where(p => p.requires_grad).ToList();
        if (trainable.Count == 0) throw new InvalidOperationException("No parameter of the model receives gradients, so there is nothing to train. Unfreeze a part of it.");

        TorchRuntime.Seed(options.Seed);
        using var optimizer = optim.Adam(trainable, options.LearningRate);
        int first = History.Count + 1, last = History.Count + options.Epochs;
        for (int epoch = first; epoch <= last; epoch++)
        {
            var clock = Stopwatch.StartNew();
            SegmentationScore trained = TrainEpoch(training, optimizer, epoch, (double)(epoch - first) / options.Epochs, cancellation);
            SegmentationScore validated = Score(model, validation, options.Loss, cancellation);
            SegmentationScore again = options.ScoreTrainingInInferenceMode ? Score(model, training.InOrder(), options.Loss, cancellation) : NotScored;
            var record = new EpochRecord(epoch, trained, validated, again, optimizer.ParamGroups.First().LearningRate, clock.Elapsed.TotalSeconds);
            History.Add(record);
            progress?.Report(record);
            if (epoch - History.Best.Epoch >= options.EarlyStoppingPatience) break;
        }

        return History;
    }

    /// <summary>Scores a network in inference mode, without gradients. Modes are put back afterwards.</summary>
    /// <param name="model">Images (N, 3, H, W) to logits (N, 1, H, W).</param>
    /// <param name="loader">The images, in order.</param>
    /// <param name="loss">The loss; null for binary cross-entropy.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    /// <exception cref="InvalidOperationException">The loader gives no batch.</exception>
    public static SegmentationScore Score(Module<Tensor, Tensor> model, BatchLoader loader, SegmentationLoss? loss = null, CancellationToken cancellation = default)
    {
        using var modes = new ModeSnapshot(model);
        using var noGrad = no_grad();
        model.eval();
        var sum = new ScoreSum();
        foreach (Batch batch in loader.Epoch())
        {
            cancellation.ThrowIfCancellationRequested();
            using var pause = new CollectionPause();
            using var scope = NewDisposeScope();
            using (batch)
            {
                Tensor logits = model.call(batch.Images);
                sum.Add((loss ?? SegmentationLosses.BinaryCrossEntropy)(logits, batch.Masks).item<float>(), logits, batch.Masks);
            }
        }

        return sum.Mean();
    }

    private static SegmentationScore NotScored { get; } = new(double.NaN, double.NaN, double.NaN);

    private SegmentationScore TrainEpoch(BatchLoader loader, optim.Optimizer optimizer, int epoch, double done, CancellationToken cancellation)
    {
        model.train();
        var sum = new ScoreSum();
        int number = 0;
        foreach (Batch batch in loader.Epoch(epoch))
        {
            cancellation.ThrowIfCancellationRequested();
            double progress = done + (double)number / loader.BatchCount / options.Epochs;
            foreach (var group in optimizer.ParamGroups) group.LearningRate = options.LearningRate * options.Schedule(progress);
            number++;
            using var pause = new CollectionPause();
            using var scope = NewDisposeScope();
            using (batch)
            {
                Tensor logits = model.call(batch.Images);
                Tensor loss = options.Loss(logits, batch.Masks);
                double value = loss.item<float>();
                if (!double.IsFinite(value)) throw new NonFiniteLossException(epoch, number, value, optimizer.ParamGroups.First().LearningRate);
                optimizer.zero_grad();
                loss.backward();
                optimizer.step();
                sum.Add(value, logits, batch.Masks);
            }
        }

        return sum.Mean();
    }
}
