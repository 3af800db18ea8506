using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Training;
using UnetResnet.Weights;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>One run of the exported <c>train.py</c>.</summary>
/// <param name="Statistics">What batch norm normalises by: see <see cref="ScaleBenchmark.Statistics"/>.</param>
/// <param name="Processes">How many processes share a batch.</param>
/// <param name="Threads">Threads of each.</param>
/// <param name="Step">Milliseconds of a step, from the images to the updated weights; the first steps are left out.</param>
/// <param name="WaitMilliseconds">How long a step waited for its images, median.</param>
/// <param name="FirstLossDifference">Difference of the loss in the first step from that of one process, before anything is trained.</param>
/// <param name="LargestLossDifference">The largest in all steps.</param>
internal sealed record ScaleRun(string Statistics, int Processes, int Threads, Samples Step, double WaitMilliseconds, double FirstLossDifference, double LargestLossDifference)
{
    /// <summary>Steps of the whole batch in a second, from the median.</summary>
    public double StepsPerSecond => 1000 / Step.Median;
}

/// <summary>What the benchmark measured.</summary>
/// <param name="Width">Width of the encoder.</param>
/// <param name="Side">Side of the images.</param>
/// <param name="Batch">Images of a batch, of all processes together.</param>
/// <param name="Steps">Steps of each run.</param>
/// <param name="Cores">Processors of this machine.</param>
/// <param name="GradientMb">What the processes exchange in a step: the gradients, 10⁶ bytes.</param>
/// <param name="Runs">The runs.</param>
internal sealed record ScaleResult(int Width, int Side, int Batch, int Steps, int Cores, double GradientMb, IReadOnlyList<ScaleRun> Runs);

/// <summary>Trains the exported network in PyTorch with one process and with two, on this machine and the bundled slices.</summary>
internal static class ScaleBenchmark
{
    /// <summary>Steps whose time does not count: kernels, moments and memory are made.</summary>
    public const int Warmup = 3;

    /// <summary>
    /// <c>running</c>: no layer uses the batch's statistics. <c>own</c>: the decoder normalises by the batch, each process by its own part. <c>synchronised</c>: by the whole batch. The encoder is
    /// frozen in inference mode in all of them.
    /// </summary>
    public static IReadOnlyDictionary<string, string[]> Statistics { get; } = new Dictionary<string, string[]>
    {
        ["running"] = ["--decoder-norm", "AffineOnly"],
        ["own"] = ["--decoder-norm", "Trainable"],
        ["synchronised"] = ["--decoder-norm", "Trainable", "--sync-batch-norm"],
    };

    /// <summary>Measures.</summary>
    /// <param name="side">Side of the images.</param>
    /// <param name="batch">Images of a batch, at least 2.</param>
    /// <param name="steps">Steps of each run.</param>
    /// <param name="statistics">Which of <see cref="Statistics"/>.</param>
    /// <param name="progress">Told which run begins.</param>
    /// <exception cref="InvalidOperationException">Python or a module is missing, or a run failed.</exception>
    public static ScaleResult Run(int side, int batch, int steps, IReadOnlyList<string> statistics, IProgress<string> progress)
    {
        string python = SystemPython.With("torch, numpy, PIL") ?? throw new InvalidOperationException("Neither /usr/bin/python3 nor python3 has torch, numpy and PIL (Debian: python3-torch, python3-numpy, python3-pil).");
        DirectoryInfo folder = Directory.CreateTempSubdirectory("unetresnet-scale-");
        try
        {
            // Dropout draws other numbers in other processes.
            using UNetResNet50 unet = Preset.Quick.CreateUNet(seed: 0, new UNetOptions { SpatialDropout = 0 });
            PyTorchExport.Write(unet, folder.FullName);
            unet.Encoder.Freeze(BatchNormMode.Inference);
            double megabytes = unet.parameters().Where(p => p.requires_grad).Sum(p => p.numel()) * 4 / 1e6;
            var runs = new List<ScaleRun>();
            foreach (string name in statistics)
            {
                int half = Math.Max(1, Environment.ProcessorCount / 2);
                double[]? reference = null;
                foreach ((int processes, int threads) in new[] { (1, half), (1, 2 * half), (2, half) }.Distinct())
                {
                    // One process has nobody to synchronise with.
                    if (processes == 1 && name == "synchronised" && threads == half) continue;
                    progress.Report($"{name} statistics, {processes} process{(processes > 1 ? "es" : "")} of {threads} thread{(threads > 1 ? "s" : "")}");
                    (double[] losses, double[] milliseconds, double[] waited) = Train(python, folder.FullName, processes, threads, side, batch, steps, Statistics[name]);
                    reference ??= losses;
                    double[] differences = [.. losses.Zip(reference, (a, b) => Math.Abs(a - b))];
                    Range timed = Math.Min(Warmup, steps - 1)..;
                    runs.Add(new ScaleRun(name, processes, threads, Samples.Of(milliseconds[timed]), Samples.Of(waited[timed]).Median, differences[0], differences.Max()));
                }
            }

            return new ScaleResult(Preset.Quick.Width, side, batch, steps, Environment.ProcessorCount, megabytes, runs);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static (double[] Losses, double[] Milliseconds, double[] Waited) Train(string python, string folder, int processes, int threads, int side, int batch, int steps, string[] statistics)
    {
        string data = BundledFiles.Find("brain-mri"), log = Path.Combine(folder, $"{Guid.NewGuid():N}.log");
        static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
        // Port 0: one that the system finds free. Debian 12's PyTorch cannot read its own default, to redirect nothing; a rank that does not exist says the same.
        string[] many = processes == 1 ? [] : ["-m", "torch.distributed.run", "--redirects", "9:1", "--tee", "9:1", "--nproc_per_node", Text(processes), "--rdzv_backend", "c10d", "--rdzv_endpoint", "localhost:0"];
        string[] arguments =
        [
            .. many, Path.Combine(folder, "train.py"), "--images", Path.Combine(data, "images"), "--masks", Path.Combine(data, "masks"), "--split", Path.Combine(data, "split.csv"),
            "--side", Text(side), "--batch-size", Text(batch), "--drop-last", "--epochs", "16", "--steps", Text(steps), "--learning-rate", "1e-3", "--frozen", "Inference", .. statistics,
            "--device", "cpu", "--threads", Text(threads), "--log", log,
        ];
        var start = new ProcessStartInfo(python, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["PYTHONDONTWRITEBYTECODE"] = "1";
        start.Environment["OMP_NUM_THREADS"] = Text(threads);
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0) throw new InvalidOperationException($"train.py ended with code {process.ExitCode}:\n{errors.Result}");
        JsonElement[] lines = [.. File.ReadLines(log).Select(line => JsonDocument.Parse(line).RootElement).Where(line => line.TryGetProperty("step", out _))];
        if (lines.Length != steps) throw new InvalidOperationException($"train.py made {lines.Length} steps, and {steps} were expected.");
        double[] Of(string name) => [.. lines.Select(line => line.GetProperty(name).GetDouble())];
        return (Of("loss"), [.. Of("seconds").Select(s => s * 1000)], [.. Of("waited").Select(s => s * 1000)]);
    }
}
