using UnetResnet.Models;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Weights.Onnx;

/// <summary>Writes a U-Net down as a graph, module by module, as it computes in inference: no dropout, batch norm by its running statistics. Nodes and numbers keep the modules' names and state keys.</summary>
internal sealed class UNetGraph
{
    private readonly OnnxGraph graph = new();
    private readonly UNetResNet50 unet;
    private readonly bool fold;
    private readonly Dictionary<Module, string> names;

    private UNetGraph(UNetResNet50 unet, bool fold)
    {
        (this.unet, this.fold) = (unet, fold);
        names = unet.named_modules().DistinctBy(m => m.module, ReferenceEqualityComparer.Instance).ToDictionary(m => m.module, m => m.name, (IEqualityComparer<Module>)ReferenceEqualityComparer.Instance);
    }

    /// <summary>The graph.</summary>
    /// <param name="unet">The network; its tensors are read when the graph is written.</param>
    /// <param name="fold">Whether batch norm becomes part of the convolutions.</param>
    /// <param name="input">Name of the images.</param>
    /// <param name="output">Name of what comes out.</param>
    /// <param name="probabilities">Whether a sigmoid or softmax comes last.</param>
    /// <returns>The graph, whose tensors belong to the caller's dispose scope.</returns>
    internal static OnnxGraph Of(UNetResNet50 unet, bool fold, string input, string output, bool probabilities)
    {
        var writer = new UNetGraph(unet, fold);
        string logits = writer.Decoder(writer.Encoder(input), probabilities ? "decoder.prediction" : output);
        if (probabilities && unet.Options.Classes == 1) writer.graph.Node("Sigmoid", output, [logits]);
        else if (probabilities) writer.graph.Node("Softmax", output, [logits], ("axis", 1));
        return writer.graph;
    }

    /// <summary>The five feature maps, from the largest to the smallest.</summary>
    private List<string> Encoder(string images)
    {
        ResNet50Encoder encoder = unet.Encoder;
        // Sides are multiples of 32, so that every strided window here meets an even side: 'same' then pads 2 before and 3 after for the 7×7, 0 and 1 for the pooling.
        bool same = encoder.Options.Padding == ConvolutionPadding.Same;
        string x = Layer(encoder.Stem, images, stride: 2, same ? [2, 2, 3, 3] : [3, 3, 3, 3]);
        var features = new List<string> { x };
        x = graph.Node("MaxPool", "encoder.max_pooling2d_1", [x], ("kernel_shape", new[] { 3, 3 }), ("strides", new[] { 2, 2 }), ("pads", same ? new[] { 0, 0, 1, 1 } : [1, 1, 1, 1]));
        foreach (ResidualBlock[] blocks in encoder.Stages)
        {
            foreach (ResidualBlock block in blocks)
            {
                string y = Layer(block.Branch2b, Layer(block.Branch2a, x, block.Stride(block.Branch2a)), block.Stride(block.Branch2b));
                y = Layer(block.Branch2c with { Activation = null }, y);
                string shortcut = block.Shortcut is { } projection ? Layer(projection, x, block.Stride(projection)) : x;
                string activation = names[block.Branch2c.Activation!];
                x = graph.Node("Relu", activation, [graph.Node("Add", activation + ".add", [y, shortcut])]);
            }

            features.Add(x);
        }

        return features;
    }

    private string Decoder(List<string> features, string output)
    {
        UNetDecoder decoder = unet.Decoder;
        string scales = graph.Numbers("decoder.up_sampling2d.scales", tensor(new[] { 1f, 1f, 2f, 2f }, device: CPU)), x = features[^1];
        for (int stage = 0; stage < decoder.Stages.Count; stage++)
        {
            // Nearest: each pixel twice along each axis.
            string up = $"decoder.up_sampling2d_{stage + 1}";
            x = graph.Node("Resize", up, [x, "", scales], ("mode", "nearest"), ("coordinate_transformation_mode", "asymmetric"), ("nearest_mode", "floor"));
            if (features.Count - 2 - stage is var skip and >= 0) x = graph.Node("Concat", $"decoder.concatenate_{stage + 1}", [x, features[skip]], ("axis", 1));
            x = Layer(decoder.Stages[stage].Second, Layer(decoder.Stages[stage].First, x));
        }

        return Convolution(decoder.Prediction, decoder.Prediction.weight!, decoder.Prediction.bias, x, 1, [0, 0, 0, 0], output);
    }

    private string Layer(ConvolutionWithNorm layer, string x, int stride = 1, int[]? pads = null)
    {
        int border = (int)layer.Convolution.weight!.shape[2] / 2;
        pads ??= [border, border, border, border];
        Tensor kernel = layer.Convolution.weight!;
        Tensor? bias = layer.Convolution.bias;
        if (fold) (kernel, bias) = layer.Folded();
        x = Convolution(layer.Convolution, kernel, bias, x, stride, pads, names[layer.Convolution]);
        if (layer.Norm is { } norm && !fold)
        {
            string name = names[norm];
            x = graph.Node("BatchNormalization", name,
                [x, Numbers($"{name}.weight", norm.Weight), Numbers($"{name}.bias", norm.Bias), Numbers($"{name}.running_mean", norm.RunningMean), Numbers($"{name}.running_var", norm.RunningVar)],
                ("epsilon", (float)norm.Options.Eps));
        }

        return layer.Activation is { } activation ? graph.Node("Relu", names[activation], [x]) : x;
    }

    private string Convolution(TorchSharp.Modules.Conv2d module, Tensor kernel, Tensor? bias, string x, int stride, int[] pads, string output)
    {
        string name = names[module];
        int size = (int)kernel.shape[2];
        string[] inputs = [x, Numbers($"{name}.weight", kernel), .. bias is null ? Array.Empty<string>() : [Numbers($"{name}.bias", bias)]];
        return graph.Node("Conv", output, inputs, ("kernel_shape", new[] { size, size }), ("strides", new[] { stride, stride }), ("pads", pads));
    }

    private string Numbers(string name, Tensor tensor) => graph.Numbers(name, tensor.detach().to(float32));
}
