using UnetResnet.Data;

namespace UnetResnet.Tests.Data;

/// <summary>Each change by itself over some hundred seeds: never beyond its limit, and near it on both sides.</summary>
public class AugmentationRangeTests
{
    private const int Seeds = 400;

    public static TheoryData<string, double> Limits => new() { { "Shift", 0.5 }, { "Zoom", 1 }, { "Rotation", 180 }, { "Brightness", 1 }, { "Contrast", 1 }, { "Gamma", 3 }, { "Noise", 1 } };

    [Theory]
    [MemberData(nameof(Limits))]
    public void An_option_lies_between_off_and_its_limit(string name, double highest)
    {
        Augmentation With(double value) => name switch
        {
            "Shift" => new() { Shift = value },
            "Zoom" => new() { Zoom = value },
            "Rotation" => new() { Rotation = value },
            "Brightness" => new() { Brightness = value },
            "Contrast" => new() { Contrast = value },
            "Gamma" => new() { Gamma = value },
            _ => new() { Noise = value },
        };
        With(0).Validate();
        With(highest).Validate();
        foreach (double wrong in new[] { -0.001, highest + 0.001, double.NaN })
            Assert.Contains($"{name} lies between 0 (off) and {highest.ToString(System.Globalization.CultureInfo.InvariantCulture)}.", Assert.Throws<ArgumentOutOfRangeException>(name, () => With(wrong).Validate()).Message);
    }

    [Fact]
    public void The_gentle_start_is_what_the_documentation_says() => Assert.Equal(
        new Augmentation { HorizontalFlip = true, Shift = 0.05, Zoom = 0.1, Rotation = 10, Brightness = 0.08, Contrast = 0.15, Gamma = 0.15, Noise = 0.01 }, Augmentation.Gentle);

    /// <summary>Five standard deviations: 50 of half of 400, 43 of a quarter.</summary>
    [Fact]
    public void Mirrored_is_every_second_sample_and_every_quarter_turn_comes_as_often()
    {
        PixelImage picture = Pictures.Colour(3, 3);
        int Count(Augmentation augmentation, PixelImage expected) => Results(augmentation, picture).Count(image => image.Pixels.SequenceEqual(expected.Pixels));
        foreach ((Augmentation mirrors, PixelImage mirrored) in new[] { (new Augmentation { HorizontalFlip = true }, picture.FlipHorizontal()), (new Augmentation { VerticalFlip = true }, picture.FlipVertical()) })
        {
            Assert.InRange(Count(mirrors, mirrored), 150, 250);
            Assert.Equal(Seeds, Count(mirrors, mirrored) + Count(mirrors, picture));
        }

        int[] turns = [.. Enumerable.Range(0, 4).Select(turn => Count(new Augmentation { QuarterTurns = true }, picture.Rotate90(turn)))];
        Assert.All(turns, count => Assert.InRange(count, 57, 143));
        Assert.Equal(Seeds, turns.Sum());
    }

    [Fact]
    public void Shifts_reach_their_share_of_the_side_along_both_axes()
    {
        (double X, double Y)[] shifts = [.. Results(new Augmentation { Shift = 0.25 }, Pictures.Disc(64, 31.5, 31.5, 5)).Select(image => Centre(image)).Select(c => (c.X - 31.5, c.Y - 31.5))];
        // A quarter of 64 pixels.
        foreach (double[] axis in new[] { shifts.Select(s => s.X).ToArray(), [.. shifts.Select(s => s.Y)] })
        {
            Assert.InRange(axis.Min(), -16.01, -15);
            Assert.InRange(axis.Max(), 15, 16.01);
        }
    }

    [Fact]
    public void Zooms_reach_the_factor_and_its_inverse()
    {
        double[] scales = [.. Results(new Augmentation { Zoom = 0.5 }, Pictures.Disc(64, 31.5, 31.5, 8)).Select(image => Math.Sqrt(image.Pixels.ToArray().Sum(value => value / 255.0) / (64 * Math.PI)))];
        // The edge of a disc of eight pixels is blurred by a part of one.
        Assert.InRange(scales.Min(), 0.64, 0.69);
        Assert.InRange(scales.Max(), 1.45, 1.53);
        // As often smaller as larger.
        Assert.InRange(scales.Count(scale => scale < 1), 150, 250);
    }

    [Fact]
    public void Turns_reach_their_angle_both_ways()
    {
        // The centre of some fifty blended pixels lies within a fifth of a pixel of where it belongs, half a degree at this distance.
        double[] angles = [.. Results(new Augmentation { Rotation = 40 }, Pictures.Disc(64, 51.5, 31.5, 4)).Select(image => Centre(image)).Select(c => Math.Atan2(c.Y - 31.5, c.X - 31.5) * 180 / Math.PI)];
        Assert.InRange(angles.Min(), -40.6, -38);
        Assert.InRange(angles.Max(), 38, 40.6);
    }

    /// <summary>On paper: v + 255 · brightness; 127.5 + (v − 127.5) · contrast; 255 · (v / 255)^gamma.</summary>
    [Fact]
    public void Light_reaches_its_limits()
    {
        Assert.Equal((77, 179), Within(new Augmentation { Brightness = 0.2 }, 128, 1));
        Assert.Equal((32, 96), Within(new Augmentation { Contrast = 0.5 }, 64, 1));
        Assert.Equal((16, 128), Within(new Augmentation { Gamma = 1 }, 64, 2));
        Assert.Equal((0, 0), Within(new Augmentation { Gamma = 1 }, 0, 0));
        Assert.Equal((255, 255), Within(new Augmentation { Gamma = 1 }, 255, 0));

        // The limits, where what was seen is that near to them.
        static (int, int) Within(Augmentation light, byte value, int near)
        {
            int[] seen = [.. Results(light, Pictures.Grey(1, 1, (_, _) => value)).Select(image => (int)image[0, 0])];
            double low = light.Brightness > 0 ? value - 255 * light.Brightness : light.Contrast > 0 ? 127.5 + (value - 127.5) * (1 + Math.Sign(127.5 - value) * light.Contrast) : 255 * Math.Pow(value / 255.0, 1 + light.Gamma);
            double high = light.Brightness > 0 ? value + 255 * light.Brightness : light.Contrast > 0 ? 127.5 + (value - 127.5) * (1 - Math.Sign(127.5 - value) * light.Contrast) : 255 * Math.Pow(value / 255.0, 1 / (1 + light.Gamma));
            Assert.InRange(seen.Min(), Math.Round(low) - 0.5, Math.Round(low) + near + 0.5);
            Assert.InRange(seen.Max(), Math.Round(high) - near - 0.5, Math.Round(high) + 0.5);
            return ((int)Math.Round(low), (int)Math.Round(high));
        }
    }

    private static IEnumerable<PixelImage> Results(Augmentation augmentation, PixelImage image) =>
        Enumerable.Range(0, Seeds).Select(seed => augmentation.Apply(new SegmentationSample("p", image, image.ToGrey()), seed, 0, 0).Image);

    private static (double X, double Y) Centre(PixelImage image)
    {
        double mass = 0, x = 0, y = 0;
        for (int i = 0; i < image.Pixels.Length; i++) (mass, x, y) = (mass + image.Pixels[i], x + image.Pixels[i] * (i % image.Width), y + image.Pixels[i] * (i / image.Width));
        return (x / mass, y / mass);
    }
}
