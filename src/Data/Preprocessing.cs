using System.Globalization;
using static TorchSharp.torch;

namespace UnetResnet.Data;

/// <summary>
/// How RGB values 0–255 become what a pre-trained encoder was trained on. The encoder's weights fix the choice:
/// a wrong one is no error that anybody reports, only a worse network.
/// </summary>
/// <remarks>Source: <c>keras_applications/imagenet_utils.py</c>, modes "caffe", "torch" and "tf".</remarks>
public sealed class Preprocessing
{
    private static readonly double[] CaffeMeans = [103.939, 116.779, 123.68];
    private static readonly double[] Ones = [1, 1, 1];

    private readonly bool reversed;
    private readonly double divisor;
    private readonly double[] means;
    private readonly double[] deviations;
    private readonly Lazy<PixelTable> table;

    /// <summary>result[c] = (input[c or 2 − c] / divisor − means[c]) / deviations[c].</summary>
    private Preprocessing(string name, bool reversed, double divisor, double[] means, double[] deviations)
    {
        Name = name;
        (this.reversed, this.divisor, this.means, this.deviations) = (reversed, divisor, means, deviations);
        table = new Lazy<PixelTable>(() => new PixelTable(Apply, reversed));
    }

    /// <summary>RGB becomes BGR and loses ImageNet's mean colour (103.939, 116.779, 123.68 for B, G, R); scale 0–255. For Keras's ResNet50.</summary>
    public static Preprocessing Caffe { get; } = new("caffe", reversed: true, 1, CaffeMeans, Ones);

    /// <summary>
    /// <see cref="Caffe"/> as <c>fchollet/deep-learning-models</c> once had it: the means were subtracted <em>before</em> the channels
    /// were reversed, so that red lost the mean of blue and blue that of red.
    /// </summary>
    public static Preprocessing CaffeChannelBug { get; } = new("caffe-channel-bug", reversed: true, 1, [.. CaffeMeans.Reverse()], Ones);

    /// <summary>0–1, then ImageNet's mean (0.485, 0.456, 0.406) and standard deviation (0.229, 0.224, 0.225). For torchvision's networks.</summary>
    public static Preprocessing Torch { get; } = new("torch", reversed: false, 255, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);

    /// <summary>−1 to 1. For Keras's Inception, Xception and MobileNet.</summary>
    public static Preprocessing Tf { get; } = new("tf", reversed: false, 127.5, Ones, Ones);

    /// <summary>0 to 1.</summary>
    public static Preprocessing ZeroToOne { get; } = new("zero-to-one", reversed: false, 255, [0, 0, 0], Ones);

    /// <summary>RGB 0–255 as it is.</summary>
    public static Preprocessing None { get; } = new("none", reversed: false, 1, [0, 0, 0], Ones);

    /// <summary>All that exist.</summary>
    public static IReadOnlyList<Preprocessing> All { get; } = [Caffe, CaffeChannelBug, Torch, Tf, ZeroToOne, None];

    /// <summary>The name that <see cref="FromName"/> knows.</summary>
    public string Name { get; }

    /// <summary>
    /// The preprocessing as texts, for a program elsewhere: value[c] = (rgb[c] / <c>preprocessing.divisor</c> − <c>preprocessing.mean</c>[c]) / <c>preprocessing.std</c>[c], the channels in the order of
    /// <c>preprocessing.channels</c> (RGB or BGR), lists separated by commas.
    /// </summary>
    public IReadOnlyDictionary<string, string> Facts => new Dictionary<string, string>
    {
        ["preprocessing"] = Name,
        ["preprocessing.channels"] = reversed ? "BGR" : "RGB",
        ["preprocessing.divisor"] = Text([divisor]),
        ["preprocessing.mean"] = Text(means),
        ["preprocessing.std"] = Text(deviations),
    };

    private static string Text(double[] values) => string.Join(',', values.Select(value => value.ToString(CultureInfo.InvariantCulture)));

    /// <summary>Finds a preprocessing by its name, in any case.</summary>
    /// <param name="name">One of <c>caffe</c>, <c>caffe-channel-bug</c>, <c>torch</c>, <c>tf</c>, <c>zero-to-one</c>, <c>none</c>.</param>
    /// <exception cref="ArgumentException">There is none of that name; the message lists the names.</exception>
    public static Preprocessing FromName(string name) =>
        All.FirstOrDefault(preprocessing => string.Equals(preprocessing.Name, name, StringComparison.OrdinalIgnoreCase))
        ?? throw new ArgumentException($"No preprocessing is called '{name}'. The names are {string.Join(", ", All.Select(p => p.Name))}.", nameof(name));

    /// <summary>Preprocesses images.</summary>
    /// <param name="rgb">float32 (N, 3, H, W), red first, values 0–255. It stays the caller's and unchanged.</param>
    /// <returns>float32 (N, 3, H, W); the caller owns it.</returns>
    /// <exception cref="ArgumentException">Another shape or a type that is not floating point.</exception>
    public Tensor Apply(Tensor rgb)
    {
        Check(rgb, nameof(rgb));
        using IDisposable scope = NewDisposeScope();
        Tensor ordered = reversed ? rgb.flip(1) : rgb;
        // A division by one changes no number.
        Tensor scaled = divisor == 1 ? ordered : ordered.div(divisor);
        Tensor centred = scaled.sub(Row(means, rgb));
        return (ReferenceEquals(deviations, Ones) ? centred : centred.div(Row(deviations, rgb))).MoveToOuterDisposeScope();
    }

    /// <summary>The same for pictures of bytes.</summary>
    internal PixelTable Table => table.Value;

    /// <summary>Undoes <see cref="Apply"/>, to show in a picture what the network was given.</summary>
    /// <param name="preprocessed">float32 (N, 3, H, W). It stays the caller's and unchanged.</param>
    /// <returns>float32 (N, 3, H, W), red first, values 0–255 up to rounding; the caller owns it.</returns>
    /// <exception cref="ArgumentException">Another shape or a type that is not floating point.</exception>
    public Tensor Invert(Tensor preprocessed)
    {
        Check(preprocessed, nameof(preprocessed));
        using IDisposable scope = NewDisposeScope();
        Tensor ordered = preprocessed.mul(Row(deviations, preprocessed)).add(Row(means, preprocessed)).mul(divisor);
        return (reversed ? ordered.flip(1) : ordered).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override string ToString() => Name;

    private static Tensor Row(double[] values, Tensor like) => tensor(values, [1, 3, 1, 1], like.dtype, like.device);

    private static void Check(Tensor images, string parameter)
    {
        ArgumentNullException.ThrowIfNull(images, parameter);
        if (images.dim() != 4 || images.shape[1] != 3 || !images.is_floating_point())
            throw new ArgumentException(
                $"Expected floating-point images (N, 3, H, W), got {images.dtype} ({string.Join(", ", images.shape)}). Grey images are repeated into three channels first.",
                parameter);
    }
}
