using UnetResnet.Data;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Data;

public class BatchSourceTests
{
    [Fact]
    public void A_sequence_of_anything_is_a_source()
    {
        using var scope = NewDisposeScope();
        (Tensor, Tensor)[] pairs = [(arange(6, dtype: float32).reshape(3, 2), tensor(new long[] { 0, 1, 2 })), (ones(2, 2), tensor(new long[] { 1, 1 }))];
        IBatchSource source = BatchSource.Of(pairs);
        Assert.Equal((3, 5, 2, null), (source.BatchSize, source.SampleCount, source.BatchCount, source.Preprocessing));
        long before = LiveTensors.Settled();
        for (int epoch = 0; epoch < 2; epoch++)
        {
            var names = new List<string>();
            foreach (Batch batch in source.Epoch(epoch))
            {
                names.AddRange(batch.Names);
                batch.Inputs.zero_().Dispose();
                batch.Dispose();
            }

            Assert.Equal(["0", "1", "2", "3", "4"], names);
        }

        Assert.Equal(before, Tensor.TotalCount);
        // The batches were copies.
        Assert.Equal(5, pairs[0].Item1.max().item<float>());
        Assert.Equal([3, 2], source.Inputs().Select(inputs => (int)inputs.shape[0]));
        Assert.Equal(before, Tensor.TotalCount - 1);
    }

    [Fact]
    public void An_iterator_does_not_know_its_length_and_epochs_may_differ()
    {
        using var scope = NewDisposeScope();
        static IEnumerable<(Tensor, Tensor)> Epoch(int number)
        {
            for (int i = 0; i <= number; i++) yield return (full([2, 1], (float)number), zeros(2, 1));
        }

        IBatchSource source = BatchSource.Of(Epoch, Epoch(3), Preprocessing.Torch);
        Assert.Equal((2, null, null, Preprocessing.Torch), (source.BatchSize, source.SampleCount, source.BatchCount, source.Preprocessing));
        Assert.Equal([1f, 1], source.Inputs(1).Select(inputs => inputs[0, 0].item<float>()));
        Assert.Equal(4, source.InOrder().Inputs().Count());
        Assert.Equal(Preprocessing.Torch, source.InOrder().Preprocessing);
    }

    [Fact]
    public void What_makes_no_batch_is_refused()
    {
        Assert.Contains("holds no batch", Assert.Throws<ArgumentException>(() => BatchSource.Of(new List<(Tensor, Tensor)>())).Message);
        using Tensor three = zeros(3, 1), two = zeros(2, 1);
        Assert.Contains("(3, 1) and (2, 1)", Assert.Throws<ArgumentException>(() => BatchSource.Of([(three, two)])).Message);
    }

    [Fact]
    public void A_loader_carries_its_preprocessing()
    {
        var loader = new BatchLoader(Pictures.Dataset(3), new BatchLoaderOptions { Preprocessing = Preprocessing.Tf, BatchSize = 2 });
        Assert.Equal((Preprocessing.Tf, Preprocessing.Tf), (loader.Preprocessing, loader.InOrder().Preprocessing));
        IBatchSource source = loader;
        Assert.Equal((3, 2), (source.SampleCount, source.BatchCount));
        using Tensor images = zeros(2, 3, 4, 4), masks = zeros(2, 1, 4, 4);
        Assert.Null(BatchLoader.FromTensors(images, masks, 2).Preprocessing);
        Assert.Equal(Preprocessing.Caffe, BatchLoader.FromTensors(images, masks, 2, Preprocessing.Caffe).Preprocessing);
    }
}
