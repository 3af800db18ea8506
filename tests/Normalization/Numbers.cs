using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Normalization;

/// <summary>Numbers in and out of tensors and modules.</summary>
internal static class Numbers
{
    public static float[] Values(this Tensor tensor)
    {
        using Tensor contiguous = tensor.detach().contiguous();
        return contiguous.data<float>().ToArray();
    }

    /// <summary>Normal values whose mean and deviation differ from channel to channel, laid out (N, C, H, W).</summary>
    public static float[] Normal(Random random, int images, int channels, int spatial)
    {
        var values = new float[images * channels * spatial];
        for (int i = 0; i < values.Length; i++)
        {
            int channel = i / spatial % channels;
            double u = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            values[i] = (float)(channel - 1.5 + (0.5 + 0.5 * channel) * u);
        }

        return values;
    }

    public static double[] Doubles(this float[] values) => Array.ConvertAll(values, v => (double)v);

    /// <summary>|actual − expected| ≤ tolerance · (1 + |expected|) everywhere.</summary>
    public static void AssertClose(double[] expected, Tensor actual, double tolerance, string what = "")
    {
        float[] values = actual.Values();
        Assert.Equal(expected.Length, values.Length);
        for (int i = 0; i < values.Length; i++)
        {
            double distance = Math.Abs(values[i] - expected[i]);
            Assert.True(distance <= tolerance * (1 + Math.Abs(expected[i])), $"{what}[{i}]: expected {expected[i]}, was {values[i]}");
        }
    }

    /// <summary>Every parameter and buffer of a module, byte for byte.</summary>
    public static Dictionary<string, byte[]> State(Module module) => module.state_dict().ToDictionary(e => e.Key, e => e.Value.contiguous().bytes.ToArray());

    /// <summary>Names of the parameters and buffers that differ between two states.</summary>
    public static string[] Changed(Dictionary<string, byte[]> before, Dictionary<string, byte[]> after)
    {
        Assert.Equal(before.Keys, after.Keys);
        return [.. before.Keys.Where(key => !before[key].AsSpan().SequenceEqual(after[key]))];
    }
}
