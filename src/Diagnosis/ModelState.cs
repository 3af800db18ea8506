using TorchSharp.Modules;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Diagnosis;

/// <summary>
/// Remembers everything that an experiment can change in a model: parameters, buffers, gradients and which parameters want them, training flags, modes and
/// options of batch-norm layers, the accumulators of zero-debiased averages, and the state of libtorch's random generator (that of the CPU). Disposing it puts
/// all of it back, byte for byte.
/// </summary>
internal sealed class ModelState : IDisposable
{
    private readonly Module model;
    private readonly ModeSnapshot modes;
    private readonly Tensor random;
    private readonly Dictionary<string, Tensor> values = [];
    private readonly Dictionary<string, (bool Wanted, Tensor? Gradient)> gradients = [];
    private readonly Action? putOptionsBack;
    private bool disposed;

    /// <summary>Takes the snapshot: one copy of the model's tensors.</summary>
    /// <param name="model">The model; it stays the caller's.</param>
    public ModelState(Module model)
    {
        this.model = model;
        modes = new ModeSnapshot(model);
        random = get_rng_state().DetachFromDisposeScope();
        foreach ((string name, Parameter parameter) in model.named_parameters())
        {
            // Every look at a gradient makes a tensor.
            using Tensor? gradient = parameter.grad;
            gradients.TryAdd(name, (parameter.requires_grad, gradient is null ? null : Copy(gradient)));
        }

        foreach ((string name, Tensor tensor) in Tensors(model)) values.TryAdd(name, Copy(tensor));
        foreach (BatchNormLayer layer in BatchNormLayer.All(model)) putOptionsBack += layer.RememberOptions();
    }

    /// <summary>Names of the parameters and buffers whose bytes differ from the snapshot's, in the model's order.</summary>
    public IReadOnlyList<string> Changed() =>
        [.. Tensors(model).Where(t => !values.TryGetValue(t.Name, out Tensor? before) || !TensorMemory.SameBytes(before, t.Tensor)).Select(t => t.Name)];

    /// <summary>The same with how far each has moved: ‖now − before‖ ÷ ‖before‖; infinite where it was zero.</summary>
    internal IReadOnlyList<(string Name, double RelativeChange)> Moved()
    {
        HashSet<string> changed = [.. Changed()];
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        static double Norm(Tensor tensor) => tensor.square().sum().sqrt().item<double>();
        return [.. Tensors(model).Where(t => changed.Contains(t.Name) && values.ContainsKey(t.Name)).Select(t =>
        {
            Tensor before = values[t.Name].to(float64), now = t.Tensor.to(float64);
            return (t.Name, Norm(now - before) / Norm(before));
        })];
    }

    /// <summary>Puts everything back.</summary>
    public void Dispose()
    {
        if (disposed) return;
        disposed = true;
        using (no_grad())
        {
            foreach ((string name, Tensor tensor) in Tensors(model))
            {
                if (values.TryGetValue(name, out Tensor? before)) tensor.copy_(before);
            }
        }

        modes.Dispose();
        putOptionsBack?.Invoke();
        foreach ((string name, Parameter parameter) in model.named_parameters())
        {
            if (!gradients.TryGetValue(name, out (bool Wanted, Tensor? Gradient) before)) continue;
            parameter.requires_grad_(before.Wanted);
            using Tensor? now = parameter.grad, then = before.Gradient;
            if (then is not null || now is not null) parameter.grad = then;
        }

        set_rng_state(random);
        random.Dispose();
        foreach (Tensor copy in values.Values) copy.Dispose();
    }

    /// <summary>Every parameter and buffer under the name of its first registration.</summary>
    internal static IEnumerable<(string Name, Tensor Tensor)> Tensors(Module model) =>
        model.named_parameters().Select(p => (p.name, (Tensor)p.parameter)).Concat(model.named_buffers().Select(b => (b.name, b.buffer)));

    private static Tensor Copy(Tensor source)
    {
        using Tensor detached = source.detach();
        return detached.clone().DetachFromDisposeScope();
    }
}
