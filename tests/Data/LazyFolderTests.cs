using SkiaSharp;
using UnetResnet.Data;
using UnetResnet.Runtime;

namespace UnetResnet.Tests.Data;

/// <summary>Folders that are larger than memory: what is read when, what stays, and that the order of threads changes nothing.</summary>
public sealed class LazyFolderTests : IDisposable
{
    private static readonly BatchLoaderOptions Plain = new() { BatchSize = 4, Preprocessing = Preprocessing.None };

    private readonly TemporaryFolder folder = new();

    public LazyFolderTests()
    {
        Directory.CreateDirectory(folder["images"]);
        Directory.CreateDirectory(folder["masks"]);
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Only_the_first_pair_is_decoded_at_opening()
    {
        Write("a", "b", "c");
        Damage("b");
        SegmentationDataset dataset = Load();
        Assert.Equal([true, false, false], dataset.Slots.Select(slot => slot.KeptBytes > 0));
        Assert.Equal("3 images with masks, 1 in memory (0.0 MB)", dataset.ToString());
        Assert.Equal("c", dataset.Subset([2]).Resize(64)[0].Name);
        Assert.Contains(folder["images", "b.png"], Assert.Throws<DatasetException>(() => dataset[1]).Message);

        Damage("a");
        Assert.Throws<DatasetException>(() => Load());
    }

    [Fact]
    public void Decoded_pairs_stay_as_far_as_the_budget_goes()
    {
        Write("a", "b", "c", "d");
        // Two pairs of 32×32: three channels and a mask.
        SegmentationDataset dataset = Load(budget: 2 * 4 * 32 * 32);
        byte[][] before = [.. dataset.Select(sample => sample.Image.Pixels.ToArray())];
        Directory.Delete(folder["images"], recursive: true);
        Assert.Equal([true, true, false, false], dataset.Slots.Select(slot => slot.KeptBytes > 0));
        Assert.Equal(before[..2], dataset.Take(2).Select(sample => sample.Image.Pixels.ToArray()));
        Assert.Throws<DatasetException>(() => dataset[2]);
    }

    [Fact]
    public void Without_a_budget_nothing_stays()
    {
        Write("a", "b");
        SegmentationDataset dataset = Load(budget: 0);
        Assert.Equal(2, dataset.Count(sample => sample.Image.Width == 32));
        Assert.All(dataset.Slots, slot => Assert.Equal(0, slot.KeptBytes));
        Assert.Contains("0 or more", Assert.Throws<ArgumentOutOfRangeException>(() => Load(budget: -1)).Message);
    }

    [Fact]
    public void What_is_resized_as_it_is_read_is_what_resizing_gives()
    {
        Write("a", "b");
        SegmentationDataset there = new(Load()), atOnce = Load(side: 96), later = Load().Resize(96);
        foreach ((SegmentationSample expected, SegmentationSample one, SegmentationSample other) in there.Resize(96).Zip(atOnce, later))
        {
            Assert.Equal(expected.Image.Pixels.ToArray(), one.Image.Pixels.ToArray());
            Assert.Equal(expected.Image.Pixels.ToArray(), other.Image.Pixels.ToArray());
            Assert.Equal(expected.Mask.Pixels.ToArray(), one.Mask.Pixels.ToArray());
        }

        Assert.Contains("96 or 128", Assert.Throws<ArgumentOutOfRangeException>(() => Load(side: 100)).Message);
    }

    [Fact]
    public void The_batches_are_the_same_for_any_number_of_workers()
    {
        Write([.. Enumerable.Range(0, 7).Select(i => $"{i}")]);
        List<(string, float[])> Read(int workers)
        {
            var batches = new List<(string, float[])>();
            foreach (Batch batch in new BatchLoader(Load(budget: 0), Plain with { Shuffle = true, Seed = 3, Augmentation = Augmentation.Gentle, Workers = workers }).Epoch(2))
            {
                using (batch) batches.Add((string.Join(' ', batch.Names), batch.Inputs.Values<float>()));
            }

            return batches;
        }

        List<(string Names, float[] Values)> one = Read(1);
        foreach (int workers in new[] { 2, 5 })
        {
            Assert.Equal(one.Select(b => b.Names), Read(workers).Select(b => b.Item1));
            Assert.All(one.Zip(Read(workers)), pair => Assert.Equal(pair.First.Values, pair.Second.Item2));
        }

        Assert.Contains("1 and 64", Assert.Throws<ArgumentOutOfRangeException>(() => Read(0)).Message);
    }

    /// <summary>Of two broken files in one batch the first in order is named, whichever thread meets its own first; the batches before come.</summary>
    [Fact]
    public void A_broken_file_stops_the_epoch_where_it_stands()
    {
        Write("a", "b", "c", "d", "e", "f", "g", "h");
        Damage("f");
        Damage("g");
        for (int attempt = 0; attempt < 5; attempt++)
        {
            var names = new List<string>();
            var e = Assert.Throws<DatasetException>(() =>
            {
                foreach (Batch batch in new BatchLoader(Load(), Plain with { Workers = 3 }).Epoch())
                {
                    using (batch) names.AddRange(batch.Names);
                }
            });
            Assert.Equal(folder["images", "f.png"], e.File);
            Assert.Equal(["a", "b", "c", "d"], names);
        }
    }

    [Fact]
    public void A_mask_of_another_size_is_found_at_opening()
    {
        Write("a", "b");
        ImageCodec.Save(Pictures.Grey(32, 31, (_, _) => 255), folder["masks", "b.png"]);
        Assert.Contains("32×31", Assert.Throws<DatasetException>(() => Load()).Message);
    }

    /// <summary>The header is read from a part of the file; it says what the whole file says, in both kinds and on both sides of that part's size.</summary>
    [Fact]
    public void The_header_of_a_file_is_that_of_its_bytes()
    {
        var random = new Random(0);
        byte[] noise = new byte[200 * 150 * 3], few = new byte[20 * 15 * 3];
        random.NextBytes(noise);
        random.NextBytes(few);
        byte[] large = Jpeg(200, 150, noise), small = Jpeg(20, 15, few), png = ImageCodec.EncodePng(new PixelImage(200, 150, 3, noise));
        byte[] turned = [0xFF, 0xE1, 0, 34, .. "Exif\0\0MM\0*\0\0\0\b\0\x01"u8, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0];
        // 60 kB of comment push the size out of the part that is read first.
        byte[] comment = [0xFF, 0xFE, 0xEA, 0x60, .. new byte[0xEA60 - 2]];
        Assert.True(large.Length > 20_000 && png.Length > 20_000 && small.Length < 10_000);
        (string Name, byte[] Bytes, bool Complete)[] files =
        [
            ("large", large, true), ("small", small, true), ("png", png, true), ("turned", [.. large[..2], .. turned, .. large[2..]], true),
            ("commented", [.. large[..2], .. comment, .. large[2..]], true), ("followed", [.. large, 1, 2, 3], true),
            ("cut", large[..^100], false), ("cut png", png[..^20], false), ("cut small", small[..^2], false),
        ];
        foreach ((string name, byte[] bytes, bool complete) in files)
        {
            File.WriteAllBytes(folder[name], bytes);
            ImageHeader header = ImageHeader.ReadFile(folder[name])!.Value;
            Assert.Equal(ImageHeader.Read(bytes), header);
            Assert.True(complete == header.IsComplete, name);
            if (complete)
            {
                PixelImage whole = ImageCodec.Load(folder[name]), at = ImageCodec.LoadResized(folder[name], 128, 96, out (int, int) original);
                Assert.Equal(ImageCodec.SizeOf(folder[name]), (whole.Width, whole.Height));
                Assert.Equal(original, (whole.Width, whole.Height));
                Assert.Equal(whole.Resize(128, 96).Pixels.ToArray(), at.Pixels.ToArray());
            }
            else Assert.Contains("cut short", Assert.Throws<DatasetException>(() => ImageCodec.SizeOf(folder[name])).Message);
        }

        Assert.Equal((150, 200), ImageCodec.SizeOf(folder["turned"]));
        File.WriteAllText(folder["no image"], new string('x', 20_000));
        Assert.Contains("not a readable PNG or JPEG", Assert.Throws<DatasetException>(() => ImageCodec.SizeOf(folder["no image"])).Message);
    }

    /// <summary>A JPEG at least twice as large as wanted is decoded at a half, quarter or eighth: near the area average, and in the same place up to its last column.</summary>
    [Theory]
    [InlineData(512, 512, 224)]
    [InlineData(141, 133, 32)]
    [InlineData(265, 271, 32)]
    public void A_large_JPEG_is_near_its_area_average(int width, int height, int side)
    {
        PixelImage photo = new ProceduralSourceDomain(512).Sample(0).Image.Resize(width, height);
        // Dark on the left, bright on the right: a picture that is stretched by a part of a pixel shows it there.
        PixelImage ramp = new(width, height, 3, [.. Enumerable.Range(0, width * height * 3).Select(i => (byte)(i / 3 % width * 255 / (width - 1)))]);
        foreach ((PixelImage picture, double mean, int most) in new[] { (photo, 1.5, 40), (ramp, 1.0, 4) })
        {
            File.WriteAllBytes(folder["large.jpg"], Jpeg(width, height, picture.Pixels.ToArray()));
            byte[] average = ImageCodec.Load(folder["large.jpg"]).Resize(side, side).Pixels.ToArray(), reduced = ImageCodec.LoadResized(folder["large.jpg"], side, side, out _).Pixels.ToArray();
            int[] differences = [.. average.Zip(reduced, (a, b) => Math.Abs(a - b))];
            Assert.InRange(differences.Average(), 0, mean);
            Assert.InRange(differences.Max(), 0, most);
        }
    }

    private static byte[] Jpeg(int width, int height, byte[] pixels)
    {
        using SKBitmap bitmap = SKBitmap.Decode(ImageCodec.EncodePng(new PixelImage(width, height, 3, pixels)));
        using SKData jpeg = bitmap.Encode(SKEncodedImageFormat.Jpeg, 90);
        return jpeg.ToArray();
    }

    private void Write(params string[] names)
    {
        foreach ((string name, int i) in names.Select((name, i) => (name, i)))
        {
            ImageCodec.Save(new PixelImage(32, 32, 3, [.. Pictures.Colour(32, 32).Pixels.ToArray().Select(value => (byte)(value + 11 * i))]), folder["images", name + ".png"]);
            ImageCodec.Save(Pictures.Disc(32, 16, 16, 4 + i), folder["masks", name + ".png"]);
        }
    }

    /// <summary>Beginning and end stay as they are.</summary>
    private void Damage(string name)
    {
        byte[] png = File.ReadAllBytes(folder["images", name + ".png"]);
        png[png.Length / 2] ^= 0xFF;
        File.WriteAllBytes(folder["images", name + ".png"], png);
    }

    private SegmentationDataset Load(long budget = 1 << 20, int? side = null) =>
        ImageMaskFolder.Load(folder["images"], folder["masks"], new ImageMaskFolderOptions { MemoryBudget = budget, Side = side });
}
