// A file that is a program: dotnet run experiment.cs
#:package UnetResnet.Helpers@0.2.0
#:package libtorch-cpu-linux-x64@2.10.0
#:property PublishAot=false

using TorchSharp;
using UnetResnet.Data;
using UnetResnet.Models;
using UnetResnet.Training;

Console.WriteLine($"a tensor of TorchSharp's own comes first: {torch.ones(2, 3).sum().item<float>()}");

Preset preset = Preset.Quick;
var data = preset.LoadData();
using UNetResNet50 unet = preset.CreateUNet(seed: 0);
using Batch batch = preset.Batches(data.Validation).Epoch().First();
unet.eval();
using (torch.no_grad())
using (torch.Tensor logits = unet.call(batch.Inputs))
    Console.WriteLine($"logits of {batch.Names[0]} and {logits.shape[0] - 1} others: {string.Join(" × ", logits.shape)}");
Console.WriteLine($"{data.Train.Count} training images");
