using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using Cellar.Protocol;
using NetMQ;
using NetMQ.Sockets;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>A kernel process and the little of a Jupyter client that is needed to time it.</summary>
internal sealed class KernelProcess : IDisposable
{
    private readonly MessageCodec codec = new("bench");
    private readonly DealerSocket shell = new(), control = new();
    private readonly SubscriberSocket iopub = new();
    private readonly KernelProgram program;
    private readonly Process process;

    /// <summary>Starts a kernel as its kernelspec would.</summary>
    /// <param name="folder">An empty folder: the kernel's current one, NuGet's packages and every cache go there.</param>
    /// <param name="program">The kernel; this kit's by default.</param>
    public KernelProcess(string folder, KernelProgram? program = null)
    {
        this.program = program ??= KernelProgram.Own;
        int[] ports = FreePorts(5);
        var connection = new ConnectionFile { ShellPort = ports[0], ControlPort = ports[1], IopubPort = ports[2], StdinPort = ports[3], HeartbeatPort = ports[4], Key = "bench" };
        string file = Path.Combine(folder, $"connection-{ports[0]}.json");
        File.WriteAllText(file, JsonSerializer.Serialize(connection));
        ProcessStartInfo start = program.Start(file);
        (start.WorkingDirectory, start.RedirectStandardOutput, start.RedirectStandardError) = (folder, true, true);
        start.Environment["XDG_CACHE_HOME"] = Path.Combine(folder, "cache");
        start.Environment["NUGET_PACKAGES"] = Path.Combine(folder, "packages");
        start.Environment["IPYTHONDIR"] = Path.Combine(folder, "ipython");
        start.Environment["DOTNET_INTERACTIVE_CLI_TELEMETRY_OPTOUT"] = start.Environment["DOTNET_INTERACTIVE_SKIP_FIRST_TIME_EXPERIENCE"] = "1";
        process = Process.Start(start)!;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        iopub.SubscribeToAnyTopic();
        foreach ((NetMQSocket socket, int port) in (ReadOnlySpan<(NetMQSocket, int)>)[(shell, ports[0]), (control, ports[1]), (iopub, ports[2])])
        {
            socket.Options.Linger = TimeSpan.Zero;
            socket.Options.ReconnectInterval = TimeSpan.FromMilliseconds(10);
            socket.Connect($"tcp://127.0.0.1:{port}");
        }

        if (program == KernelProgram.Own) Output("iopub_welcome", parent: null); // others do not say so
    }

    /// <summary>The process's id.</summary>
    public int Id => process.Id;

    /// <summary>Sends a request on the shell channel and waits for the reply.</summary>
    /// <exception cref="InvalidOperationException">The reply tells of an error.</exception>
    public JsonObject Ask(string type, JsonObject content)
    {
        string id = Send(shell, type, content);
        while (true)
        {
            (_, string? parent, JsonObject reply) = Receive(shell);
            if (parent != id) continue;
            if (reply["status"]?.ToString() == "ok") return reply;
            throw new InvalidOperationException($"{program.Name} answers {type} with {reply["ename"]}: {reply["evalue"]}");
        }
    }

    /// <summary>Executes a cell and waits for its end.</summary>
    public JsonObject Execute(string code) => Ask("execute_request", Cell(code));

    /// <summary>Starts a cell that does not end and prints when it is under way, interrupts it and waits for its error.</summary>
    /// <returns>From the request to the error, as the client sees it; null if the cell goes on all the same, or the kernel with its variables is gone.</returns>
    public TimeSpan? Interrupt()
    {
        Settle();
        string cell = Send(shell, "execute_request", Cell(program.Busy));
        Output("stream", cell);
        Thread.Sleep(100);
        var watch = Stopwatch.StartNew();
        if (program.Signalled) using (Process kill = Process.Start("kill", ["-INT", $"{Id}"])) kill.WaitForExit();
        else Send(control, "interrupt_request", []);
        try
        {
            Output("error", cell, TimeSpan.FromSeconds(5));
        }
        catch (TimeoutException)
        {
            return null;
        }

        TimeSpan elapsed = watch.Elapsed;
        if (!program.Signalled) Receive(control);
        Receive(shell);
        return elapsed;
    }

    /// <summary>Starts a cell, interrupts it after some time and waits for its error.</summary>
    /// <returns>From the request to the error, as the client sees it.</returns>
    /// <exception cref="TimeoutException">The cell does not end in time.</exception>
    /// <exception cref="InvalidOperationException">The cell did not end as interrupted.</exception>
    public TimeSpan Interrupt(string code, TimeSpan after, TimeSpan patience)
    {
        string cell = Send(shell, "execute_request", Cell($"Console.WriteLine(\"go\");\n{code}"));
        Output("stream", cell);
        Thread.Sleep(after);
        var watch = Stopwatch.StartNew();
        Send(control, "interrupt_request", []);
        string error = Output("error", cell, patience)["ename"]?.ToString() ?? "";
        TimeSpan elapsed = watch.Elapsed;
        Receive(control);
        Receive(shell);
        return error == "Interrupted" ? elapsed : throw new InvalidOperationException($"The interrupted cell ended with {error}.");
    }

    /// <summary>Whether the process has ended by itself.</summary>
    public bool HasExited => process.WaitForExit(TimeSpan.FromSeconds(1));

    /// <summary>Ends the process at once.</summary>
    public void Kill() => process.Kill();

    /// <summary>Waits for an output.</summary>
    public JsonObject Output(string type, string? parent, TimeSpan? patience = null)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            if (watch.Elapsed > patience) throw new TimeoutException($"There is no {type}.");
            (string kind, string? of, JsonObject content) = Receive(iopub, patience);
            if (kind == type && of == parent) return content;
        }
    }

    public void Dispose()
    {
        if (!process.HasExited) Send(control, "shutdown_request", new JsonObject { ["restart"] = false });
        if (!process.WaitForExit(TimeSpan.FromSeconds(10))) process.Kill(entireProcessTree: true);
        process.Dispose();
        foreach (NetMQSocket socket in (NetMQSocket[])[shell, control, iopub]) socket.Dispose();
    }

    /// <summary>Waits until cells are run again: one that follows an error at once can be left out because of it.</summary>
    private void Settle()
    {
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                Execute("1 + 1");
                return;
            }
            catch (InvalidOperationException) when (attempt < 50)
            {
                Thread.Sleep(100);
            }
        }
    }

    /// <summary>Every field: ipykernel asks for them.</summary>
    private static JsonObject Cell(string code) => new() { ["code"] = code, ["silent"] = false, ["store_history"] = true, ["user_expressions"] = new JsonObject(), ["allow_stdin"] = false, ["stop_on_error"] = true };

    private string Send(NetMQSocket socket, string type, JsonObject content)
    {
        List<byte[]> frames = codec.Encode([], type, content, null);
        socket.SendMultipartBytes(frames);
        return JsonNode.Parse(frames[2])!["msg_id"]!.ToString();
    }

    private (string Type, string? Parent, JsonObject Content) Receive(NetMQSocket socket, TimeSpan? patience = null)
    {
        var frames = new List<byte[]>();
        if (!socket.TryReceiveMultipartBytes(patience ?? TimeSpan.FromSeconds(60), ref frames!)) throw new TimeoutException($"{program.Name} is silent{(process.HasExited ? $": it ended with {process.ExitCode}" : "")}.");
        KernelMessage message = codec.Decode(frames, 0) ?? throw new InvalidOperationException($"{program.Name}'s message is broken or wrongly signed.");
        return (message.Type, JsonNode.Parse(frames[^3])?["msg_id"]?.ToString(), message.Content);
    }

    /// <summary>Free ports below those that the system gives to outgoing connections.</summary>
    private static int[] FreePorts(int count) => [.. Enumerable.Repeat(0, 1000).Select(_ => Random.Shared.Next(10_000, 32_000)).Distinct().Where(IsFree).Take(count)];

    private static bool IsFree(int port)
    {
        using var listener = new TcpListener(IPAddress.Loopback, port);
        try
        {
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
