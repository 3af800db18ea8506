using UnetResnet.Runtime;

namespace UnetResnet.Tests.Runtime;

public class NativeMemoryTests
{
    [Fact]
    public void Memory_is_kept_until_the_last_holder_is_gone()
    {
        using (new NativeMemory())
        {
            new NativeMemory().Dispose();
            Assert.True(NativeMemory.IsKept);
        }
    }
}
