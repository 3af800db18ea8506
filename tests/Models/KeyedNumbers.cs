using System.Text;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Models;

/// <summary>Reproducible numbers for every parameter and buffer, from a hash of its state key: the same as in <c>tests/golden/keras_resnet50.py</c>, bit for bit.</summary>
internal static class KeyedNumbers
{
    /// <summary>Fills parameters and running statistics of a network.</summary>
    public static void Fill(Module module)
    {
        using var noGrad = no_grad();
        foreach ((string key, Tensor target) in module.state_dict())
        {
            (double offset, double scale) = key.Split('.')[^1] switch
            {
                // Uniform with the variance 2 / fan-in of He.
                "weight" when target.dim() == 4 => (0, Math.Sqrt(6.0 / target.shape[1..].Aggregate(1L, (a, b) => a * b))),
                "weight" => (1, 0.2),
                "bias" or "running_mean" => (0, 0.1),
                "running_var" => (1.5, 0.5),
                var other => throw new ArgumentException($"No rule for {other}."),
            };
            using Tensor values = Of(key, target.shape, offset, scale);
            target.copy_(values);
        }
    }

    /// <summary>offset + scale · u with u in [−1, 1): FNV-1a of the key starts murmur3's finaliser over the indices.</summary>
    public static Tensor Of(string key, long[] shape, double offset, double scale)
    {
        uint seed = Encoding.UTF8.GetBytes(key).Aggregate(2166136261u, (hash, b) => (hash ^ b) * 16777619u);
        var values = new float[shape.Aggregate(1L, (a, b) => a * b)];
        for (int i = 0; i < values.Length; i++)
        {
            uint x = (uint)i * 2654435761u + seed;
            x = (x ^ (x >> 16)) * 0x85EBCA6Bu;
            x = (x ^ (x >> 13)) * 0xC2B2AE35u;
            x ^= x >> 16;
            values[i] = (float)(offset + scale * ((x >> 8) / 8388608.0 - 1));
        }

        return tensor(values, shape);
    }
}
