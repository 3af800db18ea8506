using System.Globalization;
using UnetResnet.Data;

namespace UnetResnet.Diagnosis;

/// <summary>What to do, as code.</summary>
/// <param name="Title">In words.</param>
/// <param name="Code">
/// C# for a notebook or a program in which <c>model</c> is the network, <c>dataset</c> the training images, and <c>training</c> and <c>validation</c> the sources of batches.
/// It compiles against this library.
/// </param>
public sealed record Cure(string Title, string Code)
{
    /// <summary>The cure for a cause; null where there is none to cure.</summary>
    /// <param name="cause">The cause.</param>
    /// <param name="source">The training batches, for their size.</param>
    /// <param name="used">How the images are preprocessed, if known.</param>
    /// <param name="right">How they should be, if known.</param>
    internal static Cure? For(Cause cause, IBatchSource source, Preprocessing? used = null, Preprocessing? right = null)
    {
        int steps = source.BatchCount ?? Math.Max(1, (source.SampleCount ?? source.BatchSize) / source.BatchSize);
        string options = $"BatchSize = {source.BatchSize.ToString(CultureInfo.InvariantCulture)}, Shuffle = true, Preprocessing = Preprocessing.{Property(right ?? used ?? Preprocessing.Caffe)}";
        return cause switch
        {
            Cause.FrozenBatchStatistics => new("Give the layers the statistics of your images, and freeze in inference mode from now on", $"{Recalibrate}\n\n{Freeze}"),
            Cause.FrozenStatisticsDrift => new("Load the pre-trained weights again, and freeze in inference mode", $"using UnetResnet.Normalization;\n\n{Freeze}"),
            Cause.StaleStatistics => new("Compute the running statistics anew, and let them follow faster",
                $"{Recalibrate}\nforeach (var (_, layer) in model.BatchNormLayers())\n    layer.Options = layer.Options with {{ Momentum = {Number(EmaClock.MomentumFor(steps))} }};   // 5 % of the old statistics at the first validation"),
            Cause.CorruptedStatistics => new("Compute the running statistics anew from your images", Recalibrate),
            Cause.SmallBatches => new("Compute the running statistics anew from many images, and train on with them",
                $"{Recalibrate}\n\n// Running statistics always, γ and β still learn: the size of the batch no longer matters.\nmodel.SetBatchNormMode(BatchNormMode.AffineOnly);"),
            Cause.WrongPreprocessing => new("Preprocess as the network was trained, and train again",
                $"using UnetResnet.Data;\n\ntraining = new BatchLoader(dataset, new BatchLoaderOptions {{ {options} }});"),
            Cause.Overfitting => new("Vary the images, and stop when validation no longer improves",
                $"using UnetResnet.Data;\nusing UnetResnet.Training;\n\ntraining = new BatchLoader(dataset, new BatchLoaderOptions {{ {options}, Augmentation = Augmentation.Gentle }});\nvar history = new Trainer(model, new TrainingOptions {{ Epochs = 50, EarlyStoppingPatience = 5 }}).Fit(training, validation);"),
            Cause.LearningRateTooHigh => new("Build the network anew and train with a smaller learning rate that falls",
                "using UnetResnet.Training;\n\nvar history = new Trainer(model, new TrainingOptions { LearningRate = 1e-3, Schedule = LearningRateSchedules.Cosine }).Fit(training, validation);"),
            Cause.Leakage => new("Find what leaks, and split by what belongs together (patient, scan, film), not by image",
                "using UnetResnet.Data;\nusing UnetResnet.Diagnosis;\n\nConsole.WriteLine(LeakageScan.Measure(training, validation));\nvar split = GroupSplit.Create(dataset.Select(sample => sample.Name.Split('-')[0]).ToList(), validationShare: 0.2);"),
            Cause.UnexplainedGap => new("Look at the layers",
                "using UnetResnet.Diagnosis;\n\nusing (var batch = training.InOrder().Epoch().First())\n{\n    Console.WriteLine(LayerAttribution.Measure(model, batch));\n    Console.WriteLine(ControlExperiments.Measure(model, batch.Inputs));\n}"),
            _ => null,
        };
    }

    private const string Recalibrate = """
        using UnetResnet.Data;
        using UnetResnet.Normalization;

        // Repairs this model without training and without labels: its layers get the statistics of your own images.
        Recalibration.Apply(model, training.InOrder().Inputs());
        """;

    private const string Freeze = """
        // Frozen layers normalise by their running statistics in training too; train() does not undo it.
        foreach (var (_, layer) in model.BatchNormLayers())
            if (!layer.Mode.TrainsAffine()) layer.Mode = BatchNormMode.Inference;
        """;

    private static string Number(double value) => value.ToString("0.###", CultureInfo.InvariantCulture);

    /// <summary>Name of the static property that holds a preprocessing.</summary>
    private static string Property(Preprocessing preprocessing) => preprocessing.Name switch
    {
        "caffe" => nameof(Preprocessing.Caffe),
        "caffe-channel-bug" => nameof(Preprocessing.CaffeChannelBug),
        "torch" => nameof(Preprocessing.Torch),
        "tf" => nameof(Preprocessing.Tf),
        "zero-to-one" => nameof(Preprocessing.ZeroToOne),
        "none" => nameof(Preprocessing.None),
        _ => throw new ArgumentOutOfRangeException(nameof(preprocessing), preprocessing.Name, "Unknown preprocessing."),
    };
}
