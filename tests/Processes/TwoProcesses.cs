using System.Diagnostics;
using System.Reflection;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace UnetResnet.Tests.Processes;

/// <summary>
/// Runs the tests of the programs in a second process, beside those of the library. Within a process there is one test at a time: libtorch's random state, thread count and
/// default device, the console, the current folder and the environment are process-wide. A test keeps most of one core busy, and everybody has two.
/// </summary>
public sealed class TwoProcesses(IMessageSink diagnostics) : XunitTestFramework(diagnostics)
{
    /// <summary>At <c>1</c> all tests run in one process, as they do under a debugger: what measures which code they reach sees all of them.</summary>
    internal const string EnvironmentVariable = "UNETRESNET_TEST_PROCESSES";

    /// <summary>How many processes there may be.</summary>
    internal static int Count { get; } = Debugger.IsAttached || Environment.GetEnvironmentVariable(EnvironmentVariable) == "1" ? 1 : 2;

    /// <summary>
    /// The tests of the second process, and those of them that are run in the first nevertheless. Which one a class is in does not matter for what it may do, only for how long each
    /// takes; every test that starts a kernel is in the second, where they choose their ports one after the other.
    /// </summary>
    private static readonly string[] Programs = ["Cellar.Tests.", "UnetResnet.Tests.DotnetInteractive.", "UnetResnet.Tests.Lab.", "UnetResnet.Tests.Samples."],
        Others = ["UnetResnet.Tests.Lab.AxeTests", "UnetResnet.Tests.Lab.CuresBenchmarkTests"];

    /// <summary>Whether a class is run in the second process.</summary>
    internal static bool IsSecond(string type) => Array.Exists(Programs, start => type.StartsWith(start, StringComparison.Ordinal)) && !Others.Contains(type);

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

            Task<RunSummary> beside = SecondProcess.RunAsync([.. second.SelectMany(c => c.Item2)], messageBus, cancellationTokenSource);
            var summary = new RunSummary();
            foreach ((ITestCollection collection, List<IXunitTestCase> its) in all) await Run(collection, its);
            summary.Aggregate(await beside);
            foreach ((ITestCollection collection, List<IXunitTestCase> its) in alone) await Run(collection, its);
            return summary;

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
