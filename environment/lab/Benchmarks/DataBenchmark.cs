using System.Diagnostics;
using System.Text.Json.Serialization;
using UnetResnet.Data;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Training;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>How fast a folder of images and masks becomes batches, beside Pillow with numpy and libvips; how long training waits; and what a large folder costs.</summary>
internal static class DataBenchmark
{
    /// <summary>Measures.</summary>
    /// <param name="options">What is read and how often.</param>
    /// <param name="progress">Told what is missing.</param>
    public static DataResult Run(DataBenchmarkOptions options, IProgress<string> progress)
    {
        using var folder = new PhotoFolder(options.Images, options.SourceSide);
        using PeerProcess? pillow = PeerProcess.Start(folder.Images, folder.Masks, options.Side, progress);
        Vips? vips = Vips.Find(folder, options.Side, progress);
        var times = new[] { "pairs", "images", "pillow_pairs", "pillow_images", "pillow_draft_pairs", "pillow_draft_images", "vips_images" }.ToDictionary(name => name, _ => new List<double>());
        for (int round = -1; round < options.Rounds; round++)
        {
            // The first round fills the file system's cache.
            void Add(string name, double? milliseconds)
            {
                if (round >= 0 && milliseconds is double value) times[name].Add(options.Images / value * 1000);
            }

            Add("pairs", Samples.Time(() => ReadPairs(folder, options)));
            Add("pillow_pairs", pillow?.Run("pairs"));
            Add("pillow_draft_pairs", pillow?.Run("draft_pairs"));
            Add("images", Samples.Time(() => ReadImages(folder, options.Side)));
            Add("pillow_images", pillow?.Run("images"));
            Add("pillow_draft_images", pillow?.Run("draft_images"));
            Add("vips_images", vips?.Run());
        }

        return new DataResult(
            options.Images, options.SourceSide, options.Side, Environment.ProcessorCount, times.ToDictionary(t => t.Key, t => t.Value.Count > 0 ? Samples.Of(t.Value) : null),
            Waiting(folder, options), LargeFolder(folder, options, progress));
    }

    /// <summary>All pairs as batches, decoded anew.</summary>
    private static void ReadPairs(PhotoFolder folder, DataBenchmarkOptions options)
    {
        foreach (Batch batch in Loader(folder, options).Epoch()) batch.Dispose();
    }

    private static BatchLoader Loader(PhotoFolder folder, DataBenchmarkOptions options) => new(
        ImageMaskFolder.Load(folder.Images, folder.Masks, new ImageMaskFolderOptions { Side = options.Side, MemoryBudget = 0 }), new BatchLoaderOptions { BatchSize = 8, Shuffle = true });

    /// <summary>The images alone, on as many threads as a loader takes.</summary>
    private static void ReadImages(PhotoFolder folder, int side)
    {
        string[] files = Directory.GetFiles(folder.Images);
        InParallel.For(files.Length, InParallel.DefaultWorkers, i => ImageCodec.LoadResized(files[i], side, side, out _));
    }

    /// <summary>Share of an epoch's training that waits for batches: quick network, frozen encoder, nothing kept in memory.</summary>
    private static double Waiting(PhotoFolder folder, DataBenchmarkOptions options)
    {
        using UNetResNet50 unet = Preset.Quick.CreateUNet();
        unet.Encoder.Freeze(BatchNormMode.Inference);
        BatchLoader loader = Loader(folder, options);
        BatchLoader few = new(ImageMaskFolder.Load(folder.Images, folder.Masks, new ImageMaskFolderOptions { Side = options.Side }).Take(1), new BatchLoaderOptions());
        // The first epoch makes kernels.
        return new Trainer(unet, new TrainingOptions { Epochs = 2, LearningRate = 1e-4, ScoreTrainingInInferenceMode = false }).Fit(loader, few).Last.DataWait;
    }

    /// <summary>Opens a folder of many names for few files, and reads some of it twice: memory after the second part should be that after the first.</summary>
    private static LargeFolderResult? LargeFolder(PhotoFolder folder, DataBenchmarkOptions options, IProgress<string> progress)
    {
        if (options.Folder == 0) return null;
        progress.Report($"a folder of {options.Folder} pairs");
        using PhotoFolder large = folder.Multiplied(options.Folder);
        PeakMemory.Reset();
        double before = PeakMemory.Megabytes();
        var watch = Stopwatch.StartNew();
        SegmentationDataset dataset = ImageMaskFolder.Load(large.Images, large.Masks, new ImageMaskFolderOptions { Side = options.Side, MemoryBudget = 64 << 20 });
        var loader = new BatchLoader(dataset, new BatchLoaderOptions { BatchSize = 8, Shuffle = true });
        using IEnumerator<Batch> batches = loader.Epoch().GetEnumerator();
        batches.MoveNext();
        batches.Current.Dispose();
        double start = watch.Elapsed.TotalSeconds, opened = PeakMemory.Megabytes();
        int part = Math.Min(options.FolderRead, options.Folder / 2) / 8;
        double Peak()
        {
            for (int i = 0; i < part && batches.MoveNext(); i++) batches.Current.Dispose();
            return PeakMemory.Megabytes() - before;
        }

        return new LargeFolderResult(options.Folder, start, opened - before, part * 8, Peak(), Peak());
    }
}

/// <summary>What <see cref="DataBenchmark"/> reads.</summary>
/// <param name="Images">Files that are read in each round.</param>
/// <param name="SourceSide">Their side in pixels.</param>
/// <param name="Side">Side that they become.</param>
/// <param name="Rounds">How often everything is measured.</param>
/// <param name="Folder">Pairs of the large folder; 0 leaves it out.</param>
/// <param name="FolderRead">Pairs of it that are read, twice.</param>
internal sealed record DataBenchmarkOptions(int Images, int SourceSide, int Side, int Rounds, int Folder, int FolderRead);

/// <summary>Figures of <see cref="DataBenchmark"/>.</summary>
/// <param name="Images">Files that were read in each round.</param>
/// <param name="SourceSide">Their side in pixels.</param>
/// <param name="Side">Side that they became.</param>
/// <param name="Cores">Cores of the machine.</param>
/// <param name="PerSecond">Images a second of each way; null where it is missing.</param>
/// <param name="WaitedShare">Share of an epoch's training that waited for batches.</param>
/// <param name="Folder">The large folder, or null where it was left out.</param>
internal sealed record DataResult(int Images, int SourceSide, int Side, int Cores, IReadOnlyDictionary<string, Samples?> PerSecond, double WaitedShare, LargeFolderResult? Folder)
{
    /// <summary>How many times as many pairs a second as Pillow and numpy.</summary>
    public double? TimesPillow => PerSecond["pairs"]!.Median / PerSecond["pillow_pairs"]?.Median;

    /// <summary>The same where Pillow decodes JPEG at a part of its size too.</summary>
    public double? TimesPillowDraft => PerSecond["pairs"]!.Median / PerSecond["pillow_draft_pairs"]?.Median;

    /// <summary>How many times as many images a second as libvips.</summary>
    public double? TimesVips => PerSecond["images"]!.Median / PerSecond["vips_images"]?.Median;
}

/// <summary>What a large folder costs. Memory is what the process's peak has grown by since before it was opened.</summary>
internal sealed record LargeFolderResult(
    [property: JsonPropertyName("pairs")] int Pairs,
    [property: JsonPropertyName("seconds_to_first_batch")] double SecondsToFirstBatch,
    [property: JsonPropertyName("mb_at_first_batch")] double MbAtFirstBatch,
    [property: JsonPropertyName("pairs_read")] int PairsRead,
    [property: JsonPropertyName("mb_after_these")] double MbAfterThese,
    [property: JsonPropertyName("mb_after_as_many_more")] double MbAfterAsManyMore);
