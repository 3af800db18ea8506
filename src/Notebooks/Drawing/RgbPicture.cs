namespace UnetResnet.Notebooks.Drawing;

/// <summary>A small picture of 8-bit red, green and blue, row by row.</summary>
internal sealed class RgbPicture
{
    private readonly byte[] pixels;

    /// <summary>Creates a black picture.</summary>
    internal RgbPicture(int width, int height)
    {
        (Width, Height) = (width, height);
        pixels = new byte[3 * width * height];
    }

    internal int Width { get; }

    internal int Height { get; }

    /// <summary>Whether red, green and blue are the same everywhere.</summary>
    internal bool IsGrey
    {
        get
        {
            for (int i = 0; i < pixels.Length; i += 3)
                if (pixels[i] != pixels[i + 1] || pixels[i] != pixels[i + 2]) return false;
            return true;
        }
    }

    /// <summary>One pixel, counted from the upper left corner.</summary>
    internal (byte R, byte G, byte B) this[int x, int y]
    {
        get => (pixels[3 * (y * Width + x)], pixels[3 * (y * Width + x) + 1], pixels[3 * (y * Width + x) + 2]);
        set
        {
            int i = 3 * (y * Width + x);
            (pixels[i], pixels[i + 1], pixels[i + 2]) = value;
        }
    }
}
