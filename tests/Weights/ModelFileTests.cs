using System.Text.Json.Nodes;
using TorchSharp;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Tests.Models;
using UnetResnet.Weights;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Weights;

/// <summary>A file that is loaded is the network that was saved: the same logits bit for bit, the same options, modes and frozen parameters.</summary>
public sealed class ModelFileTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private string File => folder["unet.safetensors"];

    private static readonly UNetOptions Plain = new() { Encoder = new ResNet50Options { Width = 16 } };

    private static UNetResNet50 UNet(UNetOptions options)
    {
        var unet = new UNetResNet50(options);
        KeyedNumbers.Fill(unet);
        return unet;
    }

    public static TheoryData<string, UNetOptions> Networks { get; } = new()
    {
        { "plain", Plain },
        { "symmetric padding", Plain with { Encoder = Plain.Encoder with { Padding = ConvolutionPadding.Symmetric } } },
        { "other ε", Plain with { BatchNorm = BatchNormOptions.Torch, Encoder = Plain.Encoder with { BatchNorm = BatchNormOptions.Keras214 with { Eps = 0.1, Momentum = 0.25 } } } },
        { "renormalisation", Plain with { BatchNorm = BatchNormOptions.Keras3 with { Renormalization = BatchRenormalization.Unlimited } } },
        { "three classes, other dropout", Plain with { Classes = 3, SpatialDropout = 0.5 } },
        { "decoder without batch norm", Plain with { DecoderBatchNorm = false } },
        { "torchvision", Plain with { Encoder = ResNet50Options.Torchvision with { Width = 32 } } },
    };

    [Theory]
    [MemberData(nameof(Networks))]
    public void What_was_saved_comes_back_bit_for_bit(string name, UNetOptions options)
    {
        using UNetResNet50 unet = UNet(options);
        using UNetResNet50 back = Again(unet);
        Assert.Equal((name, options), (name, back.Options));
        AssertSame(unet, back);
    }

    /// <summary>Keyed numbers of another name: what the file says is seen to matter.</summary>
    [Fact]
    public void Padding_and_eps_change_the_logits_of_the_same_weights()
    {
        using UNetResNet50 same = UNet(Plain), symmetric = UNet(Plain with { Encoder = Plain.Encoder with { Padding = ConvolutionPadding.Symmetric } }), other = UNet(Plain with { BatchNorm = BatchNormOptions.Keras213 with { Eps = 0.5 } });
        Assert.False(Logits(same, training: false).equal(Logits(symmetric, training: false)).all().item<bool>());
        Assert.False(Logits(same, training: false).equal(Logits(other, training: false)).all().item<bool>());
    }

    [Fact]
    public void Modes_and_what_is_frozen_come_back_even_where_they_disagree()
    {
        using UNetResNet50 unet = UNet(Plain);
        unet.Encoder.Freeze(BatchNormMode.Keras213);
        unet.Encoder.BatchNormLayers()[7].Layer.Mode = BatchNormMode.AffineOnly;
        unet.Encoder.BatchNormLayers()[8].Layer.Weight!.requires_grad_(true);
        unet.Decoder.BatchNormLayers()[0].Layer.Mode = BatchNormMode.BatchOnly;
        unet.Decoder.get_parameter("prediction.bias")!.requires_grad_(false);
        using UNetResNet50 back = Again(unet);
        AssertSame(unet, back);
    }

    [Fact]
    public void Options_exchanged_after_building_come_back()
    {
        using UNetResNet50 unet = UNet(Plain);
        foreach ((_, BatchNormLayer layer) in unet.Encoder.BatchNormLayers()) layer.Options = BatchNormOptions.Torch;
        unet.Decoder.BatchNormLayers()[3].Layer.Options = BatchNormOptions.Keras3 with { Eps = 0.2 };
        using UNetResNet50 back = Again(unet);
        Assert.Equal(BatchNormOptions.Torch, back.Options.Encoder.BatchNorm);
        Assert.Equal(Plain.BatchNorm, back.Options.BatchNorm);
        Assert.Equal(unet.Decoder.BatchNormLayers().Select(l => l.Layer.Options), back.Decoder.BatchNormLayers().Select(l => l.Layer.Options));
        AssertSame(unet, back);
    }

    [Theory]
    [InlineData(ScalarType.Float64)]
    [InlineData(ScalarType.BFloat16)]
    public void Precision_and_preprocessing_come_back(ScalarType type)
    {
        using UNetResNet50 unet = UNet(Plain);
        unet.to(type);
        unet.Encoder.Preprocessing = "tf";
        using UNetResNet50 back = Again(unet);
        Assert.All(back.parameters(), p => Assert.Equal(type, p.dtype));
        Assert.Equal("tf", back.Encoder.Preprocessing);
        Assert.Equal(ModuleState.Describe(unet), ModuleState.Describe(back));
    }

    [Fact]
    public void A_classifier_comes_back_and_is_no_U_Net()
    {
        using var classifier = new ResNet50Encoder(new ResNet50Options { Width = 16, IncludeTop = true, Classes = 7, Padding = ConvolutionPadding.Symmetric });
        classifier.Save(File);
        using ResNet50Encoder back = ResNet50Encoder.Load(File);
        Assert.Equal(classifier.Options, back.Options);
        Assert.Equal(ModuleState.Describe(classifier), ModuleState.Describe(back));
        Assert.Contains("ResNet50Encoder.Load", Assert.Throws<WeightsException>(() => UNetResNet50.Load(File)).Message);

        // The same file as weights from elsewhere: another padding would compute something else.
        using var same = new ResNet50Encoder(new ResNet50Options { Width = 16, IncludeTop = true, Classes = 7 });
        Assert.Contains("padding Symmetric", Assert.Throws<WeightsException>(() => EncoderWeights.Load(same, File)).Message);
        Assert.Equal(320, EncoderWeights.Load(same, File, new LoadOptions { AnyEpsAndPadding = true }).Matched.Count);
    }

    /// <summary>Other groups in the decoder, frozen layers below: all of it comes back, and so does batch norm where the conversion is undone.</summary>
    [Fact]
    public void Group_normalisation_comes_back_and_can_be_undone()
    {
        using UNetResNet50 unet = UNet(Plain);
        unet.Encoder.Freeze(BatchNormMode.Keras213);
        GroupNormalization.Apply(unet.Encoder, groups: 8);
        GroupNormalization.Apply(unet.Decoder, groups: 4);
        using UNetResNet50 back = Again(unet);
        Assert.Equal(53, back.Encoder.modules().OfType<ModalBatchNorm2d>().Count(norm => norm.ReplacedBy == "GroupNorm(8)"));
        Assert.Equal(10, back.Decoder.modules().OfType<ModalBatchNorm2d>().Count(norm => norm.ReplacedBy == "GroupNorm(4)"));
        AssertSame(unet, back);
        Assert.Contains("group normalisation", Assert.Throws<WeightsException>(() => ModelFile.Options<UNetOptions>(File, nameof(UNetResNet50))).Message);

        unet.Encoder.Save(folder["encoder.safetensors"]);
        using ResNet50Encoder encoder = ResNet50Encoder.Load(folder["encoder.safetensors"]);
        Assert.Equal(53, GroupNormalization.Undo(encoder));
        Assert.Contains("group normalisation", Assert.Throws<WeightsException>(() => EncoderWeights.Load(encoder, folder["encoder.safetensors"])).Message);

        Assert.Equal((63, 63), (GroupNormalization.Undo(unet), GroupNormalization.Undo(back)));
        AssertSame(unet, back);
    }

    [Fact]
    public void A_file_without_settings_is_refused_unless_the_caller_gives_them()
    {
        UNetOptions options = Plain with { Encoder = Plain.Encoder with { Padding = ConvolutionPadding.Symmetric } };
        using UNetResNet50 unet = UNet(options);
        Safetensors.Write(File, unet.state_dict());
        Assert.Contains("UNetResNet50.Load(path, options)", Assert.Throws<WeightsException>(() => UNetResNet50.Load(File)).Message);
        using UNetResNet50 back = UNetResNet50.Load(File, options);
        AssertSame(unet, back);
    }

    [Fact]
    public void Options_other_than_the_file_s_are_refused_with_both()
    {
        using UNetResNet50 unet = UNet(Plain);
        unet.Save(File);
        using UNetResNet50 agreed = UNetResNet50.Load(File, Plain);
        string message = Assert.Throws<WeightsException>(() => UNetResNet50.Load(File, Plain with { SpatialDropout = 0.75 })).Message;
        Assert.Contains("0.75", message);
        Assert.Contains("Leave the options out", message);
    }

    [Fact]
    public void A_network_that_a_file_cannot_hold_is_refused_with_the_cure()
    {
        using UNetResNet50 unet = UNet(Plain);
        Assert.Contains(".safetensors", Assert.Throws<ArgumentException>(() => unet.Save(folder["unet.dat"])).Message);
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Theory]
    [InlineData("options", "{\"encoder\": {\"padding\": \"Reflect\"}}", "options in its header")]
    [InlineData("options", "{\"encoder\": {\"width\": 16, \"batch_norm\": {\"eps\": -1}}}", "Eps must be above 0")]
    [InlineData("options", "{\"encoder\": {\"width\": 16}, \"attention\": true}", "attention")]
    [InlineData("options", "{\"encoder\": {\"width\": 16}, \"spatial_dropout\": 1}", "dropout rate")]
    [InlineData("options", "{\"encoder\": {\"width\": 1048576}}", "cut short")]
    [InlineData("options", "null", "options in its header")]
    [InlineData("batch_norm_modes", "{\"Frozen\": []}", "batch_norm_modes in its header")]
    [InlineData("batch_norm_modes", "{\"Inference\": [\"encoder.bn99\"]}", "encoder.bn99")]
    [InlineData("group_normalization", "{\"encoder.bn_conv1\": 5}", "do not divide its 16 channels")]
    [InlineData("group_normalization", "{\"encoder.bn_conv1\": 0}", "do not divide its 16 channels")]
    [InlineData("group_normalization", "{\"encoder.bn99\": 8}", "encoder.bn99")]
    [InlineData("frozen", "[\"encoder.conv99.weight\"]", "encoder.conv99.weight")]
    [InlineData("network", "UNetVgg16", "UNetVgg16")]
    public void Headers_that_make_no_sense_are_refused_by_name(string name, string value, string part)
    {
        using UNetResNet50 unet = UNet(Plain);
        unet.Save(File);
        var metadata = Safetensors.Read(File).Metadata.ToDictionary();
        metadata[name] = value;
        Safetensors.Write(File, unet.state_dict(), metadata);
        string message = Assert.Throws<WeightsException>(() => UNetResNet50.Load(File)).Message;
        Assert.Contains("unet.safetensors", message);
        Assert.Contains(part, message);
    }

    [Fact]
    public void The_header_names_version_and_settings_in_words()
    {
        using UNetResNet50 unet = UNet(Plain);
        unet.Save(File);
        IReadOnlyDictionary<string, string> metadata = Safetensors.Read(File).Metadata;
        Assert.Equal("UNetResNet50", metadata["network"]);
        Assert.Matches(@"^\d+\.\d+\.\d+", metadata["kit"]);
        JsonNode options = JsonNode.Parse(metadata["options"])!;
        Assert.Equal("Same", options["encoder"]!["padding"]!.ToString());
        Assert.False(metadata.ContainsKey("frozen"));
    }

    private UNetResNet50 Again(UNetResNet50 unet)
    {
        unet.Save(File);
        return UNetResNet50.Load(File);
    }

    private static void AssertSame(UNetResNet50 unet, UNetResNet50 back)
    {
        using var scope = NewDisposeScope();
        Assert.Equal(ModuleState.Describe(unet), ModuleState.Describe(back));
        foreach (bool training in new[] { false, true }) Assert.True(Logits(unet, training).equal(Logits(back, training)).all().item<bool>());
    }

    private static Tensor Logits(UNetResNet50 unet, bool training)
    {
        using var noGrad = no_grad();
        unet.train(training);
        random.manual_seed(7);
        return unet.call(KeyedNumbers.Of("images", [2, 3, 64, 96], 0, 60));
    }
}
