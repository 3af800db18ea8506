using UnetResnet.Weights;

namespace UnetResnet.Tests.Weights;

/// <summary>Weights in the user's cache: downloaded once, whoever asks, and found there.</summary>
[Trait("Category", "Reliability")]
public sealed class PretrainedWeightsTests : DownloadTest
{
    [Fact]
    public async Task A_file_is_downloaded_once()
    {
        using var server = new ScriptedServer(Whole);
        var seen = new List<DownloadProgress>();
        Assert.Equal(FilePath, await Download(server, new Listener(seen.Add)));
        Assert.Equal(Content, File.ReadAllBytes(FilePath));
        Assert.Equal(new DownloadProgress(Content.Length, Content.Length), seen[^1]);
        Assert.True(seen.SequenceEqual(seen.OrderBy(p => p.Bytes)) && seen.Count <= 101);
        Assert.Equal(["file.h5", "file.h5.lock"], Directory.GetFiles(folder["cache"]).Select(Path.GetFileName).Order());

        Assert.Equal(FilePath, await Download(server));
        Assert.Equal(FilePath, Entry(server.Url).Require(folder["cache"]));
        Assert.Single(server.Asked);
    }

    [Fact]
    public async Task Two_at_once_download_once()
    {
        using var server = new ScriptedServer(async c =>
        {
            await Task.Delay(150);
            await Whole(c);
        });
        string[] paths = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => Download(server))));
        Assert.All(paths, path => Assert.Equal(FilePath, path));
        Assert.Equal(Content, File.ReadAllBytes(FilePath));
        Assert.Single(server.Asked);
    }

    [PythonTheory("fcntl")]
    [InlineData("import fcntl, sys, time; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); open(sys.argv[2], 'w'); time.sleep(1.5); open(sys.argv[3], 'w')")]
    public async Task Another_process_that_downloads_is_waited_for(string script)
    {
        Directory.CreateDirectory(folder["cache"]);
        string path = folder.Write("lock.py", script);
        Task<(int Code, string Output, string Errors)> other = Task.Run(() => Python.RunFile(path, FilePath + ".lock", folder["held"], folder["over"]));
        while (!File.Exists(folder["held"]) && !other.IsCompleted) await Task.Delay(20);
        using var server = new ScriptedServer(Whole);
        await Download(server);
        // The file is there before the lock is free; that the process has ended may be noticed later.
        Assert.True(File.Exists(folder["over"]), "The download ended before the lock was free.");
        Assert.Equal(0, (await other).Code);
        Assert.Single(server.Asked);
    }

    [Fact]
    public async Task What_has_come_before_a_cancellation_is_kept()
    {
        using var server = new ScriptedServer(
            async c =>
            {
                await c.Send($"HTTP/1.1 200 OK\nContent-Length: {Content.Length}", Content[..50_000]);
                await c.Stall();
            },
            Rest);
        using var cancellation = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Entry(server.Url).DownloadAsync(
            Options with { StallTime = TimeSpan.FromSeconds(20) }, new Listener(p => { if (p.Bytes == 50_000) cancellation.Cancel(); }), cancellation.Token));
        await Download(server);
        Assert.Equal([0, 50_000], server.Asked);
    }

    [Fact]
    public void A_file_put_there_by_hand_is_checked()
    {
        PretrainedWeights entry = Entry(new Uri("https://nowhere.invalid/file.h5"));
        Assert.Null(entry.Find(folder["cache"]));
        Directory.CreateDirectory(folder["cache"]);
        File.WriteAllBytes(FilePath, Content);
        Assert.Equal(FilePath, entry.Find(folder["cache"]));

        File.WriteAllBytes(FilePath, [.. Content[..^1], 0]);
        File.SetLastWriteTimeUtc(FilePath, DateTime.UtcNow.AddSeconds(5));
        Assert.Contains("damaged", Assert.Throws<WeightsException>(() => entry.Find(folder["cache"])).Message);
    }

    [Fact]
    public void The_cache_is_where_users_of_each_system_expect_it()
    {
        string Folder(Dictionary<string, string> variables, string home = "/home/u", string? local = null, bool mac = false) =>
            WeightsCache.FolderFrom(variables.GetValueOrDefault, home, local, mac);
        Assert.Equal("/home/u/.cache/unetresnet", Folder([]));
        Assert.Equal("/big/unetresnet", Folder(new() { ["XDG_CACHE_HOME"] = "/big" }));
        Assert.Equal("/home/u/.cache/unetresnet", Folder(new() { ["XDG_CACHE_HOME"] = "relative" }));
        Assert.Equal("/home/u/Library/Caches/unetresnet", Folder(new() { ["XDG_CACHE_HOME"] = "/big" }, mac: true));
        Assert.Equal(Path.Combine("C:/Local", "unetresnet"), Folder(new() { ["XDG_CACHE_HOME"] = "/big" }, home: "", local: "C:/Local"));
        Assert.Equal("/mine", Folder(new() { ["UNETRESNET_CACHE"] = "/mine", ["XDG_CACHE_HOME"] = "/big" }, home: ""));
        Assert.Contains("UNETRESNET_CACHE", Assert.Throws<WeightsException>(() => Folder([], home: "")).Message);
    }

    [Fact]
    public void The_command_lists_and_finds_and_refuses_unknown_names()
    {
        (int code, string text, _) = Lab("list");
        Assert.Equal(0, code);
        Assert.Contains("imagenet        95 MB  not here", text);
        Assert.Contains("a7b3fe01876f51b976af0dea6bc144eb", text);

        (code, _, string error) = Lab("path");
        Assert.Equal(1, code);
        Assert.Contains("lab weights download imagenet", error);

        (code, _, error) = Lab("download", "vgg16");
        Assert.Equal(1, code);
        Assert.Contains("imagenet-top", error);
    }

    [Fact]
    public void Impossible_patience_is_refused()
    {
        TimeSpan more = TimeSpan.FromTicks(1);
        foreach (TimeSpan time in new[] { TimeSpan.Zero, TimeSpan.FromHours(1) + more })
            Assert.Throws<ArgumentOutOfRangeException>("StallTime", () => new DownloadOptions { StallTime = time }.Validate());
        foreach (int retries in new[] { -1, 21 })
            Assert.Throws<ArgumentOutOfRangeException>("Retries", () => new DownloadOptions { Retries = retries }.Validate());
        foreach (TimeSpan time in new[] { -more, TimeSpan.FromMinutes(1) + more })
            Assert.Throws<ArgumentOutOfRangeException>("RetryDelay", () => new DownloadOptions { RetryDelay = time }.Validate());
        Assert.Throws<ArgumentException>("Folder", () => new DownloadOptions { Folder = "" }.Validate());
        foreach (DownloadOptions allowed in new DownloadOptions[]
        {
            new() { StallTime = more, Retries = 0, RetryDelay = TimeSpan.Zero, Folder = "." },
            new() { StallTime = TimeSpan.FromHours(1), Retries = 20, RetryDelay = TimeSpan.FromMinutes(1) },
        })
            Assert.Same(allowed, allowed.Validate());
    }

    [Fact]
    public void By_default_it_is_patient_and_encrypted() =>
        Assert.Equal(new DownloadOptions { Folder = null, StallTime = TimeSpan.FromSeconds(20), Retries = 4, RetryDelay = TimeSpan.FromSeconds(1), AllowHttp = false }, new DownloadOptions());

    [Fact]
    public void Progress_is_told_in_megabytes() => Assert.Equal("47 of 95 MB", new DownloadProgress(47_400_000, 94_653_016).ToString());

    [Fact]
    public void Names_are_found_in_any_case()
    {
        Assert.Same(PretrainedWeights.ImageNetWithTop, PretrainedWeights.FromName("ImageNet-TOP"));
        Assert.Same(PretrainedWeights.ImageNet, PretrainedWeights.FromName("imagenet"));
        Assert.Contains("imagenet, imagenet-top", Assert.Throws<ArgumentException>("name", () => PretrainedWeights.FromName("image")).Message);
    }

    private sealed class Listener(Action<DownloadProgress> action) : IProgress<DownloadProgress>
    {
        public void Report(DownloadProgress value) => action(value);
    }
}
