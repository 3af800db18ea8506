using System.Runtime.CompilerServices;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace UnetResnet.Normalization;

/// <summary>
/// TorchSharp's BatchNorm1d, 2d or 3d, which knows two behaviours only, those of its training flag. A hook before every pass gives it the flag that its mode asks
/// for, and one after the pass gives back the flag that the user has set, so that <c>train()</c> undoes nothing and flags are always the user's.
/// </summary>
internal sealed class TorchLayer(string name, BatchNorm layer) : BatchNormLayer(name, layer)
{
    private static readonly ConditionalWeakTable<BatchNorm, Hold> Holds = [];

    public override BatchNormMode Mode
    {
        get => Holds.TryGetValue(layer, out Hold? hold) && hold.Mode is { } mode ? mode : layer.weight is null or { requires_grad: true } ? BatchNormMode.Trainable : BatchNormMode.TorchFrozenParameters;
        set
        {
            bool trains = value.TrainsAffine();
            if (Refuses(value) is { } reason) throw new ArgumentException(reason, nameof(value));
            Held(hold => hold.Mode = value == BatchNormMode.Trainable ? null : value);
            layer.weight?.requires_grad_(trains);
            layer.bias?.requires_grad_(trains);
        }
    }

    /// <summary>The momentum of a cumulative average is the weight of its next value.</summary>
    public override BatchNormOptions Options
    {
        get => BatchNormOptions.Torch with { Eps = layer.eps, Momentum = layer.momentum ?? 1.0 / (1 + (layer.num_batches_tracked?.item<long>() ?? 0)) };
        set
        {
            BatchNormOptions now = Options;
            if (value != now with { Eps = value.Eps, Momentum = value.Momentum })
                throw new ArgumentException($"'{Name}' is a {layer.GetType().Name} of TorchSharp, of which only ε and momentum can be changed. Use a ModalBatchNorm2d in its place.", nameof(value));
            layer.eps = value.Eps;
            if (value.Momentum != now.Momentum) layer.momentum = value.Momentum;
        }
    }

    public override Tensor? Weight => layer.weight;

    public override Tensor? Bias => layer.bias;

    public override long Channels => layer.num_features;

    internal override Tensor? Mean => layer.running_mean;

    internal override Tensor? Variance => layer.running_var;

    internal override NormReplacement? Replacement
    {
        get => Holds.TryGetValue(layer, out Hold? hold) ? hold.Replacement : null;
        set => Held(hold => hold.Replacement = value);
    }

    internal override double? Momentum => layer.momentum;

    internal override string? Refuses(BatchNormMode mode) => HasStatistics || mode is BatchNormMode.Trainable or BatchNormMode.TorchFrozenParameters or BatchNormMode.BatchOnly
        ? null
        : $"'{Name}' keeps no running statistics (track_running_stats: false), so it cannot be in mode {mode}. BatchOnly is what it does.";

    internal override void ResetStatistics()
    {
        using var noGrad = no_grad();
        layer.running_mean?.fill_(0);
        layer.running_var?.fill_(1);
        layer.num_batches_tracked?.fill_(0);
    }

    internal override Action RememberOptions()
    {
        (double eps, double? momentum) = (layer.eps, layer.momentum);
        return () => (layer.eps, layer.momentum) = (eps, momentum);
    }

    private void Held(Action<Hold> change)
    {
        Hold hold = Holds.GetValue(layer, norm => new Hold(this));
        hold.Release();
        change(hold);
        hold.Install();
    }

    /// <summary>What a layer does otherwise than TorchSharp would, and the hooks that make it do so.</summary>
    private sealed class Hold(TorchLayer owner)
    {
        [ThreadStatic]
        private static (Tensor Whole, Tensor Corner)? passing;

        private readonly BatchNorm norm = (BatchNorm)owner.Module;
        private Action? remove;
        private bool inside, flag, held;
        private double? momentum;

        /// <summary>Null for what the layer does by itself.</summary>
        internal BatchNormMode? Mode { get; set; }

        internal NormReplacement? Replacement { get; set; }

        /// <summary>Registers the hooks that are needed: none for what the layer does by itself.</summary>
        internal void Install()
        {
            if (Replacement is not null || Mode is not (null or BatchNormMode.TorchFrozenParameters or BatchNormMode.KerasLegacy))
            {
                remove = norm.register_forward_pre_hook(_ => Enter()).remove;
                remove += norm.register_forward_hook(_ => Leave()).remove;
            }

            if (Replacement is not null)
            {
                remove += norm.register_forward_pre_hook((_, input) => Shrink(input)).remove;
                remove += norm.register_forward_hook((_, _, output) => Replace(output)).remove;
            }
        }

        /// <summary>Removes the hooks, and puts back what a pass that an exception ended has left.</summary>
        internal void Release()
        {
            remove?.Invoke();
            remove = null;
            if (!inside) return;
            if (norm.training == held) norm.train(flag);
            norm.momentum = momentum;
            inside = false;
        }

        private void Enter()
        {
            // After a pass that an exception ended the flag is still ours, unless the user has set it since.
            if (!inside || norm.training != held) flag = norm.training;
            if (!inside) momentum = norm.momentum;
            inside = true;
            held = Replacement is null && Mode!.Value.UsesBatchStatistics(flag);
            if (norm.training != held) norm.train(held);
            // A pass in training mode then writes the old running statistics back.
            if (held) norm.momentum = 0;
        }

        private void Leave()
        {
            norm.momentum = momentum;
            using var noGrad = no_grad();
            if (held && norm.track_running_stats) norm.num_batches_tracked?.sub_(1);
            if (norm.training != flag) norm.train(flag);
            inside = false;
        }

        /// <summary>Gives the layer, which cannot be skipped, one value per channel to work on.</summary>
        private Tensor Shrink(Tensor input)
        {
            using var noGrad = no_grad();
            Tensor corner = input.alias();
            // Statistics of one value would be an error.
            for (int dim = 0; dim < input.dim() && owner.HasStatistics; dim++)
            {
                if (dim == 1) continue;
                using Tensor wider = corner;
                corner = wider.narrow(dim, 0, 1);
            }

            passing = (input, corner);
            return corner;
        }

        private Tensor Replace(Tensor output)
        {
            (Tensor whole, Tensor corner) = passing!.Value;
            passing = null;
            output.Dispose();
            corner.Dispose();
            return Replacement!.Apply(owner, whole);
        }
    }
}
