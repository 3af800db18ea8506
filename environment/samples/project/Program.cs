// A console program with a reference to the library's project: the cure, trained for two batches on bundled images.
using TorchSharp;
using UnetResnet.Data;
using UnetResnet.Normalization;
using UnetResnet.Training;

Console.WriteLine($"a tensor of TorchSharp's own comes first: {torch.zeros(2, 3).sum().item<float>()}");

Preset preset = Preset.Quick with { Epochs = 1 };
var data = preset.LoadData();
using var unet = preset.CreateUNet(seed: 0);
unet.Encoder.Freeze(BatchNormMode.Inference);

IBatchSource few = BatchSource.Of([.. preset.TrainingBatches(data.Train).Epoch().Take(2).Select(batch => (batch.Inputs, batch.Targets))], Preprocessing.Caffe);
TrainingHistory history = new Trainer(unet, preset.Training()).Fit(few, few);
Console.WriteLine(history);
Console.WriteLine($"{data.Train.Count} training images");
