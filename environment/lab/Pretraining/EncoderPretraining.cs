using System.Diagnostics;
using UnetResnet.Data;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Lab.Pretraining;

/// <summary>Numbers of the pre-training.</summary>
internal sealed record PretrainingOptions
{
    public int Side { get; init; } = 64;
    public int BatchSize { get; init; } = 32;
    public int Steps { get; init; } = 2500;
    public int HeldOut { get; init; } = 2400;
    public int Seed { get; init; }
    public double LearningRate { get; init; } = 3e-3;
    public double WeightDecay { get; init; } = 1e-2;
    public Preprocessing Preprocessing { get; init; } = Preprocessing.Caffe;
}

/// <summary>How far the pre-training has come; loss and accuracy are means over the last hundred steps or so.</summary>
internal sealed record PretrainingStep(int Step, int Steps, double Loss, double Accuracy, double Elapsed);

/// <summary>What came of it.</summary>
internal sealed record PretrainingResult(double HeldOutAccuracy, double Seconds);

/// <summary>Trains a quarter-width ResNet50 to classify <see cref="ProceduralSourceDomain"/>: AdamW, one-cycle learning rate, every picture seen once.</summary>
internal static class EncoderPretraining
{
    /// <returns>The encoder without the classifier that was trained on top of it; the caller owns it.</returns>
    public static ResNet50Encoder Run(PretrainingOptions options, IProgress<PretrainingStep> progress, CancellationToken cancellation, out PretrainingResult result)
    {
        var clock = Stopwatch.StartNew();
        var domain = new ProceduralSourceDomain(options.Side, options.Seed);
        // PyTorch's momentum: the running statistics follow the last few dozen of thousands of steps.
        var encoder = new ResNet50Encoder(new ResNet50Options { Width = 16, Pooling = "avg", BatchNorm = BatchNormOptions.Keras212 with { Momentum = 0.1 } });
        StartAsIdentity(encoder);
        using var classifier = nn.Linear(encoder.FeatureChannels[^1], ProceduralSourceDomain.Classes.Count);
        using var optimizer = optim.AdamW([.. encoder.parameters(), .. classifier.parameters()], options.LearningRate, weight_decay: options.WeightDecay);
        var schedule = optim.lr_scheduler.OneCycleLR(optimizer, options.LearningRate, total_steps: options.Steps);
        double loss = Math.Log(ProceduralSourceDomain.Classes.Count), accuracy = 1.0 / ProceduralSourceDomain.Classes.Count;

        encoder.train();
        int step = 0;
        // The first pictures are kept for judging.
        IEnumerable<int> seen = Enumerable.Range(options.HeldOut, options.Steps * options.BatchSize);
        foreach ((PixelImage Image, int Label)[] batch in Draw(domain, seen, options.BatchSize).Prefetch(4))
        {
            cancellation.ThrowIfCancellationRequested();
            using var pause = new CollectionPause();
            using var scope = NewDisposeScope();
            (Tensor images, Tensor labels) = ToTensors(batch, options.Preprocessing);
            Tensor logits = classifier.call(encoder.call(images));
            Tensor error = nn.functional.cross_entropy(logits, labels);
            optimizer.zero_grad();
            error.backward();
            optimizer.step();
            schedule.step();
            step++;
            double value = error.item<float>();
            if (!double.IsFinite(value)) throw new InvalidOperationException($"The loss became {value} at step {step}: lower the learning rate ({options.LearningRate}).");
            loss += (value - loss) * 0.03;
            accuracy += (Accuracy(logits, labels) - accuracy) * 0.03;
            progress.Report(new PretrainingStep(step, options.Steps, loss, accuracy, clock.Elapsed.TotalSeconds));
        }

        double heldOut = Evaluate(encoder, classifier, domain, options);
        result = new PretrainingResult(heldOut, clock.Elapsed.TotalSeconds);
        return encoder;
    }

    /// <summary>γ = 0 at the end of every residual branch (Goyal 2017): the blocks start as identities, and fifty layers learn from the first step on.</summary>
    private static void StartAsIdentity(ResNet50Encoder encoder)
    {
        using var noGrad = no_grad();
        foreach ((string name, BatchNormLayer layer) in encoder.BatchNormLayers())
        {
            if (name.EndsWith("branch2c", StringComparison.Ordinal)) layer.Weight!.zero_();
        }
    }

    /// <summary>Share of the held-out pictures that are classified rightly in inference mode.</summary>
    private static double Evaluate(ResNet50Encoder encoder, nn.Module<Tensor, Tensor> classifier, ProceduralSourceDomain domain, PretrainingOptions options)
    {
        using var noGrad = no_grad();
        encoder.eval();
        double right = 0;
        foreach (var batch in Draw(domain, Enumerable.Range(0, options.HeldOut), options.BatchSize))
        {
            using var pause = new CollectionPause();
            using var scope = NewDisposeScope();
            (Tensor images, Tensor labels) = ToTensors(batch, options.Preprocessing);
            right += Accuracy(classifier.call(encoder.call(images)), labels) * batch.Length;
        }

        return right / options.HeldOut;
    }

    private static IEnumerable<(PixelImage Image, int Label)[]> Draw(ProceduralSourceDomain domain, IEnumerable<int> indices, int batchSize) =>
        indices.Chunk(batchSize).Select(batch => Array.ConvertAll(batch, domain.Sample));

    private static (Tensor Images, Tensor Labels) ToTensors((PixelImage Image, int Label)[] batch, Preprocessing preprocessing)
    {
        Tensor rgb = cat([.. batch.Select(sample => sample.Image.ToTensor())]);
        return (preprocessing.Apply(rgb), tensor(Array.ConvertAll(batch, sample => (long)sample.Label)));
    }

    private static double Accuracy(Tensor logits, Tensor labels) => logits.argmax(1).eq(labels).to(float32).mean().item<float>();
}
