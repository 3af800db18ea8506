using System.Diagnostics;
using System.IO.Pipes;
using System.Text.Json;
using Xunit.Sdk;

namespace UnetResnet.Tests.Processes;

/// <summary>The second process, as the first sees it: it gets test cases and tells what becomes of them, over a pipe of their own; the streams belong to the tests.</summary>
internal static class SecondProcess
{
    /// <summary>How long a process may take to begin, and to end after its last test.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>What runs this process runs the other.</summary>
    private static string Host => Environment.ProcessPath is { } own && Path.GetFileNameWithoutExtension(own) == "dotnet" ? own : "dotnet";

    /// <summary>Runs the cases and passes on what is told of them.</summary>
    public static async Task<RunSummary> RunAsync(IReadOnlyCollection<IXunitTestCase> cases, IMessageBus messageBus, CancellationTokenSource cancellation)
    {
        var summary = new RunSummary();
        if (cases.Count == 0) return summary;
        await Task.Yield(); // the first process's own tests begin
        string name = $"unetresnet-tests-{Guid.NewGuid():N}";
        using var pipe = new NamedPipeServerStream(name, PipeDirection.InOut, 1, PipeTransmissionMode.Byte, PipeOptions.Asynchronous | PipeOptions.CurrentUserOnly);
        using Process process = Process.Start(new ProcessStartInfo(Host, [typeof(SecondProcess).Assembly.Location, name]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        using CancellationTokenRegistration stop = cancellation.Token.Register(() => process.Kill(entireProcessTree: true));
        var open = cases.ToDictionary(c => c.UniqueID);
        Dictionary<string, IXunitTestCase> all = new(open);
        XunitTest? test = null;
        bool ended = false;
        try
        {
            using var begun = new CancellationTokenSource(Patience);
            await pipe.WaitForConnectionAsync(begun.Token);
            using var writer = new StreamWriter(pipe, leaveOpen: true);
            foreach (IXunitTestCase testCase in cases) await writer.WriteLineAsync(SerializationHelper.Serialize(testCase));
            await writer.WriteLineAsync();
            await writer.FlushAsync();
            using var reader = new StreamReader(pipe, leaveOpen: true);
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

        if (!ended || !process.WaitForExit(Patience)) process.Kill(entireProcessTree: true);
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
}
