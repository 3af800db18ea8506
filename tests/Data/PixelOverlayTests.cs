using UnetResnet.Data;

namespace UnetResnet.Tests.Data;

/// <summary>By hand: seven tenths of the colour and three of the image at half its brightness.</summary>
public class PixelOverlayTests
{
    private static readonly PixelImage Grey = Pictures.Grey(2, 1, (_, _) => 100);

    [Fact]
    public void What_has_a_colour_gets_it_and_the_rest_is_dimmed() =>
        Assert.Equal([50, 50, 50, 22, 29, 36], PixelOverlay.Draw(Grey, i => i == 1 ? (10, 20, 30) : null).Pixels.ToArray());

    [Theory]
    [InlineData(255, 1, 15, 126, 96)]
    [InlineData(2, 1, 15, 126, 96)] // one class has one colour
    [InlineData(1, 9, 15, 126, 96)]
    [InlineData(2, 9, 164, 81, 15)]
    [InlineData(3, 9, 75, 141, 178)]
    [InlineData(7, 9, 176, 126, 15)]
    [InlineData(8, 9, 15, 126, 96)] // the colours begin again
    public void Classes_have_the_colours_of_Okabe_and_Ito_and_the_background_none(byte value, int classes, byte red, byte green, byte blue) =>
        Assert.Equal([50, 50, 50, red, green, blue], PixelOverlay.DrawMask(Grey, Pictures.Grey(2, 1, (_, x) => x * value), classes).Pixels.ToArray());

    [Fact]
    public void A_picture_in_colour_is_shown_in_grey() =>
        // 0.299 · 255 = 76.
        Assert.Equal([38, 38, 38], PixelOverlay.Draw(new PixelImage(1, 1, 3, [255, 0, 0]), _ => null).Pixels.ToArray());
}
