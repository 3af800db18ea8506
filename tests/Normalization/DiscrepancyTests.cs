using UnetResnet.Normalization;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Normalization;

/// <summary>
/// What a layer under <see cref="BatchNormMode.Keras213"/> does to one and the same input in training and in inference, in closed form. Per channel, with
/// batch statistics (μ, v) and running ones (μᵣ, vᵣ): z = (μ − μᵣ)/√(vᵣ + ε), r = (v + ε)/(vᵣ + ε), and x̂(inference) = √r · x̂(training) + z.
/// </summary>
public class DiscrepancyTests
{
    [Fact]
    public void Inference_is_a_shift_and_a_scale_of_training()
    {
        using var scope = NewDisposeScope();
        const int channels = 4, spatial = 50;
        using var layer = new ModalBatchNorm2d(channels, mode: BatchNormMode.Keras213);
        double eps = layer.Options.Eps;
        double[] runningMean = [1, -2, 0.5, 4], runningVar = [0.5, 2, 9, 1];
        using (no_grad())
        {
            layer.RunningMean.copy_(tensor(runningMean).to(float32));
            layer.RunningVar.copy_(tensor(runningVar).to(float32));
        }

        float[] values = Numbers.Normal(new Random(8), 3, channels, spatial);
        Tensor x = tensor(values, [3, channels, 5, 10]);
        layer.train();
        double[] training = layer.call(x).Values().Doubles();
        layer.eval();
        double[] inference = layer.call(x).Values().Doubles();
        for (int c = 0; c < channels; c++)
        {
            (double mean, double variance) = ReferenceBatchNorm.Moments(ReferenceBatchNorm.Channel(values.Doubles(), channels, spatial, c));
            double z = (mean - runningMean[c]) / Math.Sqrt(runningVar[c] + eps), r = (variance + eps) / (runningVar[c] + eps);
            List<double> t = ReferenceBatchNorm.Channel(training, channels, spatial, c), i = ReferenceBatchNorm.Channel(inference, channels, spatial, c);

            // Outputs are up to 10 in float32.
            Assert.All(t.Zip(i), pair => Assert.Equal(Math.Sqrt(r) * pair.First + z, pair.Second, 1e-5));

            // The mean square of what the layer injects is the squared 2-Wasserstein distance of the two normal distributions, in units of vᵣ + ε.
            double injected = t.Zip(i, (a, b) => (b - a) * (b - a)).Average();
            double wasserstein = z * z + (Math.Sqrt(r) - 1) * (Math.Sqrt(r) - 1) * variance / (variance + eps);
            Assert.Equal(wasserstein, injected, 1e-5 * (1 + wasserstein));
            Assert.True(wasserstein > 0.05);
        }
    }
}
