using static TorchSharp.torch;

namespace UnetResnet.Data;

/// <summary>
/// Some samples as tensors, ready for the network. The batch owns its tensors: they belong to no dispose scope and live until the batch is disposed.
/// </summary>
public sealed class Batch : IDisposable
{
    internal Batch(Tensor images, Tensor masks, IReadOnlyList<string> names)
    {
        Images = images.DetachFromDisposeScope();
        Masks = masks.DetachFromDisposeScope();
        Names = names;
    }

    /// <summary>Makes a batch of copies of tensors, also for networks that take or give something else than images and masks.</summary>
    /// <param name="images">What goes into the network, (N, …), N at least 1; stays the caller's.</param>
    /// <param name="masks">What should come out, (N, …); stays the caller's.</param>
    /// <returns>The batch, owned by the caller; its samples are called 0, 1, ….</returns>
    /// <exception cref="ArgumentException">The two have no, or not the same, number of samples.</exception>
    public static Batch Of(Tensor images, Tensor masks)
    {
        if (images.dim() == 0 || masks.dim() == 0 || images.shape[0] == 0 || images.shape[0] != masks.shape[0])
            throw new ArgumentException($"A batch needs as many masks as images, at least one, and got ({string.Join(", ", images.shape)}) and ({string.Join(", ", masks.shape)}).", nameof(masks));
        using var scope = NewDisposeScope();
        return new Batch(images.detach().clone(), masks.detach().clone(), [.. Enumerable.Range(0, (int)images.shape[0]).Select(place => place.ToString())]);
    }

    /// <summary>float32 (N, 3, H, W), preprocessed.</summary>
    public Tensor Images { get; }

    /// <summary>float32 (N, 1, H, W), 1 where the mask is foreground and 0 elsewhere.</summary>
    public Tensor Masks { get; }

    /// <summary>The samples' names, in the order of the tensors.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>Number of samples, N.</summary>
    public int Size => Names.Count;

    /// <summary>Frees both tensors.</summary>
    public void Dispose()
    {
        Images.Dispose();
        Masks.Dispose();
    }
}
