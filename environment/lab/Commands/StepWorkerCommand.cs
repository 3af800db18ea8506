using System.CommandLine;
using UnetResnet.Lab.Benchmarks;
using UnetResnet.Runtime;

namespace UnetResnet.Lab.Commands;

/// <summary>The hidden subcommand with which <c>lab bench train --convolutions</c> profiles a step.</summary>
internal static class StepWorkerCommand
{
    public static Command Create()
    {
        var step = new Argument<string>("step");
        var width = new Argument<int>("width");
        var side = new Argument<int>("side");
        var batch = new Argument<int>("batch");
        var rounds = new Argument<int>("rounds");
        var command = new Command(ConvolutionProfile.Subcommand, "Run a step of training or inference.") { step, width, side, batch, rounds };
        command.Hidden = true;
        command.SetAction(parsed =>
        {
            TorchRuntime.Initialize();
            StepBenchmark.Alone(parsed.GetValue(step)!, parsed.GetValue(width), parsed.GetValue(side), parsed.GetValue(batch), run => ConvolutionProfile.Work(run, parsed.GetValue(rounds)));
            return 0;
        });
        return command;
    }
}
