namespace UnetResnet.Weights;

/// <summary>What <see cref="OnnxExport"/> has written.</summary>
public sealed record OnnxExportReport
{
    /// <summary>The file.</summary>
    public required string Path { get; init; }

    /// <summary>Its size.</summary>
    public required long Bytes { get; init; }

    /// <summary>Operations in it.</summary>
    public required int Nodes { get; init; }

    /// <summary>Batch-norm layers of the network.</summary>
    public required int BatchNormLayers { get; init; }

    /// <summary>Whether they are part of the convolutions.</summary>
    public required bool Folded { get; init; }

    /// <summary>
    /// Those among them that normalised by the batch in training and never moved their running statistics (<c>Keras213</c>). The file normalises by those statistics, as every exporter's does:
    /// if they are foreign to the images, the network is ill, and only the file shows it.
    /// </summary>
    public required int OtherInTraining { get; init; }

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Path}: {Nodes} operations, {Bytes} bytes, opset {OnnxExport.Opset}, IR version {OnnxExport.IrVersion}, batch norm {(Folded ? "folded" : "kept")}. The file computes in inference mode, as every exported network does: {BatchNormLayers} batch-norm layers by their running statistics, no dropout."
        + (OtherInTraining == 0 ? "" : $" {OtherInTraining} of them normalised by the batch in training and never moved those statistics: the file is not the network that was trained. Diagnose it ('lab doctor-model') and repair it before you ship it.");
}
