using System.Security.Cryptography;
using TorchSharp.Modules;
using UnetResnet.Normalization;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Diagnosis;

/// <summary>Holds an experiment to its promise to leave a model exactly as it found it.</summary>
internal static class Untouched
{
    /// <summary>
    /// Runs the experiment on the model in training mode with one child in inference mode and a mode set by hand, so that nothing is as a reset would leave it,
    /// and compares every byte and every setting.
    /// </summary>
    public static T By<T>(Module model, Func<T> experiment)
    {
        model.train();
        model.children().Last().eval();
        if (model.parameters().FirstOrDefault() is { } first) first.requires_grad_(!first.requires_grad);
        string before = Describe(model);
        T result = experiment();
        Assert.Equal(before, Describe(model));
        return result;
    }

    /// <summary>Parameters, buffers, gradients, modes, momenta, flags and random state, as text.</summary>
    public static string Describe(Module model)
    {
        using var scope = NewDisposeScope();
        static string Hash(Tensor tensor) => Convert.ToHexString(SHA256.HashData(tensor.contiguous().bytes));
        return string.Join('\n',
            model.named_modules().Prepend(("", model)).Select(m => $"{m.Item1} {m.Item2.training} {(m.Item2 as ModalBatchNorm2d)?.Mode} {(m.Item2 as NormBase)?.momentum}")
                .Concat(model.named_parameters().Select(p => $"{p.name} {p.parameter.requires_grad} {Hash(p.parameter)} {(p.parameter.grad is { } gradient ? Hash(gradient) : "none")}"))
                .Concat(model.named_buffers().Select(b => $"{b.name} {Hash(b.buffer)}"))
                .Append(Hash(get_rng_state())));
    }
}
