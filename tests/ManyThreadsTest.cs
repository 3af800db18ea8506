using static TorchSharp.torch;

namespace UnetResnet.Tests;

/// <summary>A test of what several threads do together: it has as many as there are cores, and at least two.</summary>
public abstract class ManyThreadsTest : IDisposable
{
    private readonly int before = get_num_threads();

    protected ManyThreadsTest() => set_num_threads(Math.Max(2, Environment.ProcessorCount));

    public void Dispose()
    {
        GC.SuppressFinalize(this);
        set_num_threads(before);
    }
}
