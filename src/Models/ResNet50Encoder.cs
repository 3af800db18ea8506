using TorchSharp;
using TorchSharp.Modules;
using UnetResnet.Normalization;
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
/// Contract of <see cref="Features"/> for images (N, 3, H, W), H and W divisible by 32, and width w (64 for ResNet50):
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
    private readonly Conv2d conv1;
    private readonly ModalBatchNorm2d bn_conv1;
    private readonly ReLU activation_1;
    private readonly Linear? fc1000;
#pragma warning restore IDE1006
    private readonly List<ResidualBlock[]> stages = [];
    private int activations;

    /// <summary>Builds the network with Keras's random initialisation (Glorot-uniform kernels, zero biases); <c>ResNet50Encoder.Create</c> loads weights.</summary>
    /// <param name="options">Checked on entry; null for the defaults.</param>
    /// <exception cref="ArgumentException">The options are not valid.</exception>
    public ResNet50Encoder(ResNet50Options? options = null) : base(nameof(ResNet50Encoder))
    {
        Options = (options ?? new ResNet50Options()).Validate();
        int width = Options.Width;
        conv1 = Convolution("conv1", 3, width, 7, stride: 2);
        bn_conv1 = BatchNorm("bn_conv1", width);
        activation_1 = Activation();

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

    /// <summary>The five feature maps of the contract above.</summary>
    /// <param name="images">Preprocessed (N, 3, H, W); sides need not be divisible by 32 here, maps are then rounded up.</param>
    /// <returns>Five tensors, owned by the caller.</returns>
    /// <exception cref="ArgumentException">The images are not (N, 3, H, W).</exception>
    public Tensor[] Features(Tensor images)
    {
        if (images.dim() != 4 || images.shape[1] != 3)
            throw new ArgumentException($"The encoder expects images (N, 3, H, W) and got ({string.Join(", ", images.shape)}).", nameof(images));

        using var scope = NewDisposeScope();
        var features = new List<Tensor>();
        Tensor x = StridedWindows.Pad(ChannelsLast.Of(images), 7, Options.Padding, value: 0);
        x = activation_1.call(bn_conv1.call(conv1.call(x)));
        features.Add(x);
        x = StridedWindows.Pad(x, 3, Options.Padding, value: double.NegativeInfinity);
        x = functional.max_pool2d(x, 3, stride: 2);
        foreach (ResidualBlock[] blocks in stages)
        {
            foreach (ResidualBlock block in blocks) x = block.Apply(x);
            features.Add(x);
        }

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
        Tensor x = Features(images)[^1];
        if (fc1000 is not null) x = fc1000.call(x.mean([2, 3]));
        else if (Options.Pooling == "avg") x = x.mean([2, 3]);
        else if (Options.Pooling == "max") x = x.amax([2, 3]);
        return x.MoveToOuterDisposeScope();
    }

    private ResidualBlock Block(string name, long inputs, int inner, bool projects, bool subsamples)
    {
        // Registered in Keras's order: the main branch with its activations, then the shortcut, then the activation after the sum.
        bool stridesFirst = Options.Architecture == ResNet50Architecture.Keras;
        var branch2a = Branch(name, "2a", inputs, inner, 1);
        var activation2a = Activation();
        var branch2b = Branch(name, "2b", inner, inner, 3, stride: subsamples && !stridesFirst ? 2 : 1);
        var activation2b = Activation();
        var branch2c = Branch(name, "2c", inner, 4L * inner, 1);
        var shortcut = projects ? Branch(name, "1", inputs, 4L * inner, 1) : null;
        return new ResidualBlock(subsamples, stridesFirst, branch2a, activation2a, branch2b, activation2b, branch2c, shortcut, Activation());
    }

    private ConvolutionWithNorm Branch(string block, string branch, long inputs, long outputs, int size, int stride = 1) =>
        new(Convolution($"res{block}_branch{branch}", inputs, outputs, size, stride), BatchNorm($"bn{block}_branch{branch}", outputs));

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

    /// <summary>A convolution and the batch norm after it.</summary>
    private sealed record ConvolutionWithNorm(Conv2d Convolution, ModalBatchNorm2d Norm)
    {
        internal Tensor Apply(Tensor x) => Norm.call(Convolution.call(x));
    }

    /// <summary>Keras's <c>conv_block</c> (with a projected shortcut) and <c>identity_block</c> (without). The layers belong to the encoder.</summary>
    private sealed record ResidualBlock(
        bool Subsamples, bool StridesFirst,
        ConvolutionWithNorm Branch2a, ReLU Activation2a,
        ConvolutionWithNorm Branch2b, ReLU Activation2b,
        ConvolutionWithNorm Branch2c, ConvolutionWithNorm? Shortcut, ReLU ActivationOfSum)
    {
        /// <summary>Kept alive on purpose: <c>y + x</c> makes a temporary 1 that a collection may free while native code reads it.</summary>
        private static readonly Scalar One = 1;

        internal Tensor Apply(Tensor x)
        {
            using var scope = NewDisposeScope();
            // The projected shortcut is a strided 1×1 in both networks; in torchvision's, the main branch keeps all pixels until its strided 3×3.
            Tensor input = Subsamples ? StridedWindows.EverySecond(x) : x;
            Tensor y = Activation2a.call(Branch2a.Apply(StridesFirst ? input : x));
            y = Activation2b.call(Branch2b.Apply(y));
            y = Branch2c.Apply(y);
            y = y.add(Shortcut?.Apply(input) ?? input, One);
            return ActivationOfSum.call(y).MoveToOuterDisposeScope();
        }
    }
}
