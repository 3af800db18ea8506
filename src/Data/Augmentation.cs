using UnetResnet.Runtime;

namespace UnetResnet.Data;

/// <summary>
/// Random changes of a sample. What moves pixels moves image and mask alike; what changes brightness changes the image alone.
/// Every default is "off"; <see cref="Gentle"/> is a good start.
/// </summary>
public sealed record Augmentation
{
    /// <summary>Mirroring, small shifts, turns and zooms, a little light and noise: for pictures that may be mirrored left to right.</summary>
    public static Augmentation Gentle { get; } = new()
    {
        HorizontalFlip = true,
        Shift = 0.05,
        Zoom = 0.1,
        Rotation = 10,
        Brightness = 0.08,
        Contrast = 0.15,
        Gamma = 0.15,
        Noise = 0.01,
    };

    /// <summary>Whether every second sample is mirrored left to right.</summary>
    public bool HorizontalFlip { get; init; }

    /// <summary>Whether every second sample is mirrored top to bottom.</summary>
    public bool VerticalFlip { get; init; }

    /// <summary>Whether samples are turned by 0, 90, 180 or 270 degrees; for square images.</summary>
    public bool QuarterTurns { get; init; }

    /// <summary>Largest shift along each axis, as a share of the side, 0 to 0.5.</summary>
    public double Shift { get; init; }

    /// <summary>Largest zoom: the picture is scaled by 1 / (1 + Zoom) to 1 + Zoom; 0 to 1.</summary>
    public double Zoom { get; init; }

    /// <summary>Largest turn in degrees, either way, 0 to 180.</summary>
    public double Rotation { get; init; }

    /// <summary>Largest change of brightness, as a share of the full scale of 255, 0 to 1.</summary>
    public double Brightness { get; init; }

    /// <summary>Largest change of contrast about the middle grey: factors 1 − Contrast to 1 + Contrast; 0 to 1.</summary>
    public double Contrast { get; init; }

    /// <summary>Largest change of gamma: exponents 1 / (1 + Gamma) to 1 + Gamma; 0 to 3.</summary>
    public double Gamma { get; init; }

    /// <summary>Standard deviation of added Gaussian noise, as a share of the full scale of 255, 0 to 1. A grey image stays grey.</summary>
    public double Noise { get; init; }

    /// <summary>Changes one sample.</summary>
    /// <param name="sample">The sample; it stays as it is.</param>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="epoch">Number of the epoch.</param>
    /// <param name="index">Place of the sample in its dataset. The result depends on these three numbers and nothing else.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    /// <exception cref="ArgumentException">Quarter turns of an image that is not square.</exception>
    public SegmentationSample Apply(SegmentationSample sample, int seed, int epoch, int index)
    {
        ArgumentNullException.ThrowIfNull(sample);
        Validate();
        if (QuarterTurns && sample.Image.Width != sample.Image.Height)
            throw new ArgumentException(
                $"Quarter turns need square images, but '{sample.Name}' is {sample.Image.Width}×{sample.Image.Height}. Resize it or set QuarterTurns = false.", nameof(sample));
        var random = new SplitMix64(seed, epoch, index);
        (PixelImage image, PixelImage mask) = Move(sample, ref random);
        return new SegmentationSample(sample.Name, Light(image, ref random), mask, sample.Classes);
    }

    /// <summary>Names the first option that is out of its range.</summary>
    internal void Validate()
    {
        Check(Shift, nameof(Shift), 0.5);
        Check(Zoom, nameof(Zoom), 1);
        Check(Rotation, nameof(Rotation), 180);
        Check(Brightness, nameof(Brightness), 1);
        Check(Contrast, nameof(Contrast), 1);
        Check(Gamma, nameof(Gamma), 3);
        Check(Noise, nameof(Noise), 1);

        static void Check(double value, string name, double highest)
        {
            if (!(value >= 0 && value <= highest))
                throw new ArgumentOutOfRangeException(name, value, $"{name} lies between 0 (off) and {NumberText.Short(highest)}.");
        }
    }

    private (PixelImage Image, PixelImage Mask) Move(SegmentationSample sample, ref SplitMix64 random)
    {
        (PixelImage image, PixelImage mask) = (sample.Image, sample.Mask);
        if (HorizontalFlip && random.NextDouble() < 0.5) (image, mask) = (image.FlipHorizontal(), mask.FlipHorizontal());
        if (VerticalFlip && random.NextDouble() < 0.5) (image, mask) = (image.FlipVertical(), mask.FlipVertical());
        if (QuarterTurns)
        {
            int turns = random.NextInt(4);
            (image, mask) = (image.Rotate90(turns), mask.Rotate90(turns));
        }

        if (Shift == 0 && Zoom == 0 && Rotation == 0) return (image, mask);
        var warp = new AffineWarp(
            ShiftX: random.NextDouble(-Shift, Shift) * image.Width,
            ShiftY: random.NextDouble(-Shift, Shift) * image.Height,
            Scale: Math.Pow(1 + Zoom, random.NextDouble(-1, 1)),
            Degrees: random.NextDouble(-Rotation, Rotation));
        return (warp.Bilinear(image), warp.Nearest(mask));
    }

    private PixelImage Light(PixelImage image, ref SplitMix64 random)
    {
        if (Brightness > 0 || Contrast > 0 || Gamma > 0)
        {
            double brightness = random.NextDouble(-Brightness, Brightness);
            double contrast = 1 + random.NextDouble(-Contrast, Contrast);
            double gamma = Math.Pow(1 + Gamma, random.NextDouble(-1, 1));
            image = image.Map(value =>
            {
                double bent = Math.Pow(value / 255.0, gamma);
                return Resampling.ToByte(255 * ((bent - 0.5) * contrast + 0.5 + brightness));
            });
        }

        if (Noise == 0) return image;
        var noisy = image.Pixels.ToArray();
        for (int i = 0; i < noisy.Length; i++) noisy[i] = Resampling.ToByte(noisy[i] + 255 * Noise * random.NextNormal());
        return new PixelImage(image.Width, image.Height, image.Channels, noisy);
    }

    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
