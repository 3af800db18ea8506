using System.Diagnostics;
using UnetResnet.Data;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Training;

/// <summary>Trains a network with Adam and scores it after every epoch, in training mode and in inference mode.</summary>
public sealed class Trainer
{
    private readonly Module<Tensor, Tensor> model;
    private readonly TrainingOptions options;
    private int? batches;
    private double rate;
    private TimeSpan waited;

    /// <summary>Creates a trainer.</summary>
    /// <param name="model">Inputs to logits, (N, 3, H, W) to (N, 1, H, W) as a rule. Stays the caller's. Only parameters that receive gradients are trained.</param>
    /// <param name="options">Checked on entry; null for the defaults.</param>
    /// <exception cref="ArgumentOutOfRangeException">The options are not valid.</exception>
    public Trainer(Module<Tensor, Tensor> model, TrainingOptions? options = null)
    {
        this.model = model;
        this.options = (options ?? new TrainingOptions()).Validate();
    }

    /// <summary>A trainer that goes on with a history.</summary>
    internal Trainer(Module<Tensor, Tensor> model, TrainingOptions options, TrainingHistory history) : this(model, options) => History = history;

    /// <summary>The epochs that have ended; kept when training is cancelled or fails.</summary>
    public TrainingHistory History { get; } = new();

    /// <summary>Trains. The model is left in training mode, as training frameworks do.</summary>
    /// <param name="training">The training batches.</param>
    /// <param name="validation">The validation batches.</param>
    /// <param name="progress">Told about every epoch that ends, or null.</param>
    /// <param name="cancellation">Stops between two batches; epochs that have ended stay in <see cref="History"/>.</param>
    /// <param name="checkpoints">
    /// Folder of this training's checkpoints, made if need be, or null for none. Each epoch is saved before it is reported. Called again with the same folder, by a new process and on a network
    /// that is built, seeded and frozen in the same way, training goes on after the newest checkpoint that is whole, and gives the same losses, bit for bit, as if it had never stopped (same
    /// machine and thread count; batches that depend on the number of the epoch alone). <see cref="TrainingHistory.Remarks"/> says where it went on.
    /// </param>
    /// <returns><see cref="History"/>.</returns>
    /// <exception cref="InvalidOperationException">Nothing is trainable, or a source is empty.</exception>
    /// <exception cref="ArgumentException">Outputs and targets fit no task, or a group of <see cref="TrainingOptions.LearningRates"/> names nothing in the model.</exception>
    /// <exception cref="NonFiniteLossException">The loss became NaN or infinite.</exception>
    /// <exception cref="NonFiniteWeightsException">An epoch ended with weights that are NaN or infinite.</exception>
    /// <exception cref="PrecisionException"><see cref="TrainingOptions.Precision"/> is bfloat16, and the processor or the network does not have it.</exception>
    /// <exception cref="CheckpointException">A checkpoint cannot be written, or those in the folder are of another training.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> was requested.</exception>
    public TrainingHistory Fit(IBatchSource training, IBatchSource validation, IProgress<EpochRecord>? progress = null, CancellationToken cancellation = default, string? checkpoints = null)
    {
        using var memory = new NativeMemory();
        using IDisposable precision = Computing(), recomputing = Recomputation.Use(options.RecomputeActivations);
        (FusedAdam adam, List<double> factors) = ParameterGroups();
        using FusedAdam optimizer = adam;
        TorchRuntime.Seed(options.Seed);
        batches = training.BatchCount;
        int first = History.Count + 1, last = History.Count + options.Epochs;
        CheckpointSession? session = checkpoints is null ? null : new(checkpoints, model, options, History, training, validation);
        if (session?.Resume(optimizer, ref batches) == true) return History;
        for (int epoch = History.Count + 1; epoch <= last && !IsEnough(first); epoch++)
        {
            var clock = Stopwatch.StartNew();
            using StillStatistics? still = epoch > last - options.StillStatisticsEpochs ? new StillStatistics(model) : null;
            Score trained = TrainEpoch(training, optimizer, factors, epoch, (double)(epoch - first) / options.Epochs, cancellation);
            double waiting = waited / clock.Elapsed;
            CheckWeights(epoch);
            Score validated = Score(model, validation, options.Task, cancellation);
            Score again = options.ScoreTrainingInInferenceMode ? Score(model, training.InOrder(), options.Task, cancellation) : NotScored;
            var record = new EpochRecord(epoch, trained, validated, again, rate, clock.Elapsed.TotalSeconds) { DataWait = waiting };
            History.Add(record);
            session?.Save(optimizer, batches);
            progress?.Report(record);
        }

        return History;
    }

    /// <summary>Whether early stopping ends a training that began with an epoch; however good an earlier phase was.</summary>
    private bool IsEnough(int first) =>
        History.Count >= first && History.Count - new TrainingHistory(History.Skip(first - 1)).Best.Epoch >= options.EarlyStoppingPatience;

    /// <summary>Scores a network in inference mode, without gradients. Modes are put back afterwards.</summary>
    /// <param name="model">Inputs to logits.</param>
    /// <param name="source">The samples; a source that shuffles, augments or drops is better asked <see cref="IBatchSource.InOrder"/>.</param>
    /// <param name="task">What the network was trained for; null for the task that fits the targets.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    /// <exception cref="InvalidOperationException">The source gives no batch.</exception>
    /// <exception cref="ArgumentException">Outputs and targets fit no task.</exception>
    public static Score Score(Module<Tensor, Tensor> model, IBatchSource source, LearningTask? task = null, CancellationToken cancellation = default)
    {
        using var memory = new NativeMemory();
        using var modes = new ModeSnapshot(model);
        using var noGrad = no_grad();
        model.eval();
        var sum = new ScoreSum(task);
        foreach (Batch batch in source.Epoch())
        {
            using var owned = batch;
            cancellation.ThrowIfCancellationRequested();
            using var pause = new CollectionPause();
            using var scope = NewDisposeScope();
            Tensor outputs = model.call(batch.Inputs);
            sum.Add(sum.Loss(outputs, batch.Targets).to(float64).item<double>(), outputs, batch.Targets);
        }

        return sum.Mean();
    }

    /// <summary>The precision that the options ask for, until the result is disposed.</summary>
    private IDisposable Computing()
    {
        if (options.Precision == Precision.Float32) return ComputePrecision.Force(Precision.Float32);
        if (!model.modules().Prepend(model).Any(module => module is ResNet50Encoder or UNetDecoder)) ComputePrecision.Require($"{model.GetType().Name} holds no network of this library, and others compute in the numbers of their weights");
        return ComputePrecision.Use(options.Precision, model.parameters().First());
    }

    private static Score NotScored { get; } = new(double.NaN, []);

    /// <summary>An optimiser of the trainable parameters in groups of one learning rate, and its factor for each group.</summary>
    private (FusedAdam Optimizer, List<double> Factors) ParameterGroups()
    {
        var named = model.named_parameters().ToList();
        if (options.LearningRates.FirstOrDefault(g => !named.Any(p => g.Holds(p.name))) is { } lost)
            throw new ArgumentException($"No parameter of the model is in '{lost.Prefix}'. Its parts are {string.Join(", ", model.named_children().Select(c => c.name))}.", nameof(TrainingOptions.LearningRates));
        var byFactor = named.Where(p => p.parameter.requires_grad)
            .GroupBy(p => options.LearningRates.Where(g => g.Holds(p.name)).MaxBy(g => g.Prefix.Length)?.Factor ?? 1).ToList();
        if (byFactor.Count == 0) throw new InvalidOperationException("No parameter of the model receives gradients, so there is nothing to train. Unfreeze a part of it.");
        return (new FusedAdam(byFactor), [.. byFactor.Select(g => g.Key)]);
    }

    /// <summary>A gradient that is not finite shows in the next batch's loss; behind an epoch's last batch there is none.</summary>
    private void CheckWeights(int epoch)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var trained = model.named_parameters().Where(p => p.parameter.requires_grad).ToList();
        List<string> spoilt = [.. trained.Where(p => !p.parameter.isfinite().all().item<bool>()).Select(p => p.name)];
        if (spoilt.Count > 0) throw new NonFiniteWeightsException(epoch, spoilt, trained.Count, rate);
    }

    private Score TrainEpoch(IBatchSource source, FusedAdam optimizer, List<double> factors, int epoch, double done, CancellationToken cancellation)
    {
        model.train();
        var sum = new ScoreSum(options.Task);
        int number = 0;
        foreach (Batch batch in Timed(source.Epoch(epoch)))
        {
            using var owned = batch;
            cancellation.ThrowIfCancellationRequested();
            // A source that does not know its length has a rate for each epoch until the first has shown it.
            double progress = done + (batches is int count ? (double)number / count / options.Epochs : 0);
            rate = options.LearningRate * options.Schedule(progress);
            double[] rates = [.. factors.Select(factor => rate * factor)];
            number++;
            using var pause = new CollectionPause();
            using var scope = NewDisposeScope();
            Tensor outputs = model.call(batch.Inputs);
            Tensor loss = sum.Loss(outputs, batch.Targets);
            double value = loss.to(float64).item<double>();
            if (!double.IsFinite(value)) throw new NonFiniteLossException(epoch, number, value, rates[0]);
            optimizer.ZeroGrad();
            loss.backward();
            optimizer.Step(rates);
            sum.Add(value, outputs, batch.Targets);
        }

        batches = number;
        return sum.Mean();
    }

    /// <summary>The batches; how long each took to come is added up in <see cref="waited"/>.</summary>
    private IEnumerable<Batch> Timed(IEnumerable<Batch> batches)
    {
        waited = TimeSpan.Zero;
        using IEnumerator<Batch> source = batches.GetEnumerator();
        while (true)
        {
            long asked = Stopwatch.GetTimestamp();
            if (!source.MoveNext()) yield break;
            waited += Stopwatch.GetElapsedTime(asked);
            yield return source.Current;
        }
    }
}
