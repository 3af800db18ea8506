using UnetResnet.Models;
using UnetResnet.Normalization;
using static TorchSharp.torch;

namespace UnetResnet.Weights;

/// <summary>
/// Takes a U-Net to PyTorch: <c>model.safetensors</c>, a short twin of the network in Python (<c>unet_resnet50.py</c>, whose <c>load</c> gives the module and whose <c>save</c> writes it so that
/// <c>UNetResNet50.Load</c> takes it back), <c>train.py</c>, which trains it in one process or in many, and <c>check.safetensors</c> with an input and the logits that the twin must reproduce.
/// </summary>
public static class PyTorchExport
{
    private static readonly string[] Scripts = ["unet_resnet50.py", "train.py"];

    /// <summary>Names of the files, in the order in which they are written.</summary>
    public static IReadOnlyList<string> Files { get; } = ["model.safetensors", "check.safetensors", .. Scripts];

    /// <summary>Writes the files. The network is asked in inference mode and left as it was.</summary>
    /// <param name="unet">The network; any device.</param>
    /// <param name="folder">The folder; made if need be.</param>
    /// <param name="overwrite">Whether files of these names may be replaced.</param>
    /// <exception cref="ArgumentException">Something of the network has no twin: folded or replaced batch norm, batch statistics in inference, or layers of different ε. The message says what to undo.</exception>
    /// <exception cref="WeightsException">A file is there already or cannot be written, or the logits are not finite.</exception>
    public static void Write(UNetResNet50 unet, string folder, bool overwrite = false)
    {
        Check(unet);
        Dictionary<string, string> header = UNetResNet50Files.Header(unet);
        if (header.ContainsKey(ModelHeader.LayerOptions))
            throw new ArgumentException("The batch-norm layers of the encoder or of the decoder have different ε or momentum, and the PyTorch twin has one for each part. Give them the same Options.", nameof(unet));
        string[] paths = [.. Files.Select(name => Path.Combine(folder, name))];
        foreach (string path in paths) Overwriting.Check(path, overwrite);
        using var scope = NewDisposeScope();
        (Tensor input, Tensor logits) = Example(unet);
        if (!logits.isfinite().all().item<bool>())
            throw new WeightsException("The network's logits are infinite or undefined: there is nothing sensible to export. Take an earlier state of its training.");
        ModelFile.Write(unet, header, paths[0]);
        Safetensors.Write(paths[1], [new("input", input), new("logits", logits)]);
        foreach (string script in Scripts)
        {
            using Stream text = typeof(PyTorchExport).Assembly.GetManifestResourceStream(script)!;
            WeightsFile.Write(Path.Combine(folder, script), text.CopyTo);
        }
    }

    private static void Check(UNetResNet50 unet)
    {
        foreach ((string name, ModalBatchNorm2d layer) in unet.named_modules().Where(m => m.module is ModalBatchNorm2d).Select(m => (m.name, (ModalBatchNorm2d)m.module)))
        {
            if (layer.ReplacedBy is { } other)
                throw new ArgumentException($"'{name}' is {other} in the place of batch norm, which the PyTorch twin does not have. Undo it first (Folding.Undo, GroupNormalization.Undo).", nameof(unet));
            if (layer.Mode == BatchNormMode.BatchOnly)
                throw new ArgumentException($"'{name}' uses the batch's statistics in inference, which the PyTorch twin does not. Undo it (TestTimeStatistics.Undo), or give it another mode (Freeze, Unfreeze).", nameof(unet));
        }
    }

    /// <summary>Two images of noise in the range of preprocessed ones, of unequal sides, and their logits.</summary>
    private static (Tensor Input, Tensor Logits) Example(UNetResNet50 unet)
    {
        using var modes = new ModeSnapshot(unet);
        using var noGrad = no_grad();
        using var generator = new Generator(0);
        Tensor input = randn([2, 3, 64, 96], generator: generator) * 60;
        unet.eval();
        return (input, unet.call(input.to(unet.parameters().First().device)).cpu());
    }
}
