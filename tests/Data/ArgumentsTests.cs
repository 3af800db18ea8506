using UnetResnet.Data;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Data;

/// <summary>What is missing or out of range is refused by its name, before anything is done with it.</summary>
public class ArgumentsTests
{
    private static readonly SegmentationSample Sample = Pictures.Sample("a", 32);

    [Fact]
    public void What_is_missing_is_named()
    {
        using var scope = NewDisposeScope();
        Tensor images = rand(2, 3, 4, 4), masks = rand(2, 1, 4, 4);
        SegmentationDataset dataset = Pictures.Dataset(2);
        PixelImage picture = Pictures.Colour(2, 2);
        var missing = new (string Name, Action Call)[]
        {
            ("sample", () => new Augmentation().Apply(null!, 0, 0, 0)),
            ("source", () => BackgroundEnumerable.Prefetch<int>(null!, 1)),
            ("inputs", () => Batch.Of(null!, masks)),
            ("targets", () => Batch.Of(images, null!)),
            ("dataset", () => new BatchLoader(null!, new BatchLoaderOptions())),
            ("options", () => new BatchLoader(dataset, null!)),
            ("Preprocessing", () => new BatchLoader(dataset, new BatchLoaderOptions { Preprocessing = null! })),
            ("inputs", () => BatchLoader.FromTensors(null!, masks, 1)),
            ("targets", () => BatchLoader.FromTensors(images, null!, 1)),
            ("batches", () => BatchSource.Of(null!)),
            ("epochs", () => BatchSource.Of(null!, [(images, masks)])),
            ("inOrder", () => BatchSource.Of(_ => [(images, masks)], null!)),
            ("source", () => BatchSource.Inputs(null!).First().Dispose()),
            ("dataset", () => new DatasetSplit([0], [1]).Apply(null!)),
            ("keys", () => GroupSplit.Create<int>(null!)),
            ("directory", () => ImageClassFolder.Load(null!, 32, 1, Preprocessing.Caffe)),
            ("preprocessing", () => ImageClassFolder.Load(".", 32, 1, null!)),
            ("path", () => ImageCodec.Load(null!)),
            ("path", () => ImageCodec.Save(picture, null!)),
            ("image", () => ImageCodec.Save(null!, "a.png")),
            ("image", () => ImageCodec.EncodePng(null!)),
            ("encoded", () => ImageCodec.Decode(null!)),
            ("imagesDirectory", () => ImageMaskFolder.Load(null!, ".")),
            ("masksDirectory", () => ImageMaskFolder.Load(".", null!)),
            ("pixels", () => new PixelImage(1, 1, 1, null!)),
            ("function", () => picture.Map(null!)),
            ("image", () => PixelImage.FromTensor(null!)),
            ("rgb", () => Preprocessing.Caffe.Apply(null!)),
            ("samples", () => new SegmentationDataset((IEnumerable<SegmentationSample>)null!)),
            ("indices", () => dataset.Subset(null!)),
            ("other", () => dataset.Concat(null!)),
            ("name", () => new SegmentationSample(null!, Sample.Image, Sample.Mask)),
            ("image", () => new SegmentationSample("a", null!, Sample.Mask)),
            ("mask", () => new SegmentationSample("a", Sample.Image, null!)),
        };
        Assert.All(missing, m => Assert.Equal(m.Name, Assert.Throws<ArgumentNullException>(m.Call).ParamName));
    }

    [Fact]
    public void What_is_out_of_range_is_named_and_the_last_that_is_in_range_is_taken()
    {
        using var scope = NewDisposeScope();
        Tensor images = rand(2, 3, 4, 4), masks = rand(2, 1, 4, 4);
        PixelImage picture = Pictures.Colour(2, 2);
        byte[] encoded = ImageCodec.EncodePng(picture);
        var outside = new (string Name, Action Call)[]
        {
            ("ahead", () => BackgroundEnumerable.Prefetch([1], -1)),
            ("batchSize", () => BatchLoader.FromTensors(images, masks, 0)),
            ("count", () => BlockSplit.Create(-1)),
            ("Blocks", () => BlockSplit.Create(100, new BlockSplitOptions { Blocks = 0 })),
            ("Gap", () => BlockSplit.Create(100, new BlockSplitOptions { Gap = -1 })),
            ("side", () => ImageClassFolder.Load(".", 0, 1, Preprocessing.Caffe)),
            ("pixelLimit", () => ImageCodec.Decode(encoded, pixelLimit: 0)),
            ("width", () => new PixelImage(0, 1, 1, [])),
            ("height", () => new PixelImage(1, 0, 1, [])),
            ("side", () => new ProceduralSourceDomain(15)),
            ("index", () => new ProceduralSourceDomain(16).Sample(-1)),
            ("width", () => Resampling.Nearest(picture, 0, 1)),
            ("height", () => Resampling.Nearest(picture, 1, 0)),
            ("training", () => SaltSections.Split(training: 0)),
            ("validation", () => SaltSections.Split(validation: 0)),
            ("index", () => new SaltSections(32).Sample(-1)),
            ("step", () => Pictures.Dataset(1).Every(0)),
        };
        Assert.All(outside, o => Assert.Equal(o.Name, Assert.Throws<ArgumentOutOfRangeException>(o.Call).ParamName));

        Assert.Equal([1], BackgroundEnumerable.Prefetch([1], 0));
        Assert.Equal(2, BatchLoader.FromTensors(images, masks, 1).BatchCount);
        Assert.NotEmpty(BlockSplit.Create(100, new BlockSplitOptions { Blocks = 1, Gap = 0 }).Validation);
        Assert.Equal(4, ImageCodec.Decode(encoded, pixelLimit: 4).Width * ImageCodec.Decode(encoded, pixelLimit: 4).Height);
        Assert.Equal(16, new ProceduralSourceDomain(16).Sample(0).Image.Width);
        Assert.Equal((1, 1), (Resampling.Nearest(picture, 1, 1).Width, Resampling.Nearest(picture, 1, 1).Height));
        Assert.Equal((1, 1), SaltSections.Split(32, training: 1, validation: 1) is var (train, validation) ? (train.Count, validation.Count) : default);
        Assert.Equal(3, Pictures.Dataset(3).Every(1).Count);
    }
}
