using System.Text.Json.Nodes;
using System.Threading.Channels;
using Cellar.Engine;
using Cellar.Insight;

namespace Cellar.Protocol;

/// <summary>A Jupyter kernel for C#: answers the messages of protocol 5.4 with a <see cref="NotebookEngine"/>.</summary>
/// <remarks>Shell requests are answered one after another, control requests at once beside them.</remarks>
internal sealed class JupyterKernel : IDisposable
{
    /// <summary>A native call cannot be cut: the kernel goes on waiting for its end, and says so after <see cref="Patience"/>.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromDays(1), Patience = TimeSpan.FromSeconds(2);

    /// <summary>How long a kernel waits for its first cell before it prepares for other requests.</summary>
    private static readonly TimeSpan WarmUpDelay = TimeSpan.FromSeconds(1);

    /// <summary>How long nothing is asked for before a kernel that has started practises, and how many small cells it then compiles for nobody, in rounds.</summary>
    private static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(150);
    private const int PracticeRound = 35, PracticeTurns = 2 * PracticeRound;

    /// <summary>How long nothing is asked for before memory is given back, how many bytes must have been used, and how many may be in use.</summary>
    private static readonly TimeSpan Leisure = TimeSpan.FromSeconds(2);
    private const long Worthwhile = 32 << 20, Large = 256 << 20;

    /// <summary>How many bytes cells use before those that are free again are collected.</summary>
    private const long Young = 24 << 20;

    /// <summary>Requests sent together with a failing one may still be under way when it fails.</summary>
    private static readonly TimeSpan InFlight = TimeSpan.FromMilliseconds(10);

    private readonly NotebookEngine engine;
    private readonly KernelSockets sockets;
    private readonly StandardInput input;
    private readonly ExecutionHistory history = new();
    private readonly Channel<KernelMessage> shell = Channel.CreateUnbounded<KernelMessage>();
    private readonly Channel<KernelMessage> control = Channel.CreateUnbounded<KernelMessage>();
    private readonly TaskCompletionSource firstCell = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource finished = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock gate = new();
    private CancellationTokenSource? running;
    private long abortedUpTo, asked, collected;

    /// <summary>Opens the sockets and begins to answer.</summary>
    /// <param name="connection">Addresses and key.</param>
    /// <param name="folder">What paths in cells are relative to.</param>
    /// <exception cref="IOException">A port is taken.</exception>
    public JupyterKernel(ConnectionFile connection, string folder)
    {
        engine = new NotebookEngine(folder, Grace) { About = () => $", protocol {MessageCodec.ProtocolVersion}, {sockets!.Dropped} messages dropped" };
        sockets = new KernelSockets(connection, Receive);
        input = new StandardInput(sockets);
        Publish("status", new JsonObject { ["execution_state"] = "starting" }, null);
        _ = Task.Run(() => ServeAsync(shell, KernelChannel.Shell));
        _ = Task.Run(() => ServeAsync(control, KernelChannel.Control));
        _ = Task.Run(WarmUpAsync);
    }

    /// <summary>Ends when a client has asked the kernel to shut down.</summary>
    public Task Finished => finished.Task;

    /// <summary>Stops the running cell; asked again, by force if it has not stopped in three seconds. Without a running cell nothing happens.</summary>
    public void Interrupt()
    {
        lock (gate)
        {
            if (running is { IsCancellationRequested: true }) engine.Insist();
            // On a thread of its own: cancelling runs what waits for it, and the pool may be full of what is to be stopped.
            else if (running is { } source) new Thread(() => Cancel(source)) { IsBackground = true, Name = "interrupt" }.Start();
        }
    }

    private static void Cancel(CancellationTokenSource cell)
    {
        try
        {
            cell.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The cell has just ended.
        }
    }

    public void Dispose()
    {
        shell.Writer.TryComplete();
        control.Writer.TryComplete();
        sockets.Dispose();
        engine.Dispose();
    }

    /// <summary>Completes and explains a name for nobody, so that the first one for somebody is quick; after the first cell, which it would hold up.</summary>
    private async Task WarmUpAsync()
    {
        await engine.Warm;
        await Task.WhenAny(firstCell.Task, Task.Delay(WarmUpDelay));
        const string code = "Console.WriteL";
        await CellCompletion.OfAsync(engine, new CellCursor(code, code.Length));
        await CellInspection.OfAsync(engine, new CellCursor("Console.WriteLine", code.Length), more: false);

        // The runtime compiles code for good once it has been called thirty times, counted from a pause in which nothing is called for the first time.
        for (int turn = 0; turn < PracticeTurns;)
        {
            if (turn % PracticeRound == 0 || !IsQuiet) await Task.Delay(Rest);
            if (!IsQuiet) continue;
            engine.Practise();
            turn++;
        }

        do await Task.Delay(Rest);
        while (!IsQuiet);
        NativeMemory.GiveBackUnused();
        await GiveBackAsync();
    }

    /// <summary>Gives back what cells have used whenever nothing is asked for any more.</summary>
    private async Task GiveBackAsync()
    {
        (long allocated, long last) = (GC.GetTotalAllocatedBytes(), 0);
        while (!finished.Task.IsCompleted)
        {
            await Task.Delay(Leisure);
            // Once after each rush: code that goes on in the background is not to be held up again and again. Not between cells either, the next of which would wait for its pages.
            long now = Interlocked.Read(ref asked);
            if (now == last || !IsQuietFor(Leisure)) continue;
            last = now;
            NativeMemory.GiveBackMuch();
            // Moving large data together would take its time.
            if (GC.GetTotalAllocatedBytes() - allocated < Worthwhile || GC.GetTotalMemory(false) > Large) continue;
            NativeMemory.GiveBackUnused();
            allocated = GC.GetTotalAllocatedBytes();
        }
    }

    /// <summary>
    /// Between cells, so that none pays for it. By itself the runtime takes new memory until it has filled what the processor's cache is said to hold, hundreds of megabytes
    /// on a server; small cells are quicker in memory that was used just before.
    /// </summary>
    private void CollectYoung()
    {
        long now = GC.GetTotalAllocatedBytes();
        if (now - collected < Young) return;
        collected = now;
        GC.Collect(0);
    }

    private bool IsQuiet => IsQuietFor(Rest);

    /// <summary>Whether no cell is running and nothing has been asked for some time.</summary>
    private bool IsQuietFor(TimeSpan time)
    {
        lock (gate) return running is null && Environment.TickCount64 - Interlocked.Read(ref asked) > time.TotalMilliseconds;
    }

    private void Receive(KernelChannel channel, KernelMessage message)
    {
        Interlocked.Exchange(ref asked, Environment.TickCount64);
        // At once, and here: the thread pool, on which requests are answered, may be full of what is to be stopped.
        if (message.Type == "interrupt_request") Interrupt();
        if (channel == KernelChannel.Stdin) input.Answer(message);
        else (channel == KernelChannel.Control ? control : shell).Writer.TryWrite(message);
    }

    private async Task ServeAsync(Channel<KernelMessage> queue, KernelChannel channel)
    {
        await foreach (KernelMessage request in queue.Reader.ReadAllAsync())
        {
            Publish("status", new JsonObject { ["execution_state"] = "busy" }, request);
            string? reply = request.Type.EndsWith("_request", StringComparison.Ordinal) ? request.Type[..^"request".Length] + "reply" : null;
            JsonObject? content;
            try
            {
                content = await AnswerAsync(request);
            }
            catch (Exception e)
            {
                content = CellPublisher.Content(CellError.Plain(e.GetType().Name, e.Message));
                content["status"] = "error";
            }

            if (content is not null && reply is not null) sockets.Send(channel, request.Identities, reply, content, request.Header);
            Publish("status", new JsonObject { ["execution_state"] = "idle" }, request);
            if (request.Type == "execute_request") CollectYoung();
            if (request.Type == "shutdown_request") finished.TrySetResult();
        }
    }

    /// <summary>The content of the reply, or null where none is due.</summary>
    private async Task<JsonObject?> AnswerAsync(KernelMessage request)
    {
        switch (request.Type)
        {
            case "kernel_info_request":
                return KernelInfo.Content();
            case "execute_request":
                return await ExecuteAsync(request);
            case "is_complete_request":
                return Completeness.Of(request.Text("code"));
            case "complete_request":
                return await InsightReplies.CompleteAsync(engine, request);
            case "inspect_request":
                return await InsightReplies.InspectAsync(engine, request);
            case "history_request":
                return history.Reply(request);
            case "comm_info_request":
                return new JsonObject { ["status"] = "ok", ["comms"] = new JsonObject() };
            case "comm_open":
                // No comm target is known here: the protocol asks for an immediate close.
                Publish("comm_close", new JsonObject { ["comm_id"] = request.Text("comm_id"), ["data"] = new JsonObject() }, request);
                return null;
            case "interrupt_request": // done already
                return new JsonObject { ["status"] = "ok" };
            case "shutdown_request":
                JsonObject Reply() => new() { ["status"] = "ok", ["restart"] = request.Flag("restart", false) };
                Interrupt();
                Publish("shutdown_reply", Reply(), request);
                return Reply();
            case "connect_request":
                return new JsonObject { ["status"] = "ok" };
            default:
                return request.Type.EndsWith("_request", StringComparison.Ordinal)
                    ? new JsonObject { ["status"] = "error", ["ename"] = "UnknownRequest", ["evalue"] = $"This kernel does not answer {request.Type}.", ["traceback"] = new JsonArray() }
                    : null;
        }
    }

    private async Task<JsonObject> ExecuteAsync(KernelMessage request)
    {
        if (request.Number <= abortedUpTo) return new JsonObject { ["status"] = "aborted", ["execution_count"] = engine.ExecutionCount };

        string code = request.Text("code");
        bool silent = request.Flag("silent", false);
        bool stored = !silent && request.Flag("store_history", true);
        int count = engine.ExecutionCount + (stored ? 1 : 0);
        if (!silent) Publish("execute_input", new JsonObject { ["code"] = code, ["execution_count"] = count }, request);

        string? shown = null;
        var expressions = new JsonObject();
        using var stop = new CancellationTokenSource();
        lock (gate) running = stop;
        CellError? error;
        try
        {
            using var publisher = new CellPublisher((type, content) => Publish(type, content, request));
            using CancellationTokenRegistration warning = stop.Token.Register(() => _ = WarnAsync(stop, publisher));
            CellResult result = await engine.ExecuteAsync(code, stored ? $"cell {count}" : "code", Emit, interrupt: stop.Token, counted: stored, ask: (prompt, hidden) => input.Ask(request, prompt, hidden));
            error = result.Error;
            if (error is null) expressions = await EvaluateAsync(request, stop.Token);

            void Emit(CellOutput output)
            {
                if (output is ResultOutput { Data: var data }) shown = data["text/plain"]?.ToString();
                if (!silent) publisher.Emit(output);
            }
        }
        finally
        {
            lock (gate) running = null;
            firstCell.TrySetResult();
        }

        if (stored) history.Add(count, code, shown);
        if (error is null) return new JsonObject { ["status"] = "ok", ["execution_count"] = count, ["user_expressions"] = expressions, ["payload"] = new JsonArray() };

        if (request.Flag("stop_on_error", true))
        {
            await Task.Delay(InFlight);
            abortedUpTo = sockets.Received;
        }

        JsonObject reply = CellPublisher.Content(error);
        reply["status"] = "error";
        reply["execution_count"] = count;
        return reply;
    }

    private async Task WarnAsync(CancellationTokenSource cell, CellPublisher publisher)
    {
        await Task.Delay(Patience);
        lock (gate)
        {
            if (ReferenceEquals(running, cell))
                publisher.Emit(new StreamOutput("stderr", "The cell is inside a call that cannot be interrupted, and stops at its end. Interrupt again to cut it off, which may leave the kernel unstable, or restart the kernel.\n"));
        }
    }

    private async Task<JsonObject> EvaluateAsync(KernelMessage request, CancellationToken token)
    {
        var values = new JsonObject();
        foreach ((string name, JsonNode? expression) in request.Content["user_expressions"] as JsonObject ?? [])
        {
            try
            {
                values[name] = new JsonObject { ["status"] = "ok", ["data"] = await engine.EvaluateAsync(expression?.ToString() ?? "", token), ["metadata"] = new JsonObject() };
            }
            catch (CellFailedException e)
            {
                JsonObject content = CellPublisher.Content(e.Error);
                content["status"] = "error";
                values[name] = content;
            }
        }

        return values;
    }

    private void Publish(string type, JsonObject content, KernelMessage? parent) =>
        sockets.Send(KernelChannel.Iopub, [System.Text.Encoding.UTF8.GetBytes($"kernel.{type}")], type, content, parent?.Header);
}
