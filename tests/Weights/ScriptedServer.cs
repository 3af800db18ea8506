using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace UnetResnet.Tests.Weights;

/// <summary>An HTTP server of bad manners: answers each connection by the next line of its script, with raw bytes.</summary>
internal sealed class ScriptedServer : IDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource ended = new();

    /// <param name="script">What the first, second … connection is answered; the last line also answers all further ones.</param>
    public ScriptedServer(params Func<Connection, Task>[] script)
    {
        listener.Start();
        Url = new Uri($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/file.h5");
        _ = Task.Run(async () =>
        {
            for (int i = 0; ; i++)
            {
                TcpClient client = await listener.AcceptTcpClientAsync(ended.Token);
                _ = AnswerAsync(client, script[Math.Min(i, script.Length - 1)]);
            }
        });
    }

    public Uri Url { get; }

    /// <summary>The first bytes that were asked for in each request; 0 without a range.</summary>
    public List<long> Asked { get; } = [];

    public void Dispose()
    {
        ended.Cancel();
        listener.Stop();
    }

    private async Task AnswerAsync(TcpClient client, Func<Connection, Task> answer)
    {
        using (client)
        {
            NetworkStream stream = client.GetStream();
            var request = new StringBuilder();
            var one = new byte[1];
            while (!request.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal) && await stream.ReadAsync(one, ended.Token) > 0) request.Append((char)one[0]);
            Match range = Regex.Match(request.ToString(), "^Range: bytes=(\\d+)-", RegexOptions.IgnoreCase | RegexOptions.Multiline);
            long from = range.Success ? long.Parse(range.Groups[1].Value, CultureInfo.InvariantCulture) : 0;
            lock (Asked) Asked.Add(from);
            await answer(new Connection(this, stream, from, ended.Token));
        }
    }

    /// <summary>A request and the bytes to answer it with.</summary>
    internal sealed record Connection(ScriptedServer Server, NetworkStream Stream, long From, CancellationToken Ended)
    {
        public async Task Send(string head, byte[]? body = null)
        {
            await Stream.WriteAsync(Encoding.ASCII.GetBytes(head.ReplaceLineEndings("\r\n") + "\r\nConnection: close\r\n\r\n"), Ended);
            await Stream.WriteAsync(body ?? [], Ended);
        }

        /// <summary>Lets the client wait until it goes or the test ends.</summary>
        public Task Stall() => Task.Delay(Timeout.Infinite, Ended);
    }
}
