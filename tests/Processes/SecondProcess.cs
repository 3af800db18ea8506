using System.Diagnostics;
using System.IO.Pipes;
using System.Text.Json;
using Xunit.Sdk;

namespace UnetResnet.Tests.Processes;

/// <summary>
/// The second process, as the first sees it: it gets the test cases of a collection and tells what becomes of them, again and again, over a pipe of their own; the streams
/// belong to the tests.
/// </summary>
internal sealed class SecondProcess : IAsyncDisposable
{
    /// <summary>How long a process may take to begin, and to end after its last test.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly NamedPipeServerStream pipe;
    private readonly Process process;
    private readonly Task<string> output, errors;
    private readonly CancellationTokenSource cancellation;
    private readonly CancellationTokenRegistration stop;
    private readonly StreamReader reader;
    private readonly StreamWriter writer;

    /// <summary>Starts it.</summary>
    /// <param name="cancellation">What ends it early.</param>
    public SecondProcess(CancellationTokenSource cancellation)
    {
        this.cancellation = cancellation;
        string name = $"unetresnet-tests-{Guid.NewGuid():N}";
        pipe = new NamedPipeServerStream(name, PipeDirection.InOut, 1, PipeTransmissionMode.Byte, PipeOptions.Asynchronous | PipeOptions.CurrentUserOnly);
        process = Process.Start(new ProcessStartInfo(Host, [typeof(SecondProcess).Assembly.Location, name]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        stop = cancellation.Token.Register(() => process.Kill(entireProcessTree: true));
        (reader, writer) = (new StreamReader(pipe, leaveOpen: true), new StreamWriter(pipe, leaveOpen: true));
    }

    /// <summary>What runs this process runs the other.</summary>
    private static string Host => Environment.ProcessPath is { } own && Path.GetFileNameWithoutExtension(own) == "dotnet" ? own : "dotnet";

    /// <summary>Whether it has died, so that another one must run what is left.</summary>
    public bool HasDied { get; private set; }

    /// <summary>Runs the cases and passes on what is told of them; where the process dies, those that were not done have failed.</summary>
    public async Task<RunSummary> RunAsync(IReadOnlyCollection<IXunitTestCase> cases, IMessageBus messageBus)
    {
        var summary = new RunSummary();
        var open = cases.ToDictionary(c => c.UniqueID);
        Dictionary<string, IXunitTestCase> all = new(open);
        XunitTest? test = null;
        bool ended = false;
        try
        {
            using var begun = new CancellationTokenSource(Patience);
            if (!pipe.IsConnected) await pipe.WaitForConnectionAsync(begun.Token);
            foreach (IXunitTestCase testCase in cases) await writer.WriteLineAsync(SerializationHelper.Serialize(testCase));
            await writer.WriteLineAsync();
            await writer.FlushAsync();
            while (!ended && await reader.ReadLineAsync() is { } line)
            {
                TestEvent told = JsonSerializer.Deserialize<TestEvent>(line)!;
                ended = told.Kind == TestEventKind.End;
                if (ended) break;
                IXunitTestCase testCase = all[told.Case ?? cases.First().UniqueID];
                if (told.Kind is TestEventKind.CaseStarting or TestEventKind.Starting) test = new XunitTest(testCase, told.Test ?? testCase.DisplayName);
                Count(told);
                if (!messageBus.QueueMessage(told.Message(testCase, test!))) await cancellation.CancelAsync();
                if (told.Kind == TestEventKind.CaseFinished) open.Remove(told.Case!);
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // It has died, or has not begun: told below.
        }

        if (ended) return summary;
        HasDied = true;
        process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
        if (cancellation.IsCancellationRequested) return summary;
        foreach (IXunitTestCase left in open.Values)
        {
            string message = $"The process of this test has ended with code {process.ExitCode} before it was done.\n{await errors}\n{await output}";
            var failed = new TestEvent(TestEventKind.Failed, left.UniqueID, Failure: new TestFailure([typeof(InvalidOperationException).FullName!], [message], [""], [-1]));
            Count(failed);
            bool begun = test?.TestCase == left;
            if (!begun) test = new XunitTest(left, left.DisplayName);
            foreach (TestEventKind kind in (TestEventKind[])[.. begun ? Array.Empty<TestEventKind>() : [TestEventKind.CaseStarting, TestEventKind.Starting], TestEventKind.Failed, TestEventKind.Finished, TestEventKind.CaseFinished])
                messageBus.QueueMessage((failed with { Kind = kind }).Message(left, test!));
        }

        return summary;

        void Count(TestEvent told)
        {
            if (told.Kind is TestEventKind.Passed or TestEventKind.Failed or TestEventKind.Skipped) summary.Total++;
            if (told.Kind == TestEventKind.Failed) summary.Failed++;
            if (told.Kind == TestEventKind.Skipped) summary.Skipped++;
            if (told.Kind is TestEventKind.Passed or TestEventKind.Failed) summary.Time += told.Seconds;
        }
    }

    /// <summary>Ends it: there is nothing more to run.</summary>
    public async ValueTask DisposeAsync()
    {
        await pipe.DisposeAsync();
        if (!process.WaitForExit(Patience)) process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
        await stop.DisposeAsync();
        process.Dispose();
    }
}
