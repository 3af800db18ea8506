using UnetResnet.Data;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Data;

public class PreprocessingTests
{
    /// <summary>One pixel, red 200, green 100, blue 50; expected values worked out by hand.</summary>
    [Theory]
    [InlineData("caffe", 50 - 103.939, 100 - 116.779, 200 - 123.68)]
    [InlineData("caffe-channel-bug", 50 - 123.68, 100 - 116.779, 200 - 103.939)]
    [InlineData("torch", (200 / 255.0 - 0.485) / 0.229, (100 / 255.0 - 0.456) / 0.224, (50 / 255.0 - 0.406) / 0.225)]
    [InlineData("tf", 200 / 127.5 - 1, 100 / 127.5 - 1, 50 / 127.5 - 1)]
    [InlineData("zero-to-one", 200 / 255.0, 100 / 255.0, 50 / 255.0)]
    [InlineData("none", 200, 100, 50)]
    public void Values_are_those_of_keras_applications(string name, double first, double second, double third)
    {
        using IDisposable scope = NewDisposeScope();
        Tensor result = Preprocessing.FromName(name).Apply(tensor(new float[] { 200, 100, 50 }, [1, 3, 1, 1]));

        Assert.Equal([1, 3, 1, 1], result.shape);
        float[] values = result.data<float>().ToArray();
        // float32 carries 7 digits; the largest value is 200.
        Assert.Equal(first, values[0], 1e-4);
        Assert.Equal(second, values[1], 1e-4);
        Assert.Equal(third, values[2], 1e-4);
    }

    /// <summary>Batches are made by a table of the 256 values: the same bits, in colour and in grey.</summary>
    [Theory]
    [InlineData(3)]
    [InlineData(1)]
    public void The_table_holds_what_every_value_becomes(int channels)
    {
        using IDisposable scope = NewDisposeScope();
        var image = new PixelImage(16, 24, channels, [.. Enumerable.Range(0, 16 * 24 * channels).Select(i => (byte)(i * 7))]);
        foreach (Preprocessing preprocessing in Preprocessing.All)
        {
            var planes = new float[3 * 16 * 24];
            preprocessing.Table.CopyPlanes(image, planes);
            Assert.Equal(preprocessing.Apply(image.ToRgb().ToTensor()).data<float>().ToArray(), planes);
        }
    }

    [Fact]
    public void Inverse_gives_the_picture_back_and_the_input_stays()
    {
        using IDisposable scope = NewDisposeScope();
        Tensor rgb = rand(2, 3, 4, 5) * 255, before = rgb.clone();
        foreach (Preprocessing preprocessing in Preprocessing.All)
        {
            Tensor there = preprocessing.Apply(rgb), back = preprocessing.Invert(there);
            Assert.True((back - rgb).abs().max().item<float>() < 1e-3, preprocessing.Name);
            there.fill_(0);
            Assert.True(rgb.allclose(before, 0, 0), $"{preprocessing.Name} shares memory with its input");
        }
    }

    [Fact]
    public void An_unknown_name_lists_the_known_ones()
    {
        var e = Assert.Throws<ArgumentException>(() => Preprocessing.FromName("imagenet"));
        Assert.Contains("'imagenet'", e.Message);
        Assert.All(Preprocessing.All, preprocessing => Assert.Contains(preprocessing.Name, e.Message));
        Assert.Same(Preprocessing.Torch, Preprocessing.FromName("Torch"));
    }

    [Fact]
    public void Grey_or_whole_number_tensors_are_refused()
    {
        using IDisposable scope = NewDisposeScope();
        Assert.Contains("(1, 1, 4, 4)", Assert.Throws<ArgumentException>(() => Preprocessing.Caffe.Apply(zeros(1, 1, 4, 4))).Message);
        Assert.Contains("Byte", Assert.Throws<ArgumentException>(() => Preprocessing.Caffe.Apply(zeros(1, 3, 4, 4, ScalarType.Byte))).Message);
    }

    [Fact]
    public void Only_the_result_stays_alive()
    {
        using Tensor rgb = zeros(1, 3, 4, 4);
        long before = LiveTensors.Settled();
        foreach (Preprocessing preprocessing in Preprocessing.All)
        {
            preprocessing.Apply(rgb).Dispose();
            preprocessing.Invert(rgb).Dispose();
        }

        Assert.Equal(before, Tensor.TotalCount);
    }
}
