using System.Globalization;
using static TorchSharp.torch;

namespace UnetResnet.Data;

/// <summary>
/// Some samples as tensors, ready for the network. The batch owns its tensors: they belong to no dispose scope and live until the batch is disposed.
/// </summary>
public sealed class Batch : IDisposable
{
    internal Batch(Tensor inputs, Tensor targets, IReadOnlyList<string> names)
    {
        Inputs = inputs.DetachFromDisposeScope();
        Targets = targets.DetachFromDisposeScope();
        Names = names;
    }

    /// <summary>Makes a batch of copies of tensors, for any network.</summary>
    /// <param name="inputs">What goes into the network, (N, …), N at least 1; stays the caller's.</param>
    /// <param name="targets">What should come out, (N, …); stays the caller's.</param>
    /// <returns>The batch, owned by the caller; its samples are called 0, 1, ….</returns>
    /// <exception cref="ArgumentException">The two have no, or not the same, number of samples.</exception>
    public static Batch Of(Tensor inputs, Tensor targets) => Of(inputs, targets, 0);

    /// <summary>As <see cref="Of(Tensor, Tensor)"/>, with names counted from a number.</summary>
    internal static Batch Of(Tensor inputs, Tensor targets, int firstName)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(targets);
        if (inputs.dim() == 0 || targets.dim() == 0 || inputs.shape[0] == 0 || inputs.shape[0] != targets.shape[0])
            throw new ArgumentException($"A batch needs as many targets as inputs, at least one, and got ({string.Join(", ", inputs.shape)}) and ({string.Join(", ", targets.shape)}).", nameof(targets));
        using var scope = NewDisposeScope();
        return new Batch(inputs.detach().clone(), targets.detach().clone(), [.. Enumerable.Range(firstName, (int)inputs.shape[0]).Select(place => place.ToString(CultureInfo.InvariantCulture))]);
    }

    /// <summary>What goes into the network: of images float32 (N, 3, H, W), preprocessed.</summary>
    public Tensor Inputs { get; }

    /// <summary>
    /// What should come out: of masks float32 (N, 1, H, W), 1 for foreground and 0 for background; of masks with class numbers int64 (N, H, W); of a classification int64 (N).
    /// </summary>
    public Tensor Targets { get; }

    /// <summary>The samples' names, in the order of the tensors.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>Number of samples, N.</summary>
    public int Size => Names.Count;

    /// <summary>Frees both tensors.</summary>
    public void Dispose()
    {
        Inputs.Dispose();
        Targets.Dispose();
    }
}
