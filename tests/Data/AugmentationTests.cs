using CsCheck;
using UnetResnet.Data;

namespace UnetResnet.Tests.Data;

public class AugmentationTests
{
    private static readonly Augmentation Movement = new()
    {
        HorizontalFlip = true,
        VerticalFlip = true,
        QuarterTurns = true,
        Shift = 0.1,
        Zoom = 0.2,
        Rotation = 30,
    };

    [Fact]
    public void Flips_and_quarter_turns_keep_an_image_that_is_its_mask_identical() =>
        Gen.Int[0, 100_000].Sample(seed =>
        {
            PixelImage picture = Pictures.Grey(16, 16, (y, x) => (y * 5 + x * 3) % 7 < 3 ? 255 : 0);
            SegmentationSample moved = (Movement with { Shift = 0, Zoom = 0, Rotation = 0 }).Apply(new SegmentationSample("p", picture, picture), seed, 0, 0);
            Assert.Equal(moved.Mask.Pixels.ToArray(), moved.Image.Pixels.ToArray());
        }, iter: 100);

    [Fact]
    public void An_image_that_is_its_mask_stays_aligned()
    {
        PixelImage disc = Pictures.Disc(64, 25, 36, 14);
        var distances = new List<double>();
        for (int seed = 0; seed < 1000; seed++)
        {
            SegmentationSample moved = Movement.Apply(new SegmentationSample("disc", disc, disc), seed, 1, 2);
            (double iou, double distance) = Compare(moved.Image, moved.Mask);

            // The image interpolates and the mask takes the nearest pixel. Without rotation and zoom all its pixels round the same way, by at most half a
            // pixel along each axis, 0.71 in all; misalignment by a whole pixel exceeds that, and brings the IoU of discs of this size down to 0.91.
            Assert.True(distance < 0.71, $"centres {distance} pixels apart with seed {seed}");
            Assert.True(iou > 0.93, $"IoU {iou} with seed {seed}");
            distances.Add(distance);
        }

        // As a rule the roundings of some 90 edge pixels cancel. A misalignment of half a pixel in every sample would lift the median to about 0.5.
        Assert.InRange(distances.Order().ElementAt(distances.Count / 2), 0, 0.12);
    }

    /// <summary>Between two classes, or between background and foreground, there is nothing: a blend of 0 and 2 would be class 1.</summary>
    [Theory]
    [InlineData(1, 255)]
    [InlineData(3, 2)]
    public void A_moved_mask_holds_the_values_that_it_had(int classes, byte value)
    {
        PixelImage mask = Pictures.Disc(32, 14, 17, 8).Map(pixel => pixel == 0 ? (byte)0 : value);
        var sample = new SegmentationSample("disc", Pictures.Disc(32, 14, 17, 8), mask, classes);
        foreach (Augmentation moving in new Augmentation[] { new() { Shift = 0.2 }, new() { Zoom = 0.5 }, new() { Rotation = 45 }, Movement })
        {
            for (int seed = 0; seed < 20; seed++)
            {
                SegmentationSample moved = moving.Apply(sample, seed, 1, 2);
                Assert.Equal(new byte[] { 0, value }, moved.Mask.Pixels.ToArray().Distinct().Order());
                // The image is blended, so there was something to blend.
                if (seed == 0) Assert.True(moved.Image.Pixels.ToArray().Distinct().Count() > 2);
            }
        }
    }

    [Fact]
    public void The_result_depends_on_seed_epoch_and_place_alone()
    {
        SegmentationSample sample = new("p", Pictures.Colour(32, 32), Pictures.Disc(32, 10, 20, 6));
        Augmentation all = Augmentation.Gentle with { QuarterTurns = true, VerticalFlip = true };
        byte[] Pixels(int seed, int epoch, int index) => all.Apply(sample, seed, epoch, index).Image.Pixels.ToArray();

        byte[] once = Pixels(1, 2, 3);
        Assert.Equal(once, Pixels(1, 2, 3));
        Assert.NotEqual(once, Pixels(2, 2, 3));
        Assert.NotEqual(once, Pixels(1, 3, 3));
        Assert.NotEqual(once, Pixels(1, 2, 4));
        Assert.NotEqual(Pixels(1, 2, 3), Pixels(2, 1, 3));
    }

    [Fact]
    public void Light_changes_the_image_and_leaves_the_mask()
    {
        SegmentationSample sample = new("p", Pictures.Colour(32, 32), Pictures.Disc(32, 10, 20, 6));
        foreach (Augmentation light in new Augmentation[] { new() { Brightness = 0.2 }, new() { Contrast = 0.5 }, new() { Gamma = 0.5 }, new() { Noise = 0.1 } })
        {
            SegmentationSample lit = light.Apply(sample, 0, 0, 0);
            Assert.NotEqual(sample.Image.Pixels.ToArray(), lit.Image.Pixels.ToArray());
            Assert.Equal(sample.Mask.Pixels.ToArray(), lit.Mask.Pixels.ToArray());
        }
    }

    [Fact]
    public void Everything_off_changes_nothing()
    {
        SegmentationSample sample = new("p", Pictures.Colour(8, 8), Pictures.Disc(8, 3, 4, 2));
        SegmentationSample same = new Augmentation().Apply(sample, 0, 0, 0);
        Assert.Equal(sample.Image.Pixels.ToArray(), same.Image.Pixels.ToArray());
        Assert.Equal(sample.Mask.Pixels.ToArray(), same.Mask.Pixels.ToArray());
    }

    [Fact]
    public void Noise_has_the_deviation_asked_for()
    {
        PixelImage grey = Pictures.Grey(128, 128, (_, _) => 128);
        byte[] noisy = new Augmentation { Noise = 0.05 }.Apply(new SegmentationSample("p", grey, grey), 0, 0, 0).Image.Pixels.ToArray();
        double mean = noisy.Average(value => (double)value), deviation = Math.Sqrt(noisy.Average(value => (value - mean) * (value - mean)));
        // Five standard errors over 16,384 pixels: 0.5 for the mean, 0.36 for the deviation; rounding adds 1/12 to the variance.
        Assert.Equal(128, mean, 0.5);
        Assert.Equal(Math.Sqrt(12.75 * 12.75 + 1 / 12.0), deviation, 0.36);
    }

    [Fact]
    public void A_warp_shifts_turns_and_zooms_as_it_says()
    {
        PixelImage dot = Pictures.Grey(5, 5, (y, x) => (y, x) == (1, 2) ? 200 : 0);

        Assert.Equal(200, new AffineWarp(1, 2, 1, 0).Bilinear(dot)[3, 3]);
        Assert.Equal(200, new AffineWarp(0, 0, 1, 90).Bilinear(dot)[2, 3]);
        Assert.Equal(200, new AffineWarp(0, 0, 1, 90).Nearest(dot)[2, 3]);
        Assert.Equal(200, new AffineWarp(0, 0, 2, 0).Nearest(dot)[0, 2]);
        Assert.Equal(100, new AffineWarp(0.5, 0, 1, 0).Bilinear(dot)[1, 2]);
        Assert.Equal([1, 0, 0, 1, 2, 2, 1, 0], Enumerable.Range(-2, 8).Select(place => AffineWarp.Mirror(place, 3)));
    }

    [Fact]
    public void Impossible_options_are_refused()
    {
        SegmentationSample sample = Pictures.Sample("p", 8);
        Assert.Contains("Shift lies between 0 (off) and 0.5", Assert.Throws<ArgumentOutOfRangeException>(() => new Augmentation { Shift = 0.6 }.Apply(sample, 0, 0, 0)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => new Augmentation { Noise = double.NaN }.Apply(sample, 0, 0, 0));
        var oblong = new SegmentationSample("oblong", Pictures.Grey(8, 4, (_, _) => 0), Pictures.Grey(8, 4, (_, _) => 0));
        Assert.Contains("square", Assert.Throws<ArgumentException>(() => new Augmentation { QuarterTurns = true }.Apply(oblong, 0, 0, 0)).Message);
    }

    private static (double IoU, double Distance) Compare(PixelImage image, PixelImage mask)
    {
        double both = 0, either = 0, imageMass = 0, maskMass = 0, imageX = 0, imageY = 0, maskX = 0, maskY = 0;
        for (int y = 0; y < image.Height; y++)
        {
            for (int x = 0; x < image.Width; x++)
            {
                (bool i, bool m) = (image[y, x] > 127, mask[y, x] > 127);
                both += i && m ? 1 : 0;
                either += i || m ? 1 : 0;
                (imageMass, imageX, imageY) = (imageMass + image[y, x], imageX + x * image[y, x], imageY + y * image[y, x]);
                (maskMass, maskX, maskY) = (maskMass + mask[y, x], maskX + x * mask[y, x], maskY + y * mask[y, x]);
            }
        }

        double dx = imageX / imageMass - maskX / maskMass, dy = imageY / imageMass - maskY / maskMass;
        return (both / either, Math.Sqrt(dx * dx + dy * dy));
    }
}
