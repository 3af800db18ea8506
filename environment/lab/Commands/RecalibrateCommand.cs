using System.CommandLine;
using System.Globalization;
using UnetResnet.Data;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Weights;
using static TorchSharp.torch;

namespace UnetResnet.Lab.Commands;

/// <summary>
/// <c>lab recalibrate</c>: gives a trained U-Net the running statistics of a folder of images. In one piece, or in shards that any job scheduler can count and that are merged
/// at the end.
/// </summary>
internal static class RecalibrateCommand
{
    public static Command Create()
    {
        var weights = new Option<FileInfo>("--weights") { Description = "A U-Net that unet.Save or PyTorch's twin wrote.", Required = true };
        var like = LikeOption.Create();
        var images = new Option<DirectoryInfo?>("--images") { Description = "Folder with images like those of the training; masks are not needed." };
        var side = new Option<int>("--side") { Description = "Side of the images in training, a multiple of 32.", DefaultValueFactory = _ => 96 };
        var batch = new Option<int>("--batch-size") { Description = "Images of a batch; each layer normalises by it, as in training.", DefaultValueFactory = _ => 10 };
        var preprocessing = new Option<string?>("--preprocessing") { Description = $"How the images are preprocessed: {string.Join(", ", Preprocessing.All.Select(p => p.Name))}. Default: as the file says." };
        var layerByLayer = new Option<bool>("--layer-by-layer") { Description = "One pass for each layer, each fed by layers that are done: exact for inference, and as many passes as there are layers." };
        var shard = new Option<string?>("--shard") { Description = "K/N: count the K-th of N parts only, and write --moments. The parts are whole batches, so that their sum is that of one pass." };
        var moments = new Option<FileInfo?>("--moments") { Description = "File for the moments of the shard." };
        var merge = new Option<FileInfo[]>("--merge") { Description = "Files of --moments, all N of them, in any order.", AllowMultipleArgumentsPerToken = true };
        var output = new Option<FileInfo?>("--output") { Description = "File for the recalibrated network, ending in .safetensors." };
        var force = new Option<bool>("--force") { Description = "Replace a file that is there." };
        var command = new Command("recalibrate", "Count running statistics anew on a folder of images, in one piece or in shards, and write the repaired network.")
        {
            weights, like, images, side, batch, preprocessing, layerByLayer, shard, moments, merge, output, force,
        };
        command.Validators.Add(result =>
        {
            bool Given(Option option) => result.GetResult(option) is { Implicit: false };
            if (Given(merge))
            {
                if (new Option[] { images, side, batch, preprocessing, layerByLayer, shard, moments }.FirstOrDefault(Given) is { } extra) result.AddError($"--merge adds up what was counted before: leave {extra.Name} out.");
                if (!Given(output)) result.AddError("--merge writes a network: say where with --output FILE.");
                return;
            }

            if (!Given(images)) result.AddError("Say which images with --images DIR, or merge files of moments with --merge FILE...");
            if (Given(shard) != Given(moments)) result.AddError("--shard K/N and --moments FILE go together: a shard is a part, which only --merge makes a network of.");
            if (Given(shard) && Given(output)) result.AddError("A shard writes --moments; --output goes with --merge.");
            if (Given(shard) && Given(layerByLayer)) result.AddError("--layer-by-layer cannot be cut into shards: each layer needs the merged statistics of all layers before it, which would be as many rounds of shards as there are layers. Leave one of the two out.");
            if (!Given(shard) && !Given(output)) result.AddError("Say where the network goes with --output FILE.");
        });
        command.SetAction((parsed, cancellation) =>
        {
            try
            {
                TorchRuntime.Initialize();
                FileInfo file = parsed.GetRequiredValue(weights);
                if ((parsed.GetValue(output) ?? parsed.GetValue(moments)) is { } target) Overwriting.Check(target.FullName, parsed.GetValue(force));
                using UNetResNet50 unet = UNetResNet50.Load(file.FullName, LikeOption.Options<UNetOptions>(parsed, like, nameof(UNetResNet50)));
                string fingerprint = MomentsFile.Fingerprint(unet, UNetResNet50Files.Header(unet)[ModelHeader.Options]);
                if (parsed.GetValue(merge) is { Length: > 0 } parts)
                {
                    using RecalibrationMoments sum = MomentsFile.Merge([.. parts.Select(part => part.FullName)], fingerprint, file.Name);
                    Save(unet, Recalibration.Apply(unet, sum), parsed.GetValue(output)!, $", merged from {Count(parts.Length, "shard")}");
                    return Task.FromResult(0);
                }

                string name = parsed.GetValue(preprocessing) ?? unet.Encoder.Preprocessing
                    ?? throw new WeightsException($"{file.FullName} does not say how its images were preprocessed. Say it with --preprocessing: {string.Join(", ", Preprocessing.All.Select(p => p.Name))}.");
                UnlabelledImages all = UnlabelledImages.In(parsed.GetValue(images)!.FullName, parsed.GetValue(side), parsed.GetValue(batch), Preprocessing.FromName(name));
                IEnumerable<Tensor> Batches(int first, int end)
                {
                    foreach (Tensor tensor in all.Batches(first, end))
                    {
                        cancellation.ThrowIfCancellationRequested();
                        yield return tensor;
                    }
                }

                if (parsed.GetValue(shard) is { } part)
                {
                    (int number, int count) = Shard(part);
                    (int first, int end) = all.Shard(number, count);
                    using RecalibrationMoments mine = RecalibrationMoments.Measure(unet, Batches(first, end));
                    var header = new ShardHeader(file.Name, fingerprint, number, count, all.Names.Count, MomentsFile.Fingerprint(all.Names), parsed.GetValue(side), all.BatchSize, name.ToLowerInvariant());
                    MomentsFile.Write(parsed.GetValue(moments)!.FullName, header, mine);
                    Console.WriteLine($"Shard {part}: {Count(mine.Images, "image")} of {NumberText.Grouped(all.Names.Count)}, moments in {parsed.GetValue(moments)!.FullName}.");
                    return Task.FromResult(0);
                }

                bool deep = parsed.GetValue(layerByLayer);
                Save(unet, Recalibration.Apply(unet, Batches(0, all.BatchCount), new RecalibrationOptions { LayerByLayer = deep }), parsed.GetValue(output)!, deep ? ", layer by layer" : "");
                return Task.FromResult(0);
            }
            catch (Exception e) when (e is ArgumentException or DatasetException or WeightsException or IOException or UnauthorizedAccessException)
            {
                Console.Error.WriteLine(e.Message);
                return Task.FromResult(1);
            }
        });
        return command;
    }

    private static void Save(UNetResNet50 unet, long images, FileInfo output, string how)
    {
        unet.Save(output.FullName);
        Console.WriteLine($"{Count(unet.BatchNormLayers().Count, "layer")} recalibrated on {Count(images, "image")}{how}: {output.FullName}.");
    }

    private static string Count(long number, string what) => $"{NumberText.Grouped(number)} {what}{(number == 1 ? "" : "s")}";

    private static (int Shard, int Shards) Shard(string text)
    {
        string[] parts = text.Split('/');
        return parts.Length == 2
            && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int shard) && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int shards)
            && shard >= 1 && shard <= shards
            ? (shard, shards)
            : throw new ArgumentException($"--shard is '{text}' and must be K/N with 1 ≤ K ≤ N, for example 3/8.");
    }
}
