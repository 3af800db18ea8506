using TorchSharp.Modules;
using UnetResnet.Data;
using UnetResnet.Diagnosis;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Training;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>A network with a known illness, or none.</summary>
/// <param name="Name">Name of the case.</param>
/// <param name="Expected">The right diagnosis.</param>
/// <param name="Place">Where the doctor must see it, or null where that does not matter.</param>
/// <param name="Quick">Whether it is made in a second or two.</param>
/// <param name="Make">Makes the patient.</param>
internal sealed record DoctorCase(string Name, Cause Expected, string? Place, bool Quick, Func<Patient> Make);

/// <summary>What the doctor is given.</summary>
internal sealed record Patient(Module<Tensor, Tensor> Model, IBatchSource Source, DoctorOptions Options) : IDisposable
{
    public void Dispose() => Model.Dispose();
}

/// <summary>
/// The labelled set: networks made ill on purpose, ours and foreign ones. Illnesses of training (mismatch, drift, lag, overfitting, too high a rate, small batches)
/// are really trained, briefly and on small MRI slices; wrong statistics are put in by hand.
/// </summary>
internal sealed partial class DoctorCases
{
    private const int Side = 64, ForeignSide = 32;
    private readonly BrainMri data = BrainMri.Load(Side), foreignData = BrainMri.Load(ForeignSide);
    private readonly Dictionary<int, Dictionary<string, Tensor>> trained = [];

    /// <summary>The cases.</summary>
    public IReadOnlyList<DoctorCase> All()
    {
        var cases = new List<DoctorCase>();
        void Add(string name, Cause cause, Func<Patient> make, string? place = null, bool quick = false) => cases.Add(new(name, cause, place, quick, make));

        // Healthy.
        foreach (int seed in new[] { 0, 1 }) Add($"U-Net, encoder frozen in inference mode, seed {seed}", Cause.Healthy, () => UNet(seed, u => u.Encoder.Freeze(BatchNormMode.Inference)));
        foreach (int seed in new[] { 0, 1 }) Add($"U-Net, trained throughout, seed {seed}", Cause.Healthy, () => Trained(seed));
        foreach (int seed in new[] { 0, 1 }) Add($"CNN, seed {seed}", Cause.Healthy, () => Foreign(seed, () => ForeignNetworks.Cnn()), quick: true);
        Add("dense net", Cause.Healthy, () => Foreign(0, () => ForeignNetworks.DenseNet()), quick: true);
        Add("CNN without batch norm", Cause.NothingToDiagnose, () => Foreign(0, ForeignNetworks.WithoutBatchNorm), quick: true);

        // Trained as one function, asked as another.
        foreach (int seed in new[] { 0, 1, 2 }) Add($"U-Net, Keras 2.1.3, seed {seed}", Cause.FrozenBatchStatistics, () => UNet(seed, u => u.Encoder.Freeze(BatchNormMode.Keras213)), "encoder");
        foreach (int seed in new[] { 0, 1 })
        {
            Add($"U-Net, mismatch in the decoder only, seed {seed}", Cause.FrozenBatchStatistics, () => UNet(seed, u =>
            {
                u.Encoder.Freeze(BatchNormMode.Inference);
                u.Decoder.SetBatchNormMode(BatchNormMode.Keras213);
            }), "decoder");
        }

        Add("CNN, momentum 0 on foreign statistics", Cause.FrozenBatchStatistics, () => Foreign(0, () => ForeignNetworks.Cnn(), model => Pretend(model, momentum: 0)), "features", quick: true);
        Add("dense net, momentum 0 on foreign statistics", Cause.FrozenBatchStatistics, () => Foreign(1, () => ForeignNetworks.DenseNet(), model => Pretend(model, momentum: 0, part: "")), quick: true);

        // Frozen, and still moving.
        foreach (int seed in new[] { 0, 1 }) Add($"U-Net, requires_grad = false alone, seed {seed}", Cause.FrozenStatisticsDrift, () => UNet(seed, u => u.Encoder.Freeze(BatchNormMode.TorchFrozenParameters), momentum: 0.1), "encoder");
        Add("U-Net, Keras 2.1.2", Cause.FrozenStatisticsDrift, () => UNet(0, u =>
        {
            u.Encoder.Freeze(BatchNormMode.KerasLegacy);
            // The decoder's statistics keep up, so that the encoder's drift is the only illness.
            foreach (var (_, layer) in u.Encoder.BatchNormLayers()) layer.Options = layer.Options with { Momentum = 0.01 };
        }, momentum: 0.1), "encoder");
        Add("CNN, requires_grad = false alone", Cause.FrozenStatisticsDrift, () => Foreign(0, () => ForeignNetworks.Cnn(), model => Pretend(model, momentum: 0.1)), "features", quick: true);

        // Statistics that lag.
        foreach (int seed in new[] { 0, 1 }) Add($"U-Net, momentum 0.001, seed {seed}", Cause.StaleStatistics, () => UNet(seed, _ => { }, epochs: 8, rate: 1e-3, momentum: 0.001));
        Add("CNN, momentum 0.001", Cause.StaleStatistics, () => Foreign(0, () => ForeignNetworks.Cnn(0.001)), quick: true);
        Add("dense net, momentum 0.003", Cause.StaleStatistics, () => Foreign(1, () => ForeignNetworks.DenseNet(0.003)), quick: true);

        // Another preprocessing than the encoder's.
        Add("U-Net, torch's preprocessing", Cause.WrongPreprocessing, () => UNet(0, u => u.Encoder.Freeze(BatchNormMode.Inference), epochs: 4, preprocessing: Preprocessing.Torch));
        Add("U-Net, 0 to 1, Keras 2.1.3", Cause.WrongPreprocessing, () => UNet(1, u => u.Encoder.Freeze(BatchNormMode.Keras213), epochs: 4, preprocessing: Preprocessing.ZeroToOne));
        Add("CNN of 0 to 1 on 0 to 255", Cause.WrongPreprocessing, () => Foreign(0, () => ForeignNetworks.Cnn(), model => Pretend(model, 0, Preprocessing.ZeroToOne), preprocessing: Preprocessing.None), quick: true);

        // Known by heart.
        Add("U-Net on six images", Cause.Overfitting, () => UNet(0, u => u.Encoder.Freeze(BatchNormMode.Inference), data.Train.Take(6), epochs: 60, rate: 3e-3, dropout: 0));
        foreach (int seed in new[] { 0, 1 }) Add($"CNN on four images, seed {seed}", Cause.Overfitting, () => Foreign(seed, () => ForeignNetworks.Cnn(), training: foreignData.Train.Take(4), epochs: 150, rate: 1e-2), quick: true);

        // Statistics of noise.
        foreach (int seed in new[] { 0, 1 }) Add($"U-Net, batches of one, seed {seed}", Cause.SmallBatches, () => UNet(seed, _ => { }, data.Train.Every(5), epochs: 4, rate: 1e-3, momentum: 0.9, batch: 1));
        Add("dense net, batches of one", Cause.SmallBatches, () => Foreign(0, () => ForeignNetworks.DenseNet(0.9), batch: 1, epochs: 4, rate: 1e-2), quick: true);

        // Too fast.
        foreach (int seed in new[] { 0, 1 }) Add($"U-Net, learning rate 2, seed {seed}", Cause.LearningRateTooHigh, () => UNet(seed, u => u.Encoder.Freeze(BatchNormMode.Inference), epochs: 4, rate: 2));
        Add("CNN, learning rate 3", Cause.LearningRateTooHigh, () => Foreign(0, () => ForeignNetworks.Cnn(), rate: 3), quick: true);

        // Too good to be true.
        Add("U-Net, validation images among the training images", Cause.Leakage, () => Trained(0, validation: data.Train.Every(6)));
        Add("CNN, the mask in the blue channel", Cause.Leakage, () => Foreign(0, () => ForeignNetworks.Cnn(), training: WithMask(foreignData.Train.Every(3)), validation: WithMask(foreignData.Validation)), quick: true);

        // One layer.
        foreach (string layer in new[] { "bn_conv1", "bn2b_branch2b", "bn3a_branch1", "bn4c_branch2c", "bn5a_branch2a" })
            Add($"U-Net, wrong statistics in {layer}", Cause.CorruptedStatistics, () => Trained(0, corrupt: $"encoder.{layer}"), $"encoder.{layer}");
        Add("U-Net, wrong statistics in conv8_1_bn", Cause.CorruptedStatistics, () => Trained(1, corrupt: "decoder.conv8_1_bn"), "decoder.conv8_1_bn");
        Add("CNN, wrong statistics in bn3", Cause.CorruptedStatistics, () => Foreign(0, () => ForeignNetworks.Cnn(), after: model => Corrupt(model, "features.bn3")), "features.bn3", quick: true);
        Add("dense net, wrong statistics in the transition", Cause.CorruptedStatistics, () => Foreign(0, () => ForeignNetworks.DenseNet(), after: model => Corrupt(model, "transition.norm")), "transition.norm", quick: true);
        AddTasks(Add);
        return cases;
    }

    /// <summary>A U-Net trained throughout, whose running statistics fit; made ill afterwards if asked.</summary>
    public Patient Trained(int seed, string? corrupt = null, SegmentationDataset? validation = null)
    {
        const double momentum = 0.1;
        UNetResNet50 unet = Create(seed, momentum, dropout: 0.2);
        BatchLoader training = Loader(data.Train.Every(3), 10, Preprocessing.Caffe, shuffle: true);
        if (!trained.TryGetValue(seed, out Dictionary<string, Tensor>? state))
        {
            new Trainer(unet, new TrainingOptions { Epochs = 8, LearningRate = 1e-3, Seed = seed, ScoreTrainingInInferenceMode = false }).Fit(training, Loader(data.Validation, 10, Preprocessing.Caffe));
            Recalibration.Apply(unet, training.InOrder().Inputs());
            trained[seed] = state = unet.state_dict().ToDictionary(s => s.Key, s => s.Value.detach().clone().DetachFromDisposeScope());
        }

        using (no_grad())
        {
            foreach ((string name, Tensor target) in unet.state_dict()) target.copy_(state[name]);
        }

        if (corrupt is not null) Corrupt(unet, corrupt);
        return new Patient(unet, training, new DoctorOptions { Validation = Loader(validation ?? data.Validation, 10, Preprocessing.Caffe) });
    }

    /// <summary>Moves the running mean of one layer by three standard deviations and takes three quarters of its variance away.</summary>
    public static void Corrupt(Module model, string layer)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        BatchNormLayer ill = BatchNormLayer.In(model).Single(l => l.Name == layer);
        ill.RunningMean!.add_(3 * ill.RunningVar!.sqrt());
        ill.RunningVar!.mul_(0.25);
    }

    private Patient UNet(
        int seed, Action<UNetResNet50> freeze, SegmentationDataset? training = null, int epochs = 12, double rate = 2e-3, double? momentum = null, int batch = 10,
        double dropout = 0.2, Preprocessing? preprocessing = null, SegmentationDataset? validation = null)
    {
        training ??= data.Train.Every(3);
        UNetResNet50 unet = Create(seed, momentum, dropout, training[0].Classes);
        freeze(unet);
        return Train(unet, Loader(training, Math.Min(batch, training.Count), preprocessing ?? Preprocessing.Caffe, shuffle: true), Loader(validation ?? data.Validation, 10, preprocessing ?? Preprocessing.Caffe), seed, epochs, rate);
    }

    private Patient Foreign(
        int seed, Func<Module<Tensor, Tensor>> create, Action<Module<Tensor, Tensor>>? before = null, Action<Module<Tensor, Tensor>>? after = null,
        SegmentationDataset? training = null, SegmentationDataset? validation = null, int epochs = 20, double rate = 3e-3, int batch = 10, Preprocessing? preprocessing = null)
    {
        TorchRuntime.Seed(seed);
        Module<Tensor, Tensor> model = create();
        before?.Invoke(model);
        training ??= foreignData.Train.Every(3);
        preprocessing ??= Preprocessing.Torch;
        Patient patient = Train(model, Loader(training, Math.Min(batch, training.Count), preprocessing, shuffle: true), Loader(validation ?? foreignData.Validation, 10, preprocessing), seed, epochs, rate);
        after?.Invoke(model);
        return patient;
    }

    private static Patient Train(Module<Tensor, Tensor> model, IBatchSource training, IBatchSource validation, int seed, int epochs, double rate)
    {
        var trainer = new Trainer(model, new TrainingOptions { Epochs = epochs, LearningRate = rate, Seed = seed });
        trainer.Fit(training, validation);
        return new Patient(model, training, new DoctorOptions { Validation = validation, History = trainer.History });
    }

    private static UNetResNet50 Create(int seed, double? momentum, double dropout, int classes = 1)
    {
        BatchNormOptions norm = momentum is double m ? BatchNormOptions.Torch with { Momentum = m, Eps = 1e-3 } : BatchNormOptions.Keras213;
        return (Preset.Quick with { Side = Side }).CreateUNet(seed, new UNetOptions { Classes = classes, SpatialDropout = dropout, BatchNorm = norm, Encoder = new ResNet50Options { BatchNorm = norm } });
    }

    /// <summary>Makes a foreign network look pre-trained on coloured shapes and freezes a part of it, as <c>requires_grad = false</c> does.</summary>
    private static void Pretend(Module<Tensor, Tensor> model, double momentum, Preprocessing? preprocessing = null, string part = "features", SegmentationDataset? world = null)
    {
        var shapes = new ProceduralSourceDomain(ForeignSide);
        world ??= new SegmentationDataset(Enumerable.Range(0, 48).Select(i => new SegmentationSample($"{i}", shapes.Sample(i).Image, new PixelImage(ForeignSide, ForeignSide, 1, new byte[ForeignSide * ForeignSide]))));
        using var noGrad = no_grad();
        using Batch batch = Loader(world, 48, preprocessing ?? Preprocessing.Torch).Epoch().First();
        List<BatchNorm> layers = [.. model.modules().OfType<BatchNorm>()];
        foreach (BatchNorm layer in layers) layer.momentum = 1;
        model.train();
        using Tensor _ = model.call(batch.Inputs);
        foreach ((string name, Module module) in model.named_modules())
        {
            if (module is not BatchNorm layer) continue;
            bool frozen = name.StartsWith(part, StringComparison.Ordinal);
            layer.momentum = frozen ? momentum : 0.1;
        }

        foreach ((string name, Parameter parameter) in model.named_parameters())
        {
            // Without a part of its own, the network's layers are frozen and its convolutions trained: whatever is normalised wrongly is then learnt around.
            if (part.Length > 0 ? name.StartsWith(part, StringComparison.Ordinal) : name.Contains("norm", StringComparison.Ordinal)) parameter.requires_grad_(false);
        }
    }

    private static SegmentationDataset WithMask(SegmentationDataset dataset) => new(dataset.Select(sample =>
    {
        ReadOnlySpan<byte> image = sample.Image.Pixels, mask = sample.Mask.Pixels;
        int planes = image.Length / mask.Length;
        var pixels = new byte[3 * mask.Length];
        for (int i = 0; i < mask.Length; i++) (pixels[3 * i], pixels[3 * i + 1], pixels[3 * i + 2]) = (image[planes * i], image[planes * i], (byte)(SegmentationSample.IsForeground(mask[i]) ? 200 : 20));
        return new SegmentationSample(sample.Name, new PixelImage(sample.Image.Width, sample.Image.Height, 3, pixels), sample.Mask);
    }));

    private static BatchLoader Loader(SegmentationDataset dataset, int batch, Preprocessing preprocessing, bool shuffle = false) =>
        new(dataset, new BatchLoaderOptions { BatchSize = batch, Preprocessing = preprocessing, Shuffle = shuffle });
}
