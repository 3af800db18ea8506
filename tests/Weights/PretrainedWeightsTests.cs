using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using UnetResnet.Lab.Commands;
using UnetResnet.Tests.Lab;
using UnetResnet.Weights;
using Connection = UnetResnet.Tests.Weights.ScriptedServer.Connection;

namespace UnetResnet.Tests.Weights;

/// <summary>Downloads from a local server with every bad habit of a network.</summary>
[Trait("Category", "Reliability")]
public sealed class PretrainedWeightsTests : IDisposable
{
    private static readonly byte[] Content = [.. Enumerable.Range(0, 200_000).Select(i => (byte)(i * 31 + i / 251))];

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private static PretrainedWeights Entry(Uri url) => PretrainedWeights.ImageNet with
    {
        FileName = "file.h5",
        Url = url,
        Md5 = Convert.ToHexString(MD5.HashData(Content)).ToLowerInvariant(),
        Bytes = Content.Length,
    };

    private string FilePath => folder["cache", "file.h5"];

    private DownloadOptions Options => new() { AllowHttp = true, Folder = folder["cache"], StallTime = TimeSpan.FromSeconds(5), RetryDelay = TimeSpan.FromMilliseconds(1), Retries = 3 };

    private Task<string> Download(ScriptedServer server, IProgress<DownloadProgress>? progress = null, CancellationToken cancellation = default) =>
        Entry(server.Url).DownloadAsync(Options, progress, cancellation);

    private async Task<string> Refusal(ScriptedServer server, DownloadOptions? options = null)
    {
        string message = (await Assert.ThrowsAsync<WeightsException>(() => Entry(server.Url).DownloadAsync(options ?? Options))).Message;
        Assert.False(File.Exists(FilePath));
        // What a reader needs to fetch it otherwise.
        foreach (string part in new[] { server.Url.ToString(), FilePath, Entry(server.Url).Md5, "\"bundled\"" }) Assert.Contains(part, message);
        return message;
    }

    private static Task Whole(Connection c) => c.Send($"HTTP/1.1 200 OK\nContent-Length: {Content.Length}", Content);

    private static Task Rest(Connection c) => c.From == 0
        ? Whole(c)
        : c.Send($"HTTP/1.1 206 Partial Content\nContent-Length: {Content.Length - c.From}\nContent-Range: bytes {c.From}-{Content.Length - 1}/{Content.Length}", Content[(int)c.From..]);

    /// <summary>Announces everything, sends half, hangs up.</summary>
    private static Task Half(Connection c) => c.Send($"HTTP/1.1 200 OK\nContent-Length: {Content.Length}", Content[..(Content.Length / 2)]);

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
    public async Task A_broken_connection_goes_on_where_it_ended()
    {
        using var server = new ScriptedServer(Half, Rest);
        await Download(server);
        Assert.Equal(Content, File.ReadAllBytes(FilePath));
        Assert.Equal([0, Content.Length / 2], server.Asked);
    }

    [Fact]
    public async Task A_server_without_ranges_sends_it_all_again()
    {
        using var server = new ScriptedServer(Half, Whole);
        await Download(server);
        Assert.Equal(Content, File.ReadAllBytes(FilePath));
        Assert.Equal([0, Content.Length / 2], server.Asked);
    }

    [Fact]
    public async Task A_server_that_answers_another_range_is_asked_for_the_whole()
    {
        using var server = new ScriptedServer(
            Half,
            c => c.Send($"HTTP/1.1 206 Partial Content\nContent-Length: 10\nContent-Range: bytes 0-9/{Content.Length}", Content[..10]),
            Half,
            c => c.Send("HTTP/1.1 416 Range Not Satisfiable\nContent-Length: 0"),
            Rest);
        await Entry(server.Url).DownloadAsync(Options with { Retries = 4 });
        Assert.Equal(Content, File.ReadAllBytes(FilePath));
        Assert.Equal([0, Content.Length / 2, 0, Content.Length / 2, 0], server.Asked);
    }

    [Fact]
    public async Task Stalls_are_given_up_and_retried_a_bounded_number_of_times()
    {
        async Task Stalls(Connection c)
        {
            await c.Send($"HTTP/1.1 200 OK\nContent-Length: {Content.Length}", Content[..1000]);
            await c.Stall();
        }

        // Long enough for a busy machine to fetch a thousand bytes in.
        using var server = new ScriptedServer(Stalls, c => c.Stall(), Rest);
        await Entry(server.Url).DownloadAsync(Options with { StallTime = TimeSpan.FromSeconds(1.5) });
        Assert.Equal([0, 1000, 1000], server.Asked);

        File.Delete(FilePath);
        using var dead = new ScriptedServer(c => c.Stall());
        Assert.Contains("next to nothing, came for 0.5 s", await Refusal(dead, Options with { StallTime = TimeSpan.FromSeconds(0.5), Retries = 2 }));
        Assert.InRange(dead.Asked.Count, 1, 3);
    }

    [Fact]
    public async Task A_server_that_drips_is_given_up_too_and_what_came_is_kept()
    {
        using var server = new ScriptedServer(
            async c =>
            {
                await c.Send($"HTTP/1.1 200 OK\nContent-Length: {Content.Length}");
                for (int i = 0; ; i++)
                {
                    await c.Stream.WriteAsync(Content.AsMemory(i, 1), c.Ended);
                    await Task.Delay(20, c.Ended);
                }
            },
            Rest);
        await Entry(server.Url).DownloadAsync(Options with { StallTime = TimeSpan.FromSeconds(1.5) });
        Assert.Equal(Content, File.ReadAllBytes(FilePath));
        Assert.Equal(2, server.Asked.Count);
        Assert.InRange(server.Asked[1], 1, 1000);
    }

    [Fact]
    public async Task A_busy_server_is_asked_again_and_an_absent_file_is_not()
    {
        using var busy = new ScriptedServer(c => c.Send("HTTP/1.1 503 Service Unavailable\nContent-Length: 0"), Whole);
        await Download(busy);
        Assert.Equal(2, busy.Asked.Count);

        File.Delete(FilePath);
        using var absent = new ScriptedServer(c => c.Send("HTTP/1.1 404 Not Found\nContent-Length: 0"));
        Assert.Contains("404 Not Found", await Refusal(absent));
        Assert.Single(absent.Asked);
    }

    [Fact]
    public async Task Lies_about_the_length_are_noticed_before_a_byte_is_kept()
    {
        using var shorter = new ScriptedServer(c => c.Send("HTTP/1.1 200 OK\nContent-Length: 17", Content));
        Assert.Contains("announces 17 bytes and the file has 200000", await Refusal(shorter));
        using var longer = new ScriptedServer(c => c.Send("HTTP/1.1 200 OK\nContent-Length: 99999999999", Content));
        Assert.Contains("announces 99999999999 bytes", await Refusal(longer));
        Assert.Equal((1, 1), (shorter.Asked.Count, longer.Asked.Count));
    }

    [Fact]
    public async Task A_body_without_an_announced_length_may_neither_be_too_long_nor_too_short()
    {
        using var endless = new ScriptedServer(c => c.Send("HTTP/1.1 200 OK", [.. Content, 1]));
        Assert.Contains("more than the 200000 bytes", await Refusal(endless));
        Assert.Equal(0, new FileInfo(FilePath + ".part").Length);

        using var early = new ScriptedServer(c => c.Send("HTTP/1.1 200 OK", Content[..50]), Rest);
        await Download(early);
        Assert.Equal([0, 50], early.Asked);
    }

    [Fact]
    public async Task Wrong_bytes_are_refused_and_not_kept()
    {
        byte[] wrong = [.. Content];
        wrong[100_000] ^= 1;
        using var server = new ScriptedServer(c => c.Send($"HTTP/1.1 200 OK\nContent-Length: {wrong.Length}", wrong));
        Assert.Contains($"has the MD5 {Convert.ToHexString(MD5.HashData(wrong)).ToLowerInvariant()} instead of", await Refusal(server));
        Assert.Single(server.Asked);
        Assert.Equal(0, new FileInfo(FilePath + ".part").Length);
    }

    [Fact]
    public async Task A_foreign_part_that_does_not_fit_is_thrown_away_once()
    {
        folder.Write(Path.Combine("cache", "file.h5.part"), "the beginning of something else");
        using var server = new ScriptedServer(Rest);
        await Download(server);
        Assert.Equal(Content, File.ReadAllBytes(FilePath));
        Assert.Equal([31, 0], server.Asked);
    }

    [Fact]
    public async Task A_part_that_is_complete_needs_no_server()
    {
        Directory.CreateDirectory(folder["cache"]);
        File.WriteAllBytes(FilePath + ".part", Content);
        using var server = new ScriptedServer(Whole);
        await Download(server);
        Assert.Equal(Content, File.ReadAllBytes(FilePath));
        Assert.Empty(server.Asked);
    }

    [Fact]
    public async Task Redirects_are_followed_but_not_in_circles()
    {
        using var target = new ScriptedServer(Whole);
        using var server = new ScriptedServer(c => c.Send($"HTTP/1.1 302 Found\nContent-Length: 0\nLocation: {target.Url}"));
        await Download(server);
        Assert.Equal(Content, File.ReadAllBytes(FilePath));

        File.Delete(FilePath);
        using var circle = new ScriptedServer(c => c.Send($"HTTP/1.1 301 Moved Permanently\nContent-Length: 0\nLocation: {c.Server.Url}"));
        Assert.Contains("redirected more than 5 times", await Refusal(circle));
        Assert.Equal(6, circle.Asked.Count);
    }

    [Theory]
    [InlineData("file:///etc/hostname", "begins with file: (file:///etc/hostname); expected https://")]
    [InlineData("ftp://127.0.0.1/file.h5", "begins with ftp: (ftp://127.0.0.1/file.h5); expected https://")]
    public async Task A_redirect_to_something_that_is_no_web_address_is_refused(string location, string reason)
    {
        using var server = new ScriptedServer(c => c.Send($"HTTP/1.1 302 Found\nContent-Length: 0\nLocation: {location}"));
        Assert.Contains($"{server.Url} redirects to a place that {reason}", await Refusal(server));
        Assert.Single(server.Asked); // and is not asked again
    }

    /// <summary>Whatever was allowed: who began encrypted stays so.</summary>
    [Theory]
    [InlineData("https://a.example/1", "http://a.example/2", "from https to http (http://a.example/2)")]
    [InlineData("https://a.example/1", "HTTP://b.example/2", "from https to http (http://b.example/2)")]
    [InlineData("https://a.example/1", "file:///etc/hostname", "begins with file:")]
    [InlineData("https://a.example/1", "data:,x", "begins with data:")]
    [InlineData("https://a.example/1", "//b.example/2", null)]
    [InlineData("https://a.example/1", "https://b.example:444/2", null)]
    [InlineData("https://a.example/1", "../2?x=1", null)]
    [InlineData("http://a.example/1", "https://b.example/2", null)]
    [InlineData("http://a.example/1", "http://b.example/2", null)]
    public void A_redirect_stays_on_the_web_and_encrypted(string address, string location, string? refusal)
    {
        var download = new FileDownload(Entry(new Uri(address)), FilePath, Options, null);
        Uri from = new(address), to = new(location, location[0] is '/' or '.' ? UriKind.Relative : UriKind.Absolute);
        if (refusal is null) Assert.Equal(new Uri(from, to), download.Redirected(from, to));
        else Assert.Contains(refusal, Assert.Throws<WeightsException>(() => download.Redirected(from, to)).Message);
        if (address.StartsWith("http:", StringComparison.Ordinal) && new Uri(from, to).Scheme == "http")
            Assert.Contains("AllowHttp", Assert.Throws<WeightsException>(() => new FileDownload(Entry(from), FilePath, Options with { AllowHttp = false }, null).Redirected(from, to)).Message);
    }

    [Fact]
    public async Task A_body_without_an_end_is_given_up_at_the_files_length()
    {
        using var server = new ScriptedServer(async c =>
        {
            await c.Send("HTTP/1.1 200 OK");
            while (true) await c.Stream.WriteAsync(Content, c.Ended);
        });
        Assert.Contains("more than the 200000 bytes", await Refusal(server));
        Assert.Single(server.Asked);
    }

    [Fact]
    public async Task What_is_kept_is_the_owners_alone_in_a_folder_that_was_open_to_all_too()
    {
        if (OperatingSystem.IsWindows()) return;
        Directory.CreateDirectory(folder["cache"], (UnixFileMode)0b111_101_101);
        folder.Write(Path.Combine("cache", "file.h5.part"), "");
        File.SetUnixFileMode(FilePath + ".part", (UnixFileMode)0b110_110_110);
        using var server = new ScriptedServer(Half, c =>
        {
            Assert.Equal(Rights.OwnersFile, Rights.Of(FilePath + ".part"));
            return Rest(c);
        });
        await Download(server);
        Assert.Equal((Rights.OwnersFile, Rights.OwnersFile), (Rights.Of(FilePath), Rights.Of(FilePath + ".lock")));
        Assert.Equal("rwxr-xr-x", Rights.Of(folder["cache"])); // the user's, and maybe meant so
    }

    [Fact]
    public async Task An_unencrypted_address_needs_to_be_allowed()
    {
        using var server = new ScriptedServer(Whole);
        Assert.Contains("its address begins with http://", await Refusal(server, Options with { AllowHttp = false }));
        Assert.Empty(server.Asked);
        await Download(server);
        if (!OperatingSystem.IsWindows()) Assert.Equal(Rights.OwnersFolder, Rights.Of(folder["cache"]));
    }

    [Fact]
    public void The_command_asks_for_the_same_flag()
    {
        using var server = new ScriptedServer(Whole);
        (int code, _, string error) = Lab("download", "--mirror", server.Url.ToString());
        Assert.Equal(1, code);
        Assert.Contains("--allow-http", error);
        Assert.Empty(server.Asked);
        // Allowed, it is fetched, and seen not to be the file: the checksum stays.
        (code, _, error) = Lab("download", "--mirror", server.Url.ToString(), "--allow-http");
        Assert.Equal(1, code);
        Assert.Contains("it is another file", error);
        Assert.Single(server.Asked);
        Assert.Contains("--mirror here: expected an address", Lab("download", "--mirror", "here").Error);
    }

    [Fact]
    public async Task Without_a_network_the_message_says_what_to_do()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var url = new Uri($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/file.h5");
        listener.Stop();
        string message = (await Assert.ThrowsAsync<WeightsException>(() => Entry(url).DownloadAsync(Options))).Message;
        Assert.Contains(FilePath, message);
        Assert.Contains(Entry(url).Md5, message);
        message = (await Assert.ThrowsAsync<WeightsException>(() => Entry(new Uri("https://nowhere.invalid/file.h5")).DownloadAsync(Options with { RetryDelay = TimeSpan.FromMinutes(1) }))).Message;
        Assert.Contains("nowhere.invalid", message);
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
        Assert.Throws<ArgumentOutOfRangeException>("StallTime", () => new DownloadOptions { StallTime = TimeSpan.Zero }.Validate());
        Assert.Throws<ArgumentOutOfRangeException>("Retries", () => new DownloadOptions { Retries = -1 }.Validate());
        Assert.Throws<ArgumentOutOfRangeException>("RetryDelay", () => new DownloadOptions { RetryDelay = TimeSpan.FromHours(1) }.Validate());
        Assert.Throws<ArgumentException>("Folder", () => new DownloadOptions { Folder = "" }.Validate());
    }

    private (int Code, string Text, string Error) Lab(params string[] arguments) =>
        CommandRun.Of(WeightsCommand.Create(), [.. arguments, "--folder", folder["cache"]]);

    private sealed class Listener(Action<DownloadProgress> action) : IProgress<DownloadProgress>
    {
        public void Report(DownloadProgress value) => action(value);
    }
}
