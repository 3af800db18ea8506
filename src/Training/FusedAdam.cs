using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace UnetResnet.Training;

/// <summary>
/// Adam (Kingma and Ba 2015) as TorchSharp's <c>optim.Adam</c> computes it, for all parameters in one pass over their memory. TorchSharp's makes a dozen passes and as
/// many small calls for each parameter.
/// </summary>
/// <remarks>libtorch has the step as one operation, <c>_fused_adam_</c>, which TorchSharp does not pass on; TorchScript does.</remarks>
internal sealed class FusedAdam : IDisposable
{
    private const double Beta1 = 0.9, Beta2 = 0.999, Eps = 1e-8;

    private const string Script = """
        def step(parameters: List[Tensor], gradients: List[Tensor], means: List[Tensor], squares: List[Tensor], counts: List[Tensor], rate: float, beta1: float, beta2: float, eps: float) -> int:
            torch._foreach_add_(counts, 1)
            torch._fused_adam_(parameters, gradients, means, squares, [], counts, lr=rate, beta1=beta1, beta2=beta2, weight_decay=0.0, eps=eps, amsgrad=False, maximize=False)
            return len(parameters)

        """;

    /// <summary>One for all: TorchSharp never frees a compiled script.</summary>
    private static readonly Lazy<jit.CompilationUnit> Compiled = new(() => jit.compile(Script));

    private readonly IReadOnlyList<Slot[]> groups;

    /// <summary>An optimiser for groups of parameters; moments start at zero.</summary>
    /// <param name="groups">The parameters by name; they stay the model's.</param>
    internal FusedAdam(IEnumerable<IEnumerable<(string Name, Parameter Parameter)>> groups) =>
        this.groups = [.. groups.Select(group => group.Select(p => new Slot(p.Name, p.Parameter)).ToArray())];

    /// <summary>
    /// Everything that the next step depends on besides the parameters: <c>NAME.mean</c> and <c>NAME.square</c>, the moving averages of a parameter's gradient and of its
    /// square, and <c>NAME.step</c>, how many gradients they have seen. The optimiser's own tensors.
    /// </summary>
    internal IReadOnlyDictionary<string, Tensor> State => Slots
        .SelectMany(slot => new[] { ($"{slot.Name}.mean", slot.Mean), ($"{slot.Name}.square", slot.Square), ($"{slot.Name}.step", slot.Count) })
        .ToDictionary(entry => entry.Item1, entry => entry.Item2);

    private IEnumerable<Slot> Slots => groups.SelectMany(group => group);

    /// <summary>Goes on from a saved <see cref="State"/>.</summary>
    /// <param name="state">Copied; stays the caller's.</param>
    /// <exception cref="ArgumentException">It belongs to other parameters.</exception>
    internal void Load(IReadOnlyDictionary<string, Tensor> state)
    {
        IReadOnlyDictionary<string, Tensor> own = State;
        string? wrong = own.Keys.Concat(state.Keys).FirstOrDefault(name => !own.TryGetValue(name, out Tensor? mine) || !state.TryGetValue(name, out Tensor? given) || !mine.shape.SequenceEqual(given.shape));
        if (wrong is not null)
            throw new ArgumentException($"The optimiser's state does not fit the parameters that are trained: '{wrong}' is missing on one side or has another shape. Freeze the same parts as when it was saved.", nameof(state));
        using var noGrad = no_grad();
        foreach ((string name, Tensor mine) in own) mine.copy_(state[name]);
    }

    /// <summary>Takes the gradients away, so that the next backward pass stores its own without adding.</summary>
    internal void ZeroGrad()
    {
        foreach (Slot slot in Slots) slot.Parameter.grad = null;
    }

    /// <summary>One step with the gradients that are there; parameters without one stay as they are.</summary>
    /// <param name="rates">The learning rate of each group.</param>
    internal void Step(IReadOnlyList<double> rates)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        foreach ((Slot[] group, double rate) in groups.Zip(rates))
        {
            (Slot Slot, Tensor Gradient)[] all = [.. group.Select(slot => (slot, slot.Parameter.grad)).Where(pair => pair.grad is not null).Select(pair => (pair.slot, pair.slot.Like(pair.grad!)))];
            if (all.Length == 0) continue;
            // Numbers that nobody holds could be freed while the call still reads them; see CollectionPause.
            using Scalar lr = rate, beta1 = Beta1, beta2 = Beta2, eps = Eps;
            using var stepped = (Scalar)Compiled.Value.invoke("step",
                all.Select(pair => (Tensor)pair.Slot.Parameter).ToArray(), all.Select(pair => pair.Gradient).ToArray(),
                all.Select(pair => pair.Slot.Mean).ToArray(), all.Select(pair => pair.Slot.Square).ToArray(), all.Select(pair => pair.Slot.Count).ToArray(), lr, beta1, beta2, eps)!;
        }
    }

    /// <summary>Frees the moments.</summary>
    public void Dispose()
    {
        foreach (Slot slot in Slots)
        {
            slot.Mean.Dispose();
            slot.Square.Dispose();
            slot.Count.Dispose();
        }
    }

    /// <summary>A parameter and its moments.</summary>
    private sealed class Slot
    {
        private readonly (long Size, long Stride)[] order;

        internal Slot(string name, Parameter parameter)
        {
            using var noGrad = no_grad();
            (Name, Parameter, order) = (name, parameter, Order(parameter));
            Mean = zeros_like(parameter).DetachFromDisposeScope();
            Square = zeros_like(parameter).DetachFromDisposeScope();
            Count = zeros([], float32, parameter.device).DetachFromDisposeScope();
        }

        internal string Name { get; }

        internal Parameter Parameter { get; }

        internal Tensor Mean { get; }

        internal Tensor Square { get; }

        internal Tensor Count { get; }

        /// <summary>The gradient in the order of the parameter's memory: the operation goes through the memory of all four from end to end.</summary>
        internal Tensor Like(Tensor gradient) => Order(gradient).AsSpan().SequenceEqual(order) ? gradient : empty_like(Parameter).copy_(gradient);

        /// <summary>Where numbers lie; a side of length 1, as those of a 1×1 kernel, says nothing about it.</summary>
        private static (long Size, long Stride)[] Order(Tensor tensor) => [.. tensor.shape.Zip(tensor.stride()).Where(side => side.First > 1)];
    }
}
