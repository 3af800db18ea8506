using System.Globalization;
using System.Text.Json;
using UnetResnet.Data;
using UnetResnet.Models;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Weights;

namespace UnetResnet.Tests.Weights;

/// <summary>A narrow U-Net as <c>lab export --to pytorch</c> writes it, beside small images with masks and their split.</summary>
internal sealed class TrainFolder : IDisposable
{
    public const int Training = 16, Validation = 3;

    private readonly TemporaryFolder folder = new();

    public TrainFolder()
    {
        var random = new Random(3);
        var split = new List<string> { "name,part" };
        for (int i = 0; i < Training + Validation; i++)
        {
            // Wider and higher than they are trained at, a bright ellipse on noise.
            (int width, int height) = (80, 72);
            var (image, mask) = (new byte[width * height * 3], new byte[width * height]);
            (double x, double y) = (25 + 30 * random.NextDouble(), 25 + 20 * random.NextDouble());
            for (int p = 0; p < mask.Length; p++)
            {
                bool inside = Math.Pow((p % width - x) / 18, 2) + Math.Pow((p / width - y) / 14, 2) < 1;
                mask[p] = inside ? (byte)255 : (byte)0;
                for (int c = 0; c < 3; c++) image[3 * p + c] = (byte)((inside ? 120 : 30) + 20 * c + random.Next(40 + 3 * i));
            }

            string name = i.ToString("00", CultureInfo.InvariantCulture);
            ImageCodec.Save(new PixelImage(width, height, 3, image), folder["images", $"{name}.png"]);
            ImageCodec.Save(new PixelImage(width, height, 1, mask), folder["masks", $"{name}.png"]);
            split.Add($"{name},{(i < Training ? "train" : "validation")}");
        }

        folder.Write("split.csv", string.Join('\n', split) + "\n");
        using UNetResNet50 unet = UNet(dropout: 0), withDropout = UNet(dropout: 0.3);
        PyTorchExport.Write(unet, folder.Path);
        withDropout.Save(folder["dropout.safetensors"]);
    }

    public string this[params string[] parts] => folder[parts];

    public string Path => folder.Path;

    /// <summary>Arguments that name the images.</summary>
    public string[] Data => ["--images", folder["images"], "--masks", folder["masks"], "--split", folder["split.csv"], "--side", "64", "--batch-size", "4", "--device", "cpu"];

    /// <summary>The images as the kit reads them.</summary>
    public (SegmentationDataset Training, SegmentationDataset Validation) Load()
    {
        SegmentationDataset all = ImageMaskFolder.Load(folder["images"], folder["masks"], new ImageMaskFolderOptions { Side = 64 });
        return (all.Take(Training), all.Subset(Enumerable.Range(Training, Validation)));
    }

    /// <summary>Lines of a log that are of steps, or of epochs.</summary>
    public IReadOnlyList<JsonElement> Log(string name, string kind) =>
        [.. File.ReadLines(folder[name]).Select(line => JsonDocument.Parse(line).RootElement).Where(line => line.TryGetProperty(kind, out _))];

    /// <summary>The losses of the steps in a log.</summary>
    public double[] Losses(string name) => [.. Log(name, "step").Select(line => line.GetProperty("loss").GetDouble())];

    public void Dispose() => folder.Dispose();

    /// <summary>A network whose running statistics are those of the images, so that inference mode has something to compute.</summary>
    private UNetResNet50 UNet(double dropout)
    {
        TorchRuntime.Seed(0);
        var unet = new UNetResNet50(new UNetOptions { SpatialDropout = dropout, Encoder = new ResNet50Options { Width = 16 } });
        unet.Encoder.Preprocessing = "caffe";
        Recalibration.Apply(unet, new BatchLoader(Load().Training, new BatchLoaderOptions { BatchSize = 8 }).Inputs());
        return unet;
    }
}
