using SkiaSharp;
using UnetResnet.Notebooks.Drawing;

namespace UnetResnet.Tests.Notebooks;

public class StrokeFontTests
{
    [Fact]
    public void Every_printable_character_has_a_glyph_of_its_own()
    {
        string characters = new string([.. Enumerable.Range('!', '~' - '!' + 1).Select(c => (char)c)]) + "–—−×·…°±≤≥≈≠→←↑↓√²³✓✗’‘“”µαβγδεηλμσΔΣ";
        byte[] box = Drawn("\uE000");
        // I and |, or µ and μ, may look alike, but nothing may be the box that stands for a missing letter, or nothing at all.
        byte[] nothing = Drawn(" ");
        Assert.All(characters, c =>
        {
            byte[] glyph = Drawn(c.ToString());
            Assert.False(glyph.SequenceEqual(box), $"'{c}' has no glyph.");
            Assert.False(glyph.SequenceEqual(nothing), $"'{c}' is empty.");
        });
    }

    [Fact]
    public void Digits_share_one_width()
    {
        float width = StrokeFont.Measure("0", 12);
        Assert.All("123456789", digit => Assert.Equal(width, StrokeFont.Measure(digit.ToString(), 12)));
    }

    [Fact]
    public void Width_is_what_is_drawn()
    {
        const string text = "HIH";
        using SKBitmap bitmap = Draw(text, 100);
        (int left, int right) = (int.MaxValue, int.MinValue);
        for (int x = 0; x < bitmap.Width; x++)
            for (int y = 0; y < bitmap.Height; y++)
                if (bitmap.GetPixel(x, y).Red < 128) (left, right) = (Math.Min(left, x), Math.Max(right, x));
        // The pen of 1.55 units, at 0.72 × 100 / 14 pixels each, stands half outside of either end.
        float pen = 1.55f * 72 / 14;
        Assert.Equal(StrokeFont.Measure(text, 100) + pen, right - left + 1, 1.5f);
    }

    private static byte[] Drawn(string text)
    {
        using SKBitmap bitmap = Draw(text, 24);
        return bitmap.Bytes;
    }

    private static SKBitmap Draw(string text, float size)
    {
        var bitmap = new SKBitmap((int)(4 * size), (int)(2 * size));
        using var canvas = new SKCanvas(bitmap);
        canvas.Clear(SKColors.White);
        StrokeFont.Draw(canvas, text, size / 4, size * 1.2f, size, SKColors.Black);
        return bitmap;
    }
}
