using System.Text.RegularExpressions;
using UnetResnet.Data;
using UnetResnet.Lab.Commands;
using UnetResnet.Models;
using UnetResnet.Tests.Diagnosis;
using UnetResnet.Weights;

namespace UnetResnet.Tests.Lab;

public sealed class DoctorModelTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public DoctorModelTests()
    {
        using UNetResNet50 unet = Miniature.UNet();
        unet.Encoder.Preprocessing = "caffe";
        unet.Save(folder["unet.safetensors"]);
        var random = new Random(0);
        for (int i = 0; i < 4; i++)
        {
            // Noise like that of keras issue 9214, with a square in it that is to be found.
            var noise = new byte[64 * 64 * 3];
            random.NextBytes(noise);
            int left = 8 * i;
            ImageCodec.Save(new PixelImage(64, 64, 3, noise), folder["images", $"{i}.png"]);
            ImageCodec.Save(new PixelImage(64, 64, 1, [.. Enumerable.Range(0, 64 * 64).Select(p => p % 64 >= left && p % 64 < left + 20 ? (byte)255 : (byte)0)]), folder["masks", $"{i}.png"]);
        }
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_file_and_two_folders_give_a_verdict_and_a_page_without_addresses()
    {
        (int code, string text, string error) = Run("--weights", folder["unet.safetensors"]);
        Assert.Equal(0, code);
        Assert.InRange(Regex.Count(error, @"^ +[\d.]+ s +\d+ ", RegexOptions.Multiline), 4, 12);
        Assert.StartsWith("Diagnosis\n=========", text);
        Assert.Contains("gap between training and inference", error);

        string page = File.ReadAllText(folder["report", "index.html"]);
        Assert.Contains("Training against inference on one batch", page);
        Assert.Contains("class=\"plot\"", page);
        Assert.Contains("64&#215;64, caffe", page);
        Assert.DoesNotMatch("(?:src|href)=\"(?:https?:)?//", page);
        Assert.True(File.Exists(folder["report", "plotly.min.js"]));
    }

    [Fact]
    public void A_U_Net_of_several_classes_takes_masks_of_their_numbers()
    {
        using var unet = new UNetResNet50(new UNetOptions { Classes = 3, Encoder = new ResNet50Options { Width = 16 } });
        unet.Encoder.Preprocessing = "caffe";
        unet.Save(folder["three.safetensors"]);
        (int code, _, string error) = Run("--weights", folder["three.safetensors"]);
        Assert.True(code == 0, error);
        Assert.Contains("mean IoU", File.ReadAllText(folder["report", "index.html"]));

        ImageCodec.Save(new PixelImage(64, 64, 1, [.. Enumerable.Repeat((byte)9, 64 * 64)]), folder["masks", "0.png"]);
        (code, _, error) = Run("--weights", folder["three.safetensors"]);
        Assert.Equal(1, code);
        Assert.Contains("has the value 9", error);
    }

    [Fact]
    public void A_classifier_takes_a_folder_for_each_class()
    {
        using var classifier = new ResNet50Encoder(new ResNet50Options { Width = 16, IncludeTop = true, Classes = 2 });
        classifier.Save(folder["classifier.safetensors"]);
        for (int i = 0; i < 4; i++)
        {
            Directory.CreateDirectory(folder["classes", i % 2 == 0 ? "cat" : "dog"]);
            File.Copy(folder["images", $"{i}.png"], folder["classes", i % 2 == 0 ? "cat" : "dog", $"{i}.png"]);
        }

        (int code, string text, string error) = Invoke("--weights", folder["classifier.safetensors"], "--images", folder["classes"], "--side", "64", "--batch-size", "4", "--output", folder["report"], "--preprocessing", "caffe");
        Assert.True(code == 0, error);
        Assert.Contains("accuracy", File.ReadAllText(folder["report", "index.html"]));
        Assert.StartsWith("Diagnosis", text);

        (code, _, error) = Invoke("--weights", folder["unet.safetensors"], "--images", folder["classes"], "--side", "64", "--output", folder["report"]);
        Assert.Equal(1, code);
        Assert.Contains("--masks", error);
        (code, _, error) = Invoke("--weights", folder["classifier.safetensors"], "--images", folder["images"], "--side", "64", "--output", folder["report"], "--preprocessing", "caffe");
        Assert.Equal(1, code);
        Assert.Contains("holds 0 folders", error);
    }

    [Fact]
    public void The_width_is_read_from_the_weights_and_foreign_files_are_refused()
    {
        using var encoder = new ResNet50Encoder(new ResNet50Options { Width = 16 });
        encoder.Save(folder["encoder.safetensors"]);
        (int code, _, string error) = Run("--weights", folder["encoder.safetensors"]);
        Assert.Equal(1, code);
        Assert.Contains("encoder.safetensors", error);
        Assert.Contains("UNetResNet50", error);
        Assert.False(Directory.Exists(folder["report"]));

        (code, _, error) = Run("--weights", folder["missing.safetensors"]);
        Assert.Equal(1, code);
        Assert.Contains("missing.safetensors", error);
    }

    [Fact]
    public void Unknown_preprocessing_and_sides_are_refused_with_those_that_exist()
    {
        (int code, _, string error) = Run("--weights", folder["unet.safetensors"], "--preprocessing", "vgg");
        Assert.Equal(1, code);
        Assert.Contains("caffe", error);

        (code, _, error) = Run("--weights", folder["unet.safetensors"], "--side", "100");
        Assert.Equal(1, code);
        Assert.Contains("96 or 128", error);
    }

    private (int Code, string Text, string Error) Run(params string[] arguments) => Invoke(
        [.. arguments, .. arguments.Contains("--side") ? [] : new[] { "--side", "64" }, "--images", folder["images"], "--masks", folder["masks"], "--batch-size", "4", "--output", folder["report"]]);

    private static (int Code, string Text, string Error) Invoke(params string[] arguments) => CommandRun.Of(DoctorModelCommand.Create(), arguments);
}
