using Microsoft.Data.Analysis;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Diagnosis;

/// <summary>
/// How far the running statistics of every batch-norm layer are from those of a batch. Along the path of <em>training</em> every layer gets what it gets in
/// training, so a distance is the layer's own; along the path of <em>inference</em> it also holds what the layers before it have done wrong.
/// </summary>
/// <remarks>
/// Per channel, with the batch's mean and variance (μ, v), the running ones (μᵣ, vᵣ), z = (μ − μᵣ)/√(vᵣ + ε) and r = (v + ε)/(vᵣ + ε): a layer's output in
/// inference is √r times that in training plus z (before γ and β), so that the mean square of what it injects is z² + (√r − 1)²·v/(v + ε), the squared
/// 2-Wasserstein distance of the two normal distributions in units of vᵣ + ε. r and z are the r² and d of Batch Renormalization (Ioffe 2017); Schneider 2020
/// predicts the loss of accuracy from the same distance.
/// </remarks>
public sealed record StatisticsDistance : DiagnosticReport
{
    /// <inheritdoc/>
    public override string Title => "Distance of the statistics";

    /// <inheritdoc/>
    public override string Finding
    {
        get
        {
            LayerDistance worst = AlongTraining.MaxBy(layer => layer.Wasserstein)!;
            double own = Mean(AlongTraining), carried = Mean(AlongInference);
            string far = $"The mean square of what a layer injects is {NumberText.Short(own)} on average along the training path (1 is a whole standard deviation), most in '{worst.Name}' ({NumberText.Short(worst.Wasserstein)}).";
            string path = $"Along the inference path it is {NumberText.Short(carried)}: {(carried > 1.5 * own ? "errors grow from layer to layer" : carried < own / 1.5 ? "the layers' errors partly cancel" : "most of it is each layer's own")}.";
            IReadOnlyList<LayerDistance> outliers = Outliers();
            return $"{far} {path}{(outliers.Count == 0 ? "" : $" Alone far off: {string.Join(", ", outliers.Select(layer => $"'{layer.Name}'"))}.")}";
        }
    }

    /// <summary>Distances with every layer fed as in training, in the order of the forward pass.</summary>
    public required IReadOnlyList<LayerDistance> AlongTraining { get; init; }

    /// <summary>Distances with every layer fed as in inference, in the order of the forward pass.</summary>
    public required IReadOnlyList<LayerDistance> AlongInference { get; init; }

    /// <summary>Images used.</summary>
    public required long Images { get; init; }

    internal override IReadOnlyList<TextTable> Tables =>
    [
        new(["layer", "channels", "z (RMS)", "z (95 %)", "z (max)", "mean log r", "KL", "Wasserstein²", "weighted by γ²", "Wasserstein², inference path"],
            [.. AlongTraining.Zip(AlongInference).OrderByDescending(pair => pair.First.Wasserstein).Take(12).Select(pair => (IReadOnlyList<string>)[
                pair.First.Name, NumberText.Short(pair.First.Channels.Count), NumberText.Short(pair.First.RmsZ), NumberText.Short(pair.First.Quantile(c => Math.Abs(c.Z), 0.95)),
                NumberText.Short(pair.First.Quantile(c => Math.Abs(c.Z), 1)), NumberText.Short(pair.First.MeanLogR), NumberText.Short(pair.First.Kl),
                NumberText.Short(pair.First.Wasserstein), NumberText.Short(pair.First.WeightedWasserstein), NumberText.Short(pair.Second.Wasserstein)])],
            [false, true, true, true, true, true, true, true, true, true],
            AlongTraining.Count > 12 ? $"The 12 farthest of {AlongTraining.Count} layers; ToDataFrame() has every channel." : null),
    ];

    /// <summary>Measures both paths with one pass each. The model is left as it was found.</summary>
    /// <param name="model">Any network with batch norm.</param>
    /// <param name="images">What it is fed, at least 2 images (N, …); 16 or more give statistics that mean something. They stay the caller's.</param>
    /// <exception cref="ArgumentException">No layer keeps running statistics, a weight is not finite, or there are fewer than 2 images.</exception>
    public static StatisticsDistance Measure(Module<Tensor, Tensor> model, Tensor images)
    {
        using var probe = new ProbedModel(model, images);
        return Measure(probe, images);
    }

    internal static StatisticsDistance Measure(ProbedModel probe, Tensor images)
    {
        ProbedLayer[] layers = [.. probe.Layers.Where(layer => layer.HasStatistics)];
        if (layers.Length == 0) throw new ArgumentException("No batch-norm layer of the model keeps running statistics, so there is no distance to them.", nameof(probe));
        probe.CheckBatchSize(images.shape[0]);
        probe.AsInTraining();
        LayerDistance[] training = Distances(probe, layers, images);
        probe.AsInInference();
        LayerDistance[] inference = Distances(probe, layers, images);
        return new StatisticsDistance { AlongTraining = training, AlongInference = inference, Images = images.shape[0], Notes = probe.Notes };
    }

    /// <summary>Looks on while an examination makes its two basic passes; null where no layer keeps running statistics.</summary>
    internal static StatisticsDistance? Measure(Examination examination)
    {
        ProbedModel probe = examination.Probe;
        ProbedLayer[] layers = [.. probe.Layers.Where(layer => layer.HasStatistics)];
        if (layers.Length == 0) return null;
        LayerDistance[] Along(bool batchStatistics) => Watched(layers, see => examination.With(_ => batchStatistics, layers, see));

        return new StatisticsDistance { AlongTraining = Along(true), AlongInference = Along(false), Images = examination.Batch.Size, Notes = probe.Notes };
    }

    /// <summary>
    /// Layers whose own distance is at least ten times the median layer's and at least 0.5: wrong statistics in one place rather than other images everywhere.
    /// None where more than a tenth of the layers (and more than one) are so far off.
    /// </summary>
    /// <returns>The farthest first.</returns>
    public IReadOnlyList<LayerDistance> Outliers()
    {
        double median = AlongTraining.Select(layer => layer.Wasserstein).Order().ElementAt(AlongTraining.Count / 2);
        LayerDistance[] far = [.. AlongTraining.Where(layer => layer.Wasserstein >= Math.Max(0.5, 10 * median)).OrderByDescending(layer => layer.Wasserstein)];
        return AlongTraining.Count > 1 && far.Length <= Math.Max(1, AlongTraining.Count / 10) ? far : [];
    }

    /// <summary>Quantiles of a figure over the channels of every layer: a column for each layer, from the input to the output.</summary>
    /// <param name="path">Which path.</param>
    /// <param name="figure">The figure of a channel; √Wasserstein² as a rule.</param>
    /// <param name="rows">Number of quantiles, at least 2: from 0 to 1 in equal steps.</param>
    /// <returns><c>[quantile, layer]</c>.</returns>
    public double[,] HeatMap(StatisticsPath path, Func<ChannelDistance, double> figure, int rows = 11)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 2);
        IReadOnlyList<LayerDistance> layers = Along(path);
        var map = new double[rows, layers.Count];
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < layers.Count; column++) map[row, column] = layers[column].Quantile(figure, row / (rows - 1.0));
        }

        return map;
    }

    /// <summary>The distances along a path.</summary>
    /// <param name="path">Which path.</param>
    public IReadOnlyList<LayerDistance> Along(StatisticsPath path) => path == StatisticsPath.Training ? AlongTraining : AlongInference;

    /// <summary>Every channel of every layer along both paths.</summary>
    /// <returns>
    /// Columns <c>path</c> (training, inference), <c>layer</c>, <c>depth</c> (place in the forward pass), <c>channel</c>, <c>z</c>, <c>log_r</c>, <c>kl</c>,
    /// <c>wasserstein2</c>, <c>gamma</c>, <c>weighted_wasserstein2</c>.
    /// </returns>
    public DataFrame ToDataFrame()
    {
        var rows = new[] { ("training", AlongTraining), ("inference", AlongInference) }
            .SelectMany(path => path.Item2.SelectMany(layer => layer.Channels.Select((channel, c) => (Path: path.Item1, Layer: layer, Index: c, Channel: channel)))).ToList();
        DoubleDataFrameColumn Column(string name, Func<ChannelDistance, double> value) => new(name, rows.Select(row => value(row.Channel)));
        return new DataFrame(
            new StringDataFrameColumn("path", rows.Select(row => row.Path)), new StringDataFrameColumn("layer", rows.Select(row => row.Layer.Name)),
            new Int32DataFrameColumn("depth", rows.Select(row => row.Layer.Place)), new Int32DataFrameColumn("channel", rows.Select(row => row.Index)),
            Column("z", c => c.Z), Column("log_r", c => c.LogR), Column("kl", c => c.Kl), Column("wasserstein2", c => c.Wasserstein),
            Column("gamma", c => c.Gamma), Column("weighted_wasserstein2", c => c.WeightedWasserstein));
    }

    /// <summary>The distance of a layer's running statistics from given ones.</summary>
    internal static LayerDistance Of(ProbedLayer layer, PooledStatistics batch)
    {
        using var scope = NewDisposeScope();
        double[] mean = batch.Mean().Doubles(), variance = batch.Variance().Doubles(), runningMean = layer.RunningMean.Doubles(), runningVar = layer.RunningVar.Doubles();
        double[]? gamma = layer.Layer.Weight?.Doubles();
        return new LayerDistance(layer.Name, layer.Place, [.. mean.Select((m, c) => ChannelDistance.Of(m, variance[c], runningMean[c], runningVar[c], layer.Eps, gamma?[c] ?? 1))]);
    }

    private static LayerDistance[] Distances(ProbedModel probe, ProbedLayer[] layers, Tensor images) =>
        Watched(layers, see => probe.Forward(images, layers, see).Dispose());

    /// <summary>Distances of what a pass shows of the layers' inputs.</summary>
    private static LayerDistance[] Watched(ProbedLayer[] layers, Action<Action<ProbedLayer, Tensor>> pass)
    {
        // By a look of its own at each input: what the kernel gives away beside its output is rounded more than a distance allows.
        var moments = layers.ToDictionary(layer => layer, layer => new PooledStatistics(layer.Channels));
        try
        {
            pass((layer, input) => moments[layer].Add(input));
            return [.. layers.Select(layer => Of(layer, moments[layer]))];
        }
        finally
        {
            foreach (PooledStatistics pooled in moments.Values) pooled.Dispose();
        }
    }

    private static double Mean(IReadOnlyList<LayerDistance> layers) => layers.Average(layer => layer.Wasserstein);
}

/// <summary>What a layer is fed while distances are measured.</summary>
public enum StatisticsPath
{
    /// <summary>What it gets in training mode: each distance is the layer's own.</summary>
    Training,

    /// <summary>What it gets in inference mode: distances hold the errors of the layers before.</summary>
    Inference,
}

/// <summary>Distance of one layer.</summary>
/// <param name="Name">Dotted name of the layer.</param>
/// <param name="Place">Place in the forward pass, from 0.</param>
/// <param name="Channels">Its channels.</param>
public sealed record LayerDistance(string Name, int Place, IReadOnlyList<ChannelDistance> Channels)
{
    /// <summary>Root mean square of z over the channels.</summary>
    public double RmsZ => Math.Sqrt(Channels.Average(c => c.Z * c.Z));

    /// <summary>Mean of log r over the channels: below 0 the batch varies less than the running variance says.</summary>
    public double MeanLogR => Channels.Average(c => c.LogR);

    /// <summary>Mean Kullback–Leibler divergence over the channels, in nats.</summary>
    public double Kl => Channels.Average(c => c.Kl);

    /// <summary>Mean squared Wasserstein distance over the channels: the mean square of what the layer injects before γ.</summary>
    public double Wasserstein => Channels.Average(c => c.Wasserstein);

    /// <summary>The same after γ: in units of the layer's output.</summary>
    public double WeightedWasserstein => Channels.Average(c => c.WeightedWasserstein);

    /// <summary>A quantile over the channels, interpolated.</summary>
    /// <param name="figure">The figure of a channel.</param>
    /// <param name="share">0 (smallest) to 1 (largest).</param>
    /// <exception cref="ArgumentOutOfRangeException">The share is not between 0 and 1.</exception>
    public double Quantile(Func<ChannelDistance, double> figure, double share)
    {
        if (share is not (>= 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(share), share, "A quantile lies between 0 (smallest) and 1 (largest).");
        double[] sorted = [.. Channels.Select(figure).Order()];
        double place = share * (sorted.Length - 1);
        int below = (int)place, above = Math.Min(below + 1, sorted.Length - 1);
        return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
    }

    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}

/// <summary>Distance of one channel.</summary>
/// <param name="Z">(μ − μᵣ)/√(vᵣ + ε): shift of the output in inference, in standard deviations.</param>
/// <param name="LogR">ln r with r = (v + ε)/(vᵣ + ε): √r is the scale of the output in inference.</param>
/// <param name="Kl">Kullback–Leibler divergence of the batch's normal distribution from the running one, ½(r + z² − 1 − ln r), in nats.</param>
/// <param name="Wasserstein">Normalised squared 2-Wasserstein distance, z² + (√r − 1)²·v/(v + ε).</param>
/// <param name="Gamma">|γ|; 1 where the layer has none.</param>
public sealed record ChannelDistance(double Z, double LogR, double Kl, double Wasserstein, double Gamma)
{
    /// <summary>γ² times <see cref="Wasserstein"/>: the mean square of what the channel injects into the layer's output.</summary>
    public double WeightedWasserstein => Gamma * Gamma * Wasserstein;

    /// <summary>The distance of two normal distributions.</summary>
    /// <param name="mean">The batch's mean μ.</param>
    /// <param name="variance">The batch's biased variance v, 0 or more.</param>
    /// <param name="runningMean">The running mean μᵣ.</param>
    /// <param name="runningVariance">The running variance vᵣ, 0 or more.</param>
    /// <param name="eps">What the layer adds to a variance, above 0.</param>
    /// <param name="gamma">γ.</param>
    public static ChannelDistance Of(double mean, double variance, double runningMean, double runningVariance, double eps, double gamma = 1)
    {
        double z = (mean - runningMean) / Math.Sqrt(runningVariance + eps), r = (variance + eps) / (runningVariance + eps), scale = Math.Sqrt(r) - 1;
        return new(z, Math.Log(r), 0.5 * (r + z * z - 1 - Math.Log(r)), z * z + scale * scale * variance / (variance + eps), Math.Abs(gamma));
    }

    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
