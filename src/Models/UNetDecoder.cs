using TorchSharp.Modules;
using UnetResnet.Models.Winograd;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Models;

/// <summary>
/// The decoder of the network in the 2018 question, name for name: five times nearest upsampling by 2, <c>concatenate</c> with the encoder's skip (the last stage has none), two
/// blocks of 3×3 convolution, batch norm and ReLU (<c>conv6_1_conv</c>, <c>conv6_1_bn</c>, <c>conv6_1_activation</c> …), then
/// <c>SpatialDropout2D</c> and the 1×1 convolution <c>prediction</c>.
/// </summary>
/// <remarks>
/// Gives logits: Keras's <c>prediction</c> has a sigmoid inside, which losses that take logits compute more precisely themselves.
/// Kernels are He-normal (truncated at two standard deviations, as Keras does), that of <c>prediction</c> Glorot-uniform, biases zero.
/// </remarks>
public sealed class UNetDecoder : Module<Tensor[], Tensor>
{
    private readonly List<(ConvolutionWithNorm First, ConvolutionWithNorm Second)> stages = [];
    private readonly FoldedLayers folded;
#pragma warning disable IDE1006 // Field names are the state keys: a parent that registers this module registers its fields once more.
    private readonly Dropout2d spatial_dropout2d;
    private readonly Conv2d prediction;
#pragma warning restore IDE1006
    private readonly long[] featureChannels;
    private readonly bool plainUpsampling;

    /// <summary>Builds the decoder for the encoder that the options describe.</summary>
    /// <param name="options">Checked on entry.</param>
    /// <exception cref="ArgumentException">The options are not valid.</exception>
    public UNetDecoder(UNetOptions options) : base(TorchRuntime.Loaded(nameof(UNetDecoder)))
    {
        options.Validate();
        plainUpsampling = options.PlainUpsampling;
        featureChannels = ResNet50Encoder.FeatureChannelsOf(options.Encoder.Width);
        IReadOnlyList<int> filters = options.DecoderFilters;
        long channels = featureChannels[^1];
        var fromBelow = new Dictionary<ConvolutionWithNorm, long>(ReferenceEqualityComparer.Instance);
        for (int stage = 0; stage < filters.Count; stage++)
        {
            int skip = featureChannels.Length - 2 - stage;
            long inputs = channels + (skip >= 0 ? featureChannels[skip] : 0);
            ConvolutionWithNorm first = Block($"conv{stage + 6}_1", inputs, filters[stage], options);
            fromBelow[first] = channels;
            stages.Add((first, Block($"conv{stage + 6}_2", filters[stage], filters[stage], options)));
            channels = filters[stage];
        }

        folded = new FoldedLayers([.. stages.SelectMany(stage => new[] { stage.First, stage.Second })], layer => fromBelow.GetValueOrDefault(layer));
        spatial_dropout2d = Dropout2d(options.SpatialDropout);
        register_module("spatial_dropout2d", spatial_dropout2d);
        prediction = Conv2d(channels, options.Classes, 1);
        init.xavier_uniform_(prediction.weight!);
        init.zeros_(prediction.bias!);
        register_module("prediction", prediction);
    }

    /// <summary>The two blocks of each stage, from the smallest maps to the largest.</summary>
    internal IReadOnlyList<(ConvolutionWithNorm First, ConvolutionWithNorm Second)> Stages => stages;

    /// <summary>What is between the last stage and the last convolution.</summary>
    internal Dropout2d SpatialDropout => spatial_dropout2d;

    /// <summary>The last convolution.</summary>
    internal Conv2d Prediction => prediction;

    /// <summary>Decodes.</summary>
    /// <param name="features">The encoder's five feature maps, from the largest to the smallest.</param>
    /// <returns>Logits (N, <see cref="UNetOptions.Classes"/>, H, W), owned by the caller.</returns>
    /// <exception cref="ArgumentException">Not five maps, or not the channels that the decoder was built for.</exception>
    public override Tensor forward(Tensor[] features)
    {
        if (features.Length != featureChannels.Length || features.Where((f, i) => f.shape[1] != featureChannels[i]).Any())
            throw new ArgumentException($"The decoder expects feature maps of {string.Join(", ", featureChannels)} channels and got {string.Join(", ", features.Select(f => f.shape[1]))}.", nameof(features));

        return Decode(features, from: null, passing: null);
    }

    /// <summary>The logits of a pass that is looked at, or that goes on from a place in its middle.</summary>
    /// <param name="features">The encoder's five feature maps.</param>
    /// <param name="from">The place, counted from the first stage; null for the beginning.</param>
    /// <param name="passing">Sees number and input of every stage before it, or null.</param>
    /// <returns>Logits, owned by the caller.</returns>
    internal Tensor Decode(Tensor[] features, (int Stage, Tensor Map)? from, Action<int, Tensor>? passing)
    {
        using var scope = NewDisposeScope();
        (Tensor x, ConvolutionWithNorm? unfinished) = Last(features, from, passing);
        Tensor? together = unfinished?.Projected(x, Kept, prediction);
        return (together ?? Predicted(Full(unfinished?.NormalizedAndActivated(x, watched: false) ?? x))).MoveToOuterDisposeScope();

        // The same random numbers as for the whole map.
        Tensor Kept() => spatial_dropout2d.call(ones(x.shape[0], x.shape[1], 1, 1));
    }

    private Tensor Predicted(Tensor x)
    {
        x = spatial_dropout2d.call(x);
        using ChannelMap? map = is_grad_enabled() || prediction.weight!.shape[0] != 1 || prediction.weight.dtype != float32 || Hooks.On(prediction) ? null : ChannelMap.Of(x);
        return map?.Projected(prediction.weight!, prediction.bias!) ?? prediction.call(x);
    }

    /// <summary>What the last stage gives, or what its second convolution gives, if what follows may be one operation with the prediction.</summary>
    private (Tensor Map, ConvolutionWithNorm? Unfinished) Last(Tensor[] features, (int Stage, Tensor Map)? from, Action<int, Tensor>? passing)
    {
        // GPUs have their own ways.
        bool fast = !plainUpsampling && features[0].device_type == TorchSharp.DeviceType.CPU, watched = folded.AreWatched;
        if (fast) features = [.. features.Select(ChannelsLast.Of)];
        // Hooks see float32.
        bool low = fast && !watched && ComputePrecision.IsLowFor(features[0]);
        features = [.. features.Select(feature => low ? feature.to(bfloat16) : Full(feature))];
        bool fold = fast && !watched && folded.Fit(features);
        using IDisposable? noGrad = fold ? no_grad() : null;
        using FoldedKernels? kernels = fold ? folded.For(features[0]) : null;
        Tensor x = from?.Map ?? features[^1];
        for (int stage = from?.Stage ?? 0; stage < stages.Count; stage++)
        {
            passing?.Invoke(stage, x);
            (ConvolutionWithNorm first, ConvolutionWithNorm second) = stages[stage];
            int place = features.Length - 2 - stage;
            Tensor? skip = place >= 0 ? features[place] : null;
            if (kernels is not null)
            {
                x = kernels.Apply(first, second, x, skip);
                continue;
            }

            bool ends = stage == stages.Count - 1 && fast && !watched && !Hooks.OnAny([spatial_dropout2d, prediction]);
            ConvolutionWithNorm[] layers = ends ? [first, second with { Norm = null }] : [first, second];
            Tensor[] inputs = skip is null ? [x] : [x, skip];
            x = !watched && Recomputation.Suits(layers) ? Recomputation.Of(layers, Stage, inputs) : Stage(inputs);
            if (ends) return (x, second);

            Tensor Stage(IReadOnlyList<Tensor> maps)
            {
                Tensor y = Convolved(first, second, maps[0], maps.ElementAtOrDefault(1), fast, watched);
                return ends ? y : second.NormalizedAndActivated(y, watched);
            }
        }

        return (x, null);
    }

    /// <summary>One stage layer by layer, with gradients where they are wanted, to the result of its second convolution.</summary>
    private static Tensor Convolved(ConvolutionWithNorm first, ConvolutionWithNorm second, Tensor x, Tensor? skip, bool fast, bool watched)
    {
        // A hook wants to see what the convolution takes.
        bool plain = watched || !fast;
        Tensor y = plain ? first.Convolution.call(Concatenated(x, skip))
            : WinogradConvolution.Suits(x, x.shape[2] * 2, x.shape[3] * 2, first.Convolution.weight!) ? WinogradConvolution.Apply(first.Convolution, x, skip)
            : UpsampledConvolution.Apply(first.Convolution, x, skip);
        return second.Convolved(first.NormalizedAndActivated(y, watched), plain);
    }

    private static Tensor Full(Tensor map) => map.dtype == bfloat16 ? map.to(float32) : map;

    private static Tensor Concatenated(Tensor x, Tensor? skip)
    {
        Tensor doubled = functional.upsample_nearest2d(x, [x.shape[2] * 2, x.shape[3] * 2]);
        return skip is null ? doubled : cat([doubled, skip], dim: 1);
    }

    /// <summary><c>conv_block_simple</c>, or <c>conv_block_simple_no_bn</c> without its batch norm.</summary>
    private ConvolutionWithNorm Block(string prefix, long inputs, long filters, UNetOptions options)
    {
        ChannelCounts.CheckInner(filters, nameof(filters));
        Conv2d convolution = Conv2d(inputs, filters, 3, padding: 1);
        FillHeNormal(convolution.weight!, fanIn: inputs * 9);
        init.zeros_(convolution.bias!);
        register_module($"{prefix}_conv", convolution);
        ModalBatchNorm2d? norm = options.DecoderBatchNorm ? new ModalBatchNorm2d(filters, options.BatchNorm) : null;
        if (norm is not null) register_module($"{prefix}_bn", norm);
        ReLU activation = ReLU();
        register_module($"{prefix}_activation", activation);
        return new ConvolutionWithNorm(convolution, norm, activation);
    }

    /// <summary>Frees the folded kernels and the layers.</summary>
    protected override void Dispose(bool disposing)
    {
        if (disposing) folded.Dispose();
        base.Dispose(disposing);
    }

    /// <summary>
    /// Normal with σ = √(2 / fan-in), cut at 2σ: the inverse of the distribution function over the uniform numbers between its values at the cuts.
    /// TorchSharp 0.107.0's <c>trunc_normal_</c> exchanges mean and σ in its last step and fills the kernel with the one number σ.
    /// </summary>
    private static void FillHeNormal(Tensor kernel, long fanIn)
    {
        const double ErfOfRootTwo = 0.9544997361036416;
        using var noGrad = no_grad();
        double deviation = Math.Sqrt(2.0 / fanIn);
        kernel.uniform_(-ErfOfRootTwo, ErfOfRootTwo).erfinv_().mul_(deviation * Math.Sqrt(2));
    }
}
