using System.CommandLine;
using System.Globalization;
using UnetResnet.Data;
using UnetResnet.Lab.Pretraining;
using UnetResnet.Runtime;
using UnetResnet.Weights;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab pretrain</c>: trains the quarter-width encoder on the procedural source domain and writes the bundled weights.</summary>
internal static class PretrainCommand
{
    public static Command Create()
    {
        var output = new Option<FileInfo>("--output") { Description = "The safetensors file to write.", DefaultValueFactory = _ => new FileInfo("data/weights/resnet50-w16-shapes.safetensors") };
        var steps = new Option<int>("--steps") { Description = "Training steps of 32 pictures.", DefaultValueFactory = _ => 2500 };
        var seed = new Option<int>("--seed") { Description = "Seed of weights and pictures.", DefaultValueFactory = _ => 0 };
        var command = new Command("pretrain", "Train the quarter-width encoder on the procedural source domain; writes the bundled weights.") { output, steps, seed };
        command.SetAction((result, cancellation) => Task.FromResult(Run(result.GetValue(output)!, result.GetValue(steps), result.GetValue(seed), cancellation)));
        return command;
    }

    private static int Run(FileInfo output, int steps, int seed, CancellationToken cancellation)
    {
        RuntimeStamp stamp = TorchRuntime.Initialize(seed);
        Console.WriteLine(stamp);
        var options = new PretrainingOptions { Steps = steps, Seed = seed };
        using var encoder = EncoderPretraining.Run(options, new Progress(), cancellation, out PretrainingResult result);
        var metadata = new Dictionary<string, string>
        {
            ["architecture"] = "ResNet50 (Keras 2.1 layout), width 16, without top",
            ["source_domain"] = $"ProceduralSourceDomain, {ProceduralSourceDomain.Classes.Count} classes, {options.Side}x{options.Side}",
            ["preprocessing"] = options.Preprocessing.Name,
            ["held_out_accuracy"] = result.HeldOutAccuracy.ToString("0.0000", CultureInfo.InvariantCulture),
            ["held_out_images"] = options.HeldOut.ToString(CultureInfo.InvariantCulture),
            ["steps"] = steps.ToString(CultureInfo.InvariantCulture),
            ["seed"] = seed.ToString(CultureInfo.InvariantCulture),
            ["seconds"] = result.Seconds.ToString("0", CultureInfo.InvariantCulture),
            ["versions"] = stamp.ToString(),
            ["licence"] = "MIT",
        };
        ModuleWeights.Save(encoder, output.FullName, metadata);
        Console.WriteLine($"{output} written: held-out accuracy {result.HeldOutAccuracy:P1} on {options.HeldOut} pictures, {result.Seconds:0} s.");
        return 0;
    }

    /// <summary>One line every ten steps at first and every hundred later: flowing output, also into a file.</summary>
    private sealed class Progress : IProgress<PretrainingStep>
    {
        public void Report(PretrainingStep s)
        {
            if (s.Step % (s.Step <= 100 ? 10 : 100) != 0) return;
            Console.WriteLine($"step {s.Step,5} of {s.Steps}  loss {s.Loss:0.000}  accuracy {s.Accuracy,6:P1}  {s.Elapsed:0} s, {s.Elapsed / s.Step * (s.Steps - s.Step):0} s to go");
        }
    }
}
