using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace UnetResnet.Normalization;

/// <summary>The gradient of a map, block by block, as <see cref="ChannelSweeps"/> reads it.</summary>
internal interface IMapGradients
{
    /// <summary>Those of 16 channels of a pixel.</summary>
    /// <param name="value">The first of them among the numbers of the block.</param>
    /// <param name="pixel">The pixel's number in the block.</param>
    /// <param name="channel">The first channel.</param>
    Vector512<float> At(int value, int pixel, int channel);
}

/// <summary>A gradient that lies in memory as the map does.</summary>
internal readonly ref struct MapGradients(ReadOnlySpan<float> numbers) : IMapGradients
{
    private readonly ref float first = ref MemoryMarshal.GetReference(numbers);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> At(int value, int pixel, int channel) => Vector512.LoadUnsafe(ref first, (nuint)value);
}

/// <summary>The gradient of a map of whose channels a weighted sum was taken: that of the sum, times the channel's weight. It is never written down.</summary>
internal readonly ref struct ProjectedGradients(ReadOnlySpan<float> ofSums, float[] weights) : IMapGradients
{
    private readonly ref float first = ref MemoryMarshal.GetReference(ofSums);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> At(int value, int pixel, int channel) => Vector512.Create(Unsafe.Add(ref first, pixel)) * ChannelSweeps.Of(weights, channel);
}
