using UnetResnet.Normalization;

namespace UnetResnet.Models;

/// <summary>What computes a convolution and what follows it, over maps in memory.</summary>
/// <param name="Kernel">In one of the kit's own forms, see <see cref="FoldedKernel.IsOwn"/>.</param>
/// <param name="Scaling">What comes between the convolution and the ReLU; null where it is in the kernel.</param>
/// <param name="Relu">Whether negative results become 0.</param>
internal sealed record OwnLayer(FoldedKernel Kernel, ChannelScaling? Scaling, bool Relu);
