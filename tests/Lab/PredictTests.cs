using UnetResnet.Data;
using UnetResnet.Lab.Commands;
using UnetResnet.Models;
using UnetResnet.Tests.Diagnosis;
using UnetResnet.Weights;

namespace UnetResnet.Tests.Lab;

/// <summary><c>lab predict</c>: what it says and its exit code; what it writes is tested with <c>FolderSegmentation</c>.</summary>
public sealed class PredictTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public PredictTests()
    {
        using UNetResNet50 unet = Miniature.UNet();
        unet.Save(folder["silent.safetensors"]);
        unet.Encoder.Preprocessing = "caffe";
        unet.Save(folder["unet.safetensors"]);
        ImageCodec.Save(new PixelImage(40, 40, 3, new byte[4800]), folder["images", "a.png"]);
        ImageCodec.Save(new PixelImage(150, 40, 1, new byte[6000]), folder["images", "wide.png"]);
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Progress_goes_to_stderr_the_result_to_stdout()
    {
        (int code, string text, string error) = Predict("unet.safetensors", "--tile", "64");
        Assert.True(code == 0, error);
        Assert.Contains("2 segmented, 0 done before, 0 damaged.", text);
        Assert.Contains("1 of 2  a.png", error);
        // 160 padded pixels: tiles begin at 0, 32, 64 and 96.
        Assert.Matches(@"2 of 2  wide\.png .* 4 tiles", error);
        Assert.Equal(3, File.ReadAllLines(folder["out", "areas.csv"]).Length);

        (code, text, error) = Predict("unet.safetensors", "--tile", "64", "--overlap", "32");
        Assert.Equal(0, code);
        Assert.Contains("0 segmented, 2 done before", text);
        Assert.Contains("1 of 2  a.png  done before", error);
        Assert.Contains("2 segmented", Predict("unet.safetensors", "--tile", "64", "--overlap", "32", "--overwrite").Text);
    }

    [Fact]
    public void A_damaged_image_makes_the_code_1_when_all_others_are_done()
    {
        folder.Write("images/0.jpg", "no picture");
        (int code, string text, string error) = Predict("unet.safetensors");
        Assert.Equal(1, code);
        Assert.Contains("2 segmented, 0 done before, 1 damaged (0.jpg)", text);
        Assert.Contains("0.jpg is not a readable PNG or JPEG image", error);
    }

    [Fact]
    public void What_cannot_be_done_is_said_in_a_sentence()
    {
        Assert.Equal(1, Said("caffe", "silent.safetensors"));
        Assert.Equal(0, Predict("silent.safetensors", "--preprocessing", "caffe").Code);
        Assert.Equal(1, Said("caffe, caffe-channel-bug", "unet.safetensors", "--preprocessing", "vgg"));
        Assert.Equal(1, Said("multiple of 32", "unet.safetensors", "--tile", "100"));
        Assert.Equal(1, Said("nowhere.safetensors", "nowhere.safetensors"));
        Assert.Equal(1, Said("cpu", "unet.safetensors", "--device", "tpu"));
        if (!TorchSharp.torch.cuda_is_available()) Assert.Equal(1, Said("no CUDA device", "unet.safetensors", "--device", "cuda"));
    }

    private int Said(string words, params string[] arguments)
    {
        (int code, _, string error) = Predict(arguments[0], arguments[1..]);
        Assert.Contains(words, error);
        // No trace; .NET itself adds a line with the value to what is out of its range.
        Assert.InRange(error.TrimEnd().Split('\n').Length, 1, 2);
        Assert.DoesNotContain("   at ", error);
        return code;
    }

    private (int Code, string Text, string Error) Predict(string weights, params string[] arguments) =>
        CommandRun.Of(PredictCommand.Create(), ["--weights", folder[weights], "--images", folder["images"], "--output", folder["out"], .. arguments]);
}
