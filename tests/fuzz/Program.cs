using System.CommandLine;
using UnetResnet.Runtime;

namespace UnetResnet.Fuzz;

/// <summary>Damaged files through every reader: <c>dotnet run --project tests/fuzz -c Release -- --count 20000</c>.</summary>
internal static class Program
{
    private static int Main(string[] arguments)
    {
        var count = new Option<int>("--count") { Description = "Files for each reader.", DefaultValueFactory = _ => 20_000 };
        var seed = new Option<int>("--seed") { Description = "Seed: the same seed makes the same files.", DefaultValueFactory = _ => 0 };
        var first = new Option<int>("--first") { Description = "Number of the first file, to make one again.", DefaultValueFactory = _ => 0 };
        var only = new Option<string>("--reader") { Description = $"One reader: {string.Join(", ", FuzzedReader.All.Select(r => r.Name))}; all where empty.", DefaultValueFactory = _ => "" };
        var command = new RootCommand("Reads damaged weights, pictures and volumes: the answer must be their numbers or the kit's own exception, in under 1 s and 1 GiB.") { count, seed, first, only };
        command.SetAction(result =>
        {
            TorchRuntime.Initialize();
            string folder = Directory.CreateTempSubdirectory("unetresnet-fuzz-").FullName;
            Console.WriteLine($"seed {result.GetValue(seed)}; the file being read is in {folder}");
            bool clean = true;
            foreach (FuzzedReader reader in FuzzedReader.All.Where(r => result.GetValue(only) is "" || r.Name == result.GetValue(only)))
            {
                FuzzResult run = Fuzzing.Run(reader, folder, result.GetValue(seed), result.GetValue(first), result.GetValue(count));
                Console.WriteLine($"{run.Reader}: {run.Files} files, {run.Accepted} read, {run.Refused} refused, {run.Failures.Count} failures; slowest {run.SlowestSeconds * 1000:0} ms, most allocated {run.MostMegabytes:0.0} MB");
                foreach (string failure in run.Failures.Take(20)) Console.WriteLine("  " + failure);
                clean &= run.Failures.Count == 0;
            }

            Directory.Delete(folder, recursive: true);
            Console.WriteLine($"peak resident memory {PeakMegabytes():0} MB");
            return clean ? 0 : 1;
        });
        return command.Parse(arguments).Invoke();
    }

    private static double PeakMegabytes()
    {
        using var process = System.Diagnostics.Process.GetCurrentProcess();
        return process.PeakWorkingSet64 / 1e6;
    }
}
