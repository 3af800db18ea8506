using UnetResnet.Data;
using UnetResnet.Lab.Commands;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Tests.Diagnosis;
using UnetResnet.Weights;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Lab;

/// <summary>A folder of images and a broken network become a repaired one, in one piece and in shards.</summary>
public sealed class RecalibrateCommandTests : IDisposable
{
    private const int Images = 11;

    private readonly TemporaryFolder folder = new();

    public RecalibrateCommandTests()
    {
        using UNetResNet50 unet = Miniature.UNet();
        unet.Encoder.Preprocessing = "caffe";
        unet.Save(folder["unet.safetensors"]);
        var random = new Random(0);
        for (int i = 0; i < Images; i++)
        {
            var noise = new byte[64 * 64 * 3];
            random.NextBytes(noise);
            for (int p = 0; p < noise.Length; p++) noise[p] = (byte)(noise[p] * (i + 1) / (Images + 1));
            ImageCodec.Save(new PixelImage(64, 64, 3, noise), folder["images", $"{i:00}.png"]);
        }
    }

    public void Dispose() => folder.Dispose();

    /// <summary>Four batches of three, three, three and two images; a shard may have one batch, one image or none.</summary>
    [Theory]
    [InlineData(1, 3)]
    [InlineData(3, 3)]
    [InlineData(8, 3)]
    [InlineData(11, 1)]
    public void Shards_give_the_network_of_one_pass(int shards, int batch)
    {
        string[] size = ["--side", "64", "--batch-size", $"{batch}"];
        (int code, string text, string error) = Run(["--images", folder["images"], "--output", folder["whole.safetensors"], .. size]);
        Assert.True(code == 0, error);
        Assert.Contains("63 layers recalibrated on 11 images", text);
        // In any order.
        string[] parts = [.. Enumerable.Range(1, shards).Reverse().Select(shard =>
        {
            (code, text, error) = Run(["--images", folder["images"], "--shard", $"{shard}/{shards}", "--moments", folder[$"{shard}.moments"], .. size]);
            Assert.True(code == 0, error);
            Assert.StartsWith($"Shard {shard}/{shards}: ", text);
            return folder[$"{shard}.moments"];
        })];
        (code, text, error) = Run(["--merge", .. parts, "--output", folder["merged.safetensors"]]);
        Assert.True(code == 0, error);
        Assert.Contains("63 layers recalibrated on 11 images, merged from", text);

        using UNetResNet50 old = UNetResNet50.Load(folder["unet.safetensors"]), whole = UNetResNet50.Load(folder["whole.safetensors"]), merged = UNetResNet50.Load(folder["merged.safetensors"]);
        Assert.Equal(BatchNormMode.Keras213, merged.Encoder.BatchNormLayers()[0].Layer.Mode);
        var (before, one, many) = (old.state_dict(), whole.state_dict(), merged.state_dict());
        double changed = 0;
        foreach ((string name, Tensor value) in one)
        {
            using var scope = NewDisposeScope();
            bool statistic = name.Contains(".running_", StringComparison.Ordinal);
            // Sums of doubles in another order, rounded to float.
            Assert.True(many[name].allclose(value, rtol: 2e-7, atol: 0), name);
            if (statistic) changed = Math.Max(changed, (value - before[name]).abs().max().item<float>());
            else Assert.True(value.eq(before[name]).all().item<bool>(), name);
        }

        Assert.True(changed > 0.5, $"{changed}");
    }

    [Fact]
    public void Missing_double_and_foreign_shards_are_refused_by_name_and_number()
    {
        string[] size = ["--side", "64", "--batch-size", "4"];
        foreach (string part in (string[])["1/3", "2/3", "3/3"])
            Assert.Equal(0, Run(["--images", folder["images"], "--shard", part, "--moments", folder[$"{part[0]}.moments"], .. size]).Code);
        (string Part, string[] Files)[] wrong =
        [
            ("one is missing: 2", ["1.moments", "3.moments"]),
            ("2 are missing: 1, 3", ["2.moments"]),
            ("Shard 2 of 3 is there twice", ["1.moments", "2.moments", "copy.moments"]),
            ("no weights file", ["1.moments", "2.moments", "4.moments"]),
        ];
        File.Copy(folder["2.moments"], folder["copy.moments"]);
        foreach ((string part, string[] files) in wrong)
        {
            (int failed, _, string said) = Run(["--merge", .. files.Select(f => folder[f]), "--output", folder["merged.safetensors"]]);
            Assert.Equal(1, failed);
            Assert.Contains(part, said);
        }

        // One shard of other batches.
        Assert.Equal(0, Run(["--images", folder["images"], "--shard", "3/3", "--moments", folder["other.moments"], "--side", "64", "--batch-size", "5"]).Code);
        (int code, _, string error) = Run(["--merge", folder["1.moments"], folder["2.moments"], folder["other.moments"], "--output", folder["merged.safetensors"]]);
        Assert.Equal(1, code);
        Assert.Contains("other.moments is no part of the same count", error);
        Assert.Contains("batches of 5", error);

        // A network with one other weight.
        using (UNetResNet50 unet = UNetResNet50.Load(folder["unet.safetensors"]))
        {
            using (no_grad()) unet.Decoder.get_parameter("prediction.bias")!.add_(1f);
            unet.Save(folder["trained.safetensors"]);
        }

        (code, _, error) = Invoke(["--weights", folder["trained.safetensors"], "--merge", folder["1.moments"], folder["2.moments"], folder["3.moments"], "--output", folder["merged.safetensors"]]);
        Assert.Equal(1, code);
        Assert.Contains("unet.safetensors, and trained.safetensors holds another one", error);
        Assert.False(File.Exists(folder["merged.safetensors"]));

        // Running statistics are what is counted: the same network with others takes the sum.
        using (UNetResNet50 unet = UNetResNet50.Load(folder["unet.safetensors"]))
        {
            Recalibration.Reset(unet);
            unet.Save(folder["reset.safetensors"]);
        }

        Assert.Equal(0, Invoke(["--weights", folder["reset.safetensors"], "--merge", folder["1.moments"], folder["2.moments"], folder["3.moments"], "--output", folder["merged.safetensors"]]).Code);
    }

    [Fact]
    public void Layer_by_layer_is_that_of_the_library_and_cannot_be_cut()
    {
        string[] few = ["--side", "64", "--batch-size", "6"];
        foreach (int i in Enumerable.Range(2, Images - 2)) File.Delete(folder["images", $"{i:00}.png"]);
        Assert.Equal(0, Run(["--images", folder["images"], "--layer-by-layer", "--output", folder["deep.safetensors"], .. few]).Code);
        using UNetResNet50 deep = UNetResNet50.Load(folder["deep.safetensors"]), unet = UNetResNet50.Load(folder["unet.safetensors"]);
        Recalibration.Apply(unet, [.. UnlabelledImages.In(folder["images"], 64, 6, Preprocessing.Caffe).Batches(0, 1).Select(b => b.clone())], new RecalibrationOptions { LayerByLayer = true });
        Assert.Equal(Models.ModuleState.Describe(unet), Models.ModuleState.Describe(deep));

        (int code, _, string error) = Run(["--images", folder["images"], "--layer-by-layer", "--shard", "1/2", "--moments", folder["1.moments"], .. few]);
        Assert.NotEqual(0, code);
        Assert.Contains("as many rounds of shards as there are layers", error);
    }

    [Theory]
    [InlineData("--images DIR", "--output", "OUT")]
    [InlineData("--output FILE", "--images", "IMAGES")]
    [InlineData("go together", "--images", "IMAGES", "--shard", "1/2")]
    [InlineData("leave --images out", "--merge", "a", "--images", "IMAGES", "--output", "OUT")]
    [InlineData("K/N", "--images", "IMAGES", "--shard", "0/2", "--moments", "OUT")]
    [InlineData("K/N", "--images", "IMAGES", "--shard", "3", "--moments", "OUT")]
    [InlineData("96 or 128", "--images", "IMAGES", "--output", "OUT", "--side", "100")]
    [InlineData("does not exist", "--images", "nowhere", "--output", "OUT")]
    [InlineData("is there already", "--images", "IMAGES", "--output", "HERE")]
    [InlineData("caffe-channel-bug", "--images", "IMAGES", "--output", "OUT", "--preprocessing", "vgg")]
    public void What_cannot_be_is_refused_in_a_sentence(string part, params string[] arguments)
    {
        (int code, _, string error) = Run([.. arguments.Select(a => a switch { "IMAGES" => folder["images"], "OUT" => folder["out.safetensors"], "HERE" => folder["unet.safetensors"], _ => a })]);
        Assert.NotEqual(0, code);
        Assert.Contains(part, error);
        Assert.False(File.Exists(folder["out.safetensors"]));
    }

    private (int Code, string Text, string Error) Run(string[] arguments) => Invoke(["--weights", folder["unet.safetensors"], .. arguments]);

    private static (int Code, string Text, string Error) Invoke(string[] arguments) => CommandRun.Of(RecalibrateCommand.Create(), arguments);
}
