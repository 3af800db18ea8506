using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Tests.Models;
using UnetResnet.Weights;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Weights;

/// <summary>The names of torchvision, and that weights never come into the other network. The real file format is tested in <c>EncoderOutputsTests</c>.</summary>
public sealed class TorchvisionWeightsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    private static readonly ResNet50Options Torchvision = ResNet50Options.Torchvision with { Width = 16 };

    private static readonly ResNet50Options Keras = new() { Width = 16 };

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Every_name_of_torchvision_finds_its_place()
    {
        using var scope = NewDisposeScope();
        using var saved = new ResNet50Encoder(Torchvision with { IncludeTop = true, Classes = 10 });
        KeyedNumbers.Fill(saved);
        string path = SaveAsTorchvision(saved);
        using var encoder = new ResNet50Encoder(Torchvision with { IncludeTop = true, Classes = 10 });
        LoadReport report = EncoderWeights.Load(encoder, path);
        Assert.Equal(ModuleState.Describe(saved), ModuleState.Describe(encoder));
        // 53 convolutions, 53 batch norms of 4, weight and bias of the top; 53 counters are left out.
        Assert.Equal((53 + 53 * 4 + 2, 53, "resnet50 of torchvision"), (report.Matched.Count, report.Ignored.Count, report.Family));

        using var withoutTop = new ResNet50Encoder(Torchvision);
        report = EncoderWeights.Load(withoutTop, path);
        Assert.Equal(["fc.bias", "fc.weight"], report.Ignored.Where(n => n.StartsWith("fc", StringComparison.Ordinal)).Order());
        Assert.Empty(report.Missing);
    }

    [Fact]
    public void A_name_too_many_and_one_too_few_are_reported()
    {
        using var scope = NewDisposeScope();
        using var encoder = new ResNet50Encoder(Torchvision);
        string path = SaveAsTorchvision(encoder, without: "layer4.2.bn3.bias", extra: "layer5.0.conv1.weight");
        string message = Assert.Throws<WeightsException>(() => EncoderWeights.Load(encoder, path)).Message;
        Assert.Contains("bn5c_branch2c.bias", message);
        Assert.Contains("layer5.0.conv1.weight", message);
        LoadReport report = EncoderWeights.Load(encoder, path, new LoadOptions { ByName = true });
        Assert.Equal(("bn5c_branch2c.bias", "layer5.0.conv1.weight"), (Assert.Single(report.Missing), Assert.Single(report.Unexpected)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Weights_never_come_into_the_other_network(bool byName)
    {
        using var scope = NewDisposeScope();
        using var torchvision = new ResNet50Encoder(Torchvision);
        using var keras = new ResNet50Encoder(Keras);
        ModuleWeights.Save(torchvision, folder["kit-torchvision.safetensors"]);
        ModuleWeights.Save(keras, folder["kit-keras.safetensors"]);
        Refused(keras, SaveAsTorchvision(torchvision), "its stride sits on the 3×3", "ResNet50Options.Torchvision");
        Refused(keras, folder["kit-torchvision.safetensors"], "its stride sits on the 3×3", "ResNet50Options.Torchvision");
        Refused(torchvision, folder["kit-keras.safetensors"], "its stride sits on the first 1×1", "ResNet50Architecture.Keras");

        using var again = new ResNet50Encoder(Torchvision);
        Assert.NotEqual(ModuleState.Describe(torchvision), ModuleState.Describe(again));
        EncoderWeights.Load(again, folder["kit-torchvision.safetensors"], new LoadOptions { ByName = byName });
        Assert.Equal(ModuleState.Describe(torchvision), ModuleState.Describe(again));

        void Refused(ResNet50Encoder encoder, string path, params string[] parts)
        {
            string before = ModuleState.Describe(encoder);
            string message = Assert.Throws<WeightsException>(() => EncoderWeights.Load(encoder, path, new LoadOptions { ByName = byName })).Message;
            Assert.All([path, .. parts], part => Assert.Contains(part, message));
            Assert.Equal(before, ModuleState.Describe(encoder));
        }
    }

    [PythonTheory("h5py")]
    [InlineData("keras1")]
    [InlineData("applications")]
    public void A_file_of_Keras_is_refused_by_torchvisions_network(string form)
    {
        Python.Run("keras_h5.py", form, "16", folder["keras.h5"]);
        using var encoder = new ResNet50Encoder(Torchvision);
        Assert.Contains("its stride sits on the first 1×1", Assert.Throws<WeightsException>(() => EncoderWeights.Load(encoder, folder["keras.h5"])).Message);
    }

    [Fact]
    public void Another_epsilon_is_refused_unless_it_is_wanted()
    {
        using var scope = NewDisposeScope();
        using var saved = new ResNet50Encoder(Torchvision);
        string path = SaveAsTorchvision(saved);
        using var encoder = new ResNet50Encoder(Torchvision with { BatchNorm = BatchNormOptions.Keras3 });
        Assert.Contains("ε 1e-5", Assert.Throws<WeightsException>(() => EncoderWeights.Load(encoder, path)).Message);
        Assert.Equal(265, EncoderWeights.Load(encoder, path, new LoadOptions { AnyEpsAndPadding = true }).Matched.Count);
    }

    /// <summary>The names by torchvision's own rule, written out.</summary>
    private string SaveAsTorchvision(ResNet50Encoder encoder, string? without = null, string? extra = null)
    {
        var renamed = new Dictionary<string, Tensor>();
        foreach ((string key, Tensor value) in encoder.state_dict())
        {
            string[] parts = key.Split('.');
            renamed.Add($"{TorchvisionName(parts[0])}.{parts[1]}", value);
            if (parts[1] == "running_var") renamed.Add($"{TorchvisionName(parts[0])}.num_batches_tracked", tensor(0L));
        }

        if (without is not null) Assert.True(renamed.Remove(without));
        if (extra is not null) renamed.Add(extra, zeros(1));
        string path = folder[$"torchvision-{Guid.NewGuid():N}.safetensors"];
        Safetensors.Write(path, renamed);
        return path;
    }

    private static string TorchvisionName(string kit)
    {
        if (kit is "conv1") return "conv1";
        if (kit is "bn_conv1") return "bn1";
        if (kit is "fc1000") return "fc";
        bool norm = kit.StartsWith("bn", StringComparison.Ordinal);
        string rest = kit[(norm ? 2 : 3)..];
        string block = $"layer{rest[0] - '1'}.{rest[1] - 'a'}";
        return rest.EndsWith("branch1", StringComparison.Ordinal) ? $"{block}.downsample.{(norm ? 1 : 0)}" : $"{block}.{(norm ? "bn" : "conv")}{rest[^1] - 'a' + 1}";
    }
}
