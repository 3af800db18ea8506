using UnetResnet.Data;
using UnetResnet.Diagnosis;

namespace UnetResnet.Tests.Diagnosis;

public class LeakageScanTests
{
    [Fact]
    public void The_kits_own_split_does_not_leak()
    {
        BrainMri data = BrainMri.Load(64);
        LeakageScan scan = LeakageScan.Measure(Loader(data.Train), Loader(data.Validation));
        Assert.False(scan.Leaks, scan.ToText());
        Assert.Empty(scan.Duplicates);
        Assert.Equal((data.Train.Count, data.Validation.Count), (scan.TrainingImages, scan.ValidationImages));
        Assert.InRange(scan.NearestCorrelation, 0.5, 0.9995);
        Assert.InRange(scan.MaskR2, 0, 0.6);
    }

    [Fact]
    public void Training_images_among_the_validation_images_are_named()
    {
        BrainMri data = BrainMri.Load(64);
        LeakageScan scan = LeakageScan.Measure(Loader(data.Train), Loader(data.Validation.Take(20).Concat(data.Train.Take(2))));
        Assert.True(scan.Leaks);
        Assert.Equal(data.Train.Take(2).Select(s => (s.Name, s.Name)), scan.Duplicates.Select(d => (d.Validation, d.Training)));
        Assert.Contains(data.Train[0].Name, scan.Finding);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(40)]
    public void A_channel_that_is_the_mask_is_found_unless_it_is_drowned_in_noise(int noise)
    {
        var random = new Random(1);
        SegmentationDataset dataset = new(BrainMri.Load(32).Train.Take(8).Select(sample =>
        {
            ReadOnlySpan<byte> mask = sample.Mask.Pixels;
            var pixels = new byte[3 * mask.Length];
            for (int i = 0; i < mask.Length; i++)
                (pixels[3 * i], pixels[3 * i + 1], pixels[3 * i + 2]) = ((byte)random.Next(256), (byte)random.Next(256), (byte)Math.Clamp((mask[i] > 0 ? 180 : 60) + random.Next(-noise, noise + 1), 0, 255));
            return new SegmentationSample(sample.Name, new PixelImage(32, 32, 3, pixels), sample.Mask);
        }));
        // Caffe's preprocessing puts blue first. Uniform noise of ±40 has a variance of 547, the mask's two values at most 3600: the mask explains less than 0.87.
        LeakageScan scan = LeakageScan.Measure(Loader(dataset), null);
        Assert.Equal(0, scan.MaskChannel);
        Assert.Equal(noise == 0, scan.MaskInImage);
        Assert.Equal(noise == 0, scan.Leaks);
        if (noise == 0) Assert.Equal(1, scan.MaskR2, 1e-6);
    }

    private static BatchLoader Loader(SegmentationDataset dataset) => new(dataset, new BatchLoaderOptions { BatchSize = 10, Preprocessing = Preprocessing.Caffe });
}
