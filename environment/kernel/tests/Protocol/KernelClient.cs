using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Cellar.Protocol;
using NetMQ;
using NetMQ.Sockets;

namespace Cellar.Tests.Protocol;

/// <summary>A Jupyter client that starts the real kernel process and talks to it over its sockets.</summary>
internal sealed class KernelClient : IDisposable
{
    private const string Key = "a secret";
    private const int FirstPort = 10_000, PortCount = 22_000;
    private static int portsTried = Random.Shared.Next(PortCount);
    private readonly MessageCodec codec = new(Key);
    private readonly TemporaryFolder folder = new();
    private readonly List<NetMQSocket> sockets = [];
    private readonly SubscriberSocket iopub = new();
    private readonly StringBuilder errors = new();
    private bool welcome;

    /// <summary>How the kernel is started as a command of <c>lab</c>, which has the kit's assemblies and libtorch.</summary>
    public static readonly IReadOnlyList<string> InLab = ["dotnet", typeof(UnetResnet.Lab.Commands.RunCommand).Assembly.Location, "kernel", "start", "{connection_file}"];

    /// <summary>Starts a kernel.</summary>
    /// <param name="parent">The process whose end ends the kernel.</param>
    /// <param name="argv">How to start it, with <c>{connection_file}</c> as in a kernelspec; by default the program that was built with the tests.</param>
    public KernelClient(string? parent = null, IReadOnlyList<string>? argv = null)
    {
        Connection = Free();
        string file = Path.Combine(folder.Path, "connection.json");
        File.WriteAllText(file, JsonSerializer.Serialize(Connection));
        string[] command = [.. (argv ?? ["dotnet", typeof(JupyterKernel).Assembly.Location, "start", "{connection_file}"]).Select(a => a.Replace("{connection_file}", file))];
        var info = new ProcessStartInfo(command[0], command[1..])
        {
            WorkingDirectory = folder.Path,
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        info.Environment["OMP_NUM_THREADS"] = "1";
        info.Environment["TMPDIR"] = Directory.CreateDirectory(Temporary).FullName;
        if (parent is not null) info.Environment["JPY_PARENT_PID"] = parent;
        Process = Process.Start(info)!;
        Process.ErrorDataReceived += (_, line) =>
        {
            lock (errors) errors.AppendLine(line.Data);
        };
        Process.BeginErrorReadLine();
        Process.BeginOutputReadLine();
        Shell = Connect(new DealerSocket(), Connection.ShellPort, "client");
        Control = Connect(new DealerSocket(), Connection.ControlPort, "client");
        Stdin = Connect(new DealerSocket(), Connection.StdinPort, "client");
        Heartbeat = Connect(new RequestSocket(), Connection.HeartbeatPort);
        iopub.SubscribeToAnyTopic();
        Connect(iopub, Connection.IopubPort);
    }

    public ConnectionFile Connection { get; }

    public Process Process { get; }

    public string Folder => folder.Path;

    /// <summary>The folder that the kernel takes for temporary files.</summary>
    public string Temporary => folder["tmp"];

    public DealerSocket Shell { get; }

    public DealerSocket Control { get; }

    public DealerSocket Stdin { get; }

    public RequestSocket Heartbeat { get; }

    /// <summary>Sends a request.</summary>
    /// <returns>The id of its message, by which answers are told apart.</returns>
    public string Send(NetMQSocket socket, string type, JsonObject content)
    {
        List<byte[]> frames = Frames(type, content);
        socket.SendMultipartBytes(frames);
        return JsonNode.Parse(frames[2])!["msg_id"]!.GetValue<string>();
    }

    /// <summary>The frames of a signed message: delimiter, signature, header, parent header, metadata, content.</summary>
    public List<byte[]> Frames(string type, JsonObject content) => codec.Encode([], type, content, null);

    /// <summary>The next message, or null where none comes in time.</summary>
    public Received? Receive(NetMQSocket socket, double seconds = 60)
    {
        var frames = new List<byte[]>();
        if (!socket.TryReceiveMultipartBytes(TimeSpan.FromSeconds(seconds), ref frames!)) return null;
        Assert.NotNull(codec.Decode(frames, 0)); // the kernel's signature is right
        int start = frames.FindIndex(f => f.AsSpan().SequenceEqual("<IDS|MSG>"u8)) + 2;
        JsonNode header = JsonNode.Parse(frames[start])!, parent = JsonNode.Parse(frames[start + 1])!;
        return new Received(header["msg_type"]!.GetValue<string>(), parent["msg_id"]?.GetValue<string>(), JsonNode.Parse(frames[start + 3])!.AsObject());
    }

    /// <summary>The next message on the iopub channel.</summary>
    public Received? Output(double seconds = 60)
    {
        Received? output = Receive(iopub, seconds);
        welcome |= output is { Type: "iopub_welcome" };
        return output;
    }

    /// <summary>Sends a request and waits for its answer.</summary>
    public JsonObject Ask(string type, JsonObject? content = null, NetMQSocket? socket = null)
    {
        string id = Send(socket ?? Shell, type, content ?? []);
        Received reply = Receive(socket ?? Shell) ?? throw new TimeoutException($"No answer to {type}.");
        Assert.Equal((type.Replace("_request", "_reply"), id), (reply.Type, reply.Parent));
        return reply.Content;
    }

    /// <summary>Sends code, once the kernel has said that its outputs will be heard.</summary>
    public string SendCode(string code, JsonObject? more = null)
    {
        for (int second = 0; !welcome; second++)
        {
            if (Output(seconds: 1) is not null || (!Process.HasExited && second <= 240)) continue;
            lock (errors) throw new TimeoutException($"The kernel has not welcomed its subscriber{(Process.HasExited ? $": it ended with {Process.ExitCode}" : "")}. {errors}");
        }

        JsonObject content = more ?? [];
        content["code"] = code;
        return Send(Shell, "execute_request", content);
    }

    /// <summary>Executes code and gathers what it gives out, up to the idle status.</summary>
    public Execution Execute(string code, JsonObject? more = null) => Await(SendCode(code, more));

    public Execution Await(string id)
    {
        var outputs = new List<Received>();
        while (true)
        {
            Received output = Output(240) ?? throw new TimeoutException("The cell has not ended.");
            if (output.Parent != id) continue;
            outputs.Add(output);
            if (output.Type == "status" && output.Content["execution_state"]!.GetValue<string>() == "idle") break;
        }

        Received reply = Receive(Shell) ?? throw new TimeoutException("No execute_reply.");
        Assert.Equal(("execute_reply", id), (reply.Type, reply.Parent));
        return new Execution(reply.Content, outputs);
    }

    public void Dispose()
    {
        if (!Process.HasExited) Process.Kill(entireProcessTree: true);
        Process.WaitForExit();
        Process.Dispose();
        foreach (NetMQSocket socket in sockets) socket.Dispose();
        folder.Dispose();
    }

    private T Connect<T>(T socket, int port, string? identity = null)
        where T : NetMQSocket
    {
        if (identity is not null) socket.Options.Identity = Encoding.ASCII.GetBytes(identity);
        socket.Options.Linger = TimeSpan.Zero;
        socket.Options.ReceiveHighWatermark = 0;
        socket.Options.ReconnectInterval = TimeSpan.FromMilliseconds(50);
        socket.Connect($"tcp://127.0.0.1:{port}");
        sockets.Add(socket);
        return socket;
    }

    /// <summary>
    /// Free ports below those that the system gives to outgoing connections: a client that knocks at one of these before its kernel listens can be given that very
    /// port, is then connected to itself, and the kernel finds it taken. One after the other, so that kernels that start at once get different ones.
    /// </summary>
    private static ConnectionFile Free()
    {
        int[] ports = [.. Enumerable.Repeat(0, 1000).Select(_ => FirstPort + (Interlocked.Increment(ref portsTried) % PortCount)).Where(IsFree).Take(5)];
        return new ConnectionFile { ShellPort = ports[0], ControlPort = ports[1], IopubPort = ports[2], StdinPort = ports[3], HeartbeatPort = ports[4], Key = Key };
    }

    private static bool IsFree(int port)
    {
        var listener = new TcpListener(IPAddress.Loopback, port);
        try
        {
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
        finally
        {
            listener.Stop();
        }
    }
}

/// <summary>A message from the kernel.</summary>
internal sealed record Received(string Type, string? Parent, JsonObject Content)
{
    public string Text(string name) => Content[name]!.ToString();
}

/// <summary>What an execute_request led to.</summary>
internal sealed record Execution(JsonObject Reply, IReadOnlyList<Received> Outputs)
{
    public string Status => Reply["status"]!.GetValue<string>();

    public string Printed => string.Concat(Of("stream").Where(o => o.Text("name") == "stdout").Select(o => o.Text("text")));

    public string? Result => Of("execute_result").SingleOrDefault()?.Content["data"]!["text/plain"]?.ToString();

    public IEnumerable<Received> Of(string type) => Outputs.Where(o => o.Type == type);
}
