using TorchSharp;
using UnetResnet.Models;
using UnetResnet.Normalization;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Models;

public class ModelSummaryTests
{
    [Fact]
    public void ResNet50_counts_as_in_Keras()
    {
        using var encoder = new ResNet50Encoder();
        ModelSummary summary = ModelSummary.Of(encoder, 1, 3, 64, 64);

        Assert.Equal(23_587_712, summary.Total);
        Assert.Equal(53_120, summary.MovingStatistics);
        Assert.Equal(53_120, summary.NonTrainable);
        Assert.Equal(23_534_592, summary.Trainable);
        // 53 convolutions, 53 batch norms, 49 activations.
        Assert.Equal(155, summary.Layers.Count);
        // Keras's own rows: (7·7·3 + 1)·64 and 4·64.
        Assert.Equal(9472, summary.Layers[0].Parameters);
        Assert.Equal(256, summary.Layers[1].Parameters);
        Assert.Equal(128, summary.Layers[1].Trainable);
        Assert.Equal([1, 64, 32, 32], summary.Layers[0].OutputShape);
        Assert.Equal([1, 2048, 2, 2], summary.Layers[^1].OutputShape);
        Assert.Equal(encoder.named_modules().Select(m => m.name), summary.Layers.Select(l => l.Name));
        Assert.All(summary.Layers, layer => Assert.NotNull(layer.OutputShape));
    }

    [Theory]
    [InlineData(BatchNormMode.Keras213, 0)]
    [InlineData(BatchNormMode.AffineOnly, 53_120 / 4)]
    public void Frozen_parameters_are_not_trainable(BatchNormMode mode, long trainable)
    {
        using var encoder = new ResNet50Encoder(new ResNet50Options { Width = 16 });
        encoder.Freeze(mode);
        ModelSummary summary = ModelSummary.Of(encoder, 1, 3, 32, 32);
        Assert.Equal(trainable, summary.Trainable);
        Assert.Equal(53_120 / 4, summary.MovingStatistics);
        Assert.All(summary.Layers.Where(l => l.Type == nameof(ModalBatchNorm2d)), l => Assert.Equal(mode, l.BatchNorm));
        Assert.All(summary.Layers.Where(l => l.Type != nameof(ModalBatchNorm2d)), l => Assert.Null(l.BatchNorm));
    }

    [Fact]
    public void Text_is_laid_out_like_that_of_Keras()
    {
        using var model = Sequential(("conv", Conv2d(3, 16, 3, padding: 1)), ("bn", new ModalBatchNorm2d(16)), ("relu", ReLU()));
        model.Freeze(BatchNormMode.Keras213);
        Assert.Equal(
            """
            Model: "Sequential"
            ______________________________________________________________________
            Layer (type)           Output Shape   Param #  Trainable  Batch norm
            ======================================================================
            conv (Conv2d)          (2, 16, 8, 8)  448      N
            bn (ModalBatchNorm2d)  (2, 16, 8, 8)  64       N          Keras213
            relu (ReLU)            (2, 16, 8, 8)  0
            ======================================================================
            Total params: 512
            Trainable params: 0
            Non-trainable params: 512 (moving statistics: 32)
            ______________________________________________________________________
            """, ModelSummary.Of(model, 2, 3, 8, 8).ToString(), ignoreLineEndingDifferences: true);
    }

    [Fact]
    public void Numbers_have_thousands_separators_and_no_column_stays_empty()
    {
        using var model = Sequential(("fc", Linear(1000, 2000)));
        string text = ModelSummary.Of(model, 1, 1000).ToString();
        Assert.Contains("2,002,000", text);
        Assert.DoesNotContain("Batch norm", text);
    }

    [Fact]
    public void The_model_and_the_random_state_stay_as_they_are()
    {
        using var scope = NewDisposeScope();
        using var unet = new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } });
        unet.Encoder.Freeze(BatchNormMode.Keras213);
        unet.Decoder.SetBatchNormMode(BatchNormMode.BatchOnly);
        unet.Decoder.BatchNormLayers()[0].Layer.Weight!.requires_grad_(true);
        unet.train();
        unet.Decoder.eval();
        string before = ModuleState.Describe(unet);
        manual_seed(11);
        float expected = rand(1).item<float>();
        manual_seed(11);
        long alive = scope.DisposablesCount;

        ModelSummary summary = ModelSummary.Of(unet, 1, 3, 32, 32);

        Assert.Equal(alive, scope.DisposablesCount);
        Assert.Equal(expected, rand(1).item<float>());
        Assert.Equal(before, ModuleState.Describe(unet));
        Assert.Equal([1, 1, 32, 32], summary.Layers[^1].OutputShape);
        // The hooks are gone: another size does not reach the summary.
        unet.Predict(zeros(1, 3, 64, 64));
        Assert.Equal([1, 1, 32, 32], summary.Layers[^1].OutputShape);
    }

    /// <summary>Draws in inference mode too, so only a saved random state can be the same afterwards.</summary>
    private sealed class Noise() : Module<Tensor, Tensor>(nameof(Noise))
    {
        public override Tensor forward(Tensor input) => input + randn_like(input);
    }

    [Fact]
    public void Even_a_model_that_draws_leaves_the_random_state()
    {
        using var noise = new Noise();
        manual_seed(11);
        float expected = rand(1).item<float>();
        manual_seed(11);
        ModelSummary.Of(noise, 1, 8);
        Assert.Equal(expected, rand(1).item<float>());
    }

    [Fact]
    public void TorchSharps_own_layers_count_without_the_batch_counter()
    {
        using var model = Sequential(("conv", Conv2d(3, 16, 3)), ("bn", BatchNorm2d(16)), ("drop", Dropout()));
        ModelSummary summary = ModelSummary.Of(model, 1, 3, 8, 8);
        Assert.Equal(448 + 64, summary.Total);
        Assert.Equal(32, summary.MovingStatistics);
        Assert.Equal([1, 16, 6, 6], summary.Layers[^1].OutputShape);
        Assert.Equal(0, model.state_dict()["bn.num_batches_tracked"].item<long>());
    }

    private sealed class Odd : Module<Tensor, Tensor>
    {
        private readonly TorchSharp.Modules.Linear first = Linear(4, 4);
        private readonly TorchSharp.Modules.Parameter scale = Parameter(ones(4));

        public Odd() : base(nameof(Odd))
        {
            register_module("first", first);
            register_module("again", first);
            register_module("unused", Linear(4, 2));
            register_parameter("scale", scale);
        }

        public override Tensor forward(Tensor input) => first.call(first.call(input)) * scale;
    }

    [Fact]
    public void Shared_layers_count_once_own_parameters_have_a_row_and_idle_layers_a_question_mark()
    {
        using var model = new Odd();
        ModelSummary summary = ModelSummary.Of(model, 5, 4);
        Assert.Equal(4 + 20 + 10, summary.Total);
        Assert.Equal(["", "first", "unused"], summary.Layers.Select(l => l.Name));
        Assert.Equal([4, 20, 10], summary.Layers.Select(l => l.Parameters));
        Assert.Equal([5, 4], summary.Layers[0].OutputShape);
        Assert.Null(summary.Layers[2].OutputShape);
        Assert.Contains("unused (Linear)  ?", summary.ToString());
    }

    /// <summary>The model's own parameters stand in a row under its class alone; a layer trains if any of its numbers does.</summary>
    [Fact]
    public void Rows_tell_the_model_itself_and_what_trains()
    {
        using var model = new Odd();
        foreach ((string name, var parameter) in model.named_parameters()) parameter.requires_grad_(name is "scale" or "first.bias");
        ModelSummary summary = ModelSummary.Of(model, 5, 4);
        Assert.Equal((34, 8, 26, 0), (summary.Total, summary.Trainable, summary.NonTrainable, summary.MovingStatistics));
        Assert.Equal(
            """
            Model: "Odd"
            ___________________________________________________
            Layer (type)     Output Shape  Param #  Trainable
            ===================================================
            Odd              (5, 4)        4        Y
            first (Linear)   (5, 4)        20       Y
            unused (Linear)  ?             10       N
            ===================================================
            Total params: 34
            Trainable params: 8
            Non-trainable params: 26 (moving statistics: 0)
            ___________________________________________________
            """, summary.ToString(), ignoreLineEndingDifferences: true);
    }

    [Fact]
    public void Models_in_double_precision_are_asked_in_it()
    {
        using var model = Sequential(("fc", Linear(4, 3)));
        model.to(float64);
        Assert.Equal([2, 3], ModelSummary.Of(model, 2, 4).Layers.Single().OutputShape);
    }

    [Fact]
    public void Replaced_batch_norm_has_no_mode()
    {
        using var model = Sequential(("conv", Conv2d(3, 16, 1)), ("bn", new ModalBatchNorm2d(16)));
        GroupNormalization.Apply(model, groups: 4);
        Assert.Null(ModelSummary.Of(model, 1, 3, 8, 8).Layers[1].BatchNorm);
    }

    [Fact]
    public void Models_of_other_inputs_are_summarised_from_an_example()
    {
        using var scope = NewDisposeScope();
        using var model = Embedding(10, 16);
        ModelSummary summary = ModelSummary.Of(model, zeros([2, 7], int64));
        Assert.Equal(160, summary.Total);
        Assert.Equal([2, 7, 16], summary.Layers[0].OutputShape);
    }

    [Theory]
    [InlineData]
    [InlineData(0, 3, 32, 32)]
    [InlineData(1, 3, -32, 32)]
    public void Shapes_without_content_are_refused(params long[] shape)
    {
        using var model = Linear(1, 1);
        Assert.Contains("1, 3, 96, 96", Assert.Throws<ArgumentException>(() => ModelSummary.Of(model, shape)).Message);
    }
}
