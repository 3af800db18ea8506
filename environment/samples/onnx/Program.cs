// Segments a folder with ONNX Runtime alone, without TorchSharp: lab export --to onnx unet.onnx, then dotnet run -- unet.onnx IMAGES MASKS
using System.Globalization;
using Microsoft.ML.OnnxRuntime;
using SkiaSharp;

if (args is not [string model, string images, string masks])
{
    Console.Error.WriteLine("usage: dotnet run -- MODEL.onnx IMAGES MASKS");
    return 2;
}

// The file says itself how its images are preprocessed.
using var session = new InferenceSession(model);
Dictionary<string, string> says = session.ModelMetadata.CustomMetadataMap;
float[] Numbers(string key) => [.. says["preprocessing." + key].Split(',').Select(n => float.Parse(n, CultureInfo.InvariantCulture))];
(float divisor, float[] mean, float[] deviation, bool blueFirst) = (Numbers("divisor")[0], Numbers("mean"), Numbers("std"), says["preprocessing.channels"] == "BGR");

Directory.CreateDirectory(masks);
using var run = new RunOptions();
foreach (string file in Directory.GetFiles(images, "*.png").Order(StringComparer.Ordinal))
{
    using SKBitmap image = SKBitmap.Decode(file) ?? throw new InvalidDataException($"{file} is no picture.");
    (int width, int height) = ((image.Width + 31) / 32 * 32, (image.Height + 31) / 32 * 32); // padded with the last row and column
    var planes = new float[3 * height * width];
    for (int i = 0; i < height * width; i++)
    {
        SKColor pixel = image.GetPixel(Math.Min(i % width, image.Width - 1), Math.Min(i / width, image.Height - 1));
        float[] values = blueFirst ? [pixel.Blue, pixel.Green, pixel.Red] : [pixel.Red, pixel.Green, pixel.Blue];
        for (int c = 0; c < 3; c++) planes[c * height * width + i] = (values[c] / divisor - mean[c]) / deviation[c];
    }

    using OrtValue input = OrtValue.CreateTensorValueFromMemory(planes, [1, 3, height, width]);
    using var outputs = session.Run(run, session.InputNames, [input], session.OutputNames);
    ReadOnlySpan<float> found = outputs[0].GetTensorDataAsSpan<float>(); // logits (1, classes, height, width)
    int classes = found.Length / height / width;
    using var mask = new SKBitmap(image.Width, image.Height, SKColorType.Gray8, SKAlphaType.Opaque);
    long pixels = 0;
    for (int i = 0; i < image.Width * image.Height; i++)
    {
        int at = i / image.Width * width + i % image.Width, best = 0;
        for (int c = 1; c < classes; c++) if (found[c * height * width + at] > found[best * height * width + at]) best = c;
        byte value = classes > 1 ? (byte)best : found[at] > 0 ? (byte)255 : (byte)0;
        mask.GetPixelSpan()[i / image.Width * mask.RowBytes + i % image.Width] = value;
        if (value > 0) pixels++;
    }

    using FileStream output = File.Create(Path.Combine(masks, Path.GetFileName(file)));
    mask.Encode(output, SKEncodedImageFormat.Png, quality: 100);
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Path.GetFileName(file)}: {100.0 * pixels / image.Width / image.Height:0.0} %"));
}

return 0;
