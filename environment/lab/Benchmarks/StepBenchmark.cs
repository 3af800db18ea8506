using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Training;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>What the steps of training and inference cost, beside PyTorch.</summary>
/// <param name="Width">Width of the encoder.</param>
/// <param name="Side">Side of the images.</param>
/// <param name="Batch">Images of a batch.</param>
/// <param name="CeilingGflops">Rate of a large convolution in the same run, in float32.</param>
/// <param name="CeilingBFloat16Gflops">The same in bfloat16; null where this CPU cannot or no step asks for it.</param>
/// <param name="Steps">The kit's steps; null where this CPU cannot.</param>
/// <param name="Peers">PyTorch's; null where it is missing.</param>
/// <param name="PeakMb">Peak of the process's resident memory, 10⁶ bytes.</param>
/// <param name="OnnxRuntime">Inference of the exported network by ONNX Runtime; null where it is missing or nothing infers.</param>
internal sealed record StepResult(int Width, int Side, int Batch, double CeilingGflops, double? CeilingBFloat16Gflops, IReadOnlyDictionary<string, Samples?> Steps, IReadOnlyDictionary<string, Samples?> Peers, double PeakMb, Samples? OnnxRuntime)
{
    /// <summary>
    /// Milliseconds of a step's convolutions at the rate of the large one, if each were computed directly: the least that a step without tiles takes. Null where it was not measured or
    /// computes more than it must.
    /// </summary>
    public required IReadOnlyDictionary<string, double?> Direct { get; init; }

    /// <summary>Milliseconds of a step's convolutions alone, see <see cref="ConvolutionProfile"/>. Null where it was not asked for.</summary>
    public IReadOnlyDictionary<string, double>? Convolutions { get; init; }
}

/// <summary>Measures steps in turn, A B A B, so that what else the machine does meets all of them.</summary>
internal static class StepBenchmark
{
    private const double TurnMilliseconds = 150;

    /// <summary>Names of the kit's steps.</summary>
    public static IReadOnlyList<string> Names { get; } = ["plain", "frozen", "cached", "bf16", "cached_bf16", "full", "infer", "infer_bf16", "recomputed"];

    /// <summary>Those that PyTorch runs too.</summary>
    public static IReadOnlyList<string> PeerNames { get; } = ["frozen", "full", "infer"];

    /// <summary>Measures.</summary>
    /// <param name="width">Width of the encoder.</param>
    /// <param name="side">Side of the images, divisible by 32.</param>
    /// <param name="batch">Images of a batch.</param>
    /// <param name="rounds">How often each step is measured.</param>
    /// <param name="steps">Which of <see cref="Names"/>.</param>
    /// <param name="withPeers">Whether PyTorch and ONNX Runtime run beside it, if they are there.</param>
    /// <param name="progress">Told what is missing.</param>
    public static StepResult Run(int width, int side, int batch, int rounds, IReadOnlyList<string> steps, bool withPeers, IProgress<string> progress)
    {
        using var memory = new NativeMemory();
        using var scope = NewDisposeScope();
        if (Processor.WithoutBFloat16 is { } reason && steps.Any(IsLow))
        {
            progress.Report($"no bfloat16: {reason}");
            steps = [.. steps.Where(step => !IsLow(step))];
        }

        PeakMemory.Reset();
        (Tensor images, Tensor masks) = Batch(batch, side);
        using UNetResNet50 origin = Settled(width, images);
        using PeerProcess? peer = withPeers ? PeerProcess.Start(origin, side, batch, get_num_threads(), progress) : null;
        using OnnxPeer? onnx = withPeers && steps.Contains("infer") ? OnnxPeer.Start(origin, side, batch, get_num_threads(), progress) : null;
        var exported = new List<double>();
        using var ceiling = new Ceiling();
        using Ceiling? low = steps.Any(IsLow) ? new Ceiling(bfloat16) : null;
        (string Name, Step Step)[] own = [.. steps.Select(name => (name, Step.Create(name, origin, images, masks)))];
        string[] theirs = peer is null ? [] : [.. PeerNames.Where(steps.Contains)];
        var measured = own.ToDictionary(step => step.Name, _ => new List<double>());
        var peers = theirs.ToDictionary(name => name, _ => new List<double>());
        // The first round makes kernels, moments and memory.
        foreach ((_, Step step) in own) step.Run();
        foreach (string name in theirs) peer!.Run(name);
        for (int round = 0; round < rounds; round++)
        {
            foreach ((string name, Step step) in own)
            {
                ceiling.Measure();
                low?.Measure();
                measured[name].AddRange(Turn(() => Samples.Time(step.Run)));
                if (peers.TryGetValue(name, out List<double>? times)) times.AddRange(Turn(() => peer!.Run(name)));
                if (onnx is not null && name == "infer") exported.AddRange(Turn(onnx.Run));
            }
        }

        foreach ((_, Step step) in own) step.Dispose();
        // After the memory's peak is read: counting goes layer by layer.
        double peak = PeakMemory.Megabytes();
        StepWork work = StepWork.Of(origin, images);
        return new StepResult(width, side, batch, ceiling.GigaflopPerSecond, low?.GigaflopPerSecond,
            Names.ToDictionary(name => name, name => measured.TryGetValue(name, out List<double>? times) ? Samples.Of(times) : null),
            PeerNames.ToDictionary(name => name, name => peers.TryGetValue(name, out List<double>? times) ? Samples.Of(times) : null), peak, exported.Count > 0 ? Samples.Of(exported) : null)
        {
            Direct = Names.ToDictionary(name => name, name => measured.ContainsKey(name) ? work.Gflop(name) / (IsLow(name) ? low! : ceiling).GigaflopPerSecond * 1000 : null),
        };
    }

    /// <summary>
    /// One turn: a step that is not counted and brings what it works with back into the caches, as in a training the step before does; then as many as fit into the time of a turn, at
    /// least one.
    /// </summary>
    /// <param name="step">Runs a step and gives its milliseconds.</param>
    private static List<double> Turn(Func<double> step)
    {
        step();
        var times = new List<double>();
        do times.Add(step());
        while (times.Sum() < TurnMilliseconds);
        return times;
    }

    /// <summary>Prepares one step and hands it over to be run.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="width">Width of the encoder.</param>
    /// <param name="side">Side of the images.</param>
    /// <param name="batch">Images of a batch.</param>
    /// <param name="run">Gets the step.</param>
    internal static void Alone(string name, int width, int side, int batch, Action<Action> run)
    {
        using var memory = new NativeMemory();
        using var scope = NewDisposeScope();
        (Tensor images, Tensor masks) = Batch(batch, side);
        using UNetResNet50 origin = Settled(width, images);
        using Step step = Step.Create(name, origin, images, masks);
        run(step.Run);
    }

    private static (Tensor Images, Tensor Masks) Batch(int batch, int side)
    {
        TorchRuntime.Seed(0);
        return (randn(batch, 3, side, side) * 60, rand(batch, 1, side, side).lt(0.3).to(float32));
    }

    private static bool IsLow(string step) => step.EndsWith("bf16", StringComparison.Ordinal);

    /// <summary>A network whose running statistics are those of its own features: without training, inference would run into denormal numbers, which are several times slower.</summary>
    internal static UNetResNet50 Settled(int width, Tensor images, bool plain = false)
    {
        TorchRuntime.Seed(0);
        var unet = new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = width }, PlainUpsampling = plain });
        unet.train();
        using (no_grad()) unet.call(images).Dispose();
        return unet;
    }

    /// <summary>One of the steps, with a network of its own.</summary>
    private sealed class Step(UNetResNet50 unet, Module<Tensor, Tensor> model, Action run, params IDisposable[] owned) : IDisposable
    {
        public static Step Create(string name, UNetResNet50 origin, Tensor images, Tensor masks)
        {
            UNetResNet50 unet = Settled(origin.Options.Encoder.Width, images, plain: name == "plain");
            Precision precision = IsLow(name) ? Precision.BFloat16 : Precision.Float32;
            if (name is "plain" or "frozen" or "cached" or "bf16" or "cached_bf16") unet.Encoder.Freeze(BatchNormMode.Inference);
            if (name.StartsWith("infer", StringComparison.Ordinal)) return new Step(unet, unet, () => unet.Predict(images, precision).Dispose());
            if (name == "plain")
            {
                // Layer by layer, with the optimiser that comes with TorchSharp. A hook keeps the network from taking its short cuts.
                foreach (TorchSharp.Modules.Conv2d convolution in unet.modules().OfType<TorchSharp.Modules.Conv2d>()) convolution.register_forward_hook((_, _, output) => output);
                unet.train();
                var adam = optim.Adam(unet.parameters().Where(p => p.requires_grad), 1e-4);
                return new Step(unet, unet, () =>
                {
                    adam.zero_grad();
                    Backward(unet, images, masks);
                    adam.step();
                }, adam);
            }

            Module<Tensor, Tensor> model = name.StartsWith("cached", StringComparison.Ordinal) ? new FeatureCache(unet, new FeatureCacheOptions { MemoryLimit = long.MaxValue }) : unet;
            model.train();
            var fused = new FusedAdam([model.named_parameters().Where(p => p.parameter.requires_grad)]);
            return new Step(unet, model, () =>
            {
                using IDisposable computes = ComputePrecision.Use(precision, images), recomputes = Recomputation.Use(name == "recomputed");
                fused.ZeroGrad();
                Backward(model, images, masks);
                fused.Step([1e-4]);
            }, fused);
        }

        public void Run() => run();

        public void Dispose()
        {
            foreach (IDisposable one in owned) one.Dispose();
            if (!ReferenceEquals(model, unet)) model.Dispose();
            unet.Dispose();
        }

        private static void Backward(Module<Tensor, Tensor> model, Tensor images, Tensor masks)
        {
            using var pause = new CollectionPause();
            using var scope = NewDisposeScope();
            Tensor loss = Losses.BinaryCrossEntropy(model.call(images), masks);
            loss.backward();
            _ = loss.item<float>();
        }
    }
}
