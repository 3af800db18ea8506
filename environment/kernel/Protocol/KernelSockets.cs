using System.Text;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using NetMQ;
using NetMQ.Sockets;

namespace Cellar.Protocol;

/// <summary>The five sockets of a kernel, owned by one thread: sockets of NetMQ must not be shared.</summary>
internal sealed class KernelSockets : IDisposable
{
    private readonly MessageCodec codec;
    private readonly RouterSocket shell = new(), control = new(), stdin = new();
    private readonly XPublisherSocket iopub = new();
    private readonly ResponseSocket heartbeat = new();
    private readonly NetMQQueue<(KernelChannel Channel, List<byte[]> Frames)> outgoing = new();
    private readonly Channel<(KernelChannel Channel, List<byte[]> Frames)> ready = Channel.CreateUnbounded<(KernelChannel, List<byte[]>)>();
    private readonly NetMQPoller poller;
    private readonly Task pump;
    private long received, dropped;

    /// <summary>Binds the sockets.</summary>
    /// <param name="connection">Addresses and key.</param>
    /// <param name="receive">Takes each message that is well formed and rightly signed, on the thread of the sockets: must not block.</param>
    /// <exception cref="IOException">A port is taken.</exception>
    public KernelSockets(ConnectionFile connection, Action<KernelChannel, KernelMessage> receive)
    {
        codec = new MessageCodec(connection.Key);
        (NetMQSocket Socket, int Port)[] all =
        [
            (shell, connection.ShellPort), (control, connection.ControlPort), (stdin, connection.StdinPort),
            (iopub, connection.IopubPort), (heartbeat, connection.HeartbeatPort),
        ];
        iopub.Options.XPubVerbose = true;
        foreach ((NetMQSocket socket, int port) in all)
        {
            socket.Options.Linger = TimeSpan.FromSeconds(1);
            socket.Options.SendHighWatermark = 0; // never drop an output
            socket.Options.ReceiveHighWatermark = 0;
            string address = $"tcp://{connection.Ip}:{port}";
            try
            {
                socket.Bind(address);
            }
            catch (NetMQException e)
            {
                Close();
                throw new IOException($"The kernel cannot listen on {address}: {e.Message} Is the port in use? Start the kernel through Jupyter, which chooses free ports.", e);
            }
        }

        Listen(shell, KernelChannel.Shell);
        Listen(control, KernelChannel.Control);
        Listen(stdin, KernelChannel.Stdin);
        heartbeat.ReceiveReady += (_, _) => heartbeat.SendMultipartMessage(heartbeat.ReceiveMultipartMessage());
        iopub.ReceiveReady += (_, _) => Welcome(iopub.ReceiveFrameBytes());
        outgoing.ReceiveReady += (_, _) =>
        {
            while (outgoing.TryDequeue(out (KernelChannel Channel, List<byte[]> Frames) next, TimeSpan.Zero)) Socket(next.Channel).SendMultipartBytes(next.Frames);
        };
        poller = [shell, control, stdin, iopub, heartbeat, outgoing];
        poller.RunAsync("kernel sockets", isBackgroundThread: true);
        pump = Task.Run(PumpAsync);

        void Listen(NetMQSocket socket, KernelChannel channel) => socket.ReceiveReady += (_, _) =>
        {
            List<byte[]> frames = socket.ReceiveMultipartBytes();
            if (codec.Decode(frames, Interlocked.Increment(ref received)) is { } message) receive(channel, message);
            else Interlocked.Increment(ref dropped);
        };
    }

    /// <summary>
    /// Brings messages to the sockets' queue. The queue wakes the poller through a socket, and a thread that is interrupted there, as those of cells
    /// are, would leave it asleep; so no such thread touches it.
    /// </summary>
    private async Task PumpAsync()
    {
        await foreach ((KernelChannel Channel, List<byte[]> Frames) next in ready.Reader.ReadAllAsync().ConfigureAwait(false)) outgoing.Enqueue(next);
    }

    /// <summary>How many messages have come, good or bad.</summary>
    public long Received => Interlocked.Read(ref received);

    /// <summary>How many messages were thrown away because they were malformed or wrongly signed.</summary>
    public long Dropped => Interlocked.Read(ref dropped);

    /// <summary>Sends a message; safe from any thread, in the order of the calls.</summary>
    public void Send(KernelChannel channel, IReadOnlyList<byte[]> identities, string type, JsonObject content, byte[]? parent) =>
        ready.Writer.TryWrite((channel, codec.Encode(identities, type, content, parent)));

    /// <summary>Sends what is waiting, then closes the sockets.</summary>
    public void Dispose()
    {
        ready.Writer.TryComplete();
        pump.Wait();
        for (int wait = 0; !outgoing.IsEmpty && wait < 200; wait++) Thread.Sleep(5);
        poller.Stop();
        poller.Dispose();
        outgoing.Dispose();
        Close();
        Task.Run(() => NetMQConfig.Cleanup(block: true)).Wait(TimeSpan.FromSeconds(2)); // lets the last messages out; a client that is gone must not hold us
    }

    private NetMQSocket Socket(KernelChannel channel) => channel switch
    {
        KernelChannel.Shell => shell,
        KernelChannel.Control => control,
        KernelChannel.Stdin => stdin,
        _ => iopub,
    };

    /// <summary>Tells a new subscriber that it is heard (Jupyter's enhancement proposal 65).</summary>
    private void Welcome(byte[] subscription)
    {
        if (subscription is not [1, .. var topic]) return;
        iopub.SendMultipartBytes(codec.Encode([topic], "iopub_welcome", new JsonObject { ["subscription"] = Encoding.UTF8.GetString(topic) }, null));
    }

    private void Close()
    {
        foreach (NetMQSocket socket in (NetMQSocket[])[shell, control, stdin, iopub, heartbeat]) socket.Dispose();
    }
}
