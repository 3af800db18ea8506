using TorchSharp.Modules;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Models;

/// <summary>
/// ResNet50 as Keras 2.1 built it, layer name for layer name: <c>conv1</c>, <c>bn_conv1</c>, <c>res2a_branch2a</c>, <c>bn2a_branch2a</c> …,
/// <c>activation_1</c> to <c>activation_49</c>, optionally <c>fc1000</c>. Convolutions have biases, ε is 1e-3, the stride sits on the first 1×1 of a stage,
/// and padding is 'same'. With <see cref="ResNet50Architecture.Torchvision"/> it is torchvision's <c>resnet50</c> under the same names: no biases, and the stride
/// on the 3×3 of a stage's first block.
/// </summary>
/// <remarks>
/// Contract of <see cref="Features(Tensor)"/> for images (N, 3, H, W), H and W divisible by 32, and width w (64 for ResNet50):
/// <list type="bullet">
/// <item><c>activation_1</c>: (N, w, H/2, W/2)</item>
/// <item><c>activation_10</c>: (N, 4w, H/4, W/4)</item>
/// <item><c>activation_22</c>: (N, 8w, H/8, W/8)</item>
/// <item><c>activation_40</c>: (N, 16w, H/16, W/16)</item>
/// <item><c>activation_49</c>: (N, 32w, H/32, W/32)</item>
/// </list>
/// State keys are Keras's layer names with PyTorch's parameter names: <c>res2a_branch2a.weight</c>, <c>bn2a_branch2a.running_mean</c>.
/// </remarks>
public sealed class ResNet50Encoder : Module<Tensor, Tensor>
{
    /// <summary>The activations after which the U-Net takes its skips, from the first (largest) to the last.</summary>
    public static IReadOnlyList<string> SkipTaps { get; } = ["activation_1", "activation_10", "activation_22", "activation_40", "activation_49"];

    private static readonly int[] BlocksPerStage = [3, 4, 6, 3];

#pragma warning disable IDE1006 // Field names are the state keys: a parent that registers this module registers its fields once more.
    private readonly Linear? fc1000;
#pragma warning restore IDE1006
    private readonly ConvolutionWithNorm stem;
    private readonly List<ResidualBlock[]> stages = [];
    private readonly FoldedLayers folded;
    private int activations;

    /// <summary>Builds the network with Keras's random initialisation (Glorot-uniform kernels, zero biases); <c>ResNet50Encoder.Create</c> loads weights.</summary>
    /// <param name="options">Checked on entry; null for the defaults.</param>
    /// <exception cref="ArgumentException">The options are not valid.</exception>
    public ResNet50Encoder(ResNet50Options? options = null) : base(TorchRuntime.Loaded(nameof(ResNet50Encoder)))
    {
        Options = (options ?? new ResNet50Options()).Validate();
        int width = Options.Width;
        stem = new ConvolutionWithNorm(Convolution("conv1", 3, width, 7, stride: 2), BatchNorm("bn_conv1", width), Activation()) { Stride = 2 };

        long channels = width;
        for (int stage = 0; stage < BlocksPerStage.Length; stage++)
        {
            int inner = width << stage;
            var blocks = new ResidualBlock[BlocksPerStage[stage]];
            for (int block = 0; block < blocks.Length; block++)
            {
                blocks[block] = Block($"{stage + 2}{(char)('a' + block)}", channels, inner, projects: block == 0, subsamples: block == 0 && stage > 0);
                channels = 4L * inner;
            }

            stages.Add(blocks);
        }

        folded = new FoldedLayers([.. stages.SelectMany(blocks => blocks).SelectMany(block => block.Layers), stem], _ => 0);

        if (Options.IncludeTop)
        {
            fc1000 = Linear(channels, Options.Classes);
            init.xavier_uniform_(fc1000.weight!);
            init.zeros_(fc1000.bias!);
            register_module("fc1000", fc1000);
        }
    }

    /// <summary>What the network was built from.</summary>
    public ResNet50Options Options { get; }

    /// <summary>
    /// Name of the preprocessing that the weights were trained with (<c>caffe</c>, <c>torch</c> …), or null where nobody has said it. Loading weights sets it where they tell; it is saved with the
    /// network.
    /// </summary>
    public string? Preprocessing { get; set; }

    /// <summary>Channels of the five feature maps, from the largest map to the smallest.</summary>
    public IReadOnlyList<long> FeatureChannels => FeatureChannelsOf(Options.Width);

    internal static long[] FeatureChannelsOf(int width) => [width, 4L * width, 8L * width, 16L * width, 32L * width];

    /// <summary>The first convolution, its batch norm and ReLU.</summary>
    internal ConvolutionWithNorm Stem => stem;

    /// <summary>The residual blocks, by stage.</summary>
    internal IReadOnlyList<ResidualBlock[]> Stages => stages;

    /// <summary>The five feature maps of the contract above.</summary>
    /// <param name="images">Preprocessed (N, 3, H, W); sides need not be divisible by 32 here, maps are then rounded up.</param>
    /// <returns>Five tensors, owned by the caller; bfloat16 where <see cref="Precision.BFloat16"/> is chosen.</returns>
    /// <exception cref="ArgumentException">The images are not (N, 3, H, W).</exception>
    public Tensor[] Features(Tensor images)
    {
        if (images.dim() != 4 || images.shape[1] != 3)
            throw new ArgumentException($"The encoder expects images (N, 3, H, W) and got ({string.Join(", ", images.shape)}).", nameof(images));

        return Features(images, from: null, passing: null);
    }

    /// <summary>The feature maps of a pass that is looked at, or that goes on from a place in its middle.</summary>
    /// <param name="images">Preprocessed (N, 3, H, W); null where the pass goes on.</param>
    /// <param name="from">The place; null for the beginning. Its map is overwritten.</param>
    /// <param name="passing">Sees the pass before every residual block, or null.</param>
    /// <returns>Five tensors, owned by the caller.</returns>
    internal Tensor[] Features(Tensor? images, Midway? from, Action<Midway>? passing)
    {
        using var scope = NewDisposeScope();
        bool watched = folded.AreWatched;
        Tensor x = images?.alias() ?? from!.Map.alias();
        long[] shape = from?.Images ?? images!.shape;
        // Hooks see float32.
        if (!watched && ComputePrecision.IsLowFor(x)) x = x.to(bfloat16);
        bool fold = !watched && folded.Fit(x);
        using IDisposable? noGrad = fold ? no_grad() : null;
        using FoldedKernels? kernels = fold ? folded.For(x.dtype, shape) : null;
        List<Tensor> features;
        if (from is null)
        {
            x = StridedWindows.Pad(x, 7, Options.Padding, value: 0);
            x = kernels?.Apply(stem, x) ?? stem.Apply(x, watched);
            features = [x];
            x = StridedWindows.MaxPool(x, Options.Padding);
        }
        else
        {
            features = [.. from.Features.Select(feature => feature.alias())];
        }

        int part = 0, first = from?.Part ?? 0;
        foreach (ResidualBlock[] blocks in stages)
        {
            int done = Math.Clamp(first - part, 0, blocks.Length);
            part += done;
            // Who looks sees the pass before every block.
            int together = kernels is not null && passing is null ? blocks.Length : 1;
            while (done < blocks.Length)
            {
                ReadOnlySpan<ResidualBlock> next = blocks.AsSpan(done, Math.Min(together, blocks.Length - done));
                passing?.Invoke(new Midway(part, x, [.. features], shape));
                x = kernels?.Apply(next, x) ?? Layers(next[0], x);
                (done, part) = (done + next.Length, part + next.Length);
            }

            if (part > first) features.Add(x);
        }

        Tensor Layers(ResidualBlock block, Tensor map) => !watched && Recomputation.Suits(block.Layers)
            ? Recomputation.Of(block.Layers, inputs => block.Apply(inputs[0], watched: false), map)
            : block.Apply(map, watched);

        return [.. features.Select(f => f.MoveToOuterDisposeScope())];
    }

    /// <summary>
    /// The last feature map (N, 32w, H/32, W/32); with <c>pooling</c> one vector (N, 32w) per image; with a top the class logits (N, classes),
    /// whose softmax is Keras's <c>fc1000</c>.
    /// </summary>
    /// <param name="images">Preprocessed (N, 3, H, W).</param>
    /// <returns>Owned by the caller.</returns>
    public override Tensor forward(Tensor images)
    {
        using var scope = NewDisposeScope();
        Tensor x = Features(images)[^1].to(images.dtype);
        if (fc1000 is not null) x = fc1000.call(x.mean([2, 3]));
        else if (Options.Pooling == "avg") x = x.mean([2, 3]);
        else if (Options.Pooling == "max") x = x.amax([2, 3]);
        return x.MoveToOuterDisposeScope();
    }

    private ResidualBlock Block(string name, long inputs, int inner, bool projects, bool subsamples)
    {
        // Registered in Keras's order: the main branch with its activations, then the shortcut, then the activation after the sum.
        bool stridesFirst = Options.Architecture == ResNet50Architecture.Keras;
        var branch2a = Branch(name, "2a", inputs, inner, 1, Activation);
        var branch2b = Branch(name, "2b", inner, inner, 3, Activation, stride: subsamples && !stridesFirst ? 2 : 1);
        var branch2c = Branch(name, "2c", inner, 4L * inner, 1);
        var shortcut = projects ? Branch(name, "1", inputs, 4L * inner, 1) : null;
        return new ResidualBlock(subsamples, stridesFirst, branch2a, branch2b, branch2c with { Activation = Activation() }, shortcut);
    }

    private ConvolutionWithNorm Branch(string block, string branch, long inputs, long outputs, int size, Func<ReLU>? activation = null, int stride = 1) =>
        new(Convolution($"res{block}_branch{branch}", inputs, outputs, size, stride), BatchNorm($"bn{block}_branch{branch}", outputs), activation?.Invoke()) { Stride = stride };

    private Conv2d Convolution(string name, long inputs, long outputs, int size, int stride = 1)
    {
        Conv2d convolution = Conv2d(inputs, outputs, size, stride: stride, padding: size == 3 ? 1 : 0, bias: Options.Architecture == ResNet50Architecture.Keras);
        init.xavier_uniform_(convolution.weight!);
        if (convolution.bias is not null) init.zeros_(convolution.bias);
        register_module(name, convolution);
        return convolution;
    }

    private ModalBatchNorm2d BatchNorm(string name, long channels)
    {
        var layer = new ModalBatchNorm2d(channels, Options.BatchNorm);
        register_module(name, layer);
        return layer;
    }

    private ReLU Activation()
    {
        var activation = ReLU();
        register_module($"activation_{++activations}", activation);
        return activation;
    }

    /// <summary>Frees the folded kernels and the layers.</summary>
    protected override void Dispose(bool disposing)
    {
        if (disposing) folded.Dispose();
        base.Dispose(disposing);
    }
}
