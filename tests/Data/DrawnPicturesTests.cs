using UnetResnet.Data;

namespace UnetResnet.Tests.Data;

/// <summary>
/// Pictures made by formula are the same on every machine and in every version: the bundled encoder was trained on such shapes, and figures in the documentation on such sections. Sums of the
/// pixels, each by a weight of its place, were recorded once.
/// </summary>
public class DrawnPicturesTests
{
    /// <summary>Where a sine's last bit differs, a few pixels may be rounded the other way: each by one, times 17 at most.</summary>
    private const long Near = 300;

    [Theory]
    [InlineData(0, 2267573, 3637369, 3462381)]
    [InlineData(1, 1817043, 2262481, 1809558)]
    [InlineData(2, 3960614, 2029194, 2604888)]
    [InlineData(3, 2082257, 1675172, 1726535)]
    [InlineData(4, 1598530, 1390468, 2007932)]
    [InlineData(5, 4600305, 1165742, 3002911)]
    [InlineData(6, 4284224, 3303360, 3973004)]
    [InlineData(7, 3502993, 4176735, 1482132)]
    [InlineData(8, 2957651, 2910196, 2622232)]
    [InlineData(9, 3002734, 1873245, 1691698)]
    [InlineData(10, 2486429, 4263534, 2023658)]
    [InlineData(11, 2829721, 3397085, 2427346)]
    [InlineData(12, 1546301, 901760, 3306598)]
    [InlineData(13, 3112940, 2487425, 1097491)]
    [InlineData(14, 2799208, 4243524, 2953853)]
    [InlineData(15, 2816876, 4389456, 1478049)]
    [InlineData(16, 2898914, 3292278, 2218250)]
    [InlineData(17, 896944, 2991942, 2302128)]
    [InlineData(18, 2040899, 2063102, 2459622)]
    [InlineData(19, 2837861, 3455096, 1989423)]
    [InlineData(20, 2434758, 2019515, 3945769)]
    [InlineData(21, 4214774, 3838565, 3499959)]
    [InlineData(22, 2389806, 4673680, 2000602)]
    [InlineData(23, 3968747, 2399537, 4237568)]
    public void Shapes_are_those_that_were_always_drawn(int index, long red, long green, long blue)
    {
        (PixelImage image, int label) = new ProceduralSourceDomain(48, seed: 1).Sample(index);
        Assert.Equal(index % 12, label);
        Assert.Equal((48, 48, 3), (image.Width, image.Height, image.Channels));
        Assert.All(new[] { red, green, blue }, (expected, channel) => Assert.InRange(Sum(image, channel), expected - Near, expected + Near));
    }

    [Theory]
    [InlineData(0, 4667520, 9034)]
    [InlineData(1, 4693531, 3960)]
    [InlineData(2, 4711227, 8323)]
    [InlineData(3, 4745253, 10556)]
    [InlineData(4, 4684871, 7626)]
    [InlineData(5, 4671003, 10222)]
    public void Sections_are_those_that_were_always_drawn(int index, long image, long salt)
    {
        SegmentationSample sample = new SaltSections(64, seed: 1).Sample(index);
        Assert.InRange(Sum(sample.Image, 0), image - Near, image + Near);
        Assert.InRange(Sum(sample.Mask, 0) / 255, salt - 20, salt + 20);
    }

    [Fact]
    public void Shapes_have_twelve_classes_and_another_seed_other_pictures()
    {
        Assert.Equal(
            ["plain disc", "striped disc", "plain square", "striped square", "plain triangle", "striped triangle", "plain ring", "striped ring", "plain cross", "striped cross", "plain star", "striped star"],
            ProceduralSourceDomain.Classes);
        byte[] Pixels(int seed, int index) => new ProceduralSourceDomain(16, seed).Sample(index).Image.Pixels.ToArray();
        Assert.Equal(Pixels(0, 3), Pixels(0, 3));
        Assert.NotEqual(Pixels(0, 3), Pixels(1, 3));
        Assert.NotEqual(Pixels(0, 3), Pixels(0, 15));
        Assert.Equal(64, new ProceduralSourceDomain().Sample(0).Image.Width);
        Assert.Equal(96, new SaltSections().Side);
    }

    private static long Sum(PixelImage image, int channel)
    {
        long sum = 0;
        for (int y = 0; y < image.Height; y++)
        {
            for (int x = 0; x < image.Width; x++) sum += image[y, x, channel] * (1 + (7 * x + 13 * y) % 17);
        }

        return sum;
    }
}
