using System.CommandLine;
using UnetResnet.Models;
using UnetResnet.Runtime;
using UnetResnet.Training;
using UnetResnet.Weights;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab export</c>: takes a network out of here, to PyTorch or to Keras.</summary>
internal static class ExportCommand
{
    private const string KerasFile = "encoder.h5";

    public static Command Create()
    {
        var folder = new Argument<DirectoryInfo>("folder") { Description = "Folder to write into; made if need be." };
        var to = new Option<string>("--to")
        {
            Description = $"pytorch: the U-Net as {string.Join(", ", PyTorchExport.Files)}. keras: its encoder as {KerasFile}, in the layout of Keras's own weights of ResNet50.",
            Required = true,
        };
        to.AcceptOnlyFromAmong("pytorch", "keras");
        var weights = new Option<FileInfo?>("--weights") { Description = "A U-Net that unet.Save or PyTorch's twin wrote. Default: the bundled encoder under an untrained decoder (seed 0)." };
        var like = LikeOption.Create();
        var force = new Option<bool>("--force") { Description = "Replace files that are there." };
        var command = new Command("export", "Write a U-Net for PyTorch, or its encoder for Keras.") { folder, to, weights, like, force };
        command.SetAction(parsed =>
        {
            TorchRuntime.Initialize();
            string target = parsed.GetRequiredValue(folder).FullName;
            using UNetResNet50 unet = parsed.GetValue(weights) is { } file
                ? UNetResNet50.Load(file.FullName, LikeOption.Options<UNetOptions>(parsed, like, nameof(UNetResNet50)))
                : Preset.Quick.CreateUNet(seed: 0);
            if (parsed.GetValue(to) == "keras")
            {
                KerasExport.Write(unet.Encoder, Path.Combine(target, KerasFile), parsed.GetValue(force));
                Console.WriteLine($"{Path.Combine(target, KerasFile)} written.");
                return 0;
            }

            PyTorchExport.Write(unet, target, parsed.GetValue(force));
            Console.WriteLine($"{string.Join(", ", PyTorchExport.Files)} written to {target}. There, 'python unet_resnet50.py' compares PyTorch's logits with those from here.");
            return 0;
        });
        return command;
    }
}
