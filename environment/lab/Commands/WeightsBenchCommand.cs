using System.CommandLine;
using System.Text.Json;
using UnetResnet.Lab.Benchmarks;
using UnetResnet.Models;
using UnetResnet.Runtime;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab bench weights</c>: seconds and memory for loading a weights file.</summary>
internal static class WeightsBenchCommand
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static Command Create()
    {
        var file = new Argument<FileInfo>("file") { Description = "A weights file of a ResNet50 encoder: .h5, .pth, .safetensors or .dat." };
        var architecture = new Option<ResNet50Architecture>("--architecture") { Description = "keras or torchvision.", DefaultValueFactory = _ => ResNet50Architecture.Keras };
        var width = new Option<int>("--width") { Description = "Width of the encoder.", DefaultValueFactory = _ => 64 };
        var json = new Option<bool>("--json") { Description = "Print one JSON document on stdout and nothing else." };
        var command = new Command("weights", "How long a weights file takes to load, and how much memory.") { file, architecture, width, json };
        command.SetAction(result =>
        {
            TorchRuntime.Initialize();
            WeightsResult measured = WeightsBenchmark.Run(result.GetValue(file)!, result.GetValue(architecture), result.GetValue(width));
            Console.WriteLine(result.GetValue(json)
                ? JsonSerializer.Serialize(measured, Indented)
                : $"{measured.Report}\n{measured.FileMb:0} MB in {measured.Seconds:0.00} s, {measured.ExtraPeakMb:0} MB of extra memory at the peak");
            return 0;
        });
        return command;
    }
}
