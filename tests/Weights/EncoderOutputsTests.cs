using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Weights;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Weights;

/// <summary>
/// From a file of the real library at full width to the five outputs, against independent implementations in PyTorch and float64
/// (<c>tests/golden/encoder_outputs.py</c>, which says why they can be trusted).
/// </summary>
public sealed class EncoderOutputsTests : IDisposable
{
    // float32 carries 7 digits; some hundred layers and sums over up to 18,432 products (3×3×2048) leave at least 4 of them.
    private const double Tolerance = 1e-4;

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [PythonTheory("h5py, torch")]
    [InlineData("keras1", "weights.h5")]
    [InlineData("applications", "weights.h5")]
    [InlineData("torchvision", "weights.pth")]
    public void The_five_outputs_are_those_of_an_independent_implementation(string form, string file)
    {
        Python.Run("encoder_outputs.py", form, folder[file], folder["outputs.pth"]);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        IReadOnlyDictionary<string, Tensor> expected = PyTorchFile.Read(folder["outputs.pth"]);
        using var encoder = new ResNet50Encoder(form switch
        {
            "torchvision" => ResNet50Options.Torchvision with { IncludeTop = true },
            "applications" => new ResNet50Options { Padding = ConvolutionPadding.Symmetric, BatchNorm = BatchNormOptions.Keras3 with { Eps = 1.001e-5 } },
            _ => new ResNet50Options(),
        });
        EncoderWeights.Load(encoder, folder[file]);
        encoder.eval();

        foreach (string size in new[] { "64x64", "65x71" })
        {
            Tensor input = expected[$"input {size}"];
            Tensor[] features = encoder.Features(input);
            Assert.Equal(5, features.Length);
            for (int i = 0; i < 5; i++) Near(expected[$"{size} {i}"], features[i], $"{size}, {ResNet50Encoder.SkipTaps[i]}");
            if (form == "torchvision") Near(expected[$"{size} logits"], encoder.call(input), $"{size}, logits");
        }

        if (form != "torchvision") return;
        using var withoutTop = new ResNet50Encoder(ResNet50Options.Torchvision);
        Assert.Equal(expected["parameters"].item<long>(), withoutTop.parameters().Sum(p => p.numel()));
    }

    private static void Near(Tensor expected, Tensor actual, string what)
    {
        Assert.Equal(expected.shape, actual.shape);
        double size = expected.square().mean().sqrt().item<float>(), error = (expected - actual).abs().max().item<float>() / size;
        Assert.True(error <= Tolerance, $"{what}: off by {error:e1} of {size:g4}");
    }
}
