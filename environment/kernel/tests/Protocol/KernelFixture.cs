namespace Cellar.Tests.Protocol;

/// <summary>One kernel process for the tests of a class.</summary>
public sealed class KernelFixture : IDisposable
{
    public KernelFixture()
    {
        Client = new KernelClient();
        Client.Ask("kernel_info_request");
    }

    internal KernelClient Client { get; }

    public void Dispose() => Client.Dispose();
}

/// <summary>Tests that start kernels run one class after another: two cores are few. Those that need the kit's packages share them.</summary>
[CollectionDefinition("kernels", DisableParallelization = true)]
public sealed class KernelCollection : ICollectionFixture<UnetResnet.Tests.Samples.PackedKit>;
