using UnetResnet.Data;
using UnetResnet.Runtime;

namespace UnetResnet.Tests.Data;

public class BrainMriTests
{
    [Fact]
    public void The_bundled_images_are_as_the_readme_says()
    {
        BrainMri data = BrainMri.Load();
        Assert.Equal((134, 43), (data.Train.Count, data.Validation.Count));
        Assert.All(data.Train.Concat(data.Validation), sample =>
        {
            Assert.Equal((128, 128, 1), (sample.Image.Width, sample.Image.Height, sample.Image.Channels));
            Assert.All(sample.Mask.Pixels.ToArray().Distinct(), value => Assert.True(value is 0 or 255));
        });
        long bytes = Directory.EnumerateFiles(BundledFiles.Find("brain-mri"), "*", SearchOption.AllDirectories).Sum(file => new FileInfo(file).Length);
        Assert.InRange(bytes, 1, 2 << 20);
    }

    [Fact]
    public void The_table_agrees_with_the_masks()
    {
        Dictionary<string, BrainMriSlice> slices = BrainMri.Slices().ToDictionary(slice => slice.Name);
        BrainMri data = BrainMri.Load();
        Assert.Equal(slices.Count, data.Train.Count + data.Validation.Count);
        Assert.All(data.Train.Concat(data.Validation), sample =>
        {
            double share = sample.Mask.Pixels.ToArray().Count(value => value > 0) / (128.0 * 128.0);
            Assert.Equal(share, slices[sample.Name].BrainShare, 5e-5);
            Assert.True(share >= 0.02);
        });
    }

    [Fact]
    public void Five_voxels_lie_between_training_and_validation()
    {
        foreach (var axis in BrainMri.Slices().GroupBy(slice => slice.Axis))
        {
            ILookup<string, int> parts = axis.ToLookup(slice => slice.Part, slice => slice.Slice);
            int nearest = parts["train"].Min(train => parts["validation"].Min(validation => Math.Abs(train - validation)));
            Assert.Equal(6, nearest);
            string runs = string.Concat(axis.OrderBy(slice => slice.Slice).Select(slice => slice.Part[0]).Aggregate("", (seen, part) => seen.EndsWith(part) ? seen : seen + part));
            Assert.Equal("tvtvtvtvt", runs);
        }
    }

    [Fact]
    public void The_head_stands_upright()
    {
        // Skin, fat and muscle are where the face and the neck are: below the brain, in sagittal slices also to the left,
        // and in the lowest axial slices in front, which is up.
        BrainMri data = BrainMri.Load();
        double[] HalfByHalf(string name) => TissueOutsideTheBrain(data.Train.Concat(data.Validation).Single(sample => sample.Name == name));
        double[] side = HalfByHalf("sagittal-084"), front = HalfByHalf("coronal-174"), below = HalfByHalf("axial-016");
        Assert.True(side[1] > 1.2 * side[0] && side[2] > 1.1 * side[3], $"sagittal: {string.Join(", ", side)}");
        Assert.True(front[1] > 1.5 * front[0], $"coronal: {front[0]}, {front[1]}");
        Assert.True(below[0] > 1.2 * below[1], $"axial: {below[0]}, {below[1]}");
    }

    [Fact]
    public void Images_can_be_had_smaller()
    {
        BrainMri data = BrainMri.Load(96);
        Assert.Equal(96, data.Train[0].Image.Width);
        Assert.Contains("96 or 128", Assert.Throws<ArgumentOutOfRangeException>(() => BrainMri.Load(100)).Message);
    }

    [Theory]
    [InlineData("", "first line")]
    [InlineData("name,axis\n", "first line")]
    [InlineData("name,axis,slice,part,brain_share\na,axial,3,train,0.5\nb,axial,3,test,0.5\n", "line 3")]
    [InlineData("name,axis,slice,part,brain_share\n../a,axial,3,train,0.5\n", "line 2")]
    [InlineData("name,axis,slice,part,brain_share\na,axial,-3,train,0.5\n", "line 2")]
    [InlineData("name,axis,slice,part,brain_share\na,axial,3,train,1.5\n", "line 2")]
    public void A_broken_table_is_named(string text, string words)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["split.csv"], text);
        var e = Assert.Throws<DatasetException>(() => BrainMri.Load(folder.Path, 128));
        Assert.Contains(words, e.Message);
        Assert.Contains("lab data brain-mri", e.Cure);
    }

    /// <summary>Sum of the shades outside the mask in the upper, lower, left and right half.</summary>
    private static double[] TissueOutsideTheBrain(SegmentationSample sample)
    {
        var halves = new double[4];
        for (int y = 0; y < sample.Image.Height; y++)
        {
            for (int x = 0; x < sample.Image.Width; x++)
            {
                if (sample.Mask[y, x] > 0) continue;
                halves[y < sample.Image.Height / 2 ? 0 : 1] += sample.Image[y, x];
                halves[x < sample.Image.Width / 2 ? 2 : 3] += sample.Image[y, x];
            }
        }

        return halves;
    }
}
