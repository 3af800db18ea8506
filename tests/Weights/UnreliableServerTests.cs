using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using UnetResnet.Weights;
using Connection = UnetResnet.Tests.Weights.ScriptedServer.Connection;

namespace UnetResnet.Tests.Weights;

/// <summary>Downloads from a server with every bad habit of a network.</summary>
[Trait("Category", "Reliability")]
public sealed class UnreliableServerTests : DownloadTest
{
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

    [Theory]
    [InlineData(408, true)]
    [InlineData(429, true)]
    [InlineData(500, true)]
    [InlineData(204, false)]
    [InlineData(304, false)]
    [InlineData(403, false)]
    [InlineData(428, false)]
    [InlineData(499, false)]
    public async Task Only_an_answer_that_may_pass_is_waited_for(int status, bool passes)
    {
        using var server = new ScriptedServer(c => c.Send($"HTTP/1.1 {status} Because\nContent-Length: 0"), Whole);
        if (passes) await Download(server);
        else Assert.Contains($"the server answers {status} Because", await Refusal(server));
        Assert.Equal(passes ? 2 : 1, server.Asked.Count);
    }

    [Fact]
    public async Task It_is_asked_once_more_than_there_are_retries()
    {
        using var server = new ScriptedServer(c => c.Send("HTTP/1.1 503 Service Unavailable\nContent-Length: 0"));
        Assert.Contains("503", await Refusal(server, Options with { Retries = 2 }));
        Assert.Equal(3, server.Asked.Count);
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
}
