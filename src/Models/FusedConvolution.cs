using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace UnetResnet.Models;

/// <summary>
/// A convolution, an addition and a ReLU in one operation of oneDNN, without gradients: the result is written to memory once. libtorch has it behind its stable C
/// interface (<c>shim_cpu.h</c>), which TorchSharp does not pass on; a tensor's handle is the same pointer there.
/// </summary>
internal static class FusedConvolution
{
    private const string Library = "torch_cpu";

    private static readonly Lazy<bool> InFloat32 = new(() => Works(float32)), InBFloat16 = new(() => Works(bfloat16));

    /// <summary>Whether this libtorch has it: builds with oneDNN, on x64; for bfloat16 on processors that oneDNN computes it on.</summary>
    internal static bool IsAvailable(ScalarType type) => type == float32 ? InFloat32.Value : type == bfloat16 && InBFloat16.Value;

    private static bool Works(ScalarType type)
    {
        try
        {
            using var noGrad = no_grad();
            using var scope = NewDisposeScope();
            // 17 is a number of bfloat16.
            Tensor x = ones([1, 16, 1, 1], type), kernel = ones([16, 16, 1, 1], type), bias = ones([16], type), y = Apply(x, kernel, bias, stride: 1, padding: 0, relu: true);
            return y.dtype == type && y.equal(full_like(y, 17)).all().item<bool>();
        }
        catch (Exception e) when (e is EntryPointNotFoundException or DllNotFoundException or InvalidOperationException)
        {
            return false;
        }
    }

    /// <summary>relu(convolution + bias), or without the ReLU.</summary>
    /// <param name="x">(N, C, H, W), channels last.</param>
    /// <param name="kernel">As a convolution takes it, or packed in the order that oneDNN computes in.</param>
    /// <param name="bias">(F).</param>
    /// <param name="stride">Of the window.</param>
    /// <param name="padding">On every side.</param>
    /// <param name="relu">Whether negative results become 0.</param>
    /// <returns>Owned by the caller's dispose scope.</returns>
    internal static Tensor Apply(Tensor x, Tensor kernel, Tensor bias, long stride, long padding, bool relu)
    {
        IntPtr biasHandle = bias.Handle;
        Check(aoti_torch_cpu_mkldnn__convolution_pointwise(
            x.Handle, kernel.Handle, ref biasHandle, [padding, padding], 2, [stride, stride], 2, [1, 1], 2, 1, relu ? "relu" : "none", IntPtr.Zero, 0, IntPtr.Zero, out IntPtr result));
        GC.KeepAlive(x);
        GC.KeepAlive(kernel);
        GC.KeepAlive(bias);
        return Tensor.UnsafeCreateTensor(result);
    }

    /// <summary>sum ← relu(sum + convolution + bias), or without the ReLU.</summary>
    /// <param name="sum">(N, F, H, W), channels last; overwritten.</param>
    /// <param name="x">(N, C, H, W), channels last.</param>
    /// <param name="kernel">As a convolution takes it, or packed in the order that oneDNN computes in.</param>
    /// <param name="bias">(F).</param>
    /// <param name="padding">On every side; the stride is 1.</param>
    /// <param name="relu">Whether negative results become 0.</param>
    internal static void AddTo(Tensor sum, Tensor x, Tensor kernel, Tensor bias, long padding, bool relu)
    {
        IntPtr biasHandle = bias.Handle, name = Marshal.StringToCoTaskMemUTF8("relu");
        try
        {
            double one = 1;
            Check(aoti_torch_cpu_mkldnn__convolution_pointwise_binary_(
                sum.Handle, x.Handle, kernel.Handle, ref biasHandle, [padding, padding], 2, [1, 1], 2, [1, 1], 2, 1, "add", ref one, relu ? [name] : null, IntPtr.Zero, 0, IntPtr.Zero, out IntPtr result));
            Tensor.UnsafeCreateTensor(result).Dispose();
        }
        finally
        {
            Marshal.FreeCoTaskMem(name);
        }

        GC.KeepAlive(sum);
        GC.KeepAlive(x);
        GC.KeepAlive(kernel);
        GC.KeepAlive(bias);
    }

    private static void Check(int error)
    {
        if (error != 0) throw new InvalidOperationException("libtorch's fused convolution failed; its reason stands on stderr.");
    }

    [DllImport(Library)]
    private static extern int aoti_torch_cpu_mkldnn__convolution_pointwise(
        IntPtr x, IntPtr kernel, ref IntPtr bias, long[] padding, long paddings, long[] stride, long strides, long[] dilation, long dilations, long groups,
        [MarshalAs(UnmanagedType.LPUTF8Str)] string attribute, IntPtr scalars, long scalarCount, IntPtr algorithm, out IntPtr result);

    [DllImport(Library)]
    private static extern int aoti_torch_cpu_mkldnn__convolution_pointwise_binary_(
        IntPtr other, IntPtr x, IntPtr kernel, ref IntPtr bias, long[] padding, long paddings, long[] stride, long strides, long[] dilation, long dilations, long groups,
        [MarshalAs(UnmanagedType.LPUTF8Str)] string attribute, ref double alpha, IntPtr[]? unaryAttribute, IntPtr scalars, long scalarCount, IntPtr algorithm, out IntPtr result);
}
