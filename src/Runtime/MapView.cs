using static TorchSharp.torch;

namespace UnetResnet.Runtime;

/// <summary>Maps of some images where they lie in memory: float32, the channels of a pixel side by side, pixel after pixel, row after row and image after image.</summary>
/// <param name="numbers">The first.</param>
/// <param name="images">How many.</param>
/// <param name="height">Rows of a map.</param>
/// <param name="width">Pixels of a row.</param>
/// <param name="channels">Numbers of a pixel.</param>
internal readonly unsafe struct MapView(float* numbers, int images, int height, int width, int channels)
{
    internal float* Numbers { get; } = numbers;

    internal int Images { get; } = images;

    internal int Height { get; } = height;

    internal int Width { get; } = width;

    internal int Channels { get; } = channels;

    /// <summary>Pixels of all images.</summary>
    internal int Pixels => Images * Height * Width;

    /// <summary>Numbers of an image.</summary>
    internal nint Image => (nint)Height * Width * Channels;

    /// <summary>The maps of a tensor, which must be kept alive while they are read or written.</summary>
    /// <param name="map">(N, C, H, W) on the CPU, float32, channels last.</param>
    internal static MapView Of(Tensor map)
    {
        long[] size = map.shape;
        return new MapView(TensorMemory.Pixels(map), (int)size[0], (int)size[2], (int)size[3], (int)size[1]);
    }

    /// <summary>Those of some images.</summary>
    internal MapView Of(int first, int count) => new(Numbers + first * Image, count, Height, Width, Channels);

    /// <summary>Maps of as many pixels in the memory behind these.</summary>
    internal MapView Next(int channels) => new(Numbers + Images * Image, Images, Height, Width, channels);

    /// <summary>Every second row and column, ⌈H/2⌉ × ⌈W/2⌉ of them.</summary>
    /// <param name="to">To be written; as many channels.</param>
    internal void EverySecond(MapView to)
    {
        float* at = to.Numbers;
        for (int row = 0; row < Images * to.Height; row++)
        {
            float* from = Numbers + ((nint)(row / to.Height) * Height + row % to.Height * 2) * Width * Channels;
            for (int column = 0; column < to.Width; column++, from += 2 * Channels, at += Channels) new ReadOnlySpan<float>(from, Channels).CopyTo(new Span<float>(at, Channels));
        }
    }
}
