using System.CommandLine;
using UnetResnet.Lab.Benchmarks;
using UnetResnet.Runtime;
using UnetResnet.Training;

namespace UnetResnet.Lab.Commands;

/// <summary>The hidden subcommand that <c>lab bench soak</c> kills: trains with checkpoints and says when an epoch is over.</summary>
internal static class SoakWorkerCommand
{
    public static Command Create()
    {
        var folder = new Argument<string>("folder");
        var epochs = new Argument<int>("epochs");
        var command = new Command(SoakKills.Subcommand, "Train a small network with checkpoints.") { folder, epochs };
        command.Hidden = true;
        command.SetAction(parsed =>
        {
            // One thread: small tensors are fastest so, and sums have one order.
            TorchRuntime.Initialize(threads: 1);
            Console.WriteLine($"done {SoakTraining.Run(parsed.GetValue(epochs), parsed.GetValue(folder)!, new Lines())}");
            return 0;
        });
        return command;
    }

    /// <summary>A line for each epoch, at once.</summary>
    private sealed class Lines : IProgress<EpochRecord>
    {
        public void Report(EpochRecord value)
        {
            Console.WriteLine($"epoch {NumberText.Short(value.Epoch)}");
            Console.Out.Flush();
        }
    }
}
