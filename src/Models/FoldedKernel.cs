using UnetResnet.Models.Products;
using UnetResnet.Models.Winograd;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Models;

/// <summary>Whose form a kernel is in.</summary>
internal enum KernelForm
{
    /// <summary>That of <see cref="FusedConvolution"/>.</summary>
    OneDnn,

    /// <summary>That of <see cref="WinogradConvolution"/>.</summary>
    Tiles,

    /// <summary>That of <see cref="PanelConvolution"/>, or of <see cref="DoubledProduct"/> for a map that is doubled.</summary>
    Panels,
}

/// <summary>What a layer is computed with: its kernel in the form that pays for maps of one size, and its bias.</summary>
/// <param name="Form">Of the kernel.</param>
/// <param name="Kernel">The kernel.</param>
/// <param name="Bias">(F), contiguous.</param>
internal sealed unsafe record FoldedKernel(KernelForm Form, Tensor Kernel, Tensor Bias) : IDisposable
{
    /// <summary>What convolves the small map, if it does so apart from the large one.</summary>
    internal (KernelForm Form, Tensor Kernel)? Half { get; init; }

    /// <summary>C, without the channels that <see cref="Half"/> convolves.</summary>
    internal required int Inputs { get; init; }

    /// <summary>F.</summary>
    internal int Outputs { get; } = (int)Bias.shape[0];

    internal int Stride { get; init; } = 1;

    internal int Padding { get; init; }

    /// <summary>Whether the kit's own loops compute the layer, over maps in memory too.</summary>
    internal bool IsOwn => Form != KernelForm.OneDnn && Half?.Form is null or KernelForm.Panels;

    /// <summary>The convolution, or its ReLU.</summary>
    /// <returns>Owned by the caller's dispose scope.</returns>
    internal Tensor Apply(Tensor x, bool relu) => Form switch
    {
        KernelForm.Tiles => WinogradConvolution.Compute(Kernel, Outputs, Bias, null, x, relu),
        KernelForm.Panels => PanelConvolution.Compute(Kernel, Bias, x, relu),
        _ => FusedConvolution.Apply(x, Kernel, Bias, Stride, Padding, relu),
    };

    /// <summary>sum ← relu(sum + convolution), of a 1×1 convolution.</summary>
    internal void AddTo(Tensor sum, Tensor x)
    {
        if (Form == KernelForm.Panels) PanelConvolution.AddTo(sum, Kernel, Bias, x, relu: true);
        else FusedConvolution.AddTo(sum, x, Kernel, Bias, Padding, relu: true);
    }

    /// <summary>The convolution, or its ReLU, if <see cref="IsOwn"/>.</summary>
    /// <param name="from">C channels.</param>
    /// <param name="to">F channels, to be written.</param>
    /// <param name="relu">Whether negative results become 0.</param>
    /// <param name="memory">What lies between, see <see cref="Needed"/>, for a worker that computes alone; or null.</param>
    internal void Apply(MapView from, MapView to, bool relu, float* memory)
    {
        if (Form == KernelForm.Tiles) WinogradConvolution.Compute(Kernel, Bias, null, from, to, relu, memory);
        else PanelConvolution.Compute(Kernel, Bias, from, to, add: false, relu, memory);
    }

    /// <summary>sum ← relu(sum + convolution), of a 1×1 convolution, if <see cref="IsOwn"/>.</summary>
    internal void AddTo(MapView sum, MapView from) => PanelConvolution.Compute(Kernel, Bias, from, sum, add: true, relu: true);

    /// <summary>The convolution of the doubled small map and the large one, or its ReLU, if <see cref="IsOwn"/>.</summary>
    /// <param name="small">Half as high and wide as <paramref name="to"/>.</param>
    /// <param name="large">As high and wide as <paramref name="to"/>, or null.</param>
    /// <param name="to">F channels, to be written.</param>
    /// <param name="relu">Whether negative results become 0.</param>
    /// <param name="memory">What lies between, see <see cref="Needed"/>, for a worker that computes alone; or null.</param>
    internal void Apply(MapView small, MapView? large, MapView to, bool relu, float* memory)
    {
        if (Half is not { } half)
        {
            WinogradConvolution.Compute(Kernel, Bias, small, large, to, relu, memory);
            return;
        }

        Apply(large!.Value, to, relu: false, memory);
        DoubledProduct.AddTo(to, half.Kernel, small, relu, memory);
    }

    /// <summary>Numbers of what lies between while a worker alone computes maps of such a size, if <see cref="IsOwn"/>.</summary>
    internal long Needed(int images, int height, int width) => Math.Max(
        Form == KernelForm.Tiles ? TiledConvolution.Needed(new TileGrid(images, height, width), Inputs, Outputs) : PanelConvolution.Needed(Kernel, Inputs, Outputs, images * height * width),
        Half is null ? 0 : DoubledProduct.Needed((long)images * (height / 2) * (width / 2), Outputs));

    /// <summary>Frees kernel and bias.</summary>
    public void Dispose()
    {
        Kernel.Dispose();
        Bias.Dispose();
        Half?.Kernel.Dispose();
    }
}
