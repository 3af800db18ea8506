using System.Globalization;
using System.Text.RegularExpressions;
using UnetResnet.Lab.Commands;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Tests.Lab;
using UnetResnet.Tests.Models;
using UnetResnet.Weights;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Weights;

/// <summary>What goes out must be the same network there. Debian's PyTorch and HDF5 are the judges.</summary>
public sealed class ExportTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private static UNetResNet50 UNet(UNetOptions options)
    {
        var unet = new UNetResNet50(options);
        KeyedNumbers.Fill(unet);
        return unet;
    }

    private static UNetResNet50 UNet() => UNet(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } });

    private static UNetOptions Variant(string name) => name switch
    {
        "plain" => new UNetOptions { Encoder = new ResNet50Options { Width = 16 } },
        "no batch norm in the decoder" => new UNetOptions { DecoderBatchNorm = false, Encoder = new ResNet50Options { Width = 16 } },
        "symmetric, other eps" => new UNetOptions
        {
            BatchNorm = BatchNormOptions.Torch,
            Encoder = new ResNet50Options { Width = 32, Padding = ConvolutionPadding.Symmetric, BatchNorm = BatchNormOptions.Keras3 with { Eps = 1.001e-5 } },
        },
        "three classes" => new UNetOptions { Classes = 3, SpatialDropout = 0.4, Encoder = new ResNet50Options { Width = 16 } },
        "torchvision" => new UNetOptions { SpatialDropout = 0, Encoder = ResNet50Options.Torchvision with { Width = 16 } },
        _ => throw new ArgumentException(name),
    };

    [PythonTheory("torch")]
    [InlineData("plain")]
    [InlineData("no batch norm in the decoder")]
    [InlineData("symmetric, other eps")]
    [InlineData("torchvision")]
    [InlineData("three classes")]
    public void The_PyTorch_twin_gives_the_same_logits(string variant)
    {
        using UNetResNet50 unet = UNet(Variant(variant));
        string before = ModuleState.Describe(unet);
        PyTorchExport.Write(unet, folder.Path);
        Assert.Equal(before, ModuleState.Describe(unet));

        // A file that is not the twin's must be noticed: otherwise the check checks nothing.
        PyTorchExport.Write(unet, folder["spoilt"]);
        using (no_grad()) unet.Decoder.get_parameter("prediction.bias")!.add_(1f);
        unet.Save(folder["spoilt", "model.safetensors"]);

        // Both checks as programs of one process: most of their time is the start of PyTorch.
        string both = folder.Write("both.py", """
            import runpy
            import sys
            for program in sys.argv[1:]:
                try:
                    runpy.run_path(program, run_name="__main__")
                except SystemExit as end:
                    print("exit", end.code)
            """);
        (int code, string output, string errors) = Python.RunFile(both, folder["unet_resnet50.py"], folder["spoilt", "unet_resnet50.py"]);
        Assert.True(code == 0, output + errors);
        Match found = Regex.Match(output, @"\Athe same logits: largest difference (.*), largest logit (.*)\nexit 0\nOTHER LOGITS.*\nexit 1\n\z");
        Assert.True(found.Success, output + errors);
        double difference = double.Parse(found.Groups[1].Value, CultureInfo.InvariantCulture), largest = double.Parse(found.Groups[2].Value, CultureInfo.InvariantCulture);
        // Float32 carries 7 digits, and these made-up numbers give logits in the hundreds; those of trained networks are below 10.
        Assert.True(difference < 1e-5 * Math.Max(10, largest), output);
    }

    [PythonTheory("torch")]
    [InlineData("--to", "pytorch")]
    public void The_command_s_network_has_a_twin_within_a_ten_thousandth(params string[] arguments)
    {
        Assert.Equal(0, Lab(arguments).Code);
        (int code, string output, string errors) = Python.RunFile(folder["out", "unet_resnet50.py"]);
        Assert.True(code == 0, output + errors);
        Assert.True(double.Parse(Regex.Match(output, "difference ([^,]*),").Groups[1].Value, CultureInfo.InvariantCulture) < 1e-4, output);
    }

    /// <summary>Trained on in PyTorch, a network comes home by the twin's save with its settings, or as what torch.save writes: another format, no settings, and counters that nothing here knows.</summary>
    [PythonTheory("torch")]
    [InlineData("plain")]
    [InlineData("symmetric, other eps")]
    [InlineData("three classes")]
    public void What_PyTorch_saves_of_the_twin_comes_back_too(string variant)
    {
        using UNetResNet50 unet = UNet(Variant(variant));
        PyTorchExport.Write(unet, folder.Path);
        string script = folder.Write("save.py", """
            import torch
            from unet_resnet50 import load, save
            model = load("model.safetensors")
            assert "decoder.conv6_1_bn.num_batches_tracked" in model.state_dict()
            torch.save(model.state_dict(), "model.pth")
            save(model, "home.safetensors")
            """);
        (int code, _, string errors) = Python.RunFile(script);
        Assert.True(code == 0, errors);
        using UNetResNet50 home = UNetResNet50.Load(folder["home.safetensors"]);
        Assert.Equal(ModuleState.Describe(unet), ModuleState.Describe(home));
        Assert.Equal(unet.Options, home.Options);

        Assert.Contains("UNetResNet50.Load(path, options)", Assert.Throws<WeightsException>(() => UNetResNet50.Load(folder["model.pth"])).Message);
        using UNetResNet50 back = UNetResNet50.Load(folder["model.pth"], unet.Options);
        Assert.Equal(ModuleState.Describe(unet), ModuleState.Describe(back));
    }

    /// <summary>The network in training, the check in inference.</summary>
    [Fact]
    public void The_check_is_an_input_and_the_networks_logits_and_the_network_is_left_as_it_was()
    {
        using var scope = NewDisposeScope();
        using UNetResNet50 unet = UNet();
        unet.train();
        string before = ModuleState.Describe(unet);
        PyTorchExport.Write(unet, folder.Path);
        Assert.Equal(before, ModuleState.Describe(unet));
        IReadOnlyDictionary<string, Tensor> check = Safetensors.Read(folder["check.safetensors"]).Tensors;
        Assert.Equal([2, 3, 64, 96], check["input"].shape);
        Assert.InRange(check["input"].std().item<float>(), 58, 62);
        unet.eval();
        using (no_grad()) Assert.True(check["logits"].equal(unet.call(check["input"])).all().item<bool>());

        using (no_grad()) unet.Decoder.get_parameter("prediction.bias")!.fill_(float.NaN);
        Assert.Contains("infinite or undefined", Assert.Throws<WeightsException>(() => PyTorchExport.Write(unet, folder["spoilt"])).Message);
        Assert.False(Directory.Exists(folder["spoilt"]));
    }

    [Fact]
    public void A_file_that_promises_more_than_it_holds_is_refused_before_anything_is_built()
    {
        using var scope = NewDisposeScope();
        Safetensors.Write(folder["unet.safetensors"], [new("encoder.conv1.weight", zeros(4096, 3, 7, 7))]);
        Assert.Contains("cut short", Assert.Throws<WeightsException>(() => UNetResNet50.Load(folder["unet.safetensors"], new UNetOptions { Encoder = new ResNet50Options { Width = 4096 } })).Message);
    }

    [Fact]
    public void Nothing_is_replaced_unasked()
    {
        using UNetResNet50 unet = UNet();
        folder.Write("check.safetensors", "mine");
        Assert.Contains("--force", Assert.Throws<WeightsException>(() => PyTorchExport.Write(unet, folder.Path)).Message);
        Assert.Equal([folder["check.safetensors"]], Directory.GetFiles(folder.Path));
        PyTorchExport.Write(unet, folder.Path, overwrite: true);
        Assert.Equal(PyTorchExport.Files.Count, Directory.GetFiles(folder.Path).Length);

        folder.Write("encoder.h5", "mine");
        Assert.Contains("encoder.h5", Assert.Throws<WeightsException>(() => KerasExport.Write(unet.Encoder, folder["encoder.h5"])).Message);
        Assert.Equal("mine", File.ReadAllText(folder["encoder.h5"]));
    }

    [Fact]
    public void What_has_no_twin_is_refused_with_the_way_back()
    {
        using UNetResNet50 unet = UNet();
        GroupNormalization.Apply(unet);
        Assert.Contains("GroupNormalization.Undo", Assert.Throws<ArgumentException>(() => PyTorchExport.Write(unet, folder.Path)).Message);
        Assert.Contains("GroupNorm(8)", Assert.Throws<ArgumentException>(() => KerasExport.Write(unet.Encoder, folder["encoder.h5"])).Message);
        GroupNormalization.Undo(unet);
        TestTimeStatistics.Apply(unet);
        Assert.Contains("statistics in inference", Assert.Throws<ArgumentException>(() => PyTorchExport.Write(unet, folder.Path)).Message);
        TestTimeStatistics.Undo(unet);
        using var symmetric = new ResNet50Encoder(new ResNet50Options { Width = 16, Padding = ConvolutionPadding.Symmetric });
        using var torchvision = new ResNet50Encoder(ResNet50Options.Torchvision with { Width = 16 });
        Assert.Contains("3×3", Assert.Throws<ArgumentException>(() => KerasExport.Write(torchvision, folder["encoder.h5"])).Message);
        Assert.Contains("Symmetric", Assert.Throws<ArgumentException>(() => KerasExport.Write(symmetric, folder["encoder.h5"])).Message);
        unet.Decoder.BatchNormLayers()[0].Layer.Options = BatchNormOptions.Torch;
        Assert.Contains("different ε", Assert.Throws<ArgumentException>(() => PyTorchExport.Write(unet, folder.Path)).Message);
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [PythonTheory("h5py")]
    [InlineData(false)]
    [InlineData(true)]
    public void The_Keras_file_is_the_one_that_HDF5_itself_writes_from_these_numbers(bool top)
    {
        using var encoder = new ResNet50Encoder(new ResNet50Options { Width = 16, IncludeTop = top });
        KeyedNumbers.Fill(encoder);
        KerasExport.Write(encoder, folder["encoder.h5"]);
        Python.Run("keras_h5.py", top ? "top" : "keras1", "16", folder["reference.h5"]);
        Assert.Equal("the same\n", Python.Run("keras_h5.py", "compare", folder["encoder.h5"], folder["reference.h5"]));

        using var back = new ResNet50Encoder(new ResNet50Options { Width = 16, IncludeTop = top });
        LoadReport report = EncoderWeights.Load(back, folder["encoder.h5"]);
        Assert.Equal(top ? 320 : 318, report.Matched.Count);
        Assert.Equal(ModuleState.Describe(encoder), ModuleState.Describe(back));
    }

    [Fact]
    public void The_command_writes_what_it_says()
    {
        (int code, string text, _) = Lab("--to", "pytorch");
        Assert.Equal(0, code);
        Assert.Contains("python unet_resnet50.py", text);
        Assert.Equal(PyTorchExport.Files.Order(), Directory.GetFiles(folder["out"]).Select(Path.GetFileName).Order());
        using UNetResNet50 bundled = UNetResNet50.Load(folder["out", "model.safetensors"]);
        using ResNet50Encoder encoder = ResNet50Encoder.Create(new ResNet50Options { Width = 16 }, "bundled");
        Assert.Equal(ModuleState.Describe(encoder), ModuleState.Describe(bundled.Encoder));

        (code, _, string error) = Lab("--to", "pytorch");
        Assert.Equal(1, code);
        Assert.Contains("--force", error);
        Assert.Equal(0, Lab("--to", "pytorch", "--force").Code);

        (code, _, _) = Lab("--to", "keras", "--weights", folder["out", "model.safetensors"]);
        Assert.Equal(0, code);
        using var back = new ResNet50Encoder(new ResNet50Options { Width = 16 });
        EncoderWeights.Load(back, folder["out", "encoder.h5"]);
        Assert.Equal(ModuleState.Describe(encoder), ModuleState.Describe(back));

        (code, _, error) = Lab("--to", "keras", "--weights", folder["nowhere.safetensors"]);
        Assert.Equal(1, code);
        Assert.Contains("nowhere.safetensors", error);
    }

    private (int Code, string Text, string Error) Lab(params string[] arguments) =>
        CommandRun.Of(ExportCommand.Create(), [folder["out"], .. arguments]);
}
