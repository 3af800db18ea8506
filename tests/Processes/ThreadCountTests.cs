using static TorchSharp.torch;

namespace UnetResnet.Tests.Processes;

/// <summary>Among the last tests, in the first process: one that left more threads behind made each that followed it there wait for a thread that has no core.</summary>
[Collection(AloneCollection.Name)]
public class ThreadCountTests
{
    [Fact]
    public void Tests_leave_the_number_of_threads_as_it_was()
    {
        // A thread that libtorch does not know yet takes the number that was set last.
        int threads = 0;
        var fresh = new Thread(() => threads = get_num_threads());
        fresh.Start();
        fresh.Join();
        Assert.Equal(TestProcess.ThreadsAtStart, threads);
    }
}
