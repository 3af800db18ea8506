using System.Diagnostics;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Fuzz;

/// <summary>What reading damaged files came to.</summary>
/// <param name="Reader">The reader.</param>
/// <param name="Files">How many files.</param>
/// <param name="Accepted">How many were read: the damage was in the numbers, or harmless.</param>
/// <param name="Refused">How many ended in a <see cref="KitException"/> that names the file.</param>
/// <param name="SlowestSeconds">The longest time for one file.</param>
/// <param name="MostMegabytes">The most that reading one file allocated in managed memory, all together, in 10⁶ bytes.</param>
/// <param name="Failures">What else happened, with the number of the file.</param>
internal sealed record FuzzResult(string Reader, int Files, int Accepted, int Refused, double SlowestSeconds, double MostMegabytes, IReadOnlyList<string> Failures);

/// <summary>Reads damaged files one after the other. Each is made from the seed and its number alone, so that it can be made again.</summary>
internal static class Fuzzing
{
    /// <summary>The limits that are promised for one small file.</summary>
    internal const double MaximumSeconds = 1, MaximumMegabytes = 1024;

    /// <summary>A file that takes longer than this is a hang, and the program ends.</summary>
    private static readonly TimeSpan Hang = TimeSpan.FromSeconds(60);

    /// <summary>Runs.</summary>
    /// <param name="reader">The reader.</param>
    /// <param name="folder">Where the damaged file is written; the last one stays there if the process dies.</param>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="first">Number of the first file.</param>
    /// <param name="count">How many files.</param>
    internal static FuzzResult Run(FuzzedReader reader, string folder, int seed, int first, int count)
    {
        string path = Path.Combine(folder, $"{reader.Name}.bin");
        int accepted = 0, refused = 0, number = first;
        double slowest = 0, most = 0;
        var failures = new List<string>();
        using var watchdog = new Timer(_ => Environment.FailFast($"{reader.Name}: file {number} takes more than {Hang.TotalSeconds} s; it is {path}"));
        for (; number < first + count; number++)
        {
            var random = new Random(unchecked(seed * 1_000_003 + number));
            byte[] damaged = Mutation.Of(reader.Seeds[random.Next(reader.Seeds.Count)], random);
            File.WriteAllBytes(path, damaged);
            watchdog.Change(Hang, Timeout.InfiniteTimeSpan);
            (bool read, double seconds, double megabytes, string? failure) = Once(reader, path, damaged.Length);
            // Another process may have had the processor: a second time decides.
            if (seconds > MaximumSeconds) seconds = Math.Min(seconds, Once(reader, path, damaged.Length).Seconds);
            if (failure is null && seconds > MaximumSeconds) failure = $"took {seconds:0.0} s";
            if (failure is null && megabytes > MaximumMegabytes) failure = $"allocated {megabytes:0} MB";
            (slowest, most) = (Math.Max(slowest, seconds), Math.Max(most, megabytes));
            if (failure is not null) failures.Add($"file {number}: {failure}");
            else if (read) accepted++;
            else refused++;
        }

        return new FuzzResult(reader.Name, count, accepted, refused, slowest, most, failures);
    }

    private static (bool Read, double Seconds, double Megabytes, string? Failure) Once(FuzzedReader reader, string path, int length)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        var watch = Stopwatch.StartNew();
        bool read = false;
        string? failure = null;
        using var scope = NewDisposeScope();
        try
        {
            foreach (Tensor tensor in reader.Read(path))
            {
                // Every number is looked at, so that a tensor outside its memory is found out. Compressed numbers may be more than the file.
                if (tensor.numel() * tensor.element_size() > 4L * length + (16 << 20)) failure = $"gave a tensor of {tensor.numel()} numbers";
                else tensor.to(float64).sum().Dispose();
            }

            read = true;
        }
        catch (KitException e) when (e.Message.Contains(path, StringComparison.Ordinal))
        {
            // As it should be.
        }
        catch (Exception e)
        {
            failure = $"{e.GetType().Name}: {e.Message} at {e.StackTrace?.Split('\n')[0].Trim()}";
        }

        return (read, watch.Elapsed.TotalSeconds, (GC.GetAllocatedBytesForCurrentThread() - before) / 1e6, failure);
    }
}
