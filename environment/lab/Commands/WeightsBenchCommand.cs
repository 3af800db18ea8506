using System.CommandLine;
using UnetResnet.Lab.Benchmarks;
using UnetResnet.Models;
using UnetResnet.Runtime;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab bench weights</c>: seconds and memory for loading a weights file.</summary>
internal static class WeightsBenchCommand
{
    public static Command Create()
    {
        var file = new Argument<FileInfo>("file") { Description = "A weights file of a ResNet50 encoder: .h5, .pth, .safetensors or .dat." };
        var architecture = new Option<ResNet50Architecture>("--architecture") { Description = "keras or torchvision.", DefaultValueFactory = _ => ResNet50Architecture.Keras };
        Option<int> width = BenchOptions.Count("--width", "Width of the encoder.", 64);
        Option<bool> json = BenchOptions.Json();
        var command = new Command("weights", "How long a weights file takes to load, and how much memory.") { file, architecture, width, json };
        command.SetAction(result =>
        {
            TorchRuntime.Initialize();
            WeightsResult measured = WeightsBenchmark.Run(result.GetValue(file)!, result.GetValue(architecture), result.GetValue(width));
            Console.WriteLine(result.GetValue(json)
                ? BenchOptions.Text(measured)
                : $"{measured.Report}\n{measured.FileMb:0} MB in {measured.Seconds:0.00} s, {measured.ExtraPeakMb:0} MB of extra memory at the peak");
            return 0;
        });
        return command;
    }
}
