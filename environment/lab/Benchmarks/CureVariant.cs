using UnetResnet.Data;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Training;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>One row of the league table: how a network is trained, or what is done to one that another variant has trained.</summary>
/// <param name="Name">Name, in the table and for <c>--variants</c>.</param>
/// <param name="What">A sentence.</param>
internal sealed record CureVariant(string Name, string What)
{
    /// <summary>How the network is built.</summary>
    public UNetOptions Options { get; init; } = new();

    /// <summary>What is done before training, such as freezing.</summary>
    public Action<UNetResNet50, CureData>? Prepare { get; init; }

    /// <summary>How it is trained, from the preset's options.</summary>
    public Func<TrainingOptions, TrainingRecipe> Recipe { get; init; } = options => new TrainingRecipe(new TrainingPhase("training", options));

    /// <summary>Whether the frozen encoder's features are computed once per image.</summary>
    public bool Cached { get; init; }

    /// <summary>The variant whose trained network this one repairs, or null where it trains its own.</summary>
    public string? Base { get; init; }

    /// <summary>The repair.</summary>
    public Action<UNetResNet50, CureData>? Repair { get; init; }
}

/// <summary>The variants, in the order of the table: the illness, repairs without training, training otherwise, and what is no cure.</summary>
internal static class CureVariants
{
    private const string Broken = "broken", InInference = "inference";

    public static IReadOnlyList<CureVariant> All { get; } =
    [
        new(Broken, "Keras 2.1.3: frozen encoder on batch statistics, foreign ones in inference") { Prepare = Encoder(BatchNormMode.Keras213) },

        // Nothing is trained again.
        Repaired("recalibrated", "statistics of all training images, one pass", (unet, data) => Recalibration.Apply(unet, data.TrainingInOrder().Inputs())),
        Repaired("recalibrated-layerwise", "the same, layer by layer", (unet, data) => Recalibration.Apply(unet, data.TrainingInOrder().Inputs(), new RecalibrationOptions { LayerByLayer = true })),
        Repaired("recalibrated-8", "statistics of 8 training images", (unet, data) => Recalibration.Apply(unet, data.Training(0).Inputs(), new RecalibrationOptions { Images = 8 })),
        Repaired("blended-8", "those of 8 images, blended with the old ones, which count as 2", (unet, data) => Recalibration.Apply(unet, data.Training(0).Inputs(), new RecalibrationOptions { Images = 8, PseudoCount = 2 })),
        Repaired("batch-at-test", "batch statistics in inference too", (unet, _) => TestTimeStatistics.Apply(unet)),

        // Frozen otherwise.
        new(InInference, "frozen encoder in inference mode") { Prepare = Encoder(BatchNormMode.Inference) },
        new("inference-cached", "the same, features computed once per image") { Prepare = Encoder(BatchNormMode.Inference), Cached = true },
        new("recalibrated-first", "statistics of the training images, then frozen in inference mode")
        {
            Prepare = (unet, data) =>
            {
                Recalibration.Apply(unet.Encoder, data.TrainingInOrder().Inputs());
                unet.Encoder.Freeze(BatchNormMode.Inference);
            },
        },
        new("folded", "the same, batch norm folded into the encoder's convolutions") { Prepare = FoldEncoder },
        new("affine-only", "statistics frozen, the encoder's γ and β trained") { Prepare = Encoder(BatchNormMode.AffineOnly) },
        new("norm-trained", "the encoder's batch norm trained, its convolutions frozen") { Prepare = TrainNorm },
        new("renormalised", "broken, with batch renormalisation in the encoder (r ≤ 3, d ≤ 5)")
        {
            Options = new UNetOptions { Encoder = new ResNet50Options { BatchNorm = BatchNormOptions.Keras213 with { Renormalization = new BatchRenormalization() } } },
            Prepare = Encoder(BatchNormMode.Keras213),
        },
        new("no-bn-decoder", "frozen encoder in inference mode, decoder without batch norm") { Options = new UNetOptions { DecoderBatchNorm = false }, Prepare = Encoder(BatchNormMode.Inference) },

        // The encoder is trained.
        new("unfrozen", "everything at a tenth of the rate, spatial dropout 0.5") { Recipe = options => TrainingRecipe.UnfreezeEverything(options) },
        new("discriminative", "everything, the encoder at a tenth of the rate") { Recipe = options => TrainingRecipe.Discriminative(options) },
        new("still-statistics", "the same, running statistics in the last quarter of the epochs")
        {
            Recipe = options => TrainingRecipe.Discriminative(options with { StillStatisticsEpochs = Math.Max(1, options.Epochs / 4) }),
        },
        new("two-phase", "two thirds of the epochs the decoder, then everything at a tenth of the rate, statistics still")
        {
            Recipe = options => TrainingRecipe.TwoPhase(options with { Epochs = options.Epochs - Math.Max(1, options.Epochs / 3) }, Math.Max(1, options.Epochs / 3)),
        },
        new("group-norm", "group normalisation everywhere, everything trained, the encoder at a tenth of the rate")
        {
            Prepare = (unet, _) => GroupNormalization.Apply(unet),
            Recipe = options => TrainingRecipe.Discriminative(options),
        },

        // Not a cure.
        new("drifting", "requires_grad = false alone: batch statistics, running ones follow") { Prepare = Encoder(BatchNormMode.TorchFrozenParameters) },
        new("more-dropout", "broken, spatial dropout 0.5") { Options = new UNetOptions { SpatialDropout = 0.5 }, Prepare = Encoder(BatchNormMode.Keras213) },
        new("broken-no-bn-decoder", "broken, decoder without batch norm") { Options = new UNetOptions { DecoderBatchNorm = false }, Prepare = Encoder(BatchNormMode.Keras213) },
    ];

    private static Action<UNetResNet50, CureData> Encoder(BatchNormMode mode) => (unet, _) => unet.Encoder.Freeze(mode);

    private static void FoldEncoder(UNetResNet50 unet, CureData data)
    {
        unet.Encoder.Freeze(BatchNormMode.Inference);
        using Batch batch = data.TrainingInOrder().Epoch().First();
        Folding.Apply(unet, batch.Inputs, only: unet.Encoder);
    }

    private static void TrainNorm(UNetResNet50 unet, CureData data)
    {
        unet.Encoder.Freeze(BatchNormMode.Inference);
        unet.Encoder.SetBatchNormMode(BatchNormMode.Trainable);
    }

    private static CureVariant Repaired(string name, string what, Action<UNetResNet50, CureData> repair) => new(name, what) { Base = Broken, Repair = repair };
}
