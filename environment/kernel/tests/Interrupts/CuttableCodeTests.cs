using Cellar.Interrupts;

namespace Cellar.Tests.Interrupts;

public class CuttableCodeTests
{
    [Fact]
    public void An_endless_loop_is_cut_and_its_thread_hands_on_no_blocked_signal()
    {
        string? before = null, blocked = null;
        using var cut = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        // A thread of its own: that of the tests must not be one that was cut.
        var thread = new Thread(() =>
        {
            before = Blocked();
            Assert.Throws<OperationCanceledException>(() => CuttableCode.Run(() => { while (true) { } }, cut.Token));
            blocked = Blocked();
        });
        thread.Start();
        thread.Join();
        Assert.Equal(before, blocked);

        // What the whole process was started with may block some.
        static string? Blocked() => OperatingSystem.IsLinux() ? File.ReadLines("/proc/thread-self/status").Single(line => line.StartsWith("SigBlk:", StringComparison.Ordinal)) : null;
    }

    [Fact]
    public void Code_that_ends_in_time_is_left_alone()
    {
        int value = 0;
        using var cut = new CancellationTokenSource();
        CuttableCode.Run(() => value = 3, cut.Token);
        Assert.Equal(3, value);
        Assert.Throws<FormatException>(() => CuttableCode.Run(() => throw new FormatException(), cut.Token));
    }
}
