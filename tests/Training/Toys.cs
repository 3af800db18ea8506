using TorchSharp.Modules;
using UnetResnet.Data;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Training;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Training;

/// <summary>Networks and images small enough for scores on paper.</summary>
internal static class Toys
{
    /// <summary>Images of one value each (2×2 pixels), with masks that are all foreground or all background; always in this order.</summary>
    public static BatchLoader Loader(int batchSize, params (float Value, float Mask)[] images)
    {
        Tensor pixels = tensor(images.Select(i => i.Value).ToArray()).reshape(-1, 1, 1, 1).expand(-1, 3, 2, 2).clone();
        Tensor masks = tensor(images.Select(i => i.Mask).ToArray()).reshape(-1, 1, 1, 1).expand(-1, 1, 2, 2).clone();
        return BatchLoader.FromTensors(pixels, masks, batchSize);
    }

    /// <summary>Noisy images around 0 with a square around 2 at a random place, scaled and shifted, and the square as mask.</summary>
    public static BatchLoader Squares(int count, int batchSize, int side = 16, int seed = 0, double scale = 1, double offset = 0)
    {
        var random = new Random(seed);
        Tensor images = zeros(count, 3, side, side), masks = zeros(count, 1, side, side);
        for (int i = 0; i < count; i++)
        {
            int size = random.Next(side / 4, side / 2 + 1), y = random.Next(side - size), x = random.Next(side - size);
            masks[i, 0].narrow(0, y, size).narrow(1, x, size).fill_(1);
        }

        images.add_(masks, alpha: 2).add_(tensor(Enumerable.Range(0, count * 3 * side * side).Select(_ => (float)(random.NextDouble() - 0.5)).ToArray(), images.shape)).mul_(scale).add_(offset);
        return BatchLoader.FromTensors(images, masks, batchSize);
    }

    /// <summary>Convolution, batch norm, ReLU, dropout, convolution.</summary>
    public static Sequential Network(double dropout = 0, int seed = 0)
    {
        TorchRuntime.Seed(seed);
        return Sequential(Conv2d(3, 16, 3, padding: 1), new ModalBatchNorm2d(16), ReLU(), Dropout2d(dropout), Conv2d(16, 1, 1));
    }

    /// <summary>An epoch with numbers that tell where they came from.</summary>
    public static EpochRecord Epoch(int epoch, double validationLoss) => new(
        epoch, new(epoch + 0.1, epoch + 0.2, epoch + 0.3), new(validationLoss, epoch + 0.5, epoch + 0.6), new(epoch + 0.7, epoch + 0.8, epoch + 0.9), 1e-3 * epoch, 10 * epoch);
}

/// <summary>logits = gain · (first channel + bias), plus a constant in training mode only, as a network under the bug has it.</summary>
internal sealed class OffsetNet : Module<Tensor, Tensor>
{
    private readonly Parameter bias = Parameter(zeros(1));
    private readonly double gain;
    private readonly double inTraining;

    internal OffsetNet(double gain = 1, double inTraining = 0) : base(nameof(OffsetNet))
    {
        (this.gain, this.inTraining) = (gain, inTraining);
        RegisterComponents();
    }

    internal float Bias => bias.item<float>();

    public override Tensor forward(Tensor images)
    {
        using var scope = NewDisposeScope();
        return ((images.narrow(1, 0, 1) + bias) * gain + (training ? inTraining : 0)).MoveToOuterDisposeScope();
    }
}

/// <summary>Progress that arrives at once, on the same thread.</summary>
internal sealed class Recorder(Action<EpochRecord>? also = null) : IProgress<EpochRecord>
{
    internal List<EpochRecord> Epochs { get; } = [];

    public void Report(EpochRecord value)
    {
        Epochs.Add(value);
        also?.Invoke(value);
    }
}
