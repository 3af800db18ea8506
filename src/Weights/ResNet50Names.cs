namespace UnetResnet.Weights;

/// <summary>Where the weights of a ResNet50 come from, by the names in their file.</summary>
internal enum ResNet50Family
{
    /// <summary>Keras's layer names with PyTorch's parameter names: what the kit itself writes.</summary>
    Kit,

    /// <summary>Keras 1 to 2.2.4 (<c>res2a_branch2a</c>): ε 1e-3.</summary>
    Keras,

    /// <summary>keras-applications 1.0.8 and later (<c>conv2_block1_1_conv</c>): ε 1.001e-5, symmetric padding.</summary>
    KerasApplications,

    /// <summary>torchvision (<c>layer1.0.conv1</c>): stride on the 3×3, no biases, ε 1e-5, symmetric padding.</summary>
    Torchvision,
}

/// <summary>The names of ResNet50's layers in the families.</summary>
/// <param name="Kit">Name here and in Keras to 2.2.4.</param>
/// <param name="KerasApplications">Name in keras-applications 1.0.8 and later.</param>
/// <param name="Torchvision">Name in torchvision.</param>
internal sealed record ResNet50Names(string Kit, string KerasApplications, string Torchvision)
{
    /// <summary>The classifier.</summary>
    internal static ResNet50Names Top { get; } = new("fc1000", "predictions", "fc");

    /// <summary>53 convolutions, 53 batch norms, and the classifier last.</summary>
    internal static IReadOnlyList<ResNet50Names> All { get; } = [.. Layers()];

    /// <summary>The family of a set of layer names, or null.</summary>
    internal static ResNet50Family? FamilyOf(IReadOnlySet<string> layers) =>
        layers.Contains("layer1.0.conv1") ? ResNet50Family.Torchvision
        : layers.Contains("conv2_block1_1_conv") ? ResNet50Family.KerasApplications
        : layers.Contains("res2a_branch2a") ? ResNet50Family.Keras
        : null;

    /// <summary>The name in a family.</summary>
    internal string In(ResNet50Family family) => family switch
    {
        ResNet50Family.KerasApplications => KerasApplications,
        ResNet50Family.Torchvision => Torchvision,
        _ => Kit,
    };

    /// <summary>The family in words.</summary>
    internal static string Describe(ResNet50Family family) => family switch
    {
        ResNet50Family.Kit => "ResNet50 as this kit writes it",
        ResNet50Family.Keras => "ResNet50 of Keras to 2.2.4",
        ResNet50Family.KerasApplications => "ResNet50 of keras-applications from 1.0.8",
        _ => "resnet50 of torchvision",
    };

    private static IEnumerable<ResNet50Names> Layers()
    {
        yield return new("conv1", "conv1_conv", "conv1");
        yield return new("bn_conv1", "conv1_bn", "bn1");
        int[] blocks = [3, 4, 6, 3];
        for (int stage = 0; stage < blocks.Length; stage++)
        {
            for (int block = 0; block < blocks[stage]; block++)
            {
                string keras = $"{stage + 2}{(char)('a' + block)}_branch", applications = $"conv{stage + 2}_block{block + 1}", torchvision = $"layer{stage + 1}.{block}";
                for (int part = 1; part <= 3; part++)
                {
                    yield return new($"res{keras}2{(char)('a' + part - 1)}", $"{applications}_{part}_conv", $"{torchvision}.conv{part}");
                    yield return new($"bn{keras}2{(char)('a' + part - 1)}", $"{applications}_{part}_bn", $"{torchvision}.bn{part}");
                }

                if (block > 0) continue;
                yield return new($"res{keras}1", $"{applications}_0_conv", $"{torchvision}.downsample.0");
                yield return new($"bn{keras}1", $"{applications}_0_bn", $"{torchvision}.downsample.1");
            }
        }

        yield return Top;
    }
}
