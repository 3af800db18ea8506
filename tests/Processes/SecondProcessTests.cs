using Xunit.Abstractions;
using Xunit.Sdk;

namespace UnetResnet.Tests.Processes;

/// <summary>Whatever happens to a test in the second process is told as if it had happened in the first.</summary>
public sealed class SecondProcessTests
{
    [Fact]
    public async Task Success_failure_and_reason_come_back()
    {
        (RunSummary summary, Bus told) = await Run(nameof(Fates.Succeeds), nameof(Fates.Fails), nameof(Fates.Is_skipped));
        Assert.Equal((3, 1, 1), (summary.Total, summary.Failed, summary.Skipped));
        Assert.Equal(nameof(Fates.Succeeds), told.Single<ITestPassed>().TestCase.TestMethod.Method.Name);
        ITestFailed failed = told.Single<ITestFailed>();
        Assert.Equal((nameof(Fates.Fails), typeof(InvalidOperationException).FullName, "outer"), (failed.TestCase.TestMethod.Method.Name, failed.ExceptionTypes[0], failed.Messages[0]));
        Assert.Equal((typeof(FormatException).FullName, "inner", 0), (failed.ExceptionTypes[1], failed.Messages[1], failed.ExceptionParentIndices[1]));
        Assert.Contains(nameof(Fates), failed.StackTraces[0]);
        Assert.Equal("not today", told.Single<ITestSkipped>().Reason);
        // A test is one object from its start to its end: it is told apart by that.
        Assert.Equal(3, told.Messages.OfType<ITestMessage>().Select(m => m.Test).Distinct().Count());
    }

    [Fact]
    public async Task A_process_that_dies_fails_the_test_that_ran_and_all_after_it()
    {
        (RunSummary summary, Bus told) = await Run(nameof(Fates.Dies));
        Assert.Equal((1, 1), (summary.Total, summary.Failed));
        Assert.Contains("has ended with code 3", told.Single<ITestFailed>().Messages[0]);
        Assert.Single(told.Messages.OfType<ITestStarting>());
        Assert.Single(told.Messages.OfType<ITestCaseFinished>());
    }

    [Fact]
    public void The_programs_tests_are_those_of_the_second_process()
    {
        Assert.All(new[] { typeof(Cellar.Tests.Protocol.LifecycleTests), typeof(Lab.RunnerTests), typeof(Samples.SampleTests) }, type => Assert.True(TwoProcesses.IsSecond(type.FullName!)));
        Assert.All(new[] { typeof(SecondProcessTests), typeof(Runtime.CultureTests), typeof(Lab.AxeTests) }, type => Assert.False(TwoProcesses.IsSecond(type.FullName!)));
    }

    private static async Task<(RunSummary Summary, Bus Told)> Run(params string[] names)
    {
        var assembly = new TestAssembly(Reflector.Wrap(typeof(Fates).Assembly));
        var type = new TestClass(new TestCollection(assembly, null, "fates"), Reflector.Wrap(typeof(Fates)));
        var silent = new NullMessageSink();
        IXunitTestCase[] cases = [.. names.Select(name => new XunitTestCase(silent, TestMethodDisplay.ClassAndMethod, TestMethodDisplayOptions.None, new TestMethod(type, Reflector.Wrap(typeof(Fates).GetMethod(name)!))))];
        using var bus = new Bus();
        using var cancellation = new CancellationTokenSource();
        return (await SecondProcess.RunAsync(cases, bus, cancellation), bus);
    }

    private sealed class Bus : IMessageBus
    {
        public List<IMessageSinkMessage> Messages { get; } = [];

        public T Single<T>() => Assert.Single(Messages.OfType<T>());

        public bool QueueMessage(IMessageSinkMessage message)
        {
            Messages.Add(message);
            return true;
        }

        public void Dispose()
        {
        }
    }

#pragma warning disable xUnit1000, xUnit1004 // Tests of nobody's, which only the ones above run.
    internal sealed class Fates
    {
        [Fact]
        public void Succeeds() => Assert.NotEmpty(Environment.CommandLine);

        [Fact]
        public void Fails() => throw new InvalidOperationException("outer", new FormatException("inner"));

        [Unsuited]
        public void Is_skipped() => Assert.Fail("A test that skips itself has run.");

        [Fact]
        public void Dies() => Environment.Exit(3);
    }

    /// <summary>As a test that finds that what it needs is not there. It is no test of ours: the ones above look at whether the second process passes on that it was skipped.</summary>
    internal sealed class UnsuitedAttribute : FactAttribute
    {
        public UnsuitedAttribute() => Skip = "not today";
    }
#pragma warning restore xUnit1000, xUnit1004
}
