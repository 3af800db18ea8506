using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Data;

/// <summary>A picture in memory: 8 bits per channel, grey (1 channel) or RGB (3 channels), row by row from the top left, channels interleaved (HWC).</summary>
public sealed class PixelImage
{
    private readonly byte[] pixels;

    /// <summary>Wraps pixels without copying them: the array belongs to the image from now on.</summary>
    /// <param name="width">Width in pixels, at least 1.</param>
    /// <param name="height">Height in pixels, at least 1.</param>
    /// <param name="channels">1 (grey) or 3 (red, green, blue).</param>
    /// <param name="pixels">width × height × channels bytes, row by row, channels interleaved.</param>
    /// <exception cref="ArgumentException">A size below 1, another channel count, or an array of another length.</exception>
    public PixelImage(int width, int height, int channels, byte[] pixels)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        if (channels is not (1 or 3))
            throw new ArgumentException($"An image has 1 channel (grey) or 3 (RGB), not {channels}.", nameof(channels));
        long expected = (long)width * height * channels;
        if (pixels.Length != expected)
            throw new ArgumentException($"An image of {width}×{height} with {channels} channel(s) has {expected} bytes, not {pixels.Length}.", nameof(pixels));
        (Width, Height, Channels, this.pixels) = (width, height, channels, pixels);
    }

    /// <summary>Width in pixels.</summary>
    public int Width { get; }

    /// <summary>Height in pixels.</summary>
    public int Height { get; }

    /// <summary>1 (grey) or 3 (red, green, blue).</summary>
    public int Channels { get; }

    /// <summary>The bytes, row by row from the top left, channels interleaved.</summary>
    public ReadOnlySpan<byte> Pixels => pixels;

    /// <summary>One value.</summary>
    /// <param name="y">Row, from the top.</param>
    /// <param name="x">Column, from the left.</param>
    /// <param name="channel">Channel; 0 in a grey image.</param>
    public byte this[int y, int x, int channel = 0] => pixels[(y * Width + x) * Channels + channel];

    /// <summary>The same picture with three channels; this very instance where it has three already.</summary>
    public PixelImage ToRgb()
    {
        if (Channels == 3) return this;
        var rgb = new byte[pixels.Length * 3];
        for (int i = 0; i < pixels.Length; i++) rgb.AsSpan(i * 3, 3).Fill(pixels[i]);
        return new PixelImage(Width, Height, 3, rgb);
    }

    /// <summary>The same picture in grey (luma of ITU-R BT.601; equal channels keep their value); this very instance where it is grey already.</summary>
    public PixelImage ToGrey()
    {
        if (Channels == 1) return this;
        var grey = new byte[Width * Height];
        for (int i = 0; i < grey.Length; i++)
            grey[i] = (byte)((299 * pixels[3 * i] + 587 * pixels[3 * i + 1] + 114 * pixels[3 * i + 2] + 500) / 1000);
        return new PixelImage(Width, Height, 1, grey);
    }

    /// <summary>A picture of the same size whose every byte is a function of the byte at the same place.</summary>
    /// <param name="function">Maps a value 0–255 to a value 0–255; called once for each of the 256 values.</param>
    public PixelImage Map(Func<byte, byte> function)
    {
        ArgumentNullException.ThrowIfNull(function);
        var table = new byte[256];
        for (int value = 0; value < 256; value++) table[value] = function((byte)value);
        var mapped = new byte[pixels.Length];
        for (int i = 0; i < mapped.Length; i++) mapped[i] = table[pixels[i]];
        return new PixelImage(Width, Height, Channels, mapped);
    }

    /// <summary>Mirrored left to right.</summary>
    public PixelImage FlipHorizontal() => Rearrange(Width, Height, (y, x) => (y, Width - 1 - x));

    /// <summary>Mirrored top to bottom.</summary>
    public PixelImage FlipVertical() => Rearrange(Width, Height, (y, x) => (Height - 1 - y, x));

    /// <summary>Turned clockwise by quarter turns; width and height change places with every turn.</summary>
    /// <param name="quarterTurns">Number of quarter turns; negative ones turn counter-clockwise.</param>
    public PixelImage Rotate90(int quarterTurns = 1) => (quarterTurns & 3) switch
    {
        1 => Rearrange(Height, Width, (y, x) => (Height - 1 - x, y)),
        2 => Rearrange(Width, Height, (y, x) => (Height - 1 - y, Width - 1 - x)),
        3 => Rearrange(Height, Width, (y, x) => (x, Width - 1 - y)),
        _ => this,
    };

    /// <summary>Resized for the eye: averaged over the covered area where it shrinks, bilinear where it grows, each axis by itself.</summary>
    /// <param name="width">New width in pixels.</param>
    /// <param name="height">New height in pixels.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size below 1.</exception>
    public PixelImage Resize(int width, int height) =>
        (width, height) == (Width, Height) ? this : Resampling.Smooth(this, width, height);

    /// <summary>The picture as a tensor.</summary>
    /// <returns>float32 (1, channels, height, width), values 0–255; the caller owns it.</returns>
    public Tensor ToTensor()
    {
        TorchRuntime.Load();
        var values = new float[pixels.Length];
        int area = Width * Height;
        for (int i = 0; i < values.Length; i++) values[i] = pixels[i % area * Channels + i / area];
        return tensor(values, [1, Channels, Height, Width]);
    }

    /// <summary>The picture of a tensor.</summary>
    /// <param name="image">(1, C, H, W) or (C, H, W) with C = 1 or 3, values 0–255; rounded and clamped. It stays the caller's.</param>
    /// <exception cref="ArgumentException">Another shape.</exception>
    public static PixelImage FromTensor(Tensor image)
    {
        ArgumentNullException.ThrowIfNull(image);
        long[] shape = image.shape;
        if (shape.Length == 4 && shape[0] == 1) shape = shape[1..];
        if (shape.Length != 3 || shape[0] is not (1 or 3))
            throw new ArgumentException($"Expected a tensor (1, C, H, W) or (C, H, W) with C = 1 or 3, got ({string.Join(", ", image.shape)}).", nameof(image));
        using IDisposable scope = NewDisposeScope();
        Tensor interleaved = image.detach().reshape(shape).to(float32).round().clamp(0, 255).to(uint8).permute(1, 2, 0);
        return new PixelImage((int)shape[2], (int)shape[1], (int)shape[0], TensorMemory.Values<byte>(interleaved));
    }

    private PixelImage Rearrange(int width, int height, Func<int, int, (int Y, int X)> source)
    {
        var result = new byte[width * height * Channels];
        int next = 0;
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                (int sourceY, int sourceX) = source(y, x);
                int from = (sourceY * Width + sourceX) * Channels;
                for (int channel = 0; channel < Channels; channel++) result[next++] = pixels[from + channel];
            }
        }

        return new PixelImage(width, height, Channels, result);
    }
}
