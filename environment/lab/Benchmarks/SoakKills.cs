using System.Diagnostics;
using System.Globalization;
using Cellar.Commands;
using UnetResnet.Training;
using UnetResnet.Weights;
using static TorchSharp.torch;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>What a training that was killed again and again has lost.</summary>
/// <param name="Kills">How often its process was killed, with a signal that it cannot see.</param>
/// <param name="MostEpochsLost">The most epochs that were over before a kill and were not there after it; the one under way is not counted.</param>
/// <param name="DamagedFiles">Checkpoints that were not whole after a kill.</param>
/// <param name="LeftOver">Temporary files that kills have left behind.</param>
/// <param name="LeftOverAtTheEnd">Those that the next saves have not deleted.</param>
/// <param name="SameLosses">Whether losses and weights at the end are those of a training that nobody has killed, bit for bit.</param>
internal sealed record KillResult(int Kills, int MostEpochsLost, int DamagedFiles, int LeftOver, int LeftOverAtTheEnd, bool SameLosses)
{
    /// <summary>Whether nothing was lost.</summary>
    public bool Holds => MostEpochsLost <= 1 && DamagedFiles == 0 && LeftOverAtTheEnd == 0 && SameLosses;
}

/// <summary>Kills a process that trains with checkpoints, starts it again, and looks at what is there.</summary>
internal static class SoakKills
{
    /// <summary>Name of the hidden subcommand that trains.</summary>
    public const string Subcommand = "soak-worker";

    /// <summary>Milliseconds between the line that ends an epoch and the kill: an epoch takes some ten, and so does a save.</summary>
    private static readonly int[] Delays = [0, 1, 2, 3, 5, 8, 13, 21, 34, 55];

    /// <summary>Runs a training through so many kills and to its end.</summary>
    /// <param name="kills">How many.</param>
    /// <param name="seed">Decides the moments.</param>
    /// <param name="progress">Told about every tenth kill.</param>
    /// <param name="cancellation">Stops between two kills.</param>
    /// <exception cref="InvalidOperationException">The training failed, or was over too early.</exception>
    public static KillResult Run(int kills, int seed, IProgress<string> progress, CancellationToken cancellation)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("unetresnet-soak-");
        try
        {
            var random = new Random(seed);
            int epochs = 20 * (kills + 1), lost = 0, damaged = 0, leftOver = 0;
            string checkpoints = Path.Combine(folder.FullName, "killed");
            for (int kill = 0; kill < kills; kill++)
            {
                cancellation.ThrowIfCancellationRequested();
                int reported = Kill(Start(checkpoints, epochs), epochsFirst: 1 + random.Next(3), Delays[random.Next(Delays.Length)]);
                leftOver += LeftOver(checkpoints);
                (int newest, int broken) = Look(checkpoints);
                lost = Math.Max(lost, reported - newest);
                damaged += broken;
                if (kill % 10 == 9) progress.Report($"{kill + 1} of {kills} kills, at most {lost} epochs lost, {damaged} files damaged");
            }

            string through = Finish(Start(checkpoints, epochs)), without = Finish(Start(Path.Combine(folder.FullName, "through"), epochs));
            return new KillResult(kills, lost, damaged, leftOver, LeftOver(checkpoints), through == without);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>Starts a training; its output is the caller's to read.</summary>
    internal static Process Start(string checkpoints, int epochs)
    {
        IReadOnlyList<string> program = OwnProgram.Of(typeof(SoakKills).Assembly);
        string[] arguments = [.. program.Skip(1), Subcommand, checkpoints, epochs.ToString(CultureInfo.InvariantCulture)];
        return Process.Start(new ProcessStartInfo(program[0], arguments) { RedirectStandardOutput = true })!;
    }

    /// <summary>Waits for the end of some epochs, then for the delay, and kills.</summary>
    /// <returns>The last epoch whose end was told.</returns>
    private static int Kill(Process worker, int epochsFirst, int delay)
    {
        using (worker)
        {
            int reported = 0;
            for (int i = 0; i < epochsFirst; i++) reported = Epoch(worker.StandardOutput.ReadLine());
            Thread.Sleep(delay);
            worker.Kill();
            worker.WaitForExit();
            // What it said before it died; a last line may be cut.
            string[] rest = worker.StandardOutput.ReadToEnd().Split('\n');
            if (rest.Any(line => line.StartsWith("done", StringComparison.Ordinal))) throw new InvalidOperationException("The training was over before it could be killed.");
            return rest.SkipLast(1).Select(Epoch).Append(reported).Max();
        }
    }

    /// <summary>Lets a training run to its end.</summary>
    /// <returns>Its last line, which tells losses and weights.</returns>
    /// <exception cref="InvalidOperationException">It failed.</exception>
    internal static string Finish(Process worker)
    {
        using (worker)
        {
            string last = worker.StandardOutput.ReadToEnd().TrimEnd().Split('\n')[^1];
            worker.WaitForExit();
            return last.StartsWith("done ", StringComparison.Ordinal) ? last : throw new InvalidOperationException($"The training ended with {worker.ExitCode} and '{last}'.");
        }
    }

    private static int Epoch(string? line) => line?.Split(' ') is ["epoch", string number]
        ? int.Parse(number, CultureInfo.InvariantCulture)
        : throw new InvalidOperationException($"The training said '{line}' where the end of an epoch was expected.");

    /// <summary>The newest epoch of the checkpoints in a folder, and how many of them are damaged.</summary>
    internal static (int Newest, int Damaged) Look(string folder)
    {
        int newest = 0, damaged = 0;
        foreach (string file in Directory.GetFiles(folder, "*.safetensors"))
        {
            using var scope = NewDisposeScope();
            try
            {
                newest = Math.Max(newest, Checkpoint.Read(file).Epoch);
            }
            catch (WeightsException)
            {
                damaged++;
            }
        }

        return (newest, damaged);
    }

    private static int LeftOver(string folder) => Directory.GetFiles(folder, "*.tmp").Length;
}
