using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Diagnosis;

/// <summary>
/// Passes of one U-Net over the same images, each with other layers on the batch's statistics. What they have in common with the pass in training or in inference, up
/// to the first layer that differs, is computed once; and some go through the network side by side, as one batch in which each normalises by itself.
/// </summary>
internal sealed class SwitchedPasses : IDisposable
{
    /// <summary>
    /// Pixels of the images that go through together, as many as 24 images of 96×96. Larger maps keep all cores busy by themselves, and 24 is the number of images that a doctor
    /// looks at: their kernels are at hand.
    /// </summary>
    private const long Pixels = 24 * 96 * 96;

    private readonly ProbedModel probed;
    private readonly UNetResNet50 unet;
    private readonly Tensor images;
    private readonly IReadOnlyList<ProbedLayer> switching;
    private readonly int[] parts;
    private readonly Dictionary<bool, Begun> begun = [];

    private SwitchedPasses(ProbedModel probed, UNetResNet50 unet, Tensor images)
    {
        (this.probed, this.unet, this.images, switching) = (probed, unet, images, probed.Switching);
        IReadOnlyDictionary<ModalBatchNorm2d, int> known = Midway.Parts(unet);
        parts = [.. switching.Select(layer => layer.Module is ModalBatchNorm2d norm ? known.GetValueOrDefault(norm, -1) : -1)];
    }

    /// <summary>Null where the network is none that can go on from its middle, or somebody watches it.</summary>
    /// <param name="probed">The network; stays the caller's.</param>
    /// <param name="images">(N, 3, H, W); stay the caller's.</param>
    internal static SwitchedPasses? Of(ProbedModel probed, Tensor images) =>
        probed.Model is UNetResNet50 unet && images.device_type == TorchSharp.DeviceType.CPU && !Hooks.OnAny(unet.modules().Prepend(unet))
            && probed.Switching.Count > 0 && probed.Layers.All(layer => layer.Layer is ModalLayer && layer.Channels % ChannelSweeps.Lanes == 0)
            ? new SwitchedPasses(probed, unet, images)
            : null;

    /// <summary>Runs the passes.</summary>
    /// <param name="choices">Which of the layers that switch are on the batch's statistics, for each pass.</param>
    /// <param name="see">Gets the number of each choice and what comes out, which is valid during the call only.</param>
    internal void Run(IReadOnlyList<Func<ProbedLayer, bool>> choices, Action<int, Tensor> see)
    {
        if (choices.Count == 0) return;
        bool[][] wanted = [.. choices.Select(choice => switching.Select(choice).ToArray())];
        long count = images.shape[0];
        int together = (int)Math.Max(1, Pixels / (count * images.shape[2] * images.shape[3]));
        // As many in every pass, so that all maps have one size and kernels are put in order once.
        int passes = (wanted.Length + together - 1) / together;
        together = (wanted.Length + passes - 1) / passes;
        int place = 0;
        foreach (bool[][] some in wanted.Chunk(together))
        {
            using var scope = NewDisposeScope();
            Tensor all = Pass([.. some, .. Enumerable.Repeat(some[^1], together - some.Length)]);
            for (int i = 0; i < some.Length; i++) see(place++, all.narrow(0, i * count, count));
        }
    }

    public void Dispose()
    {
        foreach (Begun pass in begun.Values) pass.Dispose();
        begun.Clear();
    }

    private Tensor Pass(bool[][] wanted)
    {
        using var pause = new CollectionPause();
        using var noGrad = no_grad();
        int asInTraining = Common(wanted, true), asInInference = Common(wanted, false), common = Math.Max(asInTraining, asInInference);
        Begun beginning = Beginning(training: asInTraining == common);
        int part = parts[Math.Min(common, parts.Length - 1)];
        var replaced = new List<BatchNormLayer>();
        try
        {
            int place = 0;
            foreach (ProbedLayer layer in probed.Layers)
            {
                bool[] batch = [.. wanted.Select(choice => layer.Switches ? choice[place] : layer.BatchInTraining)];
                if (layer.Switches) place++;
                layer.Layer.NormaliseBy(batch[0]);
                if (wanted.Length == 1 || !batch.Contains(true)) continue;
                layer.Layer.Replacement = new SideBySide(batch);
                replaced.Add(layer.Layer);
            }

            return part < 0 ? unet.call(cat([.. Enumerable.Repeat(images, wanted.Length)])) : unet.GoOn(beginning.At(part).Repeated(wanted.Length));
        }
        finally
        {
            foreach (BatchNormLayer layer in replaced) layer.Replacement = null;
        }
    }

    /// <summary>How many layers from the first on are in all these passes as in training, or as in inference.</summary>
    private int Common(bool[][] wanted, bool training)
    {
        int common = 0;
        while (common < switching.Count && wanted.All(choice => choice[common] == training)) common++;
        return common;
    }

    private Begun Beginning(bool training)
    {
        if (begun.TryGetValue(training, out Begun? known)) return known;
        probed.UseBatchStatistics(_ => training);
        return begun[training] = new Begun(unet, images);
    }

    /// <summary>What arrives at every part of the network in one pass.</summary>
    private sealed class Begun : IDisposable
    {
        private readonly List<Tensor> features = [];
        private readonly List<(Tensor Map, int Features)> places = [];
        private readonly long[] shape;

        internal Begun(UNetResNet50 unet, Tensor images)
        {
            shape = images.shape;
            using var scope = NewDisposeScope();
            unet.Pass(images, passing =>
            {
                foreach (Tensor feature in passing.Features.Skip(features.Count)) features.Add(feature.clone().DetachFromDisposeScope());
                places.Add((passing.Map.clone().DetachFromDisposeScope(), passing.Features.Count));
            });
        }

        internal Midway At(int part) => new(part, places[part].Map, features[..places[part].Features], shape);

        public void Dispose()
        {
            foreach (Tensor tensor in features.Concat(places.Select(place => place.Map))) tensor.Dispose();
        }
    }

    /// <summary>Batch norm of several passes side by side, each by its own batch or by the running statistics.</summary>
    private sealed class SideBySide(bool[] batch) : NormReplacement
    {
        internal override string Name => "side by side";

        internal override Tensor Apply(BatchNormLayer layer, Tensor input)
        {
            using var scope = NewDisposeScope();
            Tensor rows = input.permute(0, 2, 3, 1).clone().contiguous(), result = rows.permute(0, 3, 1, 2);
            using ChannelMap map = ChannelMap.Of(result)!;
            map.Scale(Scaling(layer), relu: false, onto: null);
            return result.MoveToOuterDisposeScope();
        }

        internal override ChannelScaling Scaling(BatchNormLayer layer)
        {
            double eps = layer.Options.Eps;
            (float[], float[])? running = batch.Contains(false) ? ChannelMap.Normalizing(layer.RunningMean.Doubles(), layer.RunningVar.Doubles(), layer.Weight!, layer.Bias!, eps) : null;
            return new ChannelScaling(batch.Length, NeedsSums: true, (sums, count) =>
            {
                var numbers = new (float[], float[])[batch.Length];
                int each = sums.Length / batch.Length;
                for (int i = 0; i < numbers.Length; i++) numbers[i] = batch[i] ? ChannelMap.Normalizing(sums.Slice(i * each, each), count, layer.Weight!, layer.Bias!, eps) : running!.Value;
                return numbers;
            });
        }
    }
}
