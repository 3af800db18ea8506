using System.Security.Cryptography;
using TorchSharp.Modules;
using UnetResnet.Data;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Training;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>
/// A small training with everything that a checkpoint must carry: shuffled and augmented images, dropout, zero-debiased batch norm, a falling learning rate, a frozen part, and a second phase.
/// </summary>
internal static class SoakTraining
{
    private const int Side = 32, Images = 12, BatchSize = 4;

    /// <summary>Two convolutions with batch norm and dropout between them, and a prediction.</summary>
    /// <param name="dropout">Rate of the dropout.</param>
    /// <param name="seed">Seed of the weights.</param>
    public static Sequential Network(double dropout = 0.3, int seed = 0)
    {
        TorchRuntime.Seed(seed);
        return Sequential(
            Conv2d(3, 16, 3, padding: 1), new ModalBatchNorm2d(16), ReLU(), Dropout2d(dropout), Conv2d(16, 16, 3, padding: 1), new ModalBatchNorm2d(16), ReLU(), Conv2d(16, 1, 1));
    }

    /// <summary>Discs of random size at random places, and noise.</summary>
    /// <param name="seed">Seed of the order and the augmentation.</param>
    /// <param name="samples">How many images.</param>
    public static BatchLoader Training(int seed = 0, int samples = Images) =>
        new(Discs(samples, 1), new BatchLoaderOptions { BatchSize = BatchSize, Shuffle = true, Augmentation = Augmentation.Gentle, Seed = seed });

    /// <summary>Other discs, in order.</summary>
    public static BatchLoader Validation() => new(Discs(BatchSize, 2), new BatchLoaderOptions { BatchSize = BatchSize });

    /// <summary>First the end on a frozen beginning, then everything.</summary>
    /// <param name="epochs">Of both phases together, at least 2.</param>
    public static TrainingRecipe Recipe(int epochs) => new(
        new TrainingPhase("end", Options(epochs / 2), model => model.Freeze(name => name[0] is '0' or '1', BatchNormMode.Inference)),
        new TrainingPhase("everything", Options(epochs - epochs / 2), model => model.Unfreeze()));

    /// <summary>How a phase trains.</summary>
    /// <param name="epochs">Epochs of the phase.</param>
    public static TrainingOptions Options(int epochs) => new() { Epochs = epochs, LearningRate = 5e-3, Schedule = LearningRateSchedules.Cosine, Seed = 3 };

    /// <summary>Trains through both phases.</summary>
    /// <param name="epochs">Of both phases together.</param>
    /// <param name="checkpoints">Folder of checkpoints, or null.</param>
    /// <param name="progress">Told about every epoch that ends, or null.</param>
    /// <returns>A checksum of all losses and of the weights: equal only if every bit is.</returns>
    public static string Run(int epochs, string? checkpoints, IProgress<EpochRecord>? progress)
    {
        using Sequential network = Network();
        TrainingHistory history = Recipe(epochs).Fit(network, Training(), Validation(), progress, checkpoints: checkpoints);
        return Fingerprint(network, history);
    }

    /// <summary>A checksum of the losses of a history and of a network's state.</summary>
    public static string Fingerprint(Module network, TrainingHistory history)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (EpochRecord epoch in history)
        {
            foreach (double loss in (double[])[epoch.Epoch, epoch.Training.Loss, epoch.Validation.Loss, epoch.TrainingInInferenceMode.Loss, epoch.LearningRate]) hash.AppendData(BitConverter.GetBytes(loss));
        }

        foreach (Tensor tensor in network.state_dict().Values) TensorMemory.Read(tensor, hash.AppendData);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static SegmentationDataset Discs(int count, int seed)
    {
        var random = new Random(seed);
        return new(Enumerable.Range(0, count).Select(i =>
        {
            (double x, double y, double radius) = (8 + 16 * random.NextDouble(), 8 + 16 * random.NextDouble(), 4 + 5 * random.NextDouble());
            byte[] image = new byte[Side * Side], mask = new byte[Side * Side];
            for (int p = 0; p < image.Length; p++)
            {
                bool inside = (p % Side - x) * (p % Side - x) + (p / Side - y) * (p / Side - y) <= radius * radius;
                (image[p], mask[p]) = ((byte)((inside ? 140 : 90) + random.Next(50)), inside ? (byte)255 : (byte)0);
            }

            return new SegmentationSample($"disc {seed}.{i}", new PixelImage(Side, Side, 1, image), new PixelImage(Side, Side, 1, mask));
        }));
    }
}
