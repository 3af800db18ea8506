using Xunit.Abstractions;
using Xunit.Sdk;

namespace UnetResnet.Tests.Processes;

/// <summary>What the second process tells of a test, as a line of JSON.</summary>
/// <param name="Kind">What has happened.</param>
/// <param name="Case">The case's <see cref="ITestCase.UniqueID"/>; of what goes wrong between tests, none.</param>
/// <param name="Test">The test's name.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="Output">What it wrote, or why it was skipped.</param>
/// <param name="Failure">What it failed with.</param>
internal sealed record TestEvent(TestEventKind Kind, string? Case = null, string? Test = null, decimal Seconds = 0, string? Output = null, TestFailure? Failure = null)
{
    /// <summary>Of a message of xunit's, or null where it tells nothing that is passed on.</summary>
    public static TestEvent? Of(IMessageSinkMessage message) => message switch
    {
        ITestCaseStarting m => new(TestEventKind.CaseStarting, m.TestCase.UniqueID),
        ITestStarting m => new(TestEventKind.Starting, m.TestCase.UniqueID, m.Test.DisplayName),
        ITestPassed m => new(TestEventKind.Passed, m.TestCase.UniqueID, m.Test.DisplayName, m.ExecutionTime, m.Output),
        ITestFailed m => new(TestEventKind.Failed, m.TestCase.UniqueID, m.Test.DisplayName, m.ExecutionTime, m.Output, TestFailure.Of(m)),
        ITestSkipped m => new(TestEventKind.Skipped, m.TestCase.UniqueID, m.Test.DisplayName, 0, m.Reason),
        ITestFinished m => new(TestEventKind.Finished, m.TestCase.UniqueID, m.Test.DisplayName, m.ExecutionTime, m.Output),
        ITestCaseFinished m => new(TestEventKind.CaseFinished, m.TestCase.UniqueID, null, m.ExecutionTime),
        // What a fixture or a class throws at its end.
        IFailureInformation m => new(TestEventKind.CleanupFailed, (m as IExecutionMessage)?.TestCases.FirstOrDefault()?.UniqueID, Failure: TestFailure.Of(m)),
        _ => null,
    };

    /// <summary>As xunit would tell it of a test of this process.</summary>
    /// <param name="testCase">The case.</param>
    /// <param name="test">Its test, the same object from its start to its end: who listens knows it by that.</param>
    public IMessageSinkMessage Message(IXunitTestCase testCase, ITest test) => Kind switch
    {
        TestEventKind.CaseStarting => new TestCaseStarting(testCase),
        TestEventKind.Starting => new TestStarting(test),
        TestEventKind.Passed => new TestPassed(test, Seconds, Output),
        TestEventKind.Failed => new TestFailed(test, Seconds, Output, Failure!.Types, Failure.Messages, Failure.StackTraces, Failure.Parents),
        TestEventKind.Skipped => new TestSkipped(test, Output),
        TestEventKind.Finished => new TestFinished(test, Seconds, Output),
        TestEventKind.CaseFinished => new TestCaseFinished(testCase, Seconds, 1, 0, 0),
        TestEventKind.CleanupFailed => new TestClassCleanupFailure([testCase], testCase.TestMethod.TestClass, Failure!.Types, Failure.Messages, Failure.StackTraces, Failure.Parents),
        _ => throw new InvalidOperationException($"{Kind} is no message of a test."),
    };
}

/// <summary>What a <see cref="TestEvent"/> tells.</summary>
internal enum TestEventKind
{
    CaseStarting,
    Starting,
    Passed,
    Failed,
    Skipped,
    Finished,
    CaseFinished,
    CleanupFailed,

    /// <summary>All tests are done; without it the process has died.</summary>
    End,
}

/// <summary>Exceptions, each with its place in the list of the one that it lies in.</summary>
internal sealed record TestFailure(string[] Types, string[] Messages, string[] StackTraces, int[] Parents)
{
    public static TestFailure Of(IFailureInformation failure) => new(failure.ExceptionTypes, failure.Messages, failure.StackTraces, failure.ExceptionParentIndices);
}
