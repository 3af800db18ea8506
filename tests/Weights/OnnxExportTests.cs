using Microsoft.ML.OnnxRuntime;
using TorchSharp;
using UnetResnet.Data;
using UnetResnet.Lab.Commands;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Tests.Lab;
using UnetResnet.Tests.Models;
using UnetResnet.Tests.Training;
using UnetResnet.Training;
using UnetResnet.Weights;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Weights;

/// <summary>The exported file is the same network elsewhere: ONNX Runtime and ONNX's own checker are the judges.</summary>
public sealed class OnnxExportTests(TrainedUNet trained) : IClassFixture<TrainedUNet>, IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private static UNetOptions Variant(string name) => name switch
    {
        "no batch norm in the decoder" => new UNetOptions { DecoderBatchNorm = false, Encoder = new ResNet50Options { Width = 16 } },
        "other eps" => new UNetOptions { BatchNorm = BatchNormOptions.Torch, Encoder = new ResNet50Options { Width = 16, BatchNorm = BatchNormOptions.Keras3 with { Eps = 1.001e-5 } } },
        "three classes" => new UNetOptions { Classes = 3, Encoder = new ResNet50Options { Width = 16 } },
        "torchvision" => new UNetOptions { Encoder = ResNet50Options.Torchvision with { Width = 16 } },
        _ => throw new ArgumentException(name),
    };

    /// <summary>
    /// 16 slices at once, one by one, three at once and at sides of another size; logits are below 10 here, of which float32 carries 1e-6. Padding as PyTorch's is another network with the
    /// same numbers.
    /// </summary>
    [Theory]
    [InlineData(ConvolutionPadding.Same, false)]
    [InlineData(ConvolutionPadding.Same, true)]
    [InlineData(ConvolutionPadding.Symmetric, false)]
    [InlineData(ConvolutionPadding.Symmetric, true)]
    public void ONNX_Runtime_gives_the_logits_of_16_images_within_a_ten_thousandth(ConvolutionPadding padding, bool fold)
    {
        using var scope = NewDisposeScope();
        using var unet = new UNetResNet50(trained.UNet.Options with { Encoder = trained.UNet.Options.Encoder with { Padding = padding } });
        unet.load_state_dict(trained.UNet.state_dict());
        string before = ModuleState.Describe(unet);
        OnnxExportReport report = OnnxExport.Write(unet, folder["unet.onnx"], new OnnxExportOptions { Fold = fold });
        Assert.Equal(before, ModuleState.Describe(unet));
        Assert.Equal(new FileInfo(folder["unet.onnx"]).Length, report.Bytes);

        using Runtime runtime = new(folder["unet.onnx"]);
        using Batch slices = new BatchLoader(new SegmentationDataset(Preset.Quick.LoadData().Validation.Take(16)), new BatchLoaderOptions { BatchSize = 16, Preprocessing = Preprocessing.Caffe }).Epoch().Single();
        Tensor images = slices.Inputs;
        Assert.Equal(16, images.shape[0]);
        Assert.InRange(Logits(unet, images).abs().max().item<float>(), 1, 20);
        runtime.GivesTheLogitsOf(unet, images, 1e-4);
        runtime.GivesTheLogitsOf(unet, images.narrow(0, 0, 1), 1e-4);
        runtime.GivesTheLogitsOf(unet, images.narrow(0, 5, 3), 1e-4);
        runtime.GivesTheLogitsOf(unet, images.narrow(0, 5, 3).narrow(2, 0, 64).narrow(3, 32, 32), 1e-4);
        runtime.GivesTheLogitsOf(unet, cat([images.narrow(0, 0, 2), images.narrow(0, 2, 2)], dim: 3), 1e-4);
    }

    /// <summary>Numbers made up by a hash give logits in the hundreds, of which float32 carries seven digits less what 64 layers lose.</summary>
    [Theory]
    [InlineData("no batch norm in the decoder", false)]
    [InlineData("other eps", false)]
    [InlineData("other eps", true)]
    [InlineData("three classes", false)]
    [InlineData("torchvision", false)]
    [InlineData("torchvision", true)]
    public void Every_kind_of_network_is_the_same_there(string variant, bool fold)
    {
        using var scope = NewDisposeScope();
        using var unet = new UNetResNet50(Variant(variant));
        KeyedNumbers.Fill(unet);
        OnnxExport.Write(unet, folder["unet.onnx"], new OnnxExportOptions { Fold = fold });
        using Runtime runtime = new(folder["unet.onnx"]);
        using var generator = new Generator(0);
        Tensor images = randn([2, 3, 64, 96], generator: generator) * 60;
        runtime.GivesTheLogitsOf(unet, images, 1e-5 * Math.Max(10, Logits(unet, images).abs().max().item<float>()));
    }

    [Fact]
    public void Probabilities_and_a_fixed_side_on_request()
    {
        using var scope = NewDisposeScope();
        using var three = new UNetResNet50(Variant("three classes"));
        Tensor images = Preprocessing.Caffe.Apply(trained.Image.ToRgb().ToTensor());
        foreach (UNetResNet50 unet in new[] { trained.UNet, three })
        {
            OnnxExport.Write(unet, folder["unet.onnx"], new OnnxExportOptions { Probabilities = true, Side = 96 }, overwrite: true);
            using Runtime runtime = new(folder["unet.onnx"]);
            Assert.Equal("probabilities", runtime.Session.OutputNames[0]);
            Assert.Equal([-1, 3, 96, 96], runtime.Session.InputMetadata["images"].Dimensions);
            Assert.Equal([-1, unet.Options.Classes, 96, 96], runtime.Session.OutputMetadata["probabilities"].Dimensions);
            Assert.InRange((runtime.Run(images) - unet.Predict(images)).abs().max().item<float>(), 0, 1e-5);
            Assert.Throws<OnnxRuntimeException>(() => runtime.Run(zeros(1, 3, 64, 64)));
        }
    }

    /// <summary>Whoever reads the file elsewhere finds the network's own names in it, and what its images must look like.</summary>
    [Fact]
    public void The_file_says_what_it_is()
    {
        OnnxExport.Write(trained.UNet, folder["unet.onnx"], new OnnxExportOptions { Metadata = Preprocessing.Caffe.Facts });
        using Runtime runtime = new(folder["unet.onnx"]);
        Dictionary<string, string> says = runtime.Session.ModelMetadata.CustomMetadataMap;
        Assert.Equal(("caffe", "BGR", "1", "103.939,116.779,123.68", "1,1,1"), (says["preprocessing"], says["preprocessing.channels"], says["preprocessing.divisor"], says["preprocessing.mean"], says["preprocessing.std"]));
        Assert.Equal(("1", "logits", "kept", "32"), (says["classes"], says["output"], says["batch_norm"], says["side_multiple"]));
        Assert.Equal([-1, 3, -1, -1], runtime.Session.InputMetadata["images"].Dimensions);
        Assert.Equal(["batch", "", "height", "width"], runtime.Session.InputMetadata["images"].SymbolicDimensions);
    }

    [Theory]
    [InlineData("caffe")]
    [InlineData("caffe-channel-bug")]
    [InlineData("torch")]
    [InlineData("tf")]
    [InlineData("zero-to-one")]
    [InlineData("none")]
    public void The_facts_of_a_preprocessing_are_the_preprocessing(string name)
    {
        IReadOnlyDictionary<string, string> facts = Preprocessing.FromName(name).Facts;
        Assert.Equal(name, facts["preprocessing"]);
        double[] Numbers(string key) => [.. facts["preprocessing." + key].Split(',').Select(n => double.Parse(n, System.Globalization.CultureInfo.InvariantCulture))];
        float[] rgb = [200, 100, 50], ordered = facts["preprocessing.channels"] == "BGR" ? [50, 100, 200] : rgb;
        using Tensor image = tensor(rgb, [1, 3, 1, 1]), prepared = Preprocessing.FromName(name).Apply(image);
        for (int c = 0; c < 3; c++) Assert.Equal((ordered[c] / Numbers("divisor")[0] - Numbers("mean")[c]) / Numbers("std")[c], prepared[0, c, 0, 0].item<float>(), 1e-4);
    }

    [PythonTheory("onnx")]
    [InlineData(false)]
    [InlineData(true)]
    public void ONNX_s_own_checker_accepts_it_and_infers_the_output_s_shape(bool fold)
    {
        OnnxExport.Write(trained.UNet, folder["unet.onnx"], new OnnxExportOptions { Fold = fold, Side = 96 });
        string script = folder.Write("check.py", """
            import onnx
            from onnx import shape_inference
            model = onnx.load("unet.onnx")
            onnx.checker.check_model(model, full_check=True)
            print(model.ir_version, model.opset_import[0].version, model.producer_name)
            del model.graph.output[0].type.tensor_type.shape.dim[:]
            model.graph.output[0].type.tensor_type.ClearField("shape")
            output = shape_inference.infer_shapes(model, strict_mode=True).graph.output[0]
            print([d.dim_value for d in output.type.tensor_type.shape.dim])
            print(" ".join(sorted(t.name for t in model.graph.initializer)))
            print(" ".join(sorted({n.op_type for n in model.graph.node})))
            """);
        (int code, string output, string errors) = Python.RunFile(script);
        Assert.True(code == 0, errors);
        string[] lines = output.Split('\n');
        Assert.Equal($"{OnnxExport.IrVersion} {OnnxExport.Opset} UnetResnet", lines[0]);
        Assert.Equal("[0, 1, 96, 96]", lines[1]); // 0: any number of images
        string[] keys = [.. trained.UNet.state_dict().Keys];
        if (!fold) Assert.Equal(keys.Append("decoder.up_sampling2d.scales").Order(StringComparer.Ordinal), lines[2].Split(' '));
        else Assert.DoesNotContain("running_mean", lines[2]);
        Assert.Equal(fold ? "Add Concat Conv MaxPool Relu Resize" : "Add BatchNormalization Concat Conv MaxPool Relu Resize", lines[3]);
    }

    [Fact]
    public void What_an_ONNX_file_cannot_be_is_refused_with_the_way_back()
    {
        using var unet = new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } });
        string path = folder["unet.onnx"];
        GroupNormalization.Apply(unet);
        Assert.Contains("GroupNormalization.Undo", Assert.Throws<ArgumentException>(() => OnnxExport.Write(unet, path)).Message);
        GroupNormalization.Undo(unet);
        TestTimeStatistics.Apply(unet);
        Assert.Contains("TestTimeStatistics.Undo", Assert.Throws<ArgumentException>(() => OnnxExport.Write(unet, path)).Message);
        TestTimeStatistics.Undo(unet);
        Assert.Contains("multiple of 32", Assert.Throws<ArgumentOutOfRangeException>(() => OnnxExport.Write(unet, path, new OnnxExportOptions { Side = 100 })).Message);
        using (no_grad()) unet.Decoder.get_parameter("prediction.bias")!.fill_(float.PositiveInfinity);
        Assert.Contains("'decoder.prediction.bias' holds numbers that are infinite", Assert.Throws<WeightsException>(() => OnnxExport.Write(unet, path)).Message);
        Assert.Empty(Directory.GetFiles(folder.Path));
        folder.Write("unet.onnx", "mine");
        using (no_grad()) unet.Decoder.get_parameter("prediction.bias")!.fill_(0);
        Assert.Contains("--force", Assert.Throws<WeightsException>(() => OnnxExport.Write(unet, path)).Message);
        Assert.Equal("mine", File.ReadAllText(path));
    }

    [Theory]
    [InlineData(null, true)]
    [InlineData(32, true)]
    [InlineData(96, true)]
    [InlineData(0, false)]
    [InlineData(-32, false)]
    [InlineData(33, false)]
    public void A_side_is_a_positive_multiple_of_32_or_free(int? side, bool allowed)
    {
        var options = new OnnxExportOptions { Side = side };
        if (allowed) Assert.Same(options, options.Validate());
        else Assert.Throws<ArgumentOutOfRangeException>("Side", () => options.Validate());
    }

    [Fact]
    public void The_report_counts_what_is_in_the_file_and_which_layers_it_computes_otherwise()
    {
        using var unet = new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } });
        unet.Encoder.Freeze(BatchNormMode.Keras213);
        OnnxExportReport kept = OnnxExport.Write(unet, folder["kept.onnx"]), folded = OnnxExport.Write(unet, folder["folded.onnx"], new OnnxExportOptions { Fold = true });
        Assert.Equal((63, 63, 53, false, true), (kept.BatchNormLayers, folded.BatchNormLayers, kept.OtherInTraining, kept.Folded, folded.Folded));
        Assert.Equal(new FileInfo(kept.Path).Length, kept.Bytes);
        Assert.Equal(kept.Nodes - 63, folded.Nodes);
        Assert.Contains("batch norm kept", kept.ToString());
        Assert.Contains("53 of them normalised by the batch in training", kept.ToString());
        unet.Unfreeze();
        OnnxExportReport healthy = OnnxExport.Write(unet, folder["healthy.onnx"]);
        Assert.Equal(0, healthy.OtherInTraining);
        Assert.EndsWith("no dropout.", healthy.ToString());
    }

    /// <summary>Folded layers have neutral numbers beside changed convolutions, and a network may be in double precision.</summary>
    [Fact]
    public void A_folded_network_and_one_in_double_precision_are_exported_as_what_they_compute()
    {
        using var scope = NewDisposeScope();
        Tensor images = Preprocessing.Caffe.Apply(trained.Image.ToRgb().ToTensor());
        using var unet = new UNetResNet50(trained.UNet.Options);
        unet.load_state_dict(trained.UNet.state_dict());
        Folding.Apply(unet, images);
        OnnxExport.Write(unet, folder["folded.onnx"]);
        using (Runtime runtime = new(folder["folded.onnx"])) runtime.GivesTheLogitsOf(trained.UNet, images, 1e-4);
        Folding.Undo(unet);
        unet.to(float64);
        OnnxExport.Write(unet, folder["double.onnx"]);
        using (Runtime runtime = new(folder["double.onnx"])) runtime.GivesTheLogitsOf(trained.UNet, images, 1e-4);
    }

    [Fact]
    public void The_command_says_that_the_file_computes_in_inference_mode()
    {
        using var unet = new UNetResNet50(new UNetOptions { Encoder = new ResNet50Options { Width = 16 } });
        unet.Encoder.Preprocessing = "torch";
        unet.Save(folder["healthy.safetensors"]);
        unet.Encoder.Freeze(BatchNormMode.Keras213);
        unet.Encoder.Preprocessing = null;
        unet.Save(folder["ill.safetensors"]);

        (int code, string text, string error) = Lab("unet.onnx", "--weights", folder["healthy.safetensors"], "--fold", "--side", "64");
        Assert.True(code == 0, error);
        Assert.Contains("63 batch-norm layers by their running statistics, no dropout", text);
        Assert.DoesNotContain("was trained", text);
        using (Runtime runtime = new(folder["unet.onnx"])) Assert.Equal("255", runtime.Session.ModelMetadata.CustomMetadataMap["preprocessing.divisor"]);

        (code, text, _) = Lab("ill.onnx", "--weights", folder["ill.safetensors"]);
        Assert.Equal(0, code);
        Assert.Contains("53 of them normalised by the batch in training", text);
        Assert.Contains("--preprocessing", text);
        Assert.DoesNotContain("--preprocessing", Lab("ill.onnx", "--weights", folder["ill.safetensors"], "--preprocessing", "caffe", "--force").Text);

        Assert.Contains("is there already", Lab("unet.onnx").Error);
        Assert.Contains("is a folder", Lab("").Error);
        (code, _, error) = CommandRun.Of(ExportCommand.Create(), folder["keras"], "--to", "keras", "--fold");
        Assert.Equal(1, code);
        Assert.Contains("are for --to onnx", error);
    }

    private (int Code, string Text, string Error) Lab(string file, params string[] arguments) => CommandRun.Of(ExportCommand.Create(), [folder[file], "--to", "onnx", .. arguments]);

    /// <summary>In inference mode, owned by the caller's scope.</summary>
    private static Tensor Logits(UNetResNet50 unet, Tensor images)
    {
        using var modes = new ModeSnapshot(unet);
        using var noGrad = no_grad();
        unet.eval();
        return unet.call(images);
    }

    /// <summary>ONNX Runtime with a file.</summary>
    private sealed class Runtime : IDisposable
    {
        public Runtime(string path)
        {
            using var options = new SessionOptions { IntraOpNumThreads = 2, LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL };
            Session = new InferenceSession(path, options);
        }

        public InferenceSession Session { get; }

        public Tensor Run(Tensor images)
        {
            using OrtValue input = OrtValue.CreateTensorValueFromMemory(images.contiguous().Values<float>(), images.shape);
            using var run = new RunOptions();
            using IDisposableReadOnlyCollection<OrtValue> outputs = Session.Run(run, Session.InputNames, [input], Session.OutputNames);
            return tensor(outputs[0].GetTensorDataAsSpan<float>().ToArray(), outputs[0].GetTensorTypeAndShape().Shape);
        }

        public void GivesTheLogitsOf(UNetResNet50 unet, Tensor images, double tolerance)
        {
            Tensor expected = Logits(unet, images), found = Run(images);
            Assert.Equal(expected.shape, found.shape);
            Assert.InRange((expected - found).abs().max().item<float>(), 0, tolerance);
        }

        public void Dispose() => Session.Dispose();
    }
}
