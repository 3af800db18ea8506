using TorchSharp;
using UnetResnet.Data;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Tests.Normalization;
using UnetResnet.Training;
using static TorchSharp.torch;
using static UnetResnet.Tests.Training.Toys;

namespace UnetResnet.Tests.Training;

[Trait("Category", "Reliability")]
public sealed class FeatureCacheTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly int threads = get_num_threads();

    public FeatureCacheTests() => TorchRuntime.Initialize(threads: 1);

    public void Dispose()
    {
        TorchRuntime.Initialize(threads: threads);
        folder.Dispose();
    }

    [Theory]
    [InlineData(1L << 30)]
    [InlineData(0)]
    [InlineData(150_000)]
    public void Losses_are_those_without_a_cache(long memoryLimit)
    {
        var options = new TrainingOptions { Epochs = 3, LearningRate = 1e-2 };
        BatchLoader training = Squares(7, 3, side: 32), validation = Squares(4, 3, side: 32, seed: 1);
        using UNetResNet50 plain = UNet(), cached = UNet();
        TrainingHistory expected = new Trainer(plain, options).Fit(training, validation);

        using var cache = new FeatureCache(cached, new FeatureCacheOptions { MemoryLimit = memoryLimit, Directory = folder.Path });
        TrainingHistory actual = new Trainer(cache, options).Fit(training, validation);
        foreach ((EpochRecord e, EpochRecord a) in expected.Zip(actual))
        {
            // The same numbers enter the decoder; only the convolutions' order of summation may differ with the number of images that the encoder sees at once.
            Assert.Equal(e.Training.Loss, a.Training.Loss, 1e-4);
            Assert.Equal(e.Validation.Loss, a.Validation.Loss, 1e-4);
            Assert.Equal(e.TrainingInInferenceMode.Loss, a.TrainingInInferenceMode.Loss, 1e-4);
        }

        Assert.Equal(11, cache.ImagesInMemory + cache.ImagesOnDisk);
        // 3 epochs of 7 + 7 + 4 images, of which 11 were new.
        Assert.Equal(3 * 18 - 11, cache.Hits);
        Assert.InRange(cache.BytesInMemory, 0, memoryLimit);
        if (memoryLimit == 0) Assert.Equal(11, cache.ImagesOnDisk);
        // (16·16² + 64·8² + 128·4² + 256·2² + 512) floats an image.
        if (memoryLimit == 150_000) Assert.Equal(150_000 / (4 * (4096 + 4096 + 2048 + 1024 + 512)), cache.ImagesInMemory);

        int files = Directory.GetFiles(folder.Path, "*.features", SearchOption.AllDirectories).Length;
        Assert.Equal(cache.ImagesOnDisk, files);
        if (!OperatingSystem.IsWindows())
        {
            // Features show their images; in the system's temporary folder they would be everybody's to read.
            Assert.All(Directory.GetDirectories(folder.Path), d => Assert.Equal(Rights.OwnersFolder, Rights.Of(d)));
            Assert.All(Directory.GetFiles(folder.Path, "*", SearchOption.AllDirectories), f => Assert.Equal(Rights.OwnersFile, Rights.Of(f)));
        }

        cache.Dispose();
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
        // The U-Net is the caller's, and trained.
        Assert.Equal(actual.Last.Validation.Loss, Trainer.Score(cached, validation).Loss, 1e-4);
    }

    [Theory]
    [InlineData(1L << 30)]
    [InlineData(0)]
    public void A_network_of_double_precision_can_be_cached(long memoryLimit)
    {
        using var scope = NewDisposeScope();
        using UNetResNet50 unet = UNet();
        unet.to(float64);
        using var cache = new FeatureCache(unet, new FeatureCacheOptions { MemoryLimit = memoryLimit, Directory = folder.Path });
        unet.eval();
        cache.eval();
        Tensor images = randn(2, 3, 32, 32, dtype: float64), expected = unet.call(images);
        for (int pass = 0; pass < 2; pass++)
        {
            using Tensor actual = cache.call(images);
            Assert.Equal(ScalarType.Float64, actual.dtype);
            Assert.True(allclose(expected, actual, rtol: 1e-12, atol: 1e-12));
        }

        Assert.Equal(2, cache.Hits);
    }

    [Fact]
    public void What_is_no_constant_is_refused()
    {
        using UNetResNet50 unet = UNet();
        unet.Encoder.Unfreeze();
        Assert.Contains("receives gradients", Assert.Throws<ArgumentException>("unet", () => new FeatureCache(unet)).Message);
        unet.Encoder.Freeze(BatchNormMode.Keras213);
        string message = Assert.Throws<ArgumentException>("unet", () => new FeatureCache(unet)).Message;
        Assert.Contains("in mode Keras213", message);
        Assert.Contains("unet.Encoder.Freeze(BatchNormMode.Inference)", message);
    }

    [Fact]
    public void A_changed_encoder_is_noticed()
    {
        using UNetResNet50 unet = UNet();
        using var cache = new FeatureCache(unet);
        cache.train();
        cache.eval();
        Recalibration.Apply(unet.Encoder, Squares(4, 4, side: 32).Inputs());
        Assert.Contains("Make a new cache", Assert.Throws<InvalidOperationException>(() => cache.train()).Message);

        using var second = new FeatureCache(unet);
        unet.Encoder.Unfreeze();
        Assert.Throws<InvalidOperationException>(() => second.eval());
    }

    [Fact]
    public void A_folded_encoder_can_be_cached_and_sizes_are_checked()
    {
        using var scope = NewDisposeScope();
        using UNetResNet50 unet = UNet();
        Tensor images = randn(2, 3, 32, 32);
        Folding.Apply(unet, images, only: unet.Encoder);
        using var cache = new FeatureCache(unet);
        unet.eval();
        cache.eval();
        Numbers.AssertClose(unet.call(images).Values().Doubles(), cache.call(images), 1e-5);
        // One image twice in a batch.
        Numbers.AssertClose(unet.call(cat([images, images])).Values().Doubles(), cache.call(cat([images, images])), 1e-5);
        Assert.Equal(2, cache.ImagesInMemory);
        Assert.Contains("divisible by 32", Assert.Throws<ArgumentException>(() => cache.call(randn(1, 3, 40, 32))).Message);
    }

    [Fact]
    public void Tensors_do_not_pile_up()
    {
        using UNetResNet50 unet = UNet();
        using var cache = new FeatureCache(unet, new FeatureCacheOptions { MemoryLimit = 0, Directory = folder.Path });
        using Tensor images = randn(2, 3, 32, 32);
        cache.call(images).Dispose();
        long before = LiveTensors.Settled();
        for (int i = 0; i < 3; i++) cache.call(images).Dispose();
        Assert.Equal(before, Tensor.TotalCount);
    }

    /// <summary>Features show the images that they were made from; those of a process that was killed go with the next cache, and nobody else's do.</summary>
    [Fact]
    public void What_killed_processes_have_left_goes_with_the_next_cache()
    {
        string sample;
        using (var name = new TemporaryName(folder["unetresnet-features"])) sample = name.Path;
        string Named(int process) => sample.Replace($"-{Environment.ProcessId}.", $"-{process}.");
        string dead = Named(999_999_999), numberTakenOver = sample;
        string[] others = [Named(1), folder["unetresnet-features"], folder["features.tmp"], Named(999_999_999).Replace("features", "other")];
        foreach (string path in (string[])[dead, numberTakenOver, .. others])
        {
            Directory.CreateDirectory(path);
            File.WriteAllText(Path.Combine(path, "1.features"), "a patient");
        }

        using UNetResNet50 unet = UNet();
        using Tensor images = randn(2, 3, 32, 32);
        using (var cache = new FeatureCache(unet, new FeatureCacheOptions { MemoryLimit = 0, Directory = folder.Path }))
        {
            cache.call(images).Dispose();
            Assert.Equal(2, cache.ImagesOnDisk);
            // A second cache of this process leaves the first one's alone.
            using var second = new FeatureCache(unet, new FeatureCacheOptions { MemoryLimit = 0, Directory = folder.Path });
            second.call(images).Dispose();
            cache.call(images).Dispose();
            Assert.Equal(2, cache.Hits);
        }

        Assert.Equal((OperatingSystem.IsWindows() ? others[1..] : others).Order(), Directory.GetDirectories(folder.Path).Order());
    }

    [Fact]
    public void Features_that_cannot_be_kept_are_one_sentence()
    {
        if (OperatingSystem.IsWindows()) return;
        using UNetResNet50 unet = UNet();
        using Tensor images = randn(1, 3, 32, 32);
        string taken = folder.Write("taken", "");
        using (var cache = new FeatureCache(unet, new FeatureCacheOptions { MemoryLimit = 0, Directory = taken }))
            Assert.StartsWith($"Features cannot be kept in {taken}: ", Assert.Throws<IOException>(() => cache.call(images)).Message);
        using var full = new FeatureCache(unet, new FeatureCacheOptions { MemoryLimit = 0, Directory = folder.Path });
        string message;
        using (new SizeLimit(1000)) message = Assert.Throws<IOException>(() => full.call(images)).Message;
        Assert.StartsWith($"Features cannot be kept in {folder.Path}: ", message);
        Assert.EndsWith("Make room, name another Directory, or raise MemoryLimit.", message);
        Assert.DoesNotContain(".tmp", message);
        full.call(images).Dispose(); // there is room again
        Assert.Equal(1, full.ImagesOnDisk);
    }

    private static UNetResNet50 UNet()
    {
        TorchRuntime.Seed(0);
        var unet = new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } });
        Recalibration.Apply(unet.Encoder, Squares(4, 4, side: 32, seed: 9).Inputs());
        unet.Encoder.Freeze(BatchNormMode.Inference);
        return unet;
    }
}
