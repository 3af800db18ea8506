using System.Diagnostics;
using System.Security.Cryptography;
using UnetResnet.Data;
using UnetResnet.Diagnosis;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Training;
using UnetResnet.Weights;
using static TorchSharp.torch;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>How much one round of <see cref="SoakBenchmark"/> does.</summary>
/// <param name="Steps">Training steps of a U-Net, a multiple of 50.</param>
/// <param name="Diagnoses">Diagnoses by the doctor.</param>
/// <param name="Saves">Saves of a U-Net into one file.</param>
/// <param name="Cells">Cells of a notebook in a kernel.</param>
/// <param name="Kills">Kills of a training.</param>
internal sealed record SoakPlan(int Steps = 1000, int Diagnoses = 100, int Saves = 200, int Cells = 2000, int Kills = 50);

/// <summary>What became of one kind of work.</summary>
/// <param name="Name">The kind.</param>
/// <param name="Tried">How often it was tried.</param>
/// <param name="Survived">How often it came out right.</param>
/// <param name="LiveTensorsBefore">Tensors alive after a first turn and a collection.</param>
/// <param name="LiveTensorsAfter">The same at the end.</param>
/// <param name="RssBeforeMb">Resident memory after the first turn, in MB (10⁶ bytes).</param>
/// <param name="RssAfterMb">The same at the end.</param>
/// <param name="RssLimitMb">By how much it may rise.</param>
/// <param name="Seconds">How long it took.</param>
internal sealed record SoakPart(string Name, int Tried, int Survived, long LiveTensorsBefore, long LiveTensorsAfter, double RssBeforeMb, double RssAfterMb, double RssLimitMb, double Seconds)
{
    /// <summary>What did not come out right.</summary>
    public int Lost => Tried - Survived;

    /// <summary>Whether nothing was lost and memory stayed flat.</summary>
    public bool Holds => Lost == 0 && LiveTensorsAfter == LiveTensorsBefore && RssAfterMb - RssBeforeMb <= RssLimitMb;
}

/// <summary>Does the same things so often that whatever is lost or left behind shows.</summary>
internal static class SoakBenchmark
{
    /// <summary>By how much resident memory may rise: the allocators' slack. A single leaked feature map of a step is a thousand times 0.1 MB.</summary>
    private const double Slack = 50;

    /// <summary>What a cell with a variable may cost in MB, see <c>SmallCellsTests</c>: its assembly, and what the compiler keeps of it.</summary>
    private const double CellMb = 0.15;

    /// <summary>Runs one round.</summary>
    /// <param name="plan">How much of each.</param>
    /// <param name="seed">Decides the moments of the kills.</param>
    /// <param name="progress">Told what is under way.</param>
    /// <param name="cancellation">Stops between two pieces of work.</param>
    public static IReadOnlyList<SoakPart> Run(SoakPlan plan, int seed, IProgress<string> progress, CancellationToken cancellation)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("unetresnet-soak-");
        try
        {
            SoakPart Told(SoakPart part)
            {
                progress.Report($"{part.Name}: {part.Survived} of {part.Tried}, {part.LiveTensorsAfter - part.LiveTensorsBefore} tensors and {NumberText.Fixed(part.RssAfterMb - part.RssBeforeMb, 0)} MB more, {NumberText.Fixed(part.Seconds, 0)} s");
                return part;
            }

            return
            [
                Told(Steps(plan.Steps, cancellation)),
                Told(Diagnoses(plan.Diagnoses, cancellation)),
                Told(Saves(plan.Saves, folder.FullName, cancellation)),
                Told(Cells(plan.Cells, folder.FullName, cancellation)),
                Told(Kills(plan.Kills, seed, progress, cancellation)),
            ];
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static SoakPart Steps(int steps, CancellationToken cancellation)
    {
        const int batches = 50;
        using UNetResNet50 unet = UNet();
        using Tensor images = randn(2 * batches, 3, 32, 32), masks = (images.narrow(1, 0, 1) > 0).to(float32), few = images.narrow(0, 0, 2), fewMasks = masks.narrow(0, 0, 2);
        BatchLoader training = BatchLoader.FromTensors(images, masks, 2), validation = BatchLoader.FromTensors(few, fewMasks, 2);
        TrainingOptions options = new() { Epochs = 1, ScoreTrainingInInferenceMode = false };
        int epochs = (steps + batches - 1) / batches;
        return Measure("training steps", epochs * batches, Slack, () => new Trainer(unet, options).Fit(training, validation, cancellation: cancellation), () =>
            batches * new Trainer(unet, options with { Epochs = epochs }).Fit(training, validation, cancellation: cancellation).Count(epoch => double.IsFinite(epoch.Training.Loss)));
    }

    private static SoakPart Diagnoses(int diagnoses, CancellationToken cancellation)
    {
        using UNetResNet50 unet = UNet();
        unet.Encoder.Freeze(BatchNormMode.Keras213);
        using Tensor images = randn(4, 3, 64, 64) * 60, masks = (images.narrow(1, 0, 1) > 0).to(float32);
        BatchLoader source = BatchLoader.FromTensors(images, masks, 2);
        var options = new DoctorOptions { Images = 4, AttributionImages = 2, Validation = source };
        string first = "";
        return Measure("diagnoses", diagnoses, Slack, () => first = BatchNormDoctor.Diagnose(unet, source, options).Verdict, () => Count(diagnoses, cancellation, _ => BatchNormDoctor.Diagnose(unet, source, options).Verdict == first));
    }

    private static SoakPart Saves(int saves, string folder, CancellationToken cancellation)
    {
        using UNetResNet50 unet = UNet();
        string path = Path.Combine(folder, "unet.safetensors");
        byte[] Save()
        {
            unet.Save(path);
            using FileStream file = File.OpenRead(path);
            return SHA256.HashData(file);
        }

        byte[] first = [];
        SoakPart part = Measure("saves", saves, Slack, () => first = Save(), () => Count(saves, cancellation, _ => Save().AsSpan().SequenceEqual(first)));
        using UNetResNet50 same = UNetResNet50.Load(path);
        return part;
    }

    private static SoakPart Cells(int cells, string folder, CancellationToken cancellation)
    {
        var watch = Stopwatch.StartNew();
        using var kernel = new KernelProcess(folder);
        double Resident()
        {
            kernel.Execute("GC.Collect(); GC.WaitForPendingFinalizers(); GC.Collect();");
            using Process process = Process.GetProcessById(kernel.Id);
            return process.WorkingSet64 / 1e6;
        }

        // Each cell reads what the one before it has declared, so that a lost one is found by the next.
        kernel.Execute("int x0 = 0;");
        bool Cell(int i)
        {
            try
            {
                kernel.Execute($"int x{i} = x{i - 1} + 1;\nif (x{i} != {i}) throw new Exception(\"lost\");");
                return true;
            }
            catch (InvalidOperationException)
            {
                return false;
            }
        }

        const int first = 50;
        Count(first, cancellation, i => Cell(i + 1));
        double before = Resident();
        int survived = Count(cells, cancellation, i => Cell(first + i + 1));
        // The kernel holds no tensors.
        return new SoakPart("kernel cells", cells, survived, 0, 0, before, Resident(), CellMb * cells + Slack, watch.Elapsed.TotalSeconds);
    }

    private static SoakPart Kills(int kills, int seed, IProgress<string> progress, CancellationToken cancellation)
    {
        int survived = 0;
        return Measure("kills of a training", kills, Slack, () => { }, () =>
        {
            KillResult result = SoakKills.Run(kills, seed, progress, cancellation);
            progress.Report($"{result}");
            survived = result.Holds ? kills : 0;
            return survived;
        });
    }

    private static int Count(int times, CancellationToken cancellation, Func<int, bool> isRight)
    {
        int right = 0;
        for (int i = 0; i < times; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            if (isRight(i)) right++;
        }

        return right;
    }

    /// <summary>Measures memory after a first turn, and again after all.</summary>
    private static SoakPart Measure(string name, int tried, double limit, Action first, Func<int> all)
    {
        var watch = Stopwatch.StartNew();
        first();
        (long tensorsBefore, double rssBefore) = Settled();
        int survived = all();
        (long tensorsAfter, double rssAfter) = Settled();
        return new SoakPart(name, tried, survived, tensorsBefore, tensorsAfter, rssBefore, rssAfter, limit, watch.Elapsed.TotalSeconds);
    }

    /// <summary>What is left once garbage is collected and what the C library keeps is given back.</summary>
    private static (long Tensors, double RssMb) Settled()
    {
        long before;
        do
        {
            before = Tensor.TotalCount;
            GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
        }
        while (Tensor.TotalCount != before);
        // What the last finalisers have let go.
        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        NativeMemory.GiveBack();
        using Process process = Process.GetCurrentProcess();
        return (before, process.WorkingSet64 / 1e6);
    }

    private static UNetResNet50 UNet()
    {
        TorchRuntime.Seed(0);
        return new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } });
    }
}
