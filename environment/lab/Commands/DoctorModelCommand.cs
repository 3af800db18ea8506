using System.CommandLine;
using System.Globalization;
using Spectre.Console;
using UnetResnet.Data;
using UnetResnet.Diagnosis;
using UnetResnet.Lab.Report;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Notebooks;
using UnetResnet.Runtime;
using UnetResnet.Weights;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab doctor-model</c>: the doctor for a U-Net or a classifier in a file and images in folders; prints the verdict and writes an HTML report.</summary>
internal static class DoctorModelCommand
{
    public static Command Create()
    {
        var weights = new Option<FileInfo>("--weights") { Description = "A U-Net that unet.Save or PyTorch's twin wrote, or without --masks a ResNet50 with its classifier, torchvision's .pth too.", Required = true };
        var like = LikeOption.Create();
        var images = new Option<DirectoryInfo>("--images") { Description = "Folder with training images; of a classifier, a folder for each class.", Required = true };
        var masks = new Option<DirectoryInfo>("--masks") { Description = "Folder with their masks: the same names; of a network of several classes, grey values that are their numbers." };
        var frozen = new Option<BatchNormMode?>("--frozen") { Description = "How the encoder's batch norm was frozen in training. Default: as the file says." };
        var preprocessing = new Option<string?>("--preprocessing") { Description = $"How the images were preprocessed: {string.Join(", ", Preprocessing.All.Select(p => p.Name))}. Default: as the file says." };
        var side = new Option<int>("--side") { Description = "Side of the images in training, a multiple of 32.", DefaultValueFactory = _ => 96 };
        var batch = new Option<int>("--batch-size") { Description = "Images in a training batch.", DefaultValueFactory = _ => 10 };
        var output = new Option<DirectoryInfo>("--output") { Description = "Folder of the HTML report.", DefaultValueFactory = _ => new DirectoryInfo(Path.Combine("artifacts", "diagnosis")) };
        var command = new Command("doctor-model", "Diagnose a U-Net or a classifier: what is wrong between training and inference, where, why, and what to do.") { weights, like, images, masks, frozen, preprocessing, side, batch, output };
        command.SetAction((parsed, cancellation) =>
        {
            TorchRuntime.Initialize();
            string file = parsed.GetRequiredValue(weights).FullName;
            (int pixels, int size) = (parsed.GetValue(side), parsed.GetValue(batch));
            string folder = parsed.GetRequiredValue(images).FullName;
            using Module<Tensor, Tensor> model = parsed.GetValue(masks) is null
                ? ClassifierFile.Load(file, LikeOption.Options<ResNet50Options>(parsed, like, nameof(ResNet50Encoder)))
                : UNetResNet50.Load(file, LikeOption.Options<UNetOptions>(parsed, like, nameof(UNetResNet50)));
            ResNet50Encoder encoder = model as ResNet50Encoder ?? ((UNetResNet50)model).Encoder;
            Preprocessing prepared = Preprocessing.FromName(parsed.GetValue(preprocessing) ?? encoder.Preprocessing
                ?? throw new WeightsException($"{file} does not say how its images were preprocessed. Say it with --preprocessing: {string.Join(", ", Preprocessing.All.Select(p => p.Name))}."));
            if (parsed.GetValue(frozen) is BatchNormMode.Trainable) encoder.Unfreeze();
            else if (parsed.GetValue(frozen) is { } mode) encoder.Freeze(mode);
            BatchLoader source = model is UNetResNet50 unet
                ? new BatchLoader(
                    ImageMaskFolder.Load(folder, parsed.GetRequiredValue(masks)!.FullName, new ImageMaskFolderOptions { Classes = unet.Options.Classes, Side = pixels }),
                    new BatchLoaderOptions { BatchSize = size, Preprocessing = prepared })
                : ImageClassFolder.Load(folder, pixels, size, prepared).Batches;
            DoctorReport report = BatchNormDoctor.Diagnose(model, source, progress: new LineProgress<DoctorStep>(Console.Error), cancellation: cancellation);
            string page = DiagnosisPage.Write(parsed.GetRequiredValue(output).FullName, report, new Dictionary<string, string>
            {
                ["weights"] = file,
                ["network"] = model is UNetResNet50 net ? $"U-Net, output channels: {net.Options.Classes}" : $"classifier, classes: {encoder.Options.Classes}",
                ["width"] = encoder.Options.Width.ToString(CultureInfo.InvariantCulture),
                ["encoder's batch norm in training"] = string.Join(", ", encoder.BatchNormLayers().Select(l => l.Layer.Mode).Distinct()),
                ["images"] = $"{source.SampleCount} of {folder}, {pixels}×{pixels}, {prepared.Name}",
            });
            Console.WriteLine(report.ToText());
            if (report.Cure is { } cure) Console.WriteLine($"{Environment.NewLine}{cure.Title}:{Environment.NewLine}{cure.Code}");
            Console.WriteLine($"{Environment.NewLine}Report: {page}");
            return Task.FromResult(0);
        });
        return command;
    }
}
