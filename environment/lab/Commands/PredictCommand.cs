using System.CommandLine;
using TorchSharp;
using UnetResnet.Data;
using UnetResnet.Models;
using UnetResnet.Notebooks;
using UnetResnet.Runtime;
using UnetResnet.Training;
using UnetResnet.Weights;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab predict</c>: segments a folder of images with a U-Net in a file.</summary>
internal static class PredictCommand
{
    public static Command Create()
    {
        var defaults = new SegmentationOptions();
        var weights = new Option<FileInfo>("--weights") { Description = "A U-Net that unet.Save or PyTorch's twin wrote.", Required = true };
        var like = LikeOption.Create();
        var images = new Option<DirectoryInfo>("--images") { Description = "Folder of PNG and JPEG images, with the folders below it.", Required = true };
        var output = new Option<DirectoryInfo>("--output") { Description = $"Folder for masks/, overlays/ and {FolderSegmentation.Table}: new, empty, or that of an earlier run, which then goes on.", Required = true };
        var preprocessing = new Option<string?>("--preprocessing") { Description = $"How the images are preprocessed: {string.Join(", ", Preprocessing.All.Select(p => p.Name))}. Default: as the file says." };
        Option<string> device = DeviceOption.Create("auto");
        var tile = new Option<int>("--tile") { Description = "Images with a longer side are cut into tiles of this side, a multiple of 32.", DefaultValueFactory = _ => defaults.TileSide };
        var overlap = new Option<int?>("--overlap") { Description = "What neighbouring tiles share, a multiple of 32, at most half a tile. Default: about a quarter." };
        var limit = new Option<long>("--pixel-limit") { Description = "Most pixels of an image that is read.", DefaultValueFactory = _ => defaults.PixelLimit };
        var overwrite = new Option<bool>("--overwrite") { Description = "Segment images anew that are done, and write into a folder that holds something else." };
        var command = new Command("predict", "Segment a folder of images: masks, overlays, and a table of areas.") { weights, like, images, output, preprocessing, device, tile, overlap, limit, overwrite };
        command.SetAction((parsed, cancellation) =>
        {
            TorchRuntime.Initialize();
            var options = new SegmentationOptions
            {
                Preprocessing = parsed.GetValue(preprocessing) is { } name ? Preprocessing.FromName(name) : null,
                TileSide = parsed.GetValue(tile),
                Overlap = parsed.GetValue(overlap),
                PixelLimit = parsed.GetValue(limit),
                Overwrite = parsed.GetValue(overwrite),
            }.Validate();
            using UNetResNet50 unet = UNetResNet50.Load(parsed.GetRequiredValue(weights).FullName, LikeOption.Options<UNetOptions>(parsed, like, nameof(UNetResNet50)));
            unet.to(DeviceOption.Of(parsed, device));
            FolderSegmentationReport report = FolderSegmentation.Run(
                unet, parsed.GetRequiredValue(images).FullName, parsed.GetRequiredValue(output).FullName, options, new LineProgress<SegmentationStep>(Console.Error), cancellation);
            Console.WriteLine(report);
            return Task.FromResult(report.Damaged.Count > 0 ? 1 : 0);
        });
        return command;
    }
}
