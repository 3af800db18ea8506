using System.Diagnostics;
using TorchSharp.Modules;
using UnetResnet.Diagnosis;
using UnetResnet.Models;
using UnetResnet.Training;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>The league table: broken and cured networks from the same weights, seeds and data. A network is trained once and serves every repair of it.</summary>
internal static class CuresBenchmark
{
    /// <summary>Runs variants.</summary>
    /// <param name="variants">The variants wanted; what they repair is trained too where it must be.</param>
    /// <param name="data">The dataset.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="known">Results that need not be measured again; networks that a repair needs are trained all the same.</param>
    /// <param name="progress">Told a line for each result.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    /// <returns>New results, one by one.</returns>
    public static IEnumerable<CureResult> Run(
        IReadOnlyList<CureVariant> variants, CureData data, int seed, IReadOnlyCollection<CureResult> known, IProgress<string> progress, CancellationToken cancellation)
    {
        bool Wanted(CureVariant v) => variants.Contains(v) && !known.Any(r => (r.Dataset, r.Variant, r.Seed) == (data.Name, v.Name, seed));
        foreach (CureVariant trained in CureVariants.All.Where(v => v.Base is null))
        {
            CureVariant[] repairs = [.. CureVariants.All.Where(v => v.Base == trained.Name && Wanted(v))];
            if (!Wanted(trained) && repairs.Length == 0) continue;

            PeakMemory.Reset();
            using UNetResNet50 unet = data.Preset.CreateUNet(seed, trained.Options);
            var clock = Stopwatch.StartNew();
            Train(trained, unet, data, seed, cancellation);
            double seconds = clock.Elapsed.TotalSeconds, peak = PeakMemory.Megabytes();
            long parameters = unet.parameters().Where(p => p.requires_grad).Sum(p => p.numel());
            if (Wanted(trained)) yield return Report(Score(trained, unet, data, seed, seconds, parameters, peak), progress);

            foreach (CureVariant repair in repairs)
            {
                cancellation.ThrowIfCancellationRequested();
                PeakMemory.Reset();
                using var state = new ModelState(unet);
                clock.Restart();
                repair.Repair!(unet, data);
                yield return Report(Score(repair, unet, data, seed, seconds + clock.Elapsed.TotalSeconds, parameters, PeakMemory.Megabytes()), progress);
            }
        }
    }

    /// <summary>Trains a variant's network.</summary>
    internal static TrainingHistory Train(CureVariant variant, UNetResNet50 unet, CureData data, int seed, CancellationToken cancellation)
    {
        variant.Prepare?.Invoke(unet, data);
        using FeatureCache? cache = variant.Cached ? new FeatureCache(unet) : null;
        TrainingOptions options = data.Preset.Training(seed) with { ScoreTrainingInInferenceMode = false };
        return variant.Recipe(options).Fit(cache is null ? unet : cache, data.Training(seed), data.Validating(), cancellation: cancellation);
    }

    /// <summary>Loss of the training images in inference mode minus their loss as the network was trained.</summary>
    internal static double Gap(UNetResNet50 unet, CureData data, int seed, int? batchSize = null)
    {
        double inference = Trainer.Score(unet, data.TrainingInOrder()).Loss;
        using var state = new ModelState(unet);
        using var noGrad = no_grad();
        unet.train();
        foreach (Module dropout in unet.modules().OfType<Dropout2d>()) dropout.eval();
        double sum = 0;
        long images = 0;
        foreach (Data.Batch batch in data.Training(seed, batchSize).Epoch(1))
        {
            using var scope = NewDisposeScope();
            using (batch)
            {
                sum += Losses.BinaryCrossEntropy(unet.call(batch.Inputs), batch.Targets).item<float>() * batch.Size;
                images += batch.Size;
            }
        }

        return inference - sum / images;
    }

    private static CureResult Score(CureVariant variant, UNetResNet50 unet, CureData data, int seed, double seconds, long parameters, double peak)
    {
        Score validation = Trainer.Score(unet, data.Validating());
        return new CureResult(data.Name, variant.Name, seed, validation.Loss, validation.IoU, Gap(unet, data, seed), seconds, parameters, peak);
    }

    private static CureResult Report(CureResult result, IProgress<string> progress)
    {
        progress.Report($"{result.Dataset}, seed {result.Seed}, {result.Variant}: validation loss {result.ValLoss:0.000}, IoU {result.ValIoU:0.000}, gap {result.Gap:0.000}, {result.Seconds:0.0} s, {result.PeakMb:0} MB");
        return result;
    }
}
