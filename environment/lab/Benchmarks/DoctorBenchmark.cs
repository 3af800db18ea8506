using System.Diagnostics;
using System.Text.Json.Serialization;
using UnetResnet.Data;
using UnetResnet.Diagnosis;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Training;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>How often the doctor is right on the labelled set, and whether an attribution finds one corrupted layer in every place.</summary>
internal static class DoctorBenchmark
{
    /// <summary>Examines every patient of the set.</summary>
    public static DoctorResult Run(IReadOnlyList<DoctorCase> cases, IProgress<string> progress, CancellationToken cancellation)
    {
        var outcomes = new List<DoctorOutcome>();
        foreach (DoctorCase ill in cases)
        {
            var clock = Stopwatch.StartNew();
            using Patient patient = ill.Make();
            double made = clock.Elapsed.TotalSeconds;
            DoctorReport report = BatchNormDoctor.Diagnose(patient.Model, patient.Source, patient.Options, cancellation: cancellation);
            bool right = report.Cause == ill.Expected && (ill.Place is null || report.Place == ill.Place);
            outcomes.Add(new(ill.Name, ill.Expected.ToString(), report.Cause.ToString(), report.Place, right, report.Confidence, report.Seconds, made));
            progress.Report($"{(right ? "right" : "WRONG")}  {ill.Name}: {report.Cause}{(report.Place.Length > 0 ? $" ({report.Place})" : "")}, confidence {report.Confidence:0.00}, {report.Seconds:0.0} s after {made:0.0} s of making{(right ? "" : $"; expected {ill.Expected} {ill.Place}. {report.Verdict} {string.Join(" ", report.Evidence.Select(e => e.Text))}")}");
        }

        bool Healthy(string cause) => cause is nameof(Cause.Healthy) or nameof(Cause.NothingToDiagnose);
        return new DoctorResult(outcomes.Count, outcomes.Count(o => o.Right), outcomes.Count(o => Healthy(o.Expected) && !Healthy(o.Found)), outcomes.Sum(o => o.Seconds), outcomes);
    }

    /// <summary>Corrupts the statistics of each of the encoder's 53 layers in turn and asks which layer is ranked first.</summary>
    public static SweepResult Sweep(DoctorCases cases, IProgress<string> progress, CancellationToken cancellation)
    {
        var missed = new List<string>();
        var clock = Stopwatch.StartNew();
        string[] layers;
        using (Patient healthy = cases.Trained(0)) layers = [.. BatchNormLayer.In(healthy.Model).Select(l => l.Name).Where(name => name.StartsWith("encoder.", StringComparison.Ordinal))];
        foreach (string layer in layers)
        {
            cancellation.ThrowIfCancellationRequested();
            using Patient patient = cases.Trained(0, corrupt: layer);
            using Batch batch = patient.Source.InOrder().Epoch().First();
            string first = LayerAttribution.Rank(patient.Model, batch)[0];
            if (first != layer) missed.Add($"{layer} (ranked first: {first})");
            progress.Report($"{(first == layer ? "first" : "MISSED")}  {layer}");
        }

        return new SweepResult(layers.Length, layers.Length - missed.Count, missed, clock.Elapsed.TotalSeconds);
    }

    /// <summary>Diagnoses of the same network that are timed.</summary>
    private const int Diagnoses = 5;

    /// <summary>How long the broken network of the notebooks keeps the doctor: the whole diagnosis, and the three looks that need no attribution.</summary>
    public static TimingResult Timing(IProgress<string> progress, CancellationToken cancellation)
    {
        Preset preset = Preset.Quick;
        BrainMri data = preset.LoadData();
        BatchLoader training = preset.TrainingBatches(data.Train.Every(2)), validation = preset.Batches(data.Validation);
        progress.Report("timing: training the notebooks' broken network");
        using UNetResNet50 unet = preset.CreateUNet();
        unet.Encoder.Freeze(BatchNormMode.Keras213);
        TrainingHistory history = new Trainer(unet, preset.Training() with { Epochs = preset.Epochs / 2 }).Fit(training, validation, cancellation: cancellation);
        using Batch batch = training.InOrder().Epoch().First();
        var clock = Stopwatch.StartNew();
        PreprocessingFingerprint.Measure(unet, batch.Inputs);
        StatisticsDistance.Measure(unet, batch.Inputs);
        FreezeAudit.Measure(unet, batch, steps: 1);
        double looks = clock.Elapsed.TotalSeconds;
        var seconds = new List<double>();
        for (int i = 0; i < Diagnoses; i++)
        {
            DoctorReport report = BatchNormDoctor.Diagnose(unet, training, new DoctorOptions { Validation = validation, History = history }, cancellation: cancellation);
            progress.Report($"timing: {report.Cause} ({report.Place}) in {report.Seconds:0.0} s");
            seconds.Add(report.Seconds);
        }

        var all = Samples.Of(seconds);
        return new TimingResult(all.Median, all.Min, all.Max, looks);
    }
}

/// <summary>Figures of the labelled set.</summary>
internal sealed record DoctorResult(
    [property: JsonPropertyName("cases")] int Cases,
    [property: JsonPropertyName("right")] int Right,
    [property: JsonPropertyName("healthy_called_ill")] int HealthyCalledIll,
    [property: JsonPropertyName("seconds")] double Seconds,
    [property: JsonPropertyName("outcomes")] IReadOnlyList<DoctorOutcome> Outcomes)
{
    [JsonPropertyName("timing"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public TimingResult? Timing { get; init; }

    [JsonPropertyName("sweep"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public SweepResult? Sweep { get; init; }
}

/// <summary>One patient: <c>seconds</c> are those of the diagnosis, <c>made_seconds</c> those of making it ill.</summary>
internal sealed record DoctorOutcome(
    [property: JsonPropertyName("name")] string Name,
    [property: JsonPropertyName("expected")] string Expected,
    [property: JsonPropertyName("found")] string Found,
    [property: JsonPropertyName("place")] string Place,
    [property: JsonPropertyName("right")] bool Right,
    [property: JsonPropertyName("confidence")] double Confidence,
    [property: JsonPropertyName("seconds")] double Seconds,
    [property: JsonPropertyName("made_seconds")] double MadeSeconds);

/// <summary>The sweep over the positions of one corrupted layer.</summary>
internal sealed record SweepResult(
    [property: JsonPropertyName("positions")] int Positions,
    [property: JsonPropertyName("ranked_first")] int RankedFirst,
    [property: JsonPropertyName("missed")] IReadOnlyList<string> Missed,
    [property: JsonPropertyName("seconds")] double Seconds);

/// <summary>Seconds on the notebooks' broken network: the whole diagnosis, median, lowest and highest of some; fingerprint, distances and an audit of one step.</summary>
internal sealed record TimingResult(
    [property: JsonPropertyName("diagnosis_seconds")] double DiagnosisSeconds,
    [property: JsonPropertyName("diagnosis_seconds_min")] double DiagnosisSecondsMin,
    [property: JsonPropertyName("diagnosis_seconds_max")] double DiagnosisSecondsMax,
    [property: JsonPropertyName("fingerprint_distances_audit_seconds")] double LooksSeconds);
