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
