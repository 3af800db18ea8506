using System.Security.Cryptography;
using UnetResnet.Lab.Commands;
using UnetResnet.Tests.Lab;
using UnetResnet.Weights;
using Connection = UnetResnet.Tests.Weights.ScriptedServer.Connection;

namespace UnetResnet.Tests.Weights;

/// <summary>A file of weights, and a local server that sends it as a test wants.</summary>
public abstract class DownloadTest : IDisposable
{
    private protected static readonly byte[] Content = [.. Enumerable.Range(0, 200_000).Select(i => (byte)(i * 31 + i / 251))];

    public void Dispose()
    {
        GC.SuppressFinalize(this);
        folder.Dispose();
    }

    private protected static PretrainedWeights Entry(Uri url) => PretrainedWeights.ImageNet with
    {
        FileName = "file.h5",
        Url = url,
        Md5 = Convert.ToHexString(MD5.HashData(Content)).ToLowerInvariant(),
        Bytes = Content.Length,
    };

    private protected string FilePath => folder["cache", "file.h5"];

    private protected readonly TemporaryFolder folder = new();

    private protected DownloadOptions Options => new() { AllowHttp = true, Folder = folder["cache"], StallTime = TimeSpan.FromSeconds(5), RetryDelay = TimeSpan.FromMilliseconds(1), Retries = 3 };

    private protected Task<string> Download(ScriptedServer server, IProgress<DownloadProgress>? progress = null, CancellationToken cancellation = default) =>
        Entry(server.Url).DownloadAsync(Options, progress, cancellation);

    private protected async Task<string> Refusal(ScriptedServer server, DownloadOptions? options = null)
    {
        string message = (await Assert.ThrowsAsync<WeightsException>(() => Entry(server.Url).DownloadAsync(options ?? Options))).Message;
        Assert.False(File.Exists(FilePath));
        // What a reader needs to fetch it otherwise.
        foreach (string part in new[] { server.Url.ToString(), FilePath, Entry(server.Url).Md5, "\"bundled\"" }) Assert.Contains(part, message);
        return message;
    }

    private protected static Task Whole(Connection c) => c.Send($"HTTP/1.1 200 OK\nContent-Length: {Content.Length}", Content);

    private protected static Task Rest(Connection c) => c.From == 0
        ? Whole(c)
        : c.Send($"HTTP/1.1 206 Partial Content\nContent-Length: {Content.Length - c.From}\nContent-Range: bytes {c.From}-{Content.Length - 1}/{Content.Length}", Content[(int)c.From..]);

    /// <summary>Announces everything, sends half, hangs up.</summary>
    private protected static Task Half(Connection c) => c.Send($"HTTP/1.1 200 OK\nContent-Length: {Content.Length}", Content[..(Content.Length / 2)]);

    private protected (int Code, string Text, string Error) Lab(params string[] arguments) =>
        CommandRun.Of(WeightsCommand.Create(), [.. arguments, "--folder", folder["cache"]]);
}
