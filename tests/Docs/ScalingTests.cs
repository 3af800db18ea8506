using System.Globalization;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Docs;

/// <summary>The figures of the model in docs/scaling.md follow from the network and from the assumptions that stand there.</summary>
public class ScalingTests
{
    private const double SustainedFlops = 20e12, WithinNode = 100e9, BetweenNodes = 12.5e9, ImagesOfACore = 100;

    [Fact]
    public void The_model_s_figures_follow_from_its_assumptions()
    {
        string page = File.ReadAllText(Path.Combine(Directory.GetParent(BundledFiles.Root)!.FullName, "docs", "scaling.md"));
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var unet = new UNetResNet50(new UNetOptions { PlainUpsampling = true });
        unet.eval();
        var flops = new Dictionary<string, double> { ["encoder"] = 0, ["decoder"] = 0 };
        foreach ((string name, nn.Module module) in unet.named_modules())
        {
            if (module is not TorchSharp.Modules.Conv2d convolution) continue;
            convolution.register_forward_hook((_, _, result) =>
            {
                flops[name.Split('.')[0]] += 2.0 * result.numel() * convolution.weight!.numel() / convolution.weight.shape[0];
                return result;
            });
        }

        unet.call(zeros(1, 3, 32, 32));
        // Every map grows with the image: 224² is 49 times 32².
        double encoder = flops["encoder"] * 49 / 1e9, decoder = flops["decoder"] * 49 / 1e9;
        long parameters = unet.parameters().Sum(p => p.numel()), trained = unet.Decoder.parameters().Sum(p => p.numel()), channels = unet.BatchNormLayers().Sum(l => l.Layer.Channels);
        Says($"{F(encoder, 1)} GFLOP in the encoder and {F(decoder, 1)} in the decoder");
        Says($"{F(parameters / 1e6, 1)} million parameters, {F(trained / 1e6, 1)} of them in the decoder");
        Says($"{F(parameters * 4 / 1e6, 0)} MB of gradients");
        Says($"{F(trained * 4 / 1e6, 0)} MB if the encoder is frozen");
        Says($"{channels.ToString("N0", CultureInfo.InvariantCulture)} channels of batch norm");

        double everything = 3 * (encoder + decoder) * 1e9, bytes = parameters * 4.0;
        Says($"{F(everything / 1e9, 0)} GFLOP an image");
        foreach ((int gpus, double each, double bandwidth) in new[] { (1, 32, WithinNode), (8, 32, WithinNode), (64, 32, BetweenNodes), (64, 4.0, BetweenNodes), (512, 32, BetweenNodes) })
        {
            double compute = each * everything / SustainedFlops, exchange = 2.0 * (gpus - 1) / gpus * bytes / bandwidth;
            // The exchange runs beside the backward pass, which is two thirds of the computation; what is left over is waited for.
            double step = compute + Math.Max(0, exchange - compute * 2 / 3), images = gpus * each / step;
            Says($"| {gpus} | {F(each, 0)} | {F(compute * 1e3, 0)} | {F(exchange * 1e3, 1)} | {F(step * 1e3, 0)} | {images.ToString("N0", CultureInfo.InvariantCulture)} | {F(Math.Ceiling(images / ImagesOfACore / Math.Max(1, gpus / 8.0)), 0)} |");
        }

        void Says(string text) => Assert.True(page.Contains(text, StringComparison.Ordinal), $"docs/scaling.md does not say: {text}");
        static string F(double value, int decimals) => NumberText.Fixed(value, decimals);
    }
}
