using UnetResnet.Data;
using UnetResnet.Lab.Datasets;
using UnetResnet.Runtime;

namespace UnetResnet.Tests.Lab;

public class BrainMriMakerTests
{
    [MricronFact]
    public void Remaking_gives_the_bundled_pixels_and_every_other_file_byte_for_byte()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["README.md"], "stays");
        Directory.CreateDirectory(folder["images"]);
        File.WriteAllText(folder["images", "old.png"], "goes");
        BrainMriMaker.Make(BrainMriMaker.DefaultSource, folder.Path);

        string bundled = BundledFiles.Find("brain-mri");
        Assert.Equal(Names(bundled), Names(folder.Path));
        Assert.All(Names(bundled).Where(name => name != "README.md"), name => Assert.True(
            Content(Path.Combine(bundled, name)).AsSpan().SequenceEqual(Content(folder[name])), $"{name} differs"));
        Assert.Equal("stays", File.ReadAllText(folder["README.md"]));

        // How a PNG is packed is the codec's business, and there are two; its size and pixels are not.
        static byte[] Content(string file)
        {
            if (Path.GetExtension(file) != ".png") return File.ReadAllBytes(file);
            PixelImage image = ImageCodec.Load(file);
            return [.. BitConverter.GetBytes(image.Width), .. BitConverter.GetBytes(image.Channels), .. image.Pixels];
        }

        static IEnumerable<string> Names(string root) =>
            Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(root, file)).Order(StringComparer.Ordinal);
    }

    [Fact]
    public void A_missing_volume_is_named_with_the_package_and_nothing_is_written()
    {
        using var folder = new TemporaryFolder();
        var e = Assert.Throws<DatasetException>(() => BrainMriMaker.Make(folder.Path, folder["out"]));
        Assert.Contains("ch2.nii.gz", e.File);
        Assert.Contains("apt-get install mricron-data", e.Cure);
        Assert.False(Directory.Exists(folder["out"]));
    }
}

/// <summary>A test that needs the volumes of Debian's package mricron-data; without them it is shown as skipped.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class MricronFactAttribute : FactAttribute
{
    public MricronFactAttribute()
    {
        if (!File.Exists(Path.Combine(BrainMriMaker.DefaultSource, BrainMriMaker.HeadFile)))
            Skip = $"{BrainMriMaker.DefaultSource}/{BrainMriMaker.HeadFile} is not there: apt-get install mricron-data";
    }
}
