using System.Collections.Concurrent;
using System.Diagnostics;
using System.Reflection;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace UnetResnet.Tests.Processes;

/// <summary>
/// Runs the tests in two processes: those of the programs in the second, and of the others each takes the next collection when it is done with one. Within a process there is
/// one test at a time: libtorch's random state, thread count and default device, the console, the current folder and the environment are process-wide. A test keeps most of one
/// core busy, and everybody has two.
/// </summary>
public sealed class TwoProcesses(IMessageSink diagnostics) : XunitTestFramework(diagnostics)
{
    /// <summary>At <c>1</c> all tests run in one process, as they do under a debugger: what measures which code they reach sees all of them.</summary>
    internal const string EnvironmentVariable = "UNETRESNET_TEST_PROCESSES";

    /// <summary>How many processes there may be.</summary>
    internal static int Count { get; } = Debugger.IsAttached || Environment.GetEnvironmentVariable(EnvironmentVariable) == "1" ? 1 : 2;

    /// <summary>
    /// The tests that are run in the second process: every test that starts a kernel is in the same, where they choose their ports one after the other.
    /// </summary>
    private static readonly string[] Programs = ["Cellar.Tests.", "UnetResnet.Tests.DotnetInteractive.", "UnetResnet.Tests.Lab.", "UnetResnet.Tests.Samples."];

    /// <summary>Whether a class is run in the second process.</summary>
    internal static bool IsSecond(string type) => Array.Exists(Programs, start => type.StartsWith(start, StringComparison.Ordinal));

    /// <summary>Tests that either process can run and that take longest.</summary>
    private static readonly HashSet<string> Longest =
    [
        .. new[]
        {
            typeof(Diagnosis.BatchNormDoctorTests), typeof(Diagnosis.DoctorTaskTests), typeof(Weights.TrainScriptTests), typeof(Weights.ExportTests), typeof(Normalization.ForeignNetworkTests),
            typeof(Architecture.RoomOrderTests), typeof(Training.FolderSegmentationTests), typeof(Weights.KerasHdf5Tests), typeof(Runtime.CultureTests), typeof(Weights.EncoderOutputsTests),
        }.Select(type => type.FullName!),
    ];

    protected override ITestFrameworkExecutor CreateExecutor(AssemblyName assemblyName) => new Executor(assemblyName, SourceInformationProvider, DiagnosticMessageSink);

    private sealed class Executor(AssemblyName name, ISourceInformationProvider sources, IMessageSink diagnostics) : XunitTestFrameworkExecutor(name, sources, diagnostics)
    {
        protected override async void RunTestCases(IEnumerable<IXunitTestCase> testCases, IMessageSink executionMessageSink, ITestFrameworkExecutionOptions executionOptions)
        {
            using var runner = new PairedRunner(TestAssembly, testCases, DiagnosticMessageSink, executionMessageSink, executionOptions);
            await runner.RunAsync();
        }
    }

    private sealed class PairedRunner(ITestAssembly assembly, IEnumerable<IXunitTestCase> cases, IMessageSink diagnostics, IMessageSink execution, ITestFrameworkExecutionOptions options)
        : XunitTestAssemblyRunner(assembly, cases, diagnostics, execution, options)
    {
        protected override async Task<RunSummary> RunTestCollectionsAsync(IMessageBus messageBus, CancellationTokenSource cancellationTokenSource)
        {
            List<Tuple<ITestCollection, List<IXunitTestCase>>> all = OrderTestCollections(), alone = Take(c => c.Item1.DisplayName == AloneCollection.Name), second = Take(c => IsSecond(c.Item2[0].TestMethod.TestClass.Class.Name));
            if (all.Count == 0 || Count == 1) Give(second);

            // The longest first, so that both come to their ends at the same time.
            var others = new ConcurrentQueue<Tuple<ITestCollection, List<IXunitTestCase>>>(all.OrderByDescending(c => Longest.Contains(c.Item2[0].TestMethod.TestClass.Class.Name)));
            Task<RunSummary> beside = BesideAsync();
            var summary = new RunSummary();
            while (others.TryDequeue(out var next)) await Run(next.Item1, next.Item2);
            summary.Aggregate(await beside);
            foreach ((ITestCollection collection, List<IXunitTestCase> its) in alone) await Run(collection, its);
            return summary;

            async Task<RunSummary> BesideAsync()
            {
                var told = new RunSummary();
                if (Count == 1) return told;
                await Task.Yield(); // the first process's own tests begin
                SecondProcess? process = null;
                for (int done = 0; !cancellationTokenSource.IsCancellationRequested; done++)
                {
                    List<IXunitTestCase> its;
                    if (done < second.Count) its = second[done].Item2;
                    else if (others.TryDequeue(out var next)) its = next.Item2;
                    else break;
                    process ??= new SecondProcess(cancellationTokenSource);
                    told.Aggregate(await process.RunAsync(its, messageBus));
                    if (!process.HasDied) continue;
                    await process.DisposeAsync();
                    process = null;
                }

                if (process is not null) await process.DisposeAsync();
                return told;
            }

            List<Tuple<ITestCollection, List<IXunitTestCase>>> Take(Predicate<Tuple<ITestCollection, List<IXunitTestCase>>> which)
            {
                List<Tuple<ITestCollection, List<IXunitTestCase>>> taken = all.FindAll(which);
                all.RemoveAll(which);
                return taken;
            }

            void Give(List<Tuple<ITestCollection, List<IXunitTestCase>>> back)
            {
                all.AddRange(back);
                back.Clear();
            }

            async Task Run(ITestCollection collection, List<IXunitTestCase> its)
            {
                if (!cancellationTokenSource.IsCancellationRequested) summary.Aggregate(await RunTestCollectionAsync(messageBus, collection, its, cancellationTokenSource));
            }
        }
    }
}
