using UnetResnet.Data;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Diagnosis;

/// <summary>
/// Whether the scores can be trusted: validation images that are training images too, and masks that can be read off a channel of the image. Looks at the data
/// only, not at a model.
/// </summary>
public sealed record LeakageScan : DiagnosticReport
{
    // Correlation of two pictures of 32×32. The nearest pair of MRI slices in different parts of the kit's split is at 0.99; a re-encoded copy is above 0.9999.
    private const double Same = 0.9995, Readable = 0.95;

    /// <inheritdoc/>
    public override string Title => "Leakage";

    /// <inheritdoc/>
    public override string Finding =>
        (ValidationImages == 0 ? "There are no validation images to compare with. " : Duplicates.Count == 0
            ? $"None of {ValidationImages} validation images is among {TrainingImages} training images (nearest pair: correlation {NumberText.Fixed(NearestCorrelation, 4)}). "
            : $"{Duplicates.Count} of {ValidationImages} validation images {(Duplicates.Count == 1 ? "is a training image" : "are training images")} too, such as '{Duplicates[0].Validation}' and '{Duplicates[0].Training}' (correlation {NumberText.Fixed(Duplicates[0].Correlation, 4)}). ")
        + (MaskInImage ? $"Channel {MaskChannel} of the images is the mask, up to scale and offset (R² {NumberText.Fixed(MaskR2, 3)})." : MaskChannel < 0 ? "The targets are no masks." : $"No channel of the images is the mask (highest R² {NumberText.Fixed(MaskR2, 3)}).");

    /// <summary>Training images compared.</summary>
    public required int TrainingImages { get; init; }

    /// <summary>Validation images compared.</summary>
    public required int ValidationImages { get; init; }

    /// <summary>Validation images with the training image that they are.</summary>
    public required IReadOnlyList<DuplicateImage> Duplicates { get; init; }

    /// <summary>Highest correlation of a validation image with a training image; NaN without validation images.</summary>
    public required double NearestCorrelation { get; init; }

    /// <summary>The channel from which the mask can best be predicted linearly, from 0; −1 where the targets are no masks.</summary>
    public required int MaskChannel { get; init; }

    /// <summary>Share of that channel's variance that the mask explains, 0 to 1; NaN where the targets are no masks.</summary>
    public required double MaskR2 { get; init; }

    /// <summary>Whether a channel is the mask.</summary>
    public bool MaskInImage => MaskR2 > Readable;

    /// <summary>Whether anything leaks: a channel is the mask, or at least a twentieth of the validation images are training images.</summary>
    public bool Leaks => MaskInImage || (Duplicates.Count > 0 && Duplicates.Count >= 0.05 * ValidationImages);

    internal override IReadOnlyList<TextTable> Tables => Duplicates.Count == 0 ? [] :
    [
        new(["validation image", "training image", "correlation"],
            [.. Duplicates.Take(10).Select(d => (IReadOnlyList<string>)[d.Validation, d.Training, NumberText.Fixed(d.Correlation, 4)])],
            [false, false, true], Duplicates.Count > 10 ? $"The first 10 of {Duplicates.Count}" : null),
    ];

    /// <summary>Compares the images of two sources, each without augmentation.</summary>
    /// <param name="training">The training images.</param>
    /// <param name="validation">The validation images, or null.</param>
    /// <param name="most">Images of each that are compared at most.</param>
    public static LeakageScan Measure(IBatchSource training, IBatchSource? validation, int most = 1000)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(most, 1);
        using var scope = NewDisposeScope();
        (Tensor known, List<string> names, double[] r2) = Read(training, most);
        var duplicates = new List<DuplicateImage>();
        double nearest = double.NaN;
        int count = 0;
        if (validation is not null)
        {
            (Tensor asked, List<string> asking, _) = Read(validation, most);
            count = asking.Count;
            if (asked.shape[1] == known.shape[1])
            {
                (Tensor values, Tensor places) = asked.matmul(known.t()).max(1);
                float[] correlations = values.Values<float>();
                long[] nearestPlaces = places.Values<long>();
                nearest = correlations.Max();
                duplicates.AddRange(correlations.Select((c, i) => new DuplicateImage(asking[i], names[(int)nearestPlaces[i]], c)).Where(d => d.Correlation > Same));
            }
        }

        int channel = r2.Length > 0 ? Array.IndexOf(r2, r2.Max()) : -1;
        return new LeakageScan { TrainingImages = names.Count, ValidationImages = count, Duplicates = duplicates, NearestCorrelation = nearest, MaskChannel = channel, MaskR2 = channel >= 0 ? r2[channel] : double.NaN };
    }

    /// <summary>Every image as a vector of length 1 and mean 0, so that products are correlations; and how well the mask explains each channel.</summary>
    private static (Tensor Vectors, List<string> Names, double[] R2) Read(IBatchSource source, int most)
    {
        var vectors = new List<Tensor>();
        var names = new List<string>();
        double[][]? sums = null;
        foreach (Batch batch in source.InOrder().Epoch())
        {
            using (batch)
            {
                using var scope = NewDisposeScope();
                Tensor inputs = batch.Inputs.cpu().to(float32);
                // Of what is no image every value counts.
                Tensor small = (inputs.dim() == 4 ? nn.functional.adaptive_avg_pool2d(inputs, Math.Min(32, Math.Min(inputs.shape[2], inputs.shape[3]))) : inputs).flatten(1);
                small = small - small.mean([1], keepdim: true);
                vectors.Add((small / small.norm(1, keepdim: true).clamp_min(1e-12)).MoveToOuterDisposeScope());
                names.AddRange(batch.Names);
                if (Masks(batch) is { } masks) Add(sums ??= [.. Enumerable.Range(0, (int)inputs.shape[1]).Select(_ => new double[6])], inputs, masks);
            }

            if (names.Count >= most) break;
        }

        return names.Count > 0
            ? (cat(vectors), names, [.. (sums ?? []).Select(R2Of)])
            : throw new ArgumentException("The source yields no batch, so there is nothing to compare.", nameof(source));
    }

    /// <summary>Counts one batch into the sums that a linear regression of each channel on the mask needs.</summary>
    private static void Add(double[][] sums, Tensor images, Tensor m)
    {
        for (int c = 0; c < sums.Length; c++)
        {
            Tensor x = images.narrow(1, c, 1).to(float64);
            double[] add = [x.numel(), x.sum().item<double>(), m.sum().item<double>(), (x * x).sum().item<double>(), (m * m).sum().item<double>(), (x * m).sum().item<double>()];
            for (int i = 0; i < add.Length; i++) sums[c][i] += add[i];
        }
    }

    /// <summary>The masks of a batch of images as numbers (N, 1, H, W), or null where its targets are none.</summary>
    private static Tensor? Masks(Batch batch)
    {
        (Tensor inputs, Tensor targets) = (batch.Inputs, batch.Targets);
        if (inputs.dim() != 4 || targets.dim() < 3 || !inputs.shape[^2..].SequenceEqual(targets.shape[^2..])) return null;
        if (targets.dim() == 4) return targets.shape[1] == 1 ? targets.cpu().to(float64) : null;
        return targets.unsqueeze(1).cpu().to(float64);
    }

    private static double R2Of(double[] s)
    {
        double n = s[0], xx = s[3] - s[1] * s[1] / n, mm = s[4] - s[2] * s[2] / n, xm = s[5] - s[1] * s[2] / n;
        return xx <= 1e-9 * n || mm <= 1e-9 * n ? 0 : Math.Clamp(xm * xm / (xx * mm), 0, 1);
    }
}

/// <summary>A validation image that is a training image too.</summary>
/// <param name="Validation">Name of the validation image.</param>
/// <param name="Training">Name of the training image.</param>
/// <param name="Correlation">Correlation of the two pictures at 32×32 pixels.</param>
public sealed record DuplicateImage(string Validation, string Training, double Correlation)
{
    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
