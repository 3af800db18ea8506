using UnetResnet.Data;
using UnetResnet.Diagnosis;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Lab.Benchmarks;

/// <content>Patients with other tasks than masks of foreground, and networks that nobody trains any more.</content>
internal sealed partial class DoctorCases
{
    private delegate void AddCase(string name, Cause cause, Func<Patient> make, string? place = null, bool quick = false);

    private void AddTasks(AddCase add)
    {
        // A residual network that tells three patterns apart.
        foreach (int seed in new[] { 0, 1 }) add($"classifier, seed {seed}", Cause.Healthy, () => Classifier(seed), quick: true);
        add("classifier, batches from somebody's own iterator", Cause.Healthy, () => Classifier(2, own: true), quick: true);
        add("classifier, momentum 0 on foreign statistics", Cause.FrozenBatchStatistics, () => Classifier(0, model => Pretend(model, momentum: 0, part: "", world: foreignData.Train.Every(3))), quick: true);
        add("classifier, requires_grad = false alone", Cause.FrozenStatisticsDrift, () => Classifier(0, model => Pretend(model, momentum: 0.1, part: "", world: foreignData.Train.Every(3))), quick: true);
        add("classifier, momentum 0.001", Cause.StaleStatistics, () => Classifier(0, momentum: 0.001), quick: true);
        add("classifier, wrong statistics in layer2.norm1", Cause.CorruptedStatistics, () => Classifier(0, after: model => Corrupt(model, "layer2.norm1")), "layer2.norm1", quick: true);
        add("classifier, labels at random", Cause.Overfitting, () => Classifier(0, images: 12, epochs: 80, rate: 1e-2, randomLabels: true), quick: true);
        add("classifier, learning rate 3", Cause.LearningRateTooHigh, () => Classifier(0, rate: 3), quick: true);

        // A U-Net that tells background, head and brain apart.
        // The decoder's statistics must keep up: at Keras's momentum they are behind after these 60 steps, and the doctor says so.
        foreach (int seed in new[] { 0, 1 }) add($"three-class U-Net, encoder frozen in inference mode, seed {seed}", Cause.Healthy, () => ThreeClasses(seed, u => u.Encoder.Freeze(BatchNormMode.Inference), momentum: 0.1));
        add("three-class U-Net, encoder frozen in inference mode, decoder behind", Cause.StaleStatistics, () => ThreeClasses(1, u => u.Encoder.Freeze(BatchNormMode.Inference)), "decoder");
        foreach (int seed in new[] { 0, 1 }) add($"three-class U-Net, Keras 2.1.3, seed {seed}", Cause.FrozenBatchStatistics, () => ThreeClasses(seed, u => u.Encoder.Freeze(BatchNormMode.Keras213)), "encoder");
        add("three-class U-Net, requires_grad = false alone", Cause.FrozenStatisticsDrift, () => ThreeClasses(0, u => u.Encoder.Freeze(BatchNormMode.TorchFrozenParameters), momentum: 0.1), "encoder");
        add("three-class U-Net, momentum 0.001", Cause.StaleStatistics, () => ThreeClasses(0, _ => { }, epochs: 8, rate: 1e-3, momentum: 0.001));
        add("three-class U-Net, torch's preprocessing", Cause.WrongPreprocessing, () => ThreeClasses(0, u => u.Encoder.Freeze(BatchNormMode.Inference), epochs: 4, preprocessing: Preprocessing.Torch));

        // Trained, frozen throughout, in inference mode: what is deployed.
        add("finished CNN", Cause.Healthy, () => Finished(Foreign(0, () => ForeignNetworks.Cnn())), quick: true);
        add("finished classifier", Cause.Healthy, () => Finished(Classifier(0)), quick: true);
        add("finished CNN, given 0 to 255", Cause.WrongPreprocessing, () => Finished(Foreign(0, () => ForeignNetworks.Cnn()), Loader(foreignData.Train.Every(3), 10, Preprocessing.None)), quick: true);
        add("finished classifier, given 0 to 255", Cause.WrongPreprocessing, () => Finished(Classifier(0), Patterns.Batches(ForeignSide, 48, 0, 10, Preprocessing.None)), quick: true);
        add("finished U-Net, given torch's preprocessing", Cause.WrongPreprocessing, () => Finished(Trained(0), Loader(data.Train.Every(3), 10, Preprocessing.Torch)));
        add("CNN in use, given 0 to 255, parameters not frozen", Cause.WrongPreprocessing, () => Finished(Foreign(1, () => ForeignNetworks.Cnn()), Loader(foreignData.Train.Every(3), 10, Preprocessing.None), freeze: false), quick: true);
    }

    private static Patient Classifier(
        int seed, Action<Module<Tensor, Tensor>>? before = null, Action<Module<Tensor, Tensor>>? after = null, int images = 96, int epochs = 12, double rate = 3e-3, double momentum = 0.1,
        bool randomLabels = false, bool own = false)
    {
        TorchRuntime.Seed(seed);
        Module<Tensor, Tensor> model = ForeignNetworks.ResNet(Patterns.Classes.Count, momentum);
        before?.Invoke(model);
        IBatchSource training = Patterns.Batches(ForeignSide, images, 0, Math.Min(12, images), Preprocessing.Torch, randomLabels), validation = Patterns.Batches(ForeignSide, 48, 1, 12, Preprocessing.Torch);
        if (own) training = BatchSource.Of(Pairs(training), Preprocessing.Torch);
        Patient patient = Train(model, training, validation, seed, epochs, rate);
        after?.Invoke(model);
        return patient;
    }

    private static IEnumerable<(Tensor, Tensor)> Pairs(IBatchSource source)
    {
        foreach (Batch batch in source.Epoch())
        {
            using (batch) yield return (batch.Inputs, batch.Targets);
        }
    }

    private Patient ThreeClasses(int seed, Action<UNetResNet50> freeze, int epochs = 12, double rate = 2e-3, double? momentum = null, Preprocessing? preprocessing = null) =>
        UNet(seed, freeze, Tissue(data.Train.Every(3)), epochs, rate, momentum, preprocessing: preprocessing, validation: Tissue(data.Validation));

    /// <summary>Masks of class numbers: 2 where the brain is, 1 where the rest of the head is bright, else 0.</summary>
    private static SegmentationDataset Tissue(SegmentationDataset dataset) => new(dataset.Select(sample =>
    {
        ReadOnlySpan<byte> image = sample.Image.ToGrey().Pixels, mask = sample.Mask.Pixels;
        var classes = new byte[mask.Length];
        for (int i = 0; i < classes.Length; i++) classes[i] = SegmentationSample.IsForeground(mask[i]) ? (byte)2 : image[i] > 24 ? (byte)1 : (byte)0;
        return new SegmentationSample(sample.Name, sample.Image, new PixelImage(sample.Mask.Width, sample.Mask.Height, 1, classes), classes: 3);
    }));

    /// <summary>Ends a network's training, and gives it other images if asked.</summary>
    private static Patient Finished(Patient patient, IBatchSource? given = null, bool freeze = true)
    {
        patient.Model.eval();
        if (freeze) foreach (var parameter in patient.Model.parameters()) parameter.requires_grad_(false);
        // Whoever deploys a network has images and labels, and no history.
        return patient with { Source = given ?? patient.Source, Options = given is null ? patient.Options with { History = null } : new DoctorOptions() };
    }
}
