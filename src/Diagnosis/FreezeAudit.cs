using TorchSharp.Modules;
using UnetResnet.Data;
using UnetResnet.Runtime;
using UnetResnet.Training;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Diagnosis;

/// <summary>What is not as a frozen part should be, or not as a trained part should be.</summary>
public enum FreezeFault
{
    /// <summary>A parameter without gradient, or a buffer of a frozen layer, that training moved all the same.</summary>
    ChangedAlthoughFrozen,

    /// <summary>A parameter in a part that was said to be frozen, which receives gradients and was trained.</summary>
    TrainsAlthoughMeantFrozen,

    /// <summary>A frozen batch-norm layer that normalises by the batch in training: nothing in it changes, and yet it is another function than in inference.</summary>
    BatchStatisticsAlthoughFrozen,

    /// <summary>A layer that stood in inference mode inside a model in training mode, and that <c>train()</c> set back.</summary>
    ResetByTrain,

    /// <summary>A parameter that receives gradients and that the optimiser does not know.</summary>
    NotInOptimizer,

    /// <summary>A parameter that the optimiser knows and that never receives a gradient.</summary>
    WithoutGradient,
}

/// <summary>One thing that a <see cref="FreezeAudit"/> found.</summary>
/// <param name="Fault">What is wrong.</param>
/// <param name="Name">Dotted name of the parameter, buffer or layer.</param>
/// <param name="Detail">Figures, where there are any.</param>
public sealed record FreezeItem(FreezeFault Fault, string Name, string Detail);

/// <summary>
/// Is frozen what you think is frozen? Trains for a few steps, compares every parameter and buffer byte for byte with what it was, lists what does not fit, and
/// puts everything back.
/// </summary>
public sealed record FreezeAudit : DiagnosticReport
{
    /// <summary>Training steps that were run.</summary>
    public required int Steps { get; init; }

    /// <summary>Parameters that training moved, and all parameters.</summary>
    public required (int Moved, int All) Parameters { get; init; }

    /// <summary>Buffers that training moved, and all buffers.</summary>
    public required (int Moved, int All) Buffers { get; init; }

    /// <summary>What does not fit, in the order of <see cref="FreezeFault"/> and of the model.</summary>
    public required IReadOnlyList<FreezeItem> Items { get; init; }

    /// <summary>Whether everything is as it should be.</summary>
    public bool IsClean => Items.Count == 0;

    /// <summary>The names with one fault.</summary>
    /// <param name="fault">The fault.</param>
    public IReadOnlyList<string> Of(FreezeFault fault) => [.. Items.Where(item => item.Fault == fault).Select(item => item.Name)];

    /// <inheritdoc/>
    public override string Title => "Is frozen what should be frozen";

    /// <inheritdoc/>
    public override string Finding => (Steps == 0 ? "Nothing is trainable, so no step was run. " : $"After {Steps} training step{(Steps > 1 ? "s" : "")}, {Parameters.Moved} of {Parameters.All} parameters and {Buffers.Moved} of {Buffers.All} buffers had moved. ")
        + (IsClean ? "Everything frozen stayed as it was, and everything trainable is trained." : string.Join(" ", Items.GroupBy(item => item.Fault).Select(group => Sentence(group.Key, [.. group]))));

    /// <summary>Runs the audit. The model is left as it was, its gradients and running statistics included.</summary>
    /// <param name="model">Any network, set up as you are about to train it; stays the caller's.</param>
    /// <param name="batch">At least 2 images with what should come out; stays the caller's.</param>
    /// <param name="frozen">
    /// Names of modules that you think are frozen, such as <c>encoder</c>, or of single parameters. Null takes every layer as frozen of which no parameter receives
    /// gradients.
    /// </param>
    /// <param name="optimized">The parameters that you give to the optimiser; null for all that receive gradients.</param>
    /// <param name="task">What you train for; null for the task that fits the targets, see <see cref="LearningTask.For"/>.</param>
    /// <param name="steps">Steps to run, at least 1. They are Adam's, with a learning rate of 1e-3.</param>
    /// <exception cref="ArgumentException">The model or the batch cannot be used, or nothing in the model has a name in <paramref name="frozen"/>.</exception>
    public static FreezeAudit Measure(
        Module<Tensor, Tensor> model, Batch batch, IReadOnlyList<string>? frozen = null, IEnumerable<Parameter>? optimized = null, LearningTask? task = null, int steps = 3)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        IReadOnlyList<ProbedLayer> layers;
        IReadOnlyList<string> notes;
        using (var probed = new ProbedModel(model, batch.Inputs))
        {
            probed.CheckBatchSize(batch.Size);
            (layers, notes) = (probed.Layers, probed.Notes);
        }

        return Measure(model, batch, layers, notes, frozen, optimized, task, steps);
    }

    /// <summary>The audit of a model whose layers have been looked at before.</summary>
    internal static FreezeAudit Measure(
        Module<Tensor, Tensor> model, Batch batch, IReadOnlyList<ProbedLayer> layers, IReadOnlyList<string> notes,
        IReadOnlyList<string>? frozen = null, IEnumerable<Parameter>? optimized = null, LearningTask? task = null, int steps = 3)
    {
        (string Name, Parameter Parameter)[] parameters = [.. model.named_parameters().DistinctBy(p => p.parameter, ReferenceEqualityComparer.Instance).Select(p => (p.name, p.parameter))];
        CheckNames(model, frozen, parameters);
        bool MeantFrozen(string name) => frozen?.Any(part => DottedName.IsIn(name, part)) == true;

        var items = new List<FreezeItem>();
        (string Name, ProbedLayer Layer)[] norms = [.. layers.Select(layer => (layer.Name, layer))];
        bool IsFrozen(ProbedLayer layer) => MeantFrozen(layer.Name) || (frozen is null && layer.Frozen && layer.Layer.Bias is { requires_grad: false });
        HashSet<string> frozenNorms = [.. norms.Where(n => IsFrozen(n.Layer)).Select(n => n.Name)];
        bool InFrozenNorm(string buffer) => MeantFrozen(buffer) || frozenNorms.Contains(DottedName.Owner(buffer));
        items.AddRange(norms.Where(n => frozenNorms.Contains(n.Name) && n.Layer.Switches)
            .Select(n => new FreezeItem(FreezeFault.BatchStatisticsAlthoughFrozen, n.Name, n.Layer.UpdatesInTraining ? "and moves its running statistics" : "and leaves its running statistics alone")));

        var known = new HashSet<Parameter>(optimized ?? parameters.Where(p => p.Parameter.requires_grad).Select(p => p.Parameter), ReferenceEqualityComparer.Instance);
        items.AddRange(parameters.Where(p => p.Parameter.requires_grad && !known.Contains(p.Parameter)).Select(p => new FreezeItem(FreezeFault.NotInOptimizer, p.Name, Shape(p.Parameter))));

        int run, movedParameters = 0, movedBuffers = 0, buffers = 0;
        using (var state = new ModelState(model))
        {
            items.AddRange(ResetByTrain(model, norms));
            var reached = new HashSet<Parameter>(ReferenceEqualityComparer.Instance);
            run = Train(model, batch, [.. known.Where(p => p.requires_grad)], task, steps, parameters.Select(p => p.Parameter), reached);
            items.AddRange(parameters.Where(p => known.Contains(p.Parameter) && run > 0 && !reached.Contains(p.Parameter)).Select(p => new FreezeItem(
                FreezeFault.WithoutGradient, p.Name, p.Parameter.requires_grad ? "the loss does not reach it" : "requires_grad is false")));

            var moved = state.Moved().ToDictionary(m => m.Name, m => m.RelativeChange);
            foreach ((string name, Parameter parameter) in parameters.Where(p => moved.ContainsKey(p.Name)))
            {
                movedParameters++;
                if (MeantFrozen(name) && parameter.requires_grad) items.Add(new FreezeItem(FreezeFault.TrainsAlthoughMeantFrozen, name, Change(moved[name])));
                else if (!parameter.requires_grad) items.Add(new FreezeItem(FreezeFault.ChangedAlthoughFrozen, name, Change(moved[name])));
            }

            foreach ((string name, _) in model.named_buffers().DistinctBy(b => b.buffer, ReferenceEqualityComparer.Instance))
            {
                buffers++;
                if (!moved.TryGetValue(name, out double change)) continue;
                movedBuffers++;
                if (InFrozenNorm(name)) items.Add(new FreezeItem(FreezeFault.ChangedAlthoughFrozen, name, Change(change)));
            }
        }

        return new FreezeAudit
        {
            Steps = run,
            Parameters = (movedParameters, parameters.Length),
            Buffers = (movedBuffers, buffers),
            Items = [.. items.OrderBy(item => item.Fault)],
            Notes = notes,
        };
    }

    private static IEnumerable<FreezeItem> ResetByTrain(Module model, (string Name, ProbedLayer Layer)[] norms)
    {
        // In a model that is in inference mode as a whole, no layer stands out.
        if (!model.training) yield break;
        (string Name, ProbedLayer Layer)[] inInference = [.. norms.Where(n => !n.Layer.Module.training)];
        model.train();
        foreach ((string name, ProbedLayer layer) in inInference)
        {
            if (layer.Module.training && layer.Switches) yield return new FreezeItem(FreezeFault.ResetByTrain, name, "was in inference mode before train()");
        }
    }

    private static int Train(
        Module<Tensor, Tensor> model, Batch batch, IReadOnlyList<Parameter> trained, LearningTask? task, int steps, IEnumerable<Parameter> all, HashSet<Parameter> reached)
    {
        if (trained.Count == 0) return 0;
        using var optimizer = optim.Adam(trained, 1e-3);
        model.train();
        for (int step = 0; step < steps; step++)
        {
            using var pause = new CollectionPause();
            using var scope = NewDisposeScope();
            model.zero_grad();
            Tensor output = model.call(batch.Inputs);
            LearningTask.Resolve(task, output, batch.Targets).Loss(output, batch.Targets).backward();
            reached.UnionWith(all.Where(p => p.grad is { } gradient && gradient.count_nonzero().item<long>() > 0));
            optimizer.step();
        }

        return steps;
    }

    private static void CheckNames(Module model, IReadOnlyList<string>? frozen, (string Name, Parameter Parameter)[] parameters)
    {
        HashSet<string> names = [.. model.named_modules().Select(m => m.name), .. parameters.Select(p => p.Name)];
        if (frozen?.FirstOrDefault(part => part.Length > 0 && !names.Contains(part)) is { } unknown)
            throw new ArgumentException($"Nothing in the model is called '{unknown}'. Its parts are {string.Join(", ", model.named_children().Take(8).Select(c => $"'{c.name}'"))}; name those that are frozen, or one of their parts with dots.", nameof(frozen));
    }

    private static string Sentence(FreezeFault fault, FreezeItem[] items)
    {
        string names = string.Join(", ", items.Take(2).Select(item => $"'{item.Name}'")) + (items.Length > 2 ? $" and {items.Length - 2} more" : "");
        bool one = items.Length == 1;
        return fault switch
        {
            FreezeFault.ChangedAlthoughFrozen => $"{names} changed although frozen.",
            FreezeFault.TrainsAlthoughMeantFrozen => $"{names} {(one ? "trains" : "train")} although you think {(one ? "it is" : "they are")} frozen.",
            FreezeFault.BatchStatisticsAlthoughFrozen => $"{names} {(one ? "is" : "are")} frozen and yet {(one ? "normalises" : "normalise")} by the batch in training.",
            FreezeFault.ResetByTrain => $"{names} stood in inference mode, and train() set {(one ? "it" : "them")} back.",
            FreezeFault.NotInOptimizer => $"{names} {(one ? "receives" : "receive")} gradients, but the optimiser does not know {(one ? "it" : "them")}.",
            _ => $"{names} {(one ? "is" : "are")} in the optimiser and never {(one ? "receives" : "receive")} a gradient.",
        };
    }

    private static string Shape(Tensor tensor) => $"({string.Join(", ", tensor.shape)})";

    private static string Change(double relative) => $"changed by {NumberText.Short(100 * relative)} % of its norm";

    internal override IReadOnlyList<TextTable> Tables
    {
        get
        {
            const int mostOfOne = 8;
            if (IsClean) return [];
            FreezeItem[] shown = [.. Items.GroupBy(item => item.Fault).SelectMany(group => group.Take(mostOfOne))];
            return [new TextTable(
                ["fault", "name", "detail"],
                [.. shown.Select(item => (IReadOnlyList<string>)[Words(item.Fault), item.Name, item.Detail])],
                [false, false, false],
                shown.Length < Items.Count ? $"… {Items.Count - shown.Length} more of {Items.Count}; {nameof(Items)} has them all." : null)];
        }
    }

    /// <summary>A fault as people say it.</summary>
    internal static string Words(FreezeFault fault) => fault switch
    {
        FreezeFault.ChangedAlthoughFrozen => "changed although frozen",
        FreezeFault.TrainsAlthoughMeantFrozen => "trains although meant frozen",
        FreezeFault.BatchStatisticsAlthoughFrozen => "frozen, on batch statistics",
        FreezeFault.ResetByTrain => "reset by train()",
        FreezeFault.NotInOptimizer => "not in the optimiser",
        _ => "without gradient",
    };
}
