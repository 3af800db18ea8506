using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using static TorchSharp.torch;

namespace UnetResnet.Runtime;

/// <summary>
/// Sees to it that a page of libtorch's file is in memory before a sigmoid or a softmax. libtorch's exponential on AVX-512 takes infinity from that page where a number overflows, with
/// a load that is masked for all other numbers. A masked load from a page that is not there yet, or not any more, brings no page in: it takes some 200 ns, each time anew, and
/// with it the whole sigmoid twenty times as long, until some number overflows. So one does.
/// </summary>
internal static class OverflowPage
{
    /// <summary>As many numbers as libtorch computes by vectors.</summary>
    private const int Numbers = 64;

    /// <summary>Brings it in.</summary>
    internal static void BringIn()
    {
        if (!Avx512F.IsSupported) return;
        using Tensor overflowing = TensorMemory.New([Numbers], float32);
        // e to the power of 200 is more than float32 holds.
        MemoryMarshal.Cast<byte, float>(TensorMemory.Of(overflowing)).Fill(-200);
        using Tensor zeros = overflowing.sigmoid();
    }
}
