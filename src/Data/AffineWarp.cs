namespace UnetResnet.Data;

/// <summary>A turn and a zoom about the picture's centre, then a shift. What lies outside the picture is its mirror image.</summary>
/// <param name="ShiftX">Shift to the right, in pixels.</param>
/// <param name="ShiftY">Shift downwards, in pixels.</param>
/// <param name="Scale">Above 1 the picture grows.</param>
/// <param name="Degrees">Turn, clockwise as seen on the screen.</param>
internal readonly record struct AffineWarp(double ShiftX, double ShiftY, double Scale, double Degrees)
{
    /// <summary>For pictures: blends the four pixels around.</summary>
    public PixelImage Bilinear(PixelImage image) => Warp(image, static (image, y, x, channel) =>
    {
        (double top, double left) = (Math.Floor(y), Math.Floor(x));
        (double down, double right) = (y - top, x - left);
        int y0 = Mirror((int)top, image.Height), y1 = Mirror((int)top + 1, image.Height);
        int x0 = Mirror((int)left, image.Width), x1 = Mirror((int)left + 1, image.Width);
        double upper = image[y0, x0, channel] * (1 - right) + image[y0, x1, channel] * right;
        double lower = image[y1, x0, channel] * (1 - right) + image[y1, x1, channel] * right;
        return Resampling.ToByte(upper * (1 - down) + lower * down);
    });

    /// <summary>For masks: takes the nearest pixel.</summary>
    public PixelImage Nearest(PixelImage image) => Warp(image, static (image, y, x, channel) =>
        image[Mirror((int)Math.Floor(y + 0.5), image.Height), Mirror((int)Math.Floor(x + 0.5), image.Width), channel]);

    /// <summary>Where a place beyond the edge lies when the picture is mirrored at its edges: −1 is 0, −2 is 1 and so on.</summary>
    internal static int Mirror(int place, int size)
    {
        int period = 2 * size;
        int phase = (place % period + period) % period;
        return phase < size ? phase : period - 1 - phase;
    }

    private PixelImage Warp(PixelImage image, Func<PixelImage, double, double, int, byte> sample)
    {
        (double sin, double cos) = Math.SinCos(Degrees * Math.PI / 180);
        (double centreX, double centreY) = ((image.Width - 1) / 2.0, (image.Height - 1) / 2.0);
        var result = new byte[image.Pixels.Length];
        int next = 0;
        for (int y = 0; y < image.Height; y++)
        {
            for (int x = 0; x < image.Width; x++)
            {
                // From the target back to the source: undo the shift, the turn, the zoom.
                (double dx, double dy) = (x - centreX - ShiftX, y - centreY - ShiftY);
                double sourceX = (cos * dx + sin * dy) / Scale + centreX;
                double sourceY = (cos * dy - sin * dx) / Scale + centreY;
                for (int channel = 0; channel < image.Channels; channel++) result[next++] = sample(image, sourceY, sourceX, channel);
            }
        }

        return new PixelImage(image.Width, image.Height, image.Channels, result);
    }
}
