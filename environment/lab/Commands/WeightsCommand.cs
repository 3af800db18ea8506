using System.CommandLine;
using UnetResnet.Lab.Running;
using UnetResnet.Notebooks;
using UnetResnet.Weights;

namespace UnetResnet.Lab.Commands;

/// <summary><c>lab weights</c>: the pre-trained weights that do not come with the kit; the only place where <c>lab</c> downloads anything.</summary>
internal static class WeightsCommand
{
    private static readonly string Names = string.Join(" or ", PretrainedWeights.All.Select(w => w.Name));

    public static Command Create() => new("weights", "Pre-trained weights that do not come with the kit: list, download, path.") { CreateList(), CreateDownload(), CreatePath() };

    private static Command CreateList()
    {
        Option<DirectoryInfo?> folder = Folder();
        var command = new Command("list", "Show what there is, and what of it is on this machine.") { folder };
        command.SetAction(parsed => Guarded(() =>
        {
            foreach (PretrainedWeights weights in PretrainedWeights.All)
            {
                string path = weights.PathIn(parsed.GetValue(folder)?.FullName);
                string state = weights.IsIntact(path) ? $"at {path}" : File.Exists(path) ? $"another or a damaged file at {path}" : "not here";
                Console.WriteLine(FormattableString.Invariant($"{weights.Name,-13} {weights.Bytes / 1e6,4:0} MB  {state}\n              {weights.Url}  MD5 {weights.Md5}"));
            }

            return Task.CompletedTask;
        }));
        return command;
    }

    private static Command CreateDownload()
    {
        Argument<string> name = Name();
        Option<DirectoryInfo?> folder = Folder();
        var mirror = new Option<string?>("--mirror") { Description = "Address of the same file elsewhere; the checksum stays." };
        var http = new Option<bool>("--allow-http") { Description = "Allow addresses that begin with http://, where others on the way can read and change what is sent." };
        var command = new Command("download", "Download weights into the cache, once; goes on where it was interrupted.") { name, folder, mirror, http };
        command.SetAction((parsed, cancellation) => Guarded(async () =>
        {
            PretrainedWeights weights = PretrainedWeights.FromName(parsed.GetValue(name)!);
            if (parsed.GetValue(mirror) is { } address)
            {
                weights = weights with
                {
                    Url = Uri.TryCreate(address, UriKind.Absolute, out Uri? url) ? url : throw new ArgumentException($"--mirror {address}: expected an address such as https://example.org/{weights.FileName}."),
                };
            }

            var options = new DownloadOptions { Folder = parsed.GetValue(folder)?.FullName, AllowHttp = parsed.GetValue(http) };
            Console.WriteLine(await weights.DownloadAsync(options, new LineProgress<DownloadProgress>(Console.Error), cancellation));
        }));
        return command;
    }

    private static Command CreatePath()
    {
        Argument<string> name = Name();
        Option<DirectoryInfo?> folder = Folder();
        var command = new Command("path", "Print the path of downloaded weights.") { name, folder };
        command.SetAction(parsed => Guarded(() =>
        {
            Console.WriteLine(PretrainedWeights.FromName(parsed.GetValue(name)!).Require(parsed.GetValue(folder)?.FullName));
            return Task.CompletedTask;
        }));
        return command;
    }

    private static Argument<string> Name() => new("name") { Description = $"{Names}.", DefaultValueFactory = _ => PretrainedWeights.ImageNet.Name };

    private static Option<DirectoryInfo?> Folder() =>
        new("--folder") { Description = $"Folder of the files. Default: the one that {WeightsCache.EnvironmentVariable} names, or the user's cache." };

    private static async Task<int> Guarded(Func<Task> action)
    {
        try
        {
            await action();
            return 0;
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine("Interrupted; the next download goes on from here.");
            return RunExitCode.Interrupted; // as shells have it: ended by Ctrl+C
        }
    }
}
