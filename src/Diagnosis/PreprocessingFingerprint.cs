using UnetResnet.Data;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Diagnosis;

/// <summary>
/// Which preprocessing the network was trained with. The running statistics of its first batch-norm layer are a fingerprint: of all ways to preprocess the same
/// pixels, the right one brings that layer's batch statistics nearest to them.
/// </summary>
/// <remarks>
/// Scale (0–255, 0–1, standardised) shows on any images. Shifts and the order of the channels show only on images like those that the network was trained on:
/// dark MRI slices fit an encoder trained on bright pictures best when no mean is subtracted, which is a difference of domains and no mistake. And a network
/// trained on a domain whose colours are exchangeable, as the kit's own shapes are, cannot know red from blue.
/// </remarks>
public sealed record PreprocessingFingerprint : DiagnosticReport
{
    // In units of ln r. Two scales in use differ by at least 1.4 (torch and tf, 57 and 127.5); a foreign domain moved ln r by less than 1 wherever it was tried.
    private const double OtherScale = 2.5, SameScale = 0.7;

    // Squared distances of a batch of images of the training domain itself are about 0.03; MRI slices reach 0.14 at best.
    private const double Familiar = 0.06;

    /// <inheritdoc/>
    public override string Title => "Fingerprint of the preprocessing";

    /// <inheritdoc/>
    public override string Finding
    {
        get
        {
            string best = $"The statistics of '{Layer}' fit '{Best.Name}' best (distance {NumberText.Short(Best.Distance)}), {(Margin >= 1.5 ? $"{NumberText.Fixed(Margin, 1)} times nearer than the next, '{Candidates[1].Name}'" : $"but '{Candidates[1].Name}' is almost as near ({NumberText.Short(Candidates[1].Distance)})")}.";
            return Used is null
                ? $"{best} How the images were preprocessed could not be told from their values."
                : $"{best} The images are preprocessed as '{Used.Name}' (distance {NumberText.Short(Used.Distance)}){(WrongScale ? $": their scale is wrong, its spread is {NumberText.Short(Math.Exp(Used.MeanLogR / 2))} of the running one" : Wrong ? ": that is wrong" : "")}.";
        }
    }

    /// <summary>Name of the first batch-norm layer.</summary>
    public required string Layer { get; init; }

    /// <summary>Every preprocessing in both orders of the channels, the nearest first.</summary>
    public required IReadOnlyList<PreprocessingCandidate> Candidates { get; init; }

    /// <summary>How the images were in fact preprocessed, told from their values; null where no candidate gives whole numbers 0–255 back.</summary>
    public PreprocessingCandidate? Used { get; init; }

    /// <summary>The nearest candidate.</summary>
    public PreprocessingCandidate Best => Candidates[0];

    /// <summary>How many times farther the next candidate is; 1 is no margin at all.</summary>
    public double Margin => Candidates[1].Distance / Math.Max(Best.Distance, 1e-12);

    /// <summary>Whether the images are of another scale than those that the network was trained on, whatever their domain.</summary>
    public bool WrongScale => Used is not null && Math.Abs(Used.MeanLogR) > OtherScale && Math.Abs(NearestScale.MeanLogR) < OtherScale / 2;

    /// <summary>Whether the images are preprocessed in another way than the network was trained with: another scale, or, on images of its own domain, another shift or order.</summary>
    public bool Wrong => WrongScale || (Used is not null && Best.Distance < Familiar && Used.Distance > 2 * Best.Distance);

    /// <summary>The candidates whose scale is nearest to the running statistics'. On a foreign domain the right one is among them and need not be the nearest.</summary>
    public IReadOnlyList<PreprocessingCandidate> OfRightScale => [.. Candidates.Where(c => Math.Abs(c.MeanLogR - NearestScale.MeanLogR) < SameScale)];

    private PreprocessingCandidate NearestScale => Candidates.MinBy(c => Math.Abs(c.MeanLogR))!;

    internal override IReadOnlyList<TextTable> Tables =>
    [
        new(["preprocessing", "distance", "of the nearest", "spread, share of the running one", ""],
            [.. Candidates.Select(c => (IReadOnlyList<string>)[c.Name, NumberText.Short(c.Distance), $"{NumberText.Short(c.Distance / Math.Max(Best.Distance, 1e-12))} ×", NumberText.Short(Math.Exp(c.MeanLogR / 2)), c == Used ? "used" : ""])],
            [false, true, true, true, false]),
    ];

    /// <summary>Tries every preprocessing on images of which only the preprocessed form is at hand: its inverse gives the pixels.</summary>
    /// <param name="model">Any network that takes images of three channels and whose first batch-norm layer keeps running statistics; it is left as it was found.</param>
    /// <param name="images">Preprocessed (N, 3, H, W), N at least 2. They stay the caller's.</param>
    /// <exception cref="ArgumentException">The images are not (N, 3, H, W), their values fit no known preprocessing of 0–255, or the model has no such layer.</exception>
    public static PreprocessingFingerprint Measure(Module<Tensor, Tensor> model, Tensor images)
    {
        using var scope = NewDisposeScope();
        PreprocessingCandidate used = Recognise(images) ?? throw new ArgumentException(
            "The images are no pixels 0–255 under any known preprocessing (caffe, caffe-channel-bug, torch, tf, zero-to-one, none), so the others cannot be tried on them. Pass the pixels to MeasurePixels.", nameof(images));
        return MeasurePixels(model, used.Invert(images), used);
    }

    /// <summary>Tries every preprocessing on pixels.</summary>
    /// <param name="model">Any network that takes images of three channels and whose first batch-norm layer keeps running statistics; it is left as it was found.</param>
    /// <param name="rgb">float32 (N, 3, H, W), red first, 0–255, N at least 2. They stay the caller's.</param>
    /// <param name="used">How the training preprocesses them, or null.</param>
    /// <exception cref="ArgumentException">The pixels are not (N, 3, H, W), or the model has no such layer.</exception>
    public static PreprocessingFingerprint MeasurePixels(Module<Tensor, Tensor> model, Tensor rgb, PreprocessingCandidate? used = null)
    {
        using var probe = new ProbedModel(model, rgb);
        return Measure(probe, rgb, used);
    }

    internal static PreprocessingFingerprint Measure(ProbedModel probe, Tensor rgb, PreprocessingCandidate? used)
    {
        ProbedLayer first = probe.Layers[0];
        if (!first.HasStatistics)
            throw new ArgumentException($"The first batch-norm layer, '{first.Name}', keeps no running statistics, so there is no fingerprint to compare with.", nameof(probe));
        PreprocessingCandidate[] candidates = [.. PreprocessingCandidate.All
            .Select(candidate => Measured(probe, first, candidate, rgb)).OrderBy(candidate => candidate.Distance)];
        return new PreprocessingFingerprint
        {
            Layer = first.Name,
            Candidates = candidates,
            Used = used is null ? null : candidates.First(c => c.Preprocessing == used.Preprocessing && c.Reversed == used.Reversed),
            Notes = probe.Notes,
        };
    }

    /// <summary>Which preprocessing these values come from: the one whose inverse gives whole numbers from 0 to 255.</summary>
    /// <param name="images">Preprocessed (N, 3, H, W).</param>
    /// <returns>Null where there is none. The order of the channels shows only where the preprocessing treats them differently.</returns>
    public static PreprocessingCandidate? Recognise(Tensor images)
    {
        if (images.dim() != 4 || images.shape[1] != 3 || !images.is_floating_point()) return null;
        return PreprocessingCandidate.All.FirstOrDefault(candidate =>
        {
            using var scope = NewDisposeScope();
            Tensor pixels = candidate.Invert(images), whole = pixels.round();
            // float32 holds 0–255 after a round trip to within 1e-4.
            return (pixels - whole).abs().max().to(float64).item<double>() < 0.01 && whole.min().to(float64).item<double>() >= 0 && whole.max().to(float64).item<double>() is > 1 and <= 255;
        });
    }

    private static PreprocessingCandidate Measured(ProbedModel probe, ProbedLayer first, PreprocessingCandidate candidate, Tensor rgb)
    {
        using var scope = NewDisposeScope();
        using var moments = new PooledStatistics(first.Channels);
        try
        {
            probe.Forward(candidate.Apply(rgb), [first], (_, input) =>
            {
                moments.Add(input);
                throw new SeenException();
            });
        }
        catch (SeenException)
        {
            // The rest of the network is not needed.
        }

        LayerDistance distance = StatisticsDistance.Of(first, moments);
        return candidate with { Distance = distance.Wasserstein, MeanLogR = distance.MeanLogR };
    }

    /// <summary>Ends a forward pass early.</summary>
    private sealed class SeenException : Exception;
}

/// <summary>A preprocessing in one order of the channels.</summary>
/// <param name="Preprocessing">The preprocessing.</param>
/// <param name="Reversed">Whether its result's channels are exchanged afterwards, red with blue.</param>
/// <param name="Distance">Mean squared Wasserstein distance of the first layer's statistics, see <see cref="StatisticsDistance"/>; NaN before it is measured.</param>
/// <param name="MeanLogR">Mean over the channels of ln r, the batch's variance over the running one: the scale. NaN before it is measured.</param>
public sealed record PreprocessingCandidate(Preprocessing Preprocessing, bool Reversed, double Distance = double.NaN, double MeanLogR = double.NaN)
{
    /// <summary>Every preprocessing in its own order of the channels, then every one with red and blue exchanged.</summary>
    public static IReadOnlyList<PreprocessingCandidate> All { get; } =
        [.. Preprocessing.All.Select(p => new PreprocessingCandidate(p, false)), .. Preprocessing.All.Select(p => new PreprocessingCandidate(p, true))];

    /// <summary>Name of the preprocessing and order of the channels that the network gets.</summary>
    public string Name => $"{Preprocessing.Name} ({(IsBgr != Reversed ? "BGR" : "RGB")})";

    private bool IsBgr => Preprocessing == Preprocessing.Caffe || Preprocessing == Preprocessing.CaffeChannelBug;

    /// <summary>Preprocesses.</summary>
    /// <param name="rgb">(N, 3, H, W), red first, 0–255.</param>
    /// <returns>(N, 3, H, W), owned by the caller.</returns>
    public Tensor Apply(Tensor rgb)
    {
        using var scope = NewDisposeScope();
        Tensor applied = Preprocessing.Apply(rgb);
        return (Reversed ? applied.flip(1) : applied).MoveToOuterDisposeScope();
    }

    /// <summary>Undoes <see cref="Apply"/>.</summary>
    /// <param name="images">(N, 3, H, W).</param>
    /// <returns>(N, 3, H, W), red first, 0–255 up to rounding; owned by the caller.</returns>
    public Tensor Invert(Tensor images)
    {
        using var scope = NewDisposeScope();
        return Preprocessing.Invert(Reversed ? images.flip(1) : images).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
