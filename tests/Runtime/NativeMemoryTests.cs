using UnetResnet.Runtime;

namespace UnetResnet.Tests.Runtime;

public class NativeMemoryTests
{
    [Fact]
    public void Memory_is_kept_while_somebody_holds_it_and_for_what_may_come_next()
    {
        using (new NativeMemory())
        {
            new NativeMemory().Dispose();
            NativeMemory.GiveBack();
            Assert.True(NativeMemory.IsKept);
        }

        Assert.True(NativeMemory.IsKept);
        NativeMemory.GiveBack();
        Assert.False(NativeMemory.IsKept);
    }
}
