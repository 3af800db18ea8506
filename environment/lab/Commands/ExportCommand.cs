using System.CommandLine;
using UnetResnet.Data;
using UnetResnet.Models;
using UnetResnet.Runtime;
using UnetResnet.Training;
using UnetResnet.Weights;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab export</c>: takes a network out of here, to PyTorch, to ONNX or to Keras.</summary>
internal static class ExportCommand
{
    private const string KerasFile = "encoder.h5";

    public static Command Create()
    {
        var folder = new Argument<DirectoryInfo>("folder") { Description = "Folder to write into; made if need be. With --to onnx the file." };
        var to = new Option<string>("--to")
        {
            Description = $"pytorch: the U-Net as {string.Join(", ", PyTorchExport.Files)}. keras: its encoder as {KerasFile}, in the layout of Keras's own weights of ResNet50. onnx: the U-Net as one file.",
            Required = true,
        };
        to.AcceptOnlyFromAmong("pytorch", "keras", "onnx");
        var weights = new Option<FileInfo?>("--weights") { Description = "A U-Net that unet.Save or PyTorch's twin wrote. Default: the bundled encoder under an untrained decoder (seed 0)." };
        var like = LikeOption.Create();
        var preprocessing = new Option<string?>("--preprocessing") { Description = $"How its images are preprocessed, for weights that do not say it: {string.Join(", ", Preprocessing.All.Select(p => p.Name))}." };
        var fold = new Option<bool>("--fold") { Description = "onnx: batch norm becomes part of the convolutions." };
        var probabilities = new Option<bool>("--probabilities") { Description = "onnx: a sigmoid or softmax at the end, instead of logits." };
        var side = new Option<int?>("--side") { Description = "onnx: the images' height and width, a multiple of 32. Default: any." };
        var force = new Option<bool>("--force") { Description = "Replace files that are there." };
        var command = new Command("export", "Write a U-Net for PyTorch or ONNX, or its encoder for Keras.") { folder, to, weights, like, preprocessing, fold, probabilities, side, force };
        command.SetAction(parsed =>
        {
            TorchRuntime.Initialize();
            string target = parsed.GetRequiredValue(folder).FullName;
            using UNetResNet50 unet = parsed.GetValue(weights) is { } file
                ? UNetResNet50.Load(file.FullName, LikeOption.Options<UNetOptions>(parsed, like, nameof(UNetResNet50)))
                : Preset.Quick.CreateUNet(seed: 0);
            if (parsed.GetValue(preprocessing) is { } name) unet.Encoder.Preprocessing = Preprocessing.FromName(name).Name;
            if (parsed.GetValue(to) == "onnx")
            {
                if (Directory.Exists(target)) throw new ArgumentException($"{target} is a folder. Name the file that is to be written, such as {Path.Combine(target, "unet.onnx")}.");
                var options = new OnnxExportOptions
                {
                    Fold = parsed.GetValue(fold),
                    Probabilities = parsed.GetValue(probabilities),
                    Side = parsed.GetValue(side),
                    Metadata = unet.Encoder.Preprocessing is { } known ? Preprocessing.FromName(known).Facts : new Dictionary<string, string>(),
                };
                Console.WriteLine(OnnxExport.Write(unet, target, options, parsed.GetValue(force)));
                if (unet.Encoder.Preprocessing is null) Console.WriteLine("The weights do not say how images are preprocessed, and so the file does not. Say it with --preprocessing.");
                return 0;
            }

            if (parsed.GetValue(fold) || parsed.GetValue(probabilities) || parsed.GetValue(side) is not null)
                throw new ArgumentException("--fold, --probabilities and --side are for --to onnx.");
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
