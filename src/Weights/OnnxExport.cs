using System.Globalization;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Weights.Onnx;
using static TorchSharp.torch;

namespace UnetResnet.Weights;

/// <summary>
/// Takes a U-Net to ONNX: one file that ONNX Runtime and many other programs run, on any machine and without PyTorch. It computes what the network computes in inference mode:
/// no dropout, batch norm by its running statistics. Opset <see cref="Opset"/>, IR version <see cref="IrVersion"/>, float32.
/// </summary>
/// <remarks>
/// The images are called <c>images</c>, (N, 3, height, width); what comes out is <c>logits</c> or <c>probabilities</c>, (N, classes, height, width). Nodes have the modules' names, and
/// numbers their state keys. The metadata say the number of classes, the multiple of the sides, and the preprocessing's name.
/// </remarks>
public static class OnnxExport
{
    /// <summary>Version of ONNX's operators: the oldest in which all that are used mean what they mean here.</summary>
    public const int Opset = 15;

    /// <summary>Version of ONNX's file format.</summary>
    public const int IrVersion = 8;

    private const string Input = "images";

    /// <summary>Writes the file; the network is not changed.</summary>
    /// <param name="unet">The network; any device, any precision (written as float32).</param>
    /// <param name="path">The file, such as <c>unet.onnx</c>.</param>
    /// <param name="options">Checked on entry; null for the defaults.</param>
    /// <param name="overwrite">Whether a file of this name may be replaced.</param>
    /// <returns>What was written, and what to know about it.</returns>
    /// <exception cref="ArgumentException">The options are not valid, the network is larger than such a file can be (2 GB), or batch norm is replaced or takes the batch's statistics in inference; the message says what to undo.</exception>
    /// <exception cref="WeightsException">The file is there already or cannot be written, or the network's numbers are infinite or undefined.</exception>
    public static OnnxExportReport Write(UNetResNet50 unet, string path, OnnxExportOptions? options = null, bool overwrite = false)
    {
        ArgumentNullException.ThrowIfNull(unet);
        ArgumentException.ThrowIfNullOrEmpty(path);
        options = (options ?? new OnnxExportOptions()).Validate();
        Check(unet);
        Overwriting.Check(path, overwrite);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        if (unet.state_dict().FirstOrDefault(entry => !entry.Value.isfinite().all().item<bool>()).Key is { } spoilt)
            throw new WeightsException($"'{spoilt}' holds numbers that are infinite or undefined: there is nothing sensible to export. Take an earlier state of the network's training.");

        string output = options.Probabilities ? "probabilities" : "logits";
        OnnxGraph graph = UNetGraph.Of(unet, options.Fold, Input, output, options.Probabilities);
        object[] sides = options.Side is { } side ? [side, side] : ["height", "width"];
        ProtoMessage model = graph.Model(
            nameof(UNetResNet50), (Input, ["batch", 3, .. sides]), (output, ["batch", unet.Options.Classes, .. sides]), IrVersion, Opset, Metadata(unet, options, output));
        if (model.Size > int.MaxValue)
            throw new ArgumentException($"The network has {NumberText.Grouped(model.Size)} bytes, and an ONNX file holds at most {NumberText.Grouped(int.MaxValue)}. Export it for PyTorch.", nameof(unet));
        WeightsFile.Write(path, model.WriteTo);
        ModalBatchNorm2d[] layers = [.. unet.modules().OfType<ModalBatchNorm2d>()];
        return new OnnxExportReport
        {
            Path = path,
            Bytes = model.Size,
            Nodes = graph.Nodes,
            BatchNormLayers = layers.Length,
            Folded = options.Fold,
            OtherInTraining = layers.Count(layer => layer.ReplacedBy is null && layer.Mode.UsesBatchStatistics(training: true) && !layer.Mode.UpdatesStatistics()),
        };
    }

    private static void Check(UNetResNet50 unet)
    {
        foreach ((string name, ModalBatchNorm2d layer) in unet.named_modules().Where(m => m.module is ModalBatchNorm2d).Select(m => (m.name, (ModalBatchNorm2d)m.module)))
        {
            // Folded, a layer has neutral numbers, which are exported as they are.
            if (layer.Replacement is not (null or FoldedNorm))
                throw new ArgumentException($"'{name}' is {layer.ReplacedBy} in the place of batch norm, which the ONNX file does not have. Undo it first (GroupNormalization.Undo).", nameof(unet));
            if (layer.Replacement is null && layer.Mode == BatchNormMode.BatchOnly)
                throw new ArgumentException($"'{name}' uses the batch's statistics in inference, which the ONNX file does not. Undo it (TestTimeStatistics.Undo), or give it another mode (Freeze, Unfreeze).", nameof(unet));
        }
    }

    private static Dictionary<string, string> Metadata(UNetResNet50 unet, OnnxExportOptions options, string output)
    {
        var metadata = new Dictionary<string, string>
        {
            ["kit"] = RuntimeStamp.LibraryVersion,
            ["network"] = nameof(UNetResNet50),
            ["classes"] = unet.Options.Classes.ToString(CultureInfo.InvariantCulture),
            ["output"] = output,
            ["batch_norm"] = options.Fold ? "folded" : "kept",
            ["side_multiple"] = "32",
        };
        if (unet.Encoder.Preprocessing is { } preprocessing) metadata["preprocessing"] = preprocessing;
        foreach ((string key, string text) in options.Metadata) metadata[key] = text;
        return metadata;
    }
}
