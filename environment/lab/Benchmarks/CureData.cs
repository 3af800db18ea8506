using UnetResnet.Data;
using UnetResnet.Training;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>A dataset at a preset's size, with its loaders.</summary>
internal sealed record CureData(string Name, Preset Preset, SegmentationDataset Train, SegmentationDataset Validation)
{
    /// <summary>Names of the datasets.</summary>
    public static IReadOnlyList<string> Names { get; } = ["brain", "salt"];

    /// <summary>Loads one.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="preset">Size of the images.</param>
    /// <param name="limit">Images of each part at most, spread over the part; null for all.</param>
    public static CureData Load(string name, Preset preset, int? limit)
    {
        CureData data;
        if (name == "brain")
        {
            BrainMri brain = preset.LoadData();
            data = new CureData(name, preset, brain.Train, brain.Validation);
        }
        else if (name == "salt")
        {
            (SegmentationDataset training, SegmentationDataset validation) = SaltSections.Split(preset.Side);
            data = new CureData(name, preset, training, validation);
        }
        else
        {
            throw new ArgumentException($"There is no dataset '{name}'. Known: {string.Join(", ", Names)}.", nameof(name));
        }

        SegmentationDataset Limit(SegmentationDataset part) => limit is int most && part.Count > most ? part.Every((part.Count + most - 1) / most) : part;
        return data with { Train = Limit(data.Train), Validation = Limit(data.Validation) };
    }

    /// <summary>Training batches of a seed.</summary>
    public BatchLoader Training(int seed, int? batchSize = null) => (batchSize is int size ? Preset with { BatchSize = size } : Preset).TrainingBatches(Train, seed);

    /// <summary>The training images in order.</summary>
    public BatchLoader TrainingInOrder() => Preset.Batches(Train);

    /// <summary>The validation images.</summary>
    public BatchLoader Validating() => Preset.Batches(Validation);
}
