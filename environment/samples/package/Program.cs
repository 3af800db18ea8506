// A console program with a reference to the package: how different are training and inference for a network that was frozen as Keras 2.1.3 did it?
using System.Globalization;
using UnetResnet.Data;
using UnetResnet.Diagnosis;
using UnetResnet.Normalization;
using UnetResnet.Runtime;
using UnetResnet.Training;

TorchRuntime.Seed(0);
Preset preset = Preset.Quick;
var data = preset.LoadData();
using var unet = preset.CreateUNet(seed: 0);
unet.Encoder.Freeze(BatchNormMode.Keras213);

using Batch batch = preset.Batches(data.Validation).Epoch().First();
TrainEvalGap gap = TrainEvalGap.Measure(unet, batch);
Console.WriteLine(gap);
// Your own figures follow your culture; the library's do not.
Console.WriteLine($"culture {CultureInfo.CurrentCulture.Name}: {0.5}");
Console.WriteLine($"{data.Train.Count} training images");
