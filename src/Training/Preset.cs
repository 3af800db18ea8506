using TorchSharp;
using UnetResnet.Data;
using UnetResnet.Models;
using UnetResnet.Runtime;
using UnetResnet.Weights;

namespace UnetResnet.Training;

/// <summary>One choice of everything that decides how long an experiment takes: size of the network, of the images and of the training.</summary>
public sealed record Preset
{
    /// <summary>Environment variable that <see cref="FromEnvironment()"/> reads.</summary>
    public const string EnvironmentVariable = "UNETRESNET_PRESET";

    /// <summary>For two cores: width 16, 96×96 pixels, the bundled weights, on the CPU; an experiment takes seconds.</summary>
    public static Preset Quick { get; } = new() { Name = "quick", Width = 16, Side = 96, Weights = NamedWeights.Bundled, Device = "cpu" };

    /// <summary>For a GPU: ResNet50 at its full width, 224×224 pixels, the weights of ImageNet.</summary>
    public static Preset Full { get; } = new() { Name = "full", Width = 64, Side = 224, Weights = NamedWeights.ImageNet, Device = "auto" };

    /// <summary>Name of the preset.</summary>
    public required string Name { get; init; }

    /// <summary>Width of the encoder, see <see cref="ResNet50Options.Width"/>.</summary>
    public required int Width { get; init; }

    /// <summary>Side of the images in pixels, divisible by 32.</summary>
    public required int Side { get; init; }

    /// <summary>Weights of the encoder: <c>null</c> (random), <c>"bundled"</c>, <c>"imagenet"</c> or the path of a file.</summary>
    public string? Weights { get; init; }

    /// <summary>Device, see <see cref="TorchRuntime.Device"/>.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>Images in a training batch.</summary>
    public int BatchSize { get; init; } = 10;

    /// <summary>Epochs of a training.</summary>
    public int Epochs { get; init; } = 16;

    /// <summary>Learning rate of Adam, at its highest.</summary>
    public double LearningRate { get; init; } = 4e-3;

    /// <summary>How the learning rate changes: it falls, so that the scores of the last epoch are not those of one unlucky batch.</summary>
    public LearningRateSchedule Schedule { get; init; } = LearningRateSchedules.Cosine;

    /// <summary>The preset of a name, in any case.</summary>
    /// <param name="name"><c>quick</c> or <c>full</c>.</param>
    /// <exception cref="ArgumentException">There is none of that name.</exception>
    public static Preset FromName(string name) => name.ToLowerInvariant() switch
    {
        "quick" => Quick,
        "full" => Full,
        _ => throw new ArgumentException($"There is no preset '{name}'. Use \"quick\" (two cores, seconds) or \"full\" (GPU, weights of ImageNet).", nameof(name)),
    };

    /// <summary>The preset that <c>UNETRESNET_PRESET</c> names; <see cref="Quick"/> where it is not set. Its weights must be there, so that a notebook stops at its first cell.</summary>
    /// <exception cref="ArgumentException">The variable names no preset.</exception>
    /// <exception cref="WeightsException">The preset takes the weights of ImageNet, and they are not in the cache; the message says how to get them.</exception>
    public static Preset FromEnvironment() => FromEnvironment(cacheFolder: null);

    internal static Preset FromEnvironment(string? cacheFolder)
    {
        Preset preset = Environment.GetEnvironmentVariable(EnvironmentVariable) is { Length: > 0 } name ? FromName(name) : Quick;
        if (preset.Weights == NamedWeights.ImageNet) PretrainedWeights.ImageNet.Require(cacheFolder);
        return preset;
    }

    /// <summary>The bundled brain slices at this preset's size.</summary>
    public BrainMri LoadData() => BrainMri.Load(Side);

    /// <summary>Builds the U-Net, seeds its random parts and loads the encoder's weights.</summary>
    /// <param name="seed">Seed of the decoder's initial weights.</param>
    /// <param name="options">Everything but the encoder's width, which is this preset's; null for the defaults.</param>
    /// <returns>The network on this preset's device, trainable throughout, owned by the caller.</returns>
    /// <exception cref="WeightsException">The weights cannot be read or do not fit.</exception>
    public UNetResNet50 CreateUNet(int seed = 0, UNetOptions? options = null)
    {
        options ??= new UNetOptions();
        TorchRuntime.Seed(seed);
        UNetResNet50 unet = UNetResNet50.Create(options with { Encoder = options.Encoder with { Width = Width } }, Weights);
        unet.to(TorchRuntime.Device(Device));
        return unet;
    }

    /// <summary>Batches for training: shuffled anew in every epoch, preprocessed for the encoder.</summary>
    /// <param name="dataset">The training images.</param>
    /// <param name="seed">Seed of the order.</param>
    /// <param name="augmentation">Random changes of the images, or null.</param>
    public BatchLoader TrainingBatches(SegmentationDataset dataset, int seed = 0, Augmentation? augmentation = null) =>
        new(dataset, LoaderOptions with { Shuffle = true, Seed = seed, Augmentation = augmentation });

    /// <summary>Batches for judging: in order, preprocessed for the encoder.</summary>
    /// <param name="dataset">The images.</param>
    public BatchLoader Batches(SegmentationDataset dataset) => new(dataset, LoaderOptions);

    /// <summary>How this preset trains.</summary>
    /// <param name="seed">Seed of the dropout.</param>
    public TrainingOptions Training(int seed = 0) => new() { Epochs = Epochs, LearningRate = LearningRate, Schedule = Schedule, Seed = seed };

    private BatchLoaderOptions LoaderOptions => new() { BatchSize = BatchSize, Preprocessing = Preprocessing.Caffe, Device = TorchRuntime.Device(Device) is { type: not DeviceType.CPU } device ? device : null };

    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
