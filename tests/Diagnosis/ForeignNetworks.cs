using TorchSharp.Modules;
using UnetResnet.Data;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Diagnosis;

/// <summary>Networks that know nothing of this library: TorchSharp's own layers only, (N, 3, H, W) to logits (N, 1, H, W).</summary>
internal static class ForeignNetworks
{
    /// <summary>A plain stack: three times convolution, batch norm, ReLU; dropout; 1×1.</summary>
    public static Sequential Cnn(int seed = 0, double dropout = 0)
    {
        TorchRuntime.Seed(seed);
        return Sequential(
            ("conv1", Conv2d(3, 16, 3, padding: 1)), ("bn1", BatchNorm2d(16)), ("relu1", ReLU()),
            ("conv2", Conv2d(16, 16, 3, padding: 1)), ("bn2", BatchNorm2d(16)), ("relu2", ReLU()),
            ("conv3", Conv2d(16, 16, 3, padding: 1)), ("bn3", BatchNorm2d(16)), ("relu3", ReLU()),
            ("dropout", Dropout(dropout)), ("head", Conv2d(16, 1, 1)));
    }

    /// <summary>Two dense blocks of pre-activation layers whose inputs are concatenated, with a transition between them.</summary>
    public static DenseNet DenseNet(int seed = 0)
    {
        TorchRuntime.Seed(seed);
        return new DenseNet();
    }

    /// <summary>Gives every layer the statistics of these images, as if it had been pre-trained on them.</summary>
    public static void Settle(Module<Tensor, Tensor> model, Tensor images)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var norms = model.modules().OfType<BatchNorm>().Select(norm => (norm, norm.momentum)).ToList();
        bool training = model.training;
        model.train();
        foreach ((BatchNorm norm, _) in norms) norm.momentum = 1;
        model.call(images);
        foreach ((BatchNorm norm, double? momentum) in norms) norm.momentum = momentum;
        model.train(training);
    }

    /// <summary>Noise around <paramref name="offset"/> with a brighter square at a random place, and the square as mask; always the same for a seed.</summary>
    public static Batch Squares(int count = 8, int side = 16, int seed = 0, double scale = 1, double offset = 0) =>
        Training.Toys.Squares(count, count, side, seed, scale, offset).Epoch().First();
}

/// <summary>A DenseNet-like network: growth 16, two blocks of two layers, batch norm before every convolution.</summary>
internal sealed class DenseNet : Module<Tensor, Tensor>
{
#pragma warning disable IDE1006 // Field names are the state keys.
    private readonly Conv2d stem = Conv2d(3, 16, 3, padding: 1);
    private readonly ModuleList<Sequential> dense1 = new(Layer(16), Layer(32));
    private readonly Sequential transition = Sequential(("norm", BatchNorm2d(48)), ("relu", ReLU()), ("conv", Conv2d(48, 16, 1)), ("pool", AvgPool2d(2)));
    private readonly ModuleList<Sequential> dense2 = new(Layer(16), Layer(32));
    private readonly BatchNorm2d norm = BatchNorm2d(48);
    private readonly Conv2d head = Conv2d(48, 1, 1);
#pragma warning restore IDE1006

    internal DenseNet() : base(nameof(DenseNet)) => RegisterComponents();

    public override Tensor forward(Tensor images)
    {
        using var scope = NewDisposeScope();
        Tensor x = transition.call(Block(dense1, stem.call(images)));
        x = functional.relu(norm.call(Block(dense2, x)));
        return functional.upsample_nearest2d(head.call(x), [images.shape[2], images.shape[3]]).MoveToOuterDisposeScope();
    }

    private static Tensor Block(ModuleList<Sequential> layers, Tensor x)
    {
        foreach (Sequential layer in layers) x = cat([x, layer.call(x)], dim: 1);
        return x;
    }

    private static Sequential Layer(long inputs) => Sequential(("norm", BatchNorm2d(inputs)), ("relu", ReLU()), ("conv", Conv2d(inputs, 16, 3, padding: 1)));
}

/// <summary>One batch-norm layer in two places, another in none.</summary>
internal sealed class SharedNorm : Module<Tensor, Tensor>
{
#pragma warning disable IDE1006 // Field names are the state keys.
    private readonly Conv2d first = Conv2d(3, 16, 3, padding: 1);
    private readonly BatchNorm2d shared = BatchNorm2d(16);
    private readonly Conv2d second = Conv2d(16, 16, 3, padding: 1);
    private readonly Conv2d head = Conv2d(16, 1, 1);
#pragma warning restore IDE1006

    internal SharedNorm() : base(nameof(SharedNorm))
    {
        register_module("unused", BatchNorm2d(16));
        RegisterComponents();
    }

    public override Tensor forward(Tensor images)
    {
        using var scope = NewDisposeScope();
        Tensor x = functional.relu(shared.call(first.call(images)));
        return head.call(functional.relu(shared.call(second.call(x)))).MoveToOuterDisposeScope();
    }
}
