using UnetResnet.Weights;

namespace UnetResnet.Tests.Weights;

/// <summary>Where a download may go, who may read it on its way, and who may read what is kept.</summary>
[Trait("Category", "Reliability")]
public sealed class DownloadPrivacyTests : DownloadTest
{
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
    [InlineData(301)]
    [InlineData(303)]
    [InlineData(307)]
    [InlineData(308)]
    public async Task Every_kind_of_redirect_is_followed_up_to_five_times(int status)
    {
        Task Again(ScriptedServer.Connection c) => c.Send($"HTTP/1.1 {status} Elsewhere\nContent-Length: 0\nLocation: /file.h5");
        using var server = new ScriptedServer(Again, Again, Again, Again, Again, Whole);
        await Download(server);
        Assert.Equal(Content, File.ReadAllBytes(FilePath));
        Assert.Equal(6, server.Asked.Count);
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
}
