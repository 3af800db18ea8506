using System.Diagnostics;
using System.Globalization;
using TorchSharp;
using UnetResnet.Data;
using UnetResnet.Diagnosis;
using UnetResnet.Lab.Benchmarks;
using UnetResnet.Lab.Results;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Training;
using UnetResnet.Weights;
using static TorchSharp.torch;

namespace UnetResnet.Lab.Doctor;

/// <summary>
/// The checks of <c>lab doctor --gpu</c>: what the kit does, done on a device and compared with the CPU. Each runs on any device, the CPU too, where it compares the CPU with itself.
/// </summary>
internal sealed class DeviceChecks(Device device)
{
    // Float32 in another order of summation, through 64 layers. TF32 and its three digits are switched off meanwhile.
    private const double SameNumbers = 1e-3;

    private readonly bool cuda = device.type == DeviceType.CUDA;

    /// <summary>Runs all checks in order; one that throws has failed, and the next is run.</summary>
    public IEnumerable<DeviceLine> Run()
    {
        (string Name, Func<string> Check)[] checks =
        [
            ("packages", Packages), ("native libraries", Natives), ("device visible", Visible), ("tensor round trip", RoundTrip), ("model to device", ModelToDevice),
            ("forward pass", Forward), ("training step", TrainingStep), ("freezing modes", FreezingModes), ("recalibration", Recalibrated), ("folding", Folded),
            ("diagnosis", Diagnosed), ("save and load", SaveAndLoad), ("memory returned", MemoryReturned), ("speed", Speed),
        ];
        foreach ((string name, Func<string> check) in checks) yield return Line(name, check);
    }

    private DeviceLine Line(string name, Func<string> check)
    {
        bool convolutions = backends.cudnn.allow_tf32, products = backends.cuda.matmul.allow_tf32;
        try
        {
            (backends.cudnn.allow_tf32, backends.cuda.matmul.allow_tf32) = (false, false);
            using var scope = NewDisposeScope();
            return new DeviceLine(name, true, check());
        }
        catch (Exception e)
        {
            return new DeviceLine(name, false, e is CheckFailed ? e.Message : $"{e.GetType().Name}: {e.Message.Split('\n')[0]}");
        }
        finally
        {
            (backends.cudnn.allow_tf32, backends.cuda.matmul.allow_tf32) = (convolutions, products);
        }
    }

    private string Packages()
    {
        string wanted = cuda ? "libtorch-cuda" : "libtorch-c";
        string[] found = [.. Machine.PackageVersions.Where(p => p.Key.StartsWith(wanted, StringComparison.OrdinalIgnoreCase)).Select(p => $"{p.Key} {p.Value}")];
        Require(found.Length > 0, $"this program was built without a {wanted} package; build it with -p:Torch=cuda");
        return string.Join(", ", found);
    }

    private string Natives()
    {
        string name = cuda ? "torch_cuda" : "torch_cpu";
        string[] places = [AppContext.BaseDirectory, .. Directory.GetDirectories(AppContext.BaseDirectory, "native", SearchOption.AllDirectories)];
        string? file = places.SelectMany(place => Directory.EnumerateFiles(place, $"*{name}.*")).FirstOrDefault(f => Path.GetExtension(f) is ".so" or ".dll" or ".dylib");
        Require(file is not null, $"no library {name} beside the program in {AppContext.BaseDirectory}; delete artifacts/ and build again with -p:Torch=cuda");
        return $"{file} ({NumberText.Grouped(new FileInfo(file!).Length >> 20)} MiB)";
    }

    private string Visible()
    {
        if (!cuda) return Machine.Current.Cpu;
        Require(torch.cuda.is_available() && torch.cuda.device_count() > 0, "libtorch sees no CUDA device");
        return $"{torch.cuda.device_count()} of CUDA; {Machine.Output("nvidia-smi", "-L")?.Split('\n')[0] ?? "nvidia-smi does not name it"}";
    }

    private string RoundTrip()
    {
        Tensor there = randn(1000, 37, device: CPU), back = there.to(device).cpu(), computed = there.to(device).t().mul(2).cpu();
        Require(TensorMemory.SameBytes(there, back), "a tensor comes back with other bytes");
        Require(TensorMemory.SameBytes(there.t().mul(2), computed), "a transposed tensor, doubled, comes back with other bytes");
        return "37,000 numbers there and back, the same bytes";
    }

    private string ModelToDevice()
    {
        using UNetResNet50 unet = Network(device);
        string[] elsewhere = [.. unet.state_dict().Where(s => s.Value.device_type != device.type).Select(s => s.Key)];
        Require(elsewhere.Length == 0, $"still elsewhere: {string.Join(", ", elsewhere.Take(3))}");
        return $"{unet.state_dict().Count} tensors on {device}";
    }

    private string Forward()
    {
        using UNetResNet50 here = Network(CPU), there = Network(device);
        double difference = Relative(here.Predict(Images(CPU)), there.Predict(Images(device)));
        here.eval();
        there.eval();
        using var noGrad = no_grad();
        return Same("logits", Math.Max(difference, Relative(here.call(Images(CPU)), there.call(Images(device)))));
    }

    private string TrainingStep()
    {
        double[] here = Losses(CPU), there = Losses(device);
        Require(there.All(double.IsFinite) && there[^1] < there[0], $"the losses of four steps are {Text(there)}");
        // Adam divides by the gradients' size, so that rounding counts more from step to step.
        double difference = here.Zip(there, (a, b) => Math.Abs(a - b) / a).Max();
        Require(difference < 0.02, $"the losses of four steps are {Text(there)}, on the CPU {Text(here)}");
        return $"losses of four steps {Text(there)}; they differ from the CPU's by at most {NumberText.Percent(difference, 3)}";
    }

    private double[] Losses(Device where)
    {
        using UNetResNet50 unet = Network(where);
        unet.Encoder.Freeze(BatchNormMode.Inference);
        unet.train();
        using var adam = new FusedAdam([unet.named_parameters().Where(p => p.parameter.requires_grad)]);
        return [.. Enumerable.Range(0, 4).Select(_ => Step(unet, adam, where))];
    }

    private static double Step(UNetResNet50 unet, FusedAdam adam, Device where)
    {
        using var pause = new CollectionPause();
        using var scope = NewDisposeScope();
        adam.ZeroGrad();
        Tensor loss = UnetResnet.Training.Losses.BinaryCrossEntropy(unet.call(Images(where)), Masks(where));
        loss.backward();
        adam.Step([1e-3]);
        return loss.item<float>();
    }

    private string FreezingModes()
    {
        double worst = 0;
        foreach (BatchNormMode mode in Enum.GetValues<BatchNormMode>())
        {
            using var scope = NewDisposeScope();
            using UNetResNet50 here = Network(CPU), there = Network(device);
            foreach (UNetResNet50 unet in new[] { here, there })
            {
                if (mode == BatchNormMode.Trainable) unet.Encoder.Unfreeze();
                else unet.Encoder.Freeze(mode);
                unet.train();
            }

            ModalBatchNorm2d layer = there.Encoder.modules().OfType<ModalBatchNorm2d>().First();
            Tensor before = layer.RunningMean.clone();
            using var noGrad = no_grad();
            worst = Math.Max(worst, Relative(here.call(Images(CPU)), there.call(Images(device))));
            worst = Math.Max(worst, here.state_dict().Zip(there.state_dict(), (a, b) => Relative(a.Value, b.Value)).Max());
            Require(TensorMemory.SameBytes(before, layer.RunningMean) != mode.UpdatesStatistics(), $"{mode}: a pass in training mode {(mode.UpdatesStatistics() ? "leaves" : "moves")} the running statistics");
        }

        return $"{Enum.GetValues<BatchNormMode>().Length} modes; {Same("logits and statistics after a pass in training mode", worst)}";
    }

    private string Recalibrated()
    {
        using UNetResNet50 here = Network(CPU), there = Network(device);
        byte[][] before = State(there);
        Recalibration.Apply(here, [Images(CPU)]);
        Recalibration.Apply(there, [Images(device)]);
        double difference = here.state_dict().Zip(there.state_dict(), (a, b) => Relative(a.Value, b.Value)).Max();
        Recalibration.Undo(there);
        Require(before.Zip(State(there), (a, b) => a.AsSpan().SequenceEqual(b)).All(same => same), "Undo leaves other bytes");
        return $"{Same("statistics", difference)}; taken back byte for byte";
    }

    private string Folded()
    {
        using UNetResNet50 unet = Network(device);
        byte[][] before = State(unet);
        FoldingReport report = Folding.Apply(unet, Images(device), tolerance: SameNumbers);
        Folding.Undo(unet);
        Require(before.Zip(State(unet), (a, b) => a.AsSpan().SequenceEqual(b)).All(same => same), "Undo leaves other bytes");
        return $"{report.Folded.Count} layers, error {NumberText.Short(report.LargestRelativeError)}; taken back byte for byte";
    }

    private string Diagnosed()
    {
        (DoctorReport here, TrainEvalGap gapHere) = Diagnose(CPU);
        (DoctorReport there, TrainEvalGap gapThere) = Diagnose(device);
        Require((here.Cause, here.Place) == (there.Cause, there.Place), $"the doctor says {there.Cause} ({there.Place}), on the CPU {here.Cause} ({here.Place})");
        double difference = Math.Max(Math.Abs(gapThere.TrainingLoss / gapHere.TrainingLoss - 1), Math.Abs(gapThere.InferenceLoss / gapHere.InferenceLoss - 1));
        Require(difference < SameNumbers, $"losses in training and inference are {Text([gapThere.TrainingLoss, gapThere.InferenceLoss])}, on the CPU {Text([gapHere.TrainingLoss, gapHere.InferenceLoss])}");
        return $"the verdict and the gap are those of the CPU; {there.Reports.Count} diagnostics in {NumberText.Fixed(there.Seconds, 1)} s";
    }

    private static (DoctorReport Report, TrainEvalGap Gap) Diagnose(Device where)
    {
        using UNetResNet50 unet = Network(where);
        unet.Encoder.Freeze(BatchNormMode.Keras213);
        using Batch batch = Batch.Of(Images(where), Masks(where));
        return (BatchNormDoctor.Diagnose(unet, BatchSource.Of([(Images(where), Masks(where))], Preprocessing.Caffe), new DoctorOptions { Images = 8, AttributionImages = 2 }), TrainEvalGap.Measure(unet, batch));
    }

    private string SaveAndLoad()
    {
        string folder = Directory.CreateTempSubdirectory("unetresnet-device-").FullName;
        try
        {
            using UNetResNet50 unet = Network(device);
            string path = Path.Combine(folder, "unet.safetensors");
            unet.Save(path);
            using UNetResNet50 loaded = UNetResNet50.Load(path);
            Require(State(unet).Zip(State(loaded), (a, b) => a.AsSpan().SequenceEqual(b)).All(same => same), "what is loaded has other bytes");
            return $"{NumberText.Grouped(new FileInfo(path).Length >> 20)} MiB, the same bytes on the CPU";
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private string MemoryReturned()
    {
        Train();
        long? once = DeviceMegabytes();
        Train();
        long? twice = DeviceMegabytes();
        // libtorch keeps what it has taken, and gives it out again.
        Require(twice is null || once is null || twice <= once + 64, $"{once} MiB of the device after one network, {twice} after two");
        return $"tensors flat over steps; {(once is null || twice is null ? "no device memory of its own to see" : $"{once} MiB of the device after one network, {twice} after two")}";
    }

    private void Train()
    {
        using var scope = NewDisposeScope();
        using UNetResNet50 unet = Network(device);
        using var adam = new FusedAdam([unet.named_parameters()]);
        unet.train();
        Step(unet, adam, device);
        long first = LiveTensors();
        for (int step = 0; step < 3; step++) Step(unet, adam, device);
        long last = LiveTensors();
        Require(last <= first, $"{last - first} tensors more after three further steps");
    }

    /// <summary>What this process has taken of the GPUs; null where nobody can say it.</summary>
    private long? DeviceMegabytes() => !cuda ? null : Machine.Output("nvidia-smi", "--query-compute-apps=pid,used_memory --format=csv,noheader,nounits")?.Split('\n')
        .Select(line => line.Split(',', StringSplitOptions.TrimEntries)).Where(cells => cells.Length == 2 && cells[0] == Environment.ProcessId.ToString(CultureInfo.InvariantCulture))
        .Select(cells => long.TryParse(cells[1], NumberStyles.None, CultureInfo.InvariantCulture, out long megabytes) ? megabytes : (long?)null).FirstOrDefault();

    private string Speed()
    {
        // A GPU is worth its transfers at the size that it is meant for.
        (int width, int side, int batch) = cuda ? (64, 224, 16) : (16, 64, 4);
        double here = Milliseconds(CPU, width, side, batch), there = Milliseconds(device, width, side, batch);
        string figures = $"inference at width {width}, {side}×{side}, batch {batch}: {NumberText.Short(there)} ms, {NumberText.Short(here)} ms on the CPU, ratio {NumberText.Short(here / there)}";
        Require(!cuda || here > there, figures);
        return figures;
    }

    private static double Milliseconds(Device where, int width, int side, int batch)
    {
        using var scope = NewDisposeScope();
        Tensor images = randn(batch, 3, side, side, device: CPU) * 60;
        using UNetResNet50 unet = StepBenchmark.Settled(width, images);
        unet.to(where);
        Tensor moved = images.to(where);
        // Reading a number waits for the device.
        double Pass()
        {
            long start = Stopwatch.GetTimestamp();
            using var inner = NewDisposeScope();
            _ = unet.Predict(moved).sum().item<float>();
            return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }

        Pass();
        return Enumerable.Range(0, 3).Min(_ => Pass());
    }

    private static UNetResNet50 Network(Device where)
    {
        UNetResNet50 unet = Preset.Quick.CreateUNet(seed: 0, new UNetOptions { SpatialDropout = 0 });
        unet.to(where);
        return unet;
    }

    /// <summary>The middle of eight brain slices, 64×64, preprocessed; owned by the caller's scope.</summary>
    private static Tensor Images(Device where) => Slices.Value.Inputs.narrow(2, 16, 64).narrow(3, 16, 64).to(where).contiguous();

    private static Tensor Masks(Device where) => Slices.Value.Targets.narrow(2, 16, 64).narrow(3, 16, 64).to(where).contiguous();

    private static readonly Lazy<Batch> Slices = new(() =>
        new BatchLoader(new SegmentationDataset(Preset.Quick.LoadData().Train.Take(8)), new BatchLoaderOptions { BatchSize = 8, Preprocessing = Preprocessing.Caffe }).Epoch().First());

    private static byte[][] State(UNetResNet50 unet) => [.. unet.state_dict().Select(s => s.Value.Bytes())];

    private static long LiveTensors()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return Tensor.TotalCount;
    }

    private static string Same(string what, double difference)
    {
        Require(difference < SameNumbers, $"{what} differ from the CPU's by {NumberText.Short(difference)} of the largest");
        return $"{what} differ from the CPU's by {NumberText.Short(difference)} of the largest";
    }

    /// <summary>max |there − here| / max |here|.</summary>
    private static double Relative(Tensor here, Tensor there)
    {
        double[] wanted = here.Doubles(), found = there.Doubles();
        double largest = wanted.Max(Math.Abs), difference = wanted.Zip(found, (a, b) => Math.Abs(a - b)).Max();
        return double.IsFinite(difference) ? difference / Math.Max(largest, 1e-30) : double.PositiveInfinity;
    }

    private static string Text(double[] values) => string.Join(", ", values.Select(v => NumberText.Fixed(v, 4)));

    private static void Require(bool holds, string otherwise)
    {
        if (!holds) throw new CheckFailed(otherwise);
    }

    private sealed class CheckFailed(string message) : Exception(message);
}
