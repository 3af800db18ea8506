using System.IO.Pipes;
using System.Reflection;
using System.Text.Json;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace UnetResnet.Tests.Processes;

/// <summary>The second process itself: <c>UnetResnet.Tests.dll PIPE</c>.</summary>
internal static class Program
{
    private static int Main(string[] arguments)
    {
        if (arguments.Length != 1)
        {
            Console.Error.WriteLine("dotnet test runs the tests; this program is a part of it, and takes the name of a pipe.");
            return 2;
        }

        using var pipe = new NamedPipeClientStream(".", arguments[0], PipeDirection.InOut, PipeOptions.CurrentUserOnly);
        pipe.Connect(TimeSpan.FromMinutes(2));
        var cases = new List<ITestCase>();
        using var reader = new StreamReader(pipe, leaveOpen: true);
        while (reader.ReadLine() is { Length: > 0 } line) cases.Add(SerializationHelper.Deserialize<ITestCase>(line));
        using var teller = new Teller(pipe);
        using var executor = new XunitTestFrameworkExecutor(Assembly.GetExecutingAssembly().GetName(), new Unasked(), new NullMessageSink());
        executor.RunTests(cases, teller, new Defaults());
        teller.Finished.Wait();
        teller.Tell(new TestEvent(TestEventKind.End));
        // A thread that a test has left running must not keep the process.
        Environment.Exit(0);
        return 0;
    }

    /// <summary>Tells the first process everything that happens.</summary>
    private sealed class Teller(Stream pipe) : LongLivedMarshalByRefObject, IMessageSink, IDisposable
    {
        private readonly StreamWriter writer = new(pipe, leaveOpen: true) { AutoFlush = true };

        public ManualResetEventSlim Finished { get; } = new();

        public bool OnMessage(IMessageSinkMessage message)
        {
            if (TestEvent.Of(message) is { } told) Tell(told);
            if (message is ITestAssemblyFinished) Finished.Set();
            return true;
        }

        public void Tell(TestEvent told)
        {
            try
            {
                lock (writer) writer.WriteLine(JsonSerializer.Serialize(told));
            }
            catch (IOException)
            {
                // Nobody waits for the results any more.
                Environment.Exit(1);
            }
        }

        public void Dispose() => Finished.Dispose();
    }

    /// <summary>What the assembly itself says of its tests.</summary>
    private sealed class Defaults : ITestFrameworkExecutionOptions
    {
        private readonly Dictionary<string, object?> values = [];

        public TValue GetValue<TValue>(string name) => values.TryGetValue(name, out object? value) ? (TValue)value! : default!;

        public void SetValue<TValue>(string name, TValue value) => values[name] = value;
    }

    /// <summary>Where a test stands in its file is asked by who looks for tests, and not here.</summary>
    private sealed class Unasked : LongLivedMarshalByRefObject, ISourceInformationProvider
    {
        public ISourceInformation GetSourceInformation(ITestCase testCase) => throw new NotSupportedException();

        public void Dispose()
        {
        }
    }
}
