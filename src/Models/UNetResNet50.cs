using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Models;

/// <summary>The network of the question: a U-Net decoder on a ResNet50 encoder. (N, 3, H, W) with sides divisible by 32 becomes logits (N, <see cref="UNetOptions.Classes"/>, H, W).</summary>
public sealed class UNetResNet50 : Module<Tensor, Tensor>
{
#pragma warning disable IDE1006 // Field names are the prefixes of the state keys.
    private readonly ResNet50Encoder encoder;
    private readonly UNetDecoder decoder;
#pragma warning restore IDE1006

    /// <summary>Builds the network, randomly initialised and trainable throughout.</summary>
    /// <param name="options">Checked on entry; null for the network of the 2018 question (width 64, decoder with batch norm, dropout 0.2).</param>
    /// <exception cref="ArgumentException">The options are not valid.</exception>
    public UNetResNet50(UNetOptions? options = null) : base(TorchRuntime.Loaded(nameof(UNetResNet50)))
    {
        Options = (options ?? new UNetOptions()).Validate();
        encoder = new ResNet50Encoder(Options.Encoder);
        decoder = new UNetDecoder(Options);
        RegisterComponents();
    }

    /// <summary>What the network was built from.</summary>
    public UNetOptions Options { get; }

    /// <summary>The encoder. <c>Encoder.Freeze(mode)</c> freezes it.</summary>
    public ResNet50Encoder Encoder => encoder;

    /// <summary>The decoder.</summary>
    public UNetDecoder Decoder => decoder;

    /// <summary>Segments.</summary>
    /// <param name="images">Preprocessed (N, 3, H, W), sides divisible by 32.</param>
    /// <returns>Logits (N, <see cref="UNetOptions.Classes"/>, H, W), owned by the caller.</returns>
    /// <exception cref="ArgumentException">Wrong shape; the message names the next sizes that fit.</exception>
    public override Tensor forward(Tensor images)
    {
        CheckSides(images);
        using var scope = NewDisposeScope();
        return decoder.call(encoder.Features(images)).MoveToOuterDisposeScope();
    }

    /// <summary>The logits of a pass that is looked at.</summary>
    /// <param name="images">Preprocessed (N, 3, H, W), sides divisible by 32.</param>
    /// <param name="passing">Sees the pass before every residual block and every decoder stage; what it gets is valid during the call only.</param>
    internal Tensor Pass(Tensor images, Action<Midway> passing)
    {
        CheckSides(images);
        using var scope = NewDisposeScope();
        return Decode(encoder.Features(images, from: null, passing), images.shape, from: null, passing).MoveToOuterDisposeScope();
    }

    /// <summary>The logits of a pass that goes on from a place in its middle.</summary>
    /// <param name="from">The place; its map is overwritten.</param>
    internal Tensor GoOn(Midway from)
    {
        using var scope = NewDisposeScope();
        int blocks = encoder.Stages.Sum(stage => stage.Length);
        return (from.Part < blocks
            ? Decode(encoder.Features(images: null, from, passing: null), from.Images, from: null, passing: null)
            : Decode([.. from.Features], from.Images, (from.Part - blocks, from.Map), passing: null)).MoveToOuterDisposeScope();
    }

    private Tensor Decode(Tensor[] features, long[] images, (int Stage, Tensor Map)? from, Action<Midway>? passing)
    {
        int blocks = encoder.Stages.Sum(stage => stage.Length);
        return decoder.Decode(features, from, passing is null ? null : (stage, map) => passing(new Midway(blocks + stage, map, features, images)));
    }

    /// <summary>Probabilities, the foreground's or each class's, as Keras's <c>model.predict</c>: inference mode, no gradients; modes are put back afterwards.</summary>
    /// <param name="images">Preprocessed (N, 3, H, W), sides divisible by 32.</param>
    /// <param name="precision">Of the convolutions.</param>
    /// <returns>(N, <see cref="UNetOptions.Classes"/>, H, W) in 0 to 1; several classes add up to 1. Owned by the caller.</returns>
    /// <exception cref="PrecisionException">bfloat16 on a processor without it, or on a GPU.</exception>
    public Tensor Predict(Tensor images, Precision precision = Precision.Float32)
    {
        using var memory = new NativeMemory();
        using IDisposable computes = ComputePrecision.Use(precision, images);
        using var modes = new ModeSnapshot(this);
        using var noGrad = no_grad();
        eval();
        using Tensor logits = call(images);
        OverflowPage.BringIn();
        return Options.Classes == 1 ? logits.sigmoid() : logits.softmax(1);
    }

    /// <summary>Throws if the images have sides that a U-Net cannot halve five times.</summary>
    internal static void CheckSides(Tensor images)
    {
        if (images.dim() != 4) return;
        CheckSide(images.shape[2], "height");
        CheckSide(images.shape[3], "width");
    }

    private static void CheckSide(long side, string name)
    {
        if (side < 32 || side % 32 != 0)
            throw new ArgumentException(
                $"The image {name} is {side}, and a U-Net on ResNet50 halves it five times: it must be divisible by 32. Resize or pad to {(side < 32 ? "32" : $"{side / 32 * 32} or {(side / 32 + 1) * 32}")}.", "images");
    }
}
