using UnetResnet.Normalization;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Models;

/// <summary>Everything that a call could change in a module, as text to compare: training flags, modes, gradients wanted, contents.</summary>
internal static class ModuleState
{
    public static string Describe(Module module) => string.Join('\n',
        module.named_modules().Select(m => $"{m.name} {m.module.training} {(m.module as ModalBatchNorm2d)?.Mode}")
            .Concat(module.named_parameters().Select(p => $"{p.name} {p.parameter.requires_grad}"))
            .Concat(module.state_dict().Select(s => $"{s.Key} {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(s.Value.contiguous().bytes))}")));
}
