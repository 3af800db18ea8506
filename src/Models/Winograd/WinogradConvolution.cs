using System.Runtime.Intrinsics.X86;
using TorchSharp;
using TorchSharp.Modules;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Models.Winograd;

/// <summary>
/// 3×3 convolutions of stride 1 and padding 1 over one map, or over the concatenation of a small map, doubled by nearest upsampling, and a large one, by Winograd's minimal
/// filtering (Winograd 1980; Lavin and Gray 2016): a quarter of the products of the plain way, forward and for both gradients. A doubled map and the concatenation are never made.
/// </summary>
/// <remarks>Results differ from those of the plain way by rounding, about 10⁻⁶ of the largest number.</remarks>
internal sealed unsafe class WinogradConvolution : autograd.SingleTensorFunction<WinogradConvolution>
{
    private const string Key = "call";

    /// <summary>Below so many tiles the other form of the kernel, four times its size, costs more than the products that it saves.</summary>
    private const long LeastTiles = 64;

    /// <summary>The same for a kernel that is kept in that form, and only read.</summary>
    private const long LeastTilesOfKept = 32;

    /// <inheritdoc/>
    public override string Name => nameof(WinogradConvolution);

    /// <summary>Whether this way is there on this machine: processors with AVX-512.</summary>
    internal static bool IsAvailable => Avx512F.IsSupported;

    /// <summary>Whether it pays for a convolution.</summary>
    /// <param name="map">What is convolved, or some of it.</param>
    /// <param name="height">Rows of the result.</param>
    /// <param name="width">Pixels of a row of the result.</param>
    /// <param name="kernel">The kernel.</param>
    /// <param name="kept">Whether the kernel's other form is kept from pass to pass.</param>
    internal static bool Suits(Tensor map, long height, long width, Tensor kernel, bool kept = false)
    {
        if (!IsAvailable || map.device_type != DeviceType.CPU || map.dtype != float32 || kernel.dtype != float32) return false;
        long[] shape = kernel.shape;
        return shape[2] == 3 && shape[3] == 3 && shape[0] % 16 == 0 && shape[1] % 16 == 0
            && map.shape[0] * ((height + 3) / 4) * ((width + 3) / 4) >= (kept ? LeastTilesOfKept : LeastTiles);
    }

    /// <summary>The convolution of the doubled small map and the large one, with gradients where they are wanted.</summary>
    /// <param name="convolution">3×3, stride 1, padding 1, for the channels of both maps.</param>
    /// <param name="small">(N, C, H/2, W/2), or null.</param>
    /// <param name="large">(N, D, H, W), or null.</param>
    /// <returns>(N, F, H, W), owned by the caller's dispose scope.</returns>
    internal static Tensor Apply(Conv2d convolution, Tensor? small, Tensor? large)
    {
        (small, large) = (small is null ? null : ChannelsLast.Of(small), large is null ? null : ChannelsLast.Of(large));
        Tensor kernel = convolution.weight!;
        Tensor? bias = convolution.bias;
        var call = new Call(small is not null, large is not null, small?.requires_grad == true, large?.requires_grad == true, kernel.requires_grad, bias?.requires_grad == true) { HasBias = bias is not null };
        if (is_grad_enabled() && (call.WantsSmall || call.WantsLarge || call.WantsKernel || call.WantsBias))
            return apply([call, .. new[] { small, large, kernel, bias }.OfType<Tensor>()]);
        using Tensor form = Form(kernel.detach());
        return Compute(form, kernel.shape[0], bias, small, large, relu: false);
    }

    /// <summary>A kernel in the form that <see cref="Compute(Tensor, long, Tensor?, Tensor?, Tensor?, bool)"/> takes.</summary>
    /// <param name="kernel">(F, C, 3, 3).</param>
    /// <returns>Owned by the caller.</returns>
    internal static Tensor Form(Tensor kernel)
    {
        using Tensor plain = kernel.contiguous();
        return Form(plain, (int)kernel.shape[0], (int)kernel.shape[1], 0, turned: false);
    }

    /// <summary>relu(convolution + bias), or without the ReLU, without gradients.</summary>
    /// <param name="form">See <see cref="Form(Tensor)"/>.</param>
    /// <param name="filters">F.</param>
    /// <param name="bias">(F), contiguous, or null.</param>
    /// <param name="small">(N, C, H/2, W/2), channels last, or null.</param>
    /// <param name="large">(N, D, H, W), channels last, or null.</param>
    /// <param name="relu">Whether negative results become 0.</param>
    /// <returns>(N, F, H, W), channels last, owned by the caller's dispose scope.</returns>
    internal static Tensor Compute(Tensor form, long filters, Tensor? bias, Tensor? small, Tensor? large, bool relu)
    {
        Tensor map = (large ?? small)!;
        int scale = large is null ? 2 : 1;
        Tensor result = ChannelsLast.Empty(map.shape[0], filters, map.shape[2] * scale, map.shape[3] * scale);
        Compute(form, bias, small is null ? null : MapView.Of(small), large is null ? null : MapView.Of(large), MapView.Of(result), relu);
        GC.KeepAlive(small);
        GC.KeepAlive(large);
        return result;
    }

    /// <summary>The same of maps in memory.</summary>
    /// <param name="form">See <see cref="Form(Tensor)"/>.</param>
    /// <param name="bias">(F), contiguous, or null.</param>
    /// <param name="small">C channels, half as high and wide; or null.</param>
    /// <param name="large">D channels, or null.</param>
    /// <param name="to">F channels.</param>
    /// <param name="relu">Whether negative results become 0.</param>
    /// <param name="memory">See <see cref="TiledConvolution.Convolve"/>.</param>
    internal static void Compute(Tensor form, Tensor? bias, MapView? small, MapView? large, MapView to, bool relu, float* memory = null)
    {
        var from = new List<Pixels>(2);
        if (small is { } half) from.Add(new Pixels(half.Numbers, half.Channels, isHalf: true));
        if (large is { } whole) from.Add(new Pixels(whole.Numbers, whole.Channels, isHalf: false));
        TiledConvolution.Convolve(new TileGrid(to.Images, to.Height, to.Width), [.. from], TensorMemory.Numbers(form), [new Pixels(to.Numbers, to.Channels, isHalf: false)], bias is null ? null : TensorMemory.Numbers(bias), relu, memory);
        GC.KeepAlive(form);
        GC.KeepAlive(bias);
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var call = (Call)vars[0];
        Tensor[] tensors = [.. vars.Skip(1).Cast<Tensor>()];
        (Tensor? small, Tensor? large, Tensor kernel) = call.Of(tensors);
        ctx.save_data(Key, call);
        ctx.save_for_backward([.. tensors[..(call.Maps + 1)]]);
        using Tensor form = Form(kernel.detach());
        return Compute(form, kernel.shape[0], tensors.ElementAtOrDefault(call.Maps + 1), small, large, relu: false);
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        var call = (Call)ctx.get_data(Key);
        (Tensor? small, Tensor? large, Tensor kernel) = call.Of([.. ctx.get_saved_variables()]);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        Tensor gradient = ChannelsLast.Of(grad_output), plain = kernel.contiguous();
        TileGrid grid = Grid(gradient);
        int filters = (int)kernel.shape[0], below = (int)(small?.shape[1] ?? 0);
        Tensor? ofSmall = call.WantsSmall ? Map(small!) : null, ofLarge = call.WantsLarge ? Map(large!) : null;
        Tensor? ofKernel = call.WantsKernel ? empty(kernel.shape, float32) : null, ofBias = call.WantsBias ? empty(filters, float32) : null;
        if (ofSmall is not null || ofLarge is not null)
        {
            // Channels of the small map come first in the kernel.
            int outputs = (ofSmall is null ? 0 : below) + (int)(ofLarge?.shape[1] ?? 0);
            using Tensor form = Form(plain, outputs, filters, ofSmall is null ? below : 0, turned: true);
            TiledConvolution.Convolve(grid, [PixelsOf(gradient)], TensorMemory.Numbers(form), Inputs(ofSmall, ofLarge), null, relu: false);
        }

        if (ofKernel is not null)
            TiledConvolution.KernelGradient(grid, Inputs(small, large), PixelsOf(gradient), TensorMemory.Numbers(ofKernel), ofBias is null ? null : TensorMemory.Numbers(ofBias));
        else if (ofBias is not null)
            ofBias.copy_(gradient.sum([0, 2, 3]));
        var gradients = new List<Tensor> { null! };
        if (small is not null) gradients.Add(ofSmall?.MoveToOuterDisposeScope()!);
        if (large is not null) gradients.Add(ofLarge?.MoveToOuterDisposeScope()!);
        gradients.Add(ofKernel?.MoveToOuterDisposeScope()!);
        if (call.HasBias) gradients.Add(ofBias?.MoveToOuterDisposeScope()!);
        return gradients;
    }

    private static Tensor Form(Tensor kernel, int outputs, int inputs, int firstChannel, bool turned)
    {
        Tensor form = empty(TiledConvolution.KernelSize(outputs, inputs), float32).DetachFromDisposeScope();
        TiledConvolution.Prepare(TensorMemory.Numbers(kernel) + firstChannel * 9, outputs, inputs, (nint)kernel.shape[1] * 9, turned, TensorMemory.Numbers(form));
        return form;
    }

    private static Tensor Map(Tensor like) => ChannelsLast.Empty(like.shape[0], like.shape[1], like.shape[2], like.shape[3]);

    private static TileGrid Grid(Tensor map) => new((int)map.shape[0], (int)map.shape[2], (int)map.shape[3]);

    private static Pixels PixelsOf(Tensor map, bool isHalf = false) => new(TensorMemory.Pixels(map), (int)map.shape[1], isHalf);

    private static Pixels[] Inputs(Tensor? small, Tensor? large) =>
        [.. new[] { (Map: small, IsHalf: true), (Map: large, IsHalf: false) }.Where(one => one.Map is not null).Select(one => PixelsOf(one.Map!, one.IsHalf))];

    /// <summary>What a convolution gets, and of what gradients are wanted.</summary>
    private sealed record Call(bool HasSmall, bool HasLarge, bool WantsSmall, bool WantsLarge, bool WantsKernel, bool WantsBias)
    {
        internal bool HasBias { get; init; }

        internal int Maps => (HasSmall ? 1 : 0) + (HasLarge ? 1 : 0);

        /// <summary>Small map, large map and kernel, of which those that are there follow each other.</summary>
        internal (Tensor? Small, Tensor? Large, Tensor Kernel) Of(Tensor[] tensors) => (HasSmall ? tensors[0] : null, HasLarge ? tensors[Maps - 1] : null, tensors[Maps]);
    }
}
