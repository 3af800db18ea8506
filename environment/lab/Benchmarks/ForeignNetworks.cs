using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>Patients that know nothing of this library: TorchSharp's own layers only, (N, 3, H, W) to logits (N, 1, H, W).</summary>
internal static class ForeignNetworks
{
    /// <summary>A plain stack of dilated convolutions, each with batch norm and ReLU: <c>features</c> and a 1×1 <c>head</c>.</summary>
    public static Sequential Cnn(double momentum = 0.1)
    {
        var features = new List<(string, Module<Tensor, Tensor>)>();
        long inputs = 3;
        foreach ((int number, int dilation) in new[] { (1, 1), (2, 2), (3, 4), (4, 2) })
        {
            features.Add(($"conv{number}", Conv2d(inputs, 16, 3, padding: dilation, dilation: dilation)));
            features.Add(($"bn{number}", BatchNorm2d(16, momentum: momentum)));
            features.Add(($"relu{number}", ReLU()));
            inputs = 16;
        }

        return Sequential(("features", Sequential([.. features])), ("head", Sequential(("conv", Conv2d(16, 16, 3, padding: 1)), ("bn", BatchNorm2d(16, momentum: momentum)), ("relu", ReLU()), ("prediction", Conv2d(16, 1, 1)))));
    }

    /// <summary>The same stack without batch norm.</summary>
    public static Sequential WithoutBatchNorm() => Sequential(
        ("conv1", Conv2d(3, 16, 3, padding: 1)), ("relu1", ReLU()), ("conv2", Conv2d(16, 16, 3, padding: 2, dilation: 2)), ("relu2", ReLU()), ("prediction", Conv2d(16, 1, 1)));

    /// <summary>Batch norm before every convolution, inputs concatenated: two dense blocks with a transition that halves the size.</summary>
    public static Module<Tensor, Tensor> DenseNet(double momentum = 0.1) => new SmallDenseNet(momentum);

    /// <summary>A residual network of three stages for pictures of 32×32: (N, 3, H, W) to logits (N, classes).</summary>
    public static Module<Tensor, Tensor> ResNet(int classes, double momentum = 0.1) => Sequential(
        ("stem", Sequential(("conv", Conv2d(3, 16, 3, padding: 1)), ("norm", BatchNorm2d(16, momentum: momentum)), ("relu", ReLU()))),
        ("layer1", new Residual(16, momentum)), ("pool1", AvgPool2d(2)), ("layer2", new Residual(16, momentum)), ("pool2", AvgPool2d(2)),
        ("widen", Sequential(("conv", Conv2d(16, 32, 1)), ("norm", BatchNorm2d(32, momentum: momentum)), ("relu", ReLU()))), ("layer3", new Residual(32, momentum)),
        ("pool", AdaptiveAvgPool2d(1)), ("flatten", Flatten()), ("fc", Linear(32, classes)));

    /// <summary>x + f(x), as in ResNet18.</summary>
    private sealed class Residual : Module<Tensor, Tensor>
    {
#pragma warning disable IDE1006 // Field names are the state keys.
        private readonly Conv2d conv1, conv2;
        private readonly BatchNorm2d norm1, norm2;
#pragma warning restore IDE1006

        internal Residual(long channels, double momentum) : base(nameof(Residual))
        {
            (conv1, conv2) = (Conv2d(channels, channels, 3, padding: 1), Conv2d(channels, channels, 3, padding: 1));
            (norm1, norm2) = (BatchNorm2d(channels, momentum: momentum), BatchNorm2d(channels, momentum: momentum));
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            Tensor inner = norm2.call(conv2.call(functional.relu(norm1.call(conv1.call(x)))));
            return functional.relu(x + inner).MoveToOuterDisposeScope();
        }
    }

    private sealed class SmallDenseNet : Module<Tensor, Tensor>
    {
#pragma warning disable IDE1006 // Field names are the state keys.
        private readonly Conv2d stem = Conv2d(3, 16, 3, padding: 1);
        private readonly ModuleList<Sequential> features1, features2;
        private readonly Sequential transition;
        private readonly BatchNorm2d norm;
        private readonly Conv2d head = Conv2d(48, 1, 1);
#pragma warning restore IDE1006

        internal SmallDenseNet(double momentum) : base(nameof(SmallDenseNet))
        {
            Sequential Layer(long inputs) => Sequential(("norm", BatchNorm2d(inputs, momentum: momentum)), ("relu", ReLU()), ("conv", Conv2d(inputs, 16, 3, padding: 2, dilation: 2)));
            features1 = new(Layer(16), Layer(32));
            transition = Sequential(("norm", BatchNorm2d(48, momentum: momentum)), ("relu", ReLU()), ("conv", Conv2d(48, 16, 1)), ("pool", AvgPool2d(2)));
            features2 = new(Layer(16), Layer(32));
            norm = BatchNorm2d(48, momentum: momentum);
            RegisterComponents();
        }

        public override Tensor forward(Tensor images)
        {
            using var scope = NewDisposeScope();
            Tensor x = transition.call(Block(features1, stem.call(images)));
            x = functional.relu(norm.call(Block(features2, x)));
            return functional.upsample_nearest2d(head.call(x), [images.shape[2], images.shape[3]]).MoveToOuterDisposeScope();
        }

        private static Tensor Block(ModuleList<Sequential> layers, Tensor x)
        {
            foreach (Sequential layer in layers) x = cat([x, layer.call(x)], dim: 1);
            return x;
        }
    }
}
