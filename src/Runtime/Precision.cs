using TorchSharp;
using static TorchSharp.torch;

namespace UnetResnet.Runtime;

/// <summary>Numbers in which the convolutions of a network are computed.</summary>
public enum Precision
{
    /// <summary>Everything in float32.</summary>
    Float32,

    /// <summary>
    /// Convolutions, and the maps between them, in bfloat16: the range of float32 with 8 instead of 24 significant bits. Weights, their gradients and updates, the statistics
    /// of batch norm, the last 1×1 convolution and the loss stay in float32. For processors that multiply bfloat16 in hardware.
    /// </summary>
    BFloat16,
}

/// <summary>The precision in which networks of this library compute on this thread.</summary>
internal static class ComputePrecision
{
    [ThreadStatic]
    private static Precision current;

    /// <summary>Whether convolutions of a tensor on a device are computed in bfloat16 now.</summary>
    internal static bool IsLowFor(Tensor x) => current == Precision.BFloat16 && x.device_type == DeviceType.CPU;

    /// <summary>A tensor in the precision of another: weights for a map. Gradients flow back to the tensor in its own precision.</summary>
    internal static Tensor As(this Tensor tensor, Tensor map) => tensor.dtype == map.dtype ? tensor : tensor.to(map.dtype);

    /// <summary>Computes so until the result is disposed.</summary>
    /// <param name="precision">The precision.</param>
    /// <param name="where">A tensor of the device that computes.</param>
    /// <exception cref="PrecisionException">bfloat16 was asked for, and the processor does not have it; the message says what is missing.</exception>
    internal static IDisposable Use(Precision precision, Tensor where)
    {
        if (precision == Precision.BFloat16) Require(where.device_type == DeviceType.CPU ? Processor.WithoutBFloat16 : $"the network is on {where.device}, and only convolutions on the CPU are computed so");
        return Force(precision);
    }

    /// <summary>Computes so until the result is disposed, fast or not.</summary>
    internal static IDisposable Force(Precision precision)
    {
        var before = new Before(current);
        current = precision;
        return before;
    }

    /// <summary>Refuses bfloat16 for a reason.</summary>
    internal static void Require(string? reason)
    {
        if (reason is not null) throw new PrecisionException($"Precision.BFloat16 was asked for, but {reason}. Use Precision.Float32, the default.");
    }

    private sealed class Before(Precision precision) : IDisposable
    {
        public void Dispose() => current = precision;
    }
}
