using UnetResnet.Data;

namespace UnetResnet.Tests.Data;

public class SaltSectionsTests
{
    private static readonly SaltSections Sections = new(96);

    [Fact]
    public void A_section_is_the_same_for_a_seed_and_another_for_another()
    {
        SegmentationSample first = Sections.Sample(7), again = new SaltSections(96).Sample(7), next = Sections.Sample(8), other = new SaltSections(96, seed: 1).Sample(7);
        Assert.Equal(("salt-0007", 96, 96, 1), (first.Name, first.Image.Width, first.Image.Height, first.Image.Channels));
        Assert.Equal(first.Image.Pixels.ToArray(), again.Image.Pixels.ToArray());
        Assert.Equal(first.Mask.Pixels.ToArray(), again.Mask.Pixels.ToArray());
        Assert.NotEqual(first.Image.Pixels.ToArray(), next.Image.Pixels.ToArray());
        Assert.NotEqual(first.Image.Pixels.ToArray(), other.Image.Pixels.ToArray());
    }

    [Fact]
    public void Every_section_has_salt_and_is_not_full_of_it()
    {
        double[] shares = [.. Enumerable.Range(0, 200).Select(i => Sections.Sample(i).Mask.Pixels.ToArray().Average(v => v / 255.0))];
        Assert.All(shares, share => Assert.InRange(share, 0.01, 0.6));
        Assert.InRange(shares.Average(), 0.08, 0.3);
    }

    [Fact]
    public void Salt_is_no_matter_of_brightness()
    {
        // What separates the brain from the rest of a slice in part, one threshold, is of no use here: means inside and outside differ by less than a tenth of the range.
        var differences = Enumerable.Range(0, 50).Select(i =>
        {
            SegmentationSample sample = Sections.Sample(i);
            (byte Value, byte Mask)[] pixels = [.. sample.Image.Pixels.ToArray().Zip(sample.Mask.Pixels.ToArray())];
            return Math.Abs(pixels.Where(p => p.Mask > 0).Average(p => p.Value) - pixels.Where(p => p.Mask == 0).Average(p => p.Value));
        });
        Assert.All(differences, difference => Assert.InRange(difference, 0, 25));
    }

    [Fact]
    public void The_scene_does_not_depend_on_the_size()
    {
        SegmentationSample small = new SaltSections(64).Sample(3), large = new SaltSections(128).Sample(3);
        int differing = Enumerable.Range(0, 64 * 64).Count(i => small.Mask[i / 64, i % 64] != large.Mask[i / 64 * 2, i % 64 * 2]);
        // Only pixels on the rim.
        Assert.InRange(differing, 0, 120);
    }

    [Fact]
    public void Training_and_validation_share_no_section()
    {
        (SegmentationDataset training, SegmentationDataset validation) = SaltSections.Split(32, training: 5, validation: 3);
        Assert.Equal(["salt-0000", "salt-0001", "salt-0002", "salt-0003", "salt-0004"], training.Select(s => s.Name));
        Assert.Equal(["salt-0005", "salt-0006", "salt-0007"], validation.Select(s => s.Name));
    }

    [Fact]
    public void A_side_that_a_network_cannot_halve_is_refused() =>
        Assert.Contains("take 128", Assert.Throws<ArgumentOutOfRangeException>("side", () => new SaltSections(100)).Message);
}
