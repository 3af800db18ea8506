using SkiaSharp;

namespace UnetResnet.Lab.Kernel;

/// <summary>The kernel's picture in Jupyter's launcher: a U of two falling and rising steps on a square.</summary>
internal static class KernelLogo
{
    /// <summary>Draws the logo as PNG.</summary>
    /// <param name="stream">Written to; stays open.</param>
    /// <param name="size">Width and height in pixels.</param>
    public static void Write(Stream stream, int size)
    {
        using var surface = SKSurface.Create(new SKImageInfo(size, size, SKColorType.Rgba8888, SKAlphaType.Premul));
        SKCanvas canvas = surface.Canvas;
        canvas.Clear(SKColors.Transparent);
        canvas.Scale(size / 32f);
        using var paint = new SKPaint { IsAntialias = true, Color = new SKColor(0x1B, 0x4F, 0x72) };
        canvas.DrawRoundRect(1, 1, 30, 30, 6, 6, paint);

        // The network: blocks that step down on the left and up on the right, as tall as their pictures are large.
        paint.Color = SKColors.White;
        (float X, float Y)[] blocks = [(4, 6), (9, 12), (14, 18), (19, 12), (24, 6)];
        foreach ((float x, float y) in blocks) canvas.DrawRoundRect(x, y, 4, 24 - y + 2, 1, 1, paint);

        using SKImage image = surface.Snapshot();
        using SKData png = image.Encode(SKEncodedImageFormat.Png, 100);
        png.SaveTo(stream);
    }
}
