using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Data;

/// <summary>What every value of a byte becomes under a preprocessing, in each of the three planes: computed once and looked up for every pixel.</summary>
internal sealed class PixelTable
{
    private readonly float[] values;
    private readonly bool reversed;

    /// <summary>Asks a preprocessing for all 256 values.</summary>
    /// <param name="preprocess">Preprocesses (N, 3, H, W), each value by itself.</param>
    /// <param name="reversed">Whether it reverses the channels.</param>
    internal PixelTable(Func<Tensor, Tensor> preprocess, bool reversed)
    {
        this.reversed = reversed;
        TorchRuntime.Load();
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        Tensor bytes = tensor([.. Enumerable.Range(0, 256).Select(value => (float)value)], [256, 1, 1, 1], device: CPU);
        values = preprocess(bytes.expand(256, 3, 1, 1)).permute(1, 0, 2, 3).Values<float>();
    }

    /// <summary>Writes the preprocessed picture plane by plane (CHW); a grey picture is repeated into all three.</summary>
    internal void CopyPlanes(PixelImage image, Span<float> target)
    {
        int area = image.Width * image.Height, step = image.Channels;
        ReadOnlySpan<byte> pixels = image.Pixels;
        for (int plane = 0; plane < 3; plane++)
        {
            ReadOnlySpan<float> table = values.AsSpan(256 * plane, 256);
            Span<float> to = target.Slice(plane * area, area);
            int from = step == 1 ? 0 : reversed ? 2 - plane : plane;
            for (int i = 0; i < to.Length; i++, from += step) to[i] = table[pixels[from]];
        }
    }
}
