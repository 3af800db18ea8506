using UnetResnet.Normalization;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Diagnosis;

/// <summary>A batch-norm layer of a <see cref="ProbedModel"/>, with what the forward pass does with it.</summary>
internal sealed class ProbedLayer(BatchNormLayer layer)
{
    /// <summary>The layer.</summary>
    internal BatchNormLayer Layer => layer;

    /// <summary>Dotted name in the model; empty where the model itself is the layer.</summary>
    internal string Name => layer.Name;

    /// <summary>Place in the forward pass, from 0.</summary>
    internal int Place { get; set; }

    /// <summary>How often one forward pass uses the layer. More than once, its running statistics mix several distributions.</summary>
    internal int Uses { get; set; }

    /// <summary>Values per channel that one image contributes, over all uses; a batch statistic of fewer than two values is no statistic.</summary>
    internal long ValuesPerImage { get; set; }

    /// <summary>Whether the layer normalises by the batch in training: its own mode and the training flag that <c>model.train()</c> leaves it with.</summary>
    internal bool BatchInTraining { get; set; }

    /// <summary>Whether the layer normalises by the batch in inference too.</summary>
    internal bool BatchInInference { get; set; }

    /// <summary>Whether training moves the running statistics.</summary>
    internal bool UpdatesInTraining { get; set; }

    /// <summary>Whether the layer is one function in training and another in inference. Only such a layer can have the disease.</summary>
    internal bool Switches => BatchInTraining && !BatchInInference;

    /// <summary>Whether γ receives no gradients.</summary>
    internal bool Frozen => layer.Weight is { requires_grad: false };

    /// <summary>Whether the layer keeps running statistics.</summary>
    internal bool HasStatistics => layer.HasStatistics;

    /// <summary>Number of channels C.</summary>
    internal long Channels => layer.Channels;

    /// <summary>What is added to the variance before the root.</summary>
    internal double Eps => layer.Options.Eps;

    /// <summary>The running mean, (C); the layer's own tensor.</summary>
    internal Tensor RunningMean => layer.RunningMean;

    /// <summary>The running variance, (C); the layer's own tensor.</summary>
    internal Tensor RunningVar => layer.RunningVar;

    /// <summary>The layer itself, for hooks.</summary>
    internal Module<Tensor, Tensor> Module => layer.Module;
}
