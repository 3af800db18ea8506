using UnetResnet.Weights;

namespace UnetResnet.Tests.Weights;

public sealed class WeightsFileTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void The_reason_is_the_systems_without_the_temporary_files_name()
    {
        Assert.Equal("No space left on device", WeightsFile.Reason(new IOException("No space left on device : '/data/.unet.safetensors.1.tmp'")));
        Assert.Equal("the disk is gone", WeightsFile.Reason(new IOException("the disk is gone.")));
        Assert.Equal("access is denied", WeightsFile.Reason(new UnauthorizedAccessException("Access to the path '/data/.unet.safetensors.1.tmp' is denied.")));
    }

    [Fact]
    public void What_cannot_be_written_is_named_with_reason_and_cure()
    {
        string path = folder["unet.safetensors"];
        var gone = new IOException("the disk is gone");
        WeightsException e = Assert.Throws<WeightsException>(() => WeightsFile.Write(path, _ => throw gone));
        Assert.Equal($"{path} could not be written: the disk is gone. A file that was there before is intact. Make room, or choose another folder.", e.Message);
        Assert.Same(gone, e.InnerException);
        Assert.Throws<InvalidOperationException>(() => WeightsFile.Write(path, _ => throw new InvalidOperationException("a bug is no matter of the disk")));
        Assert.Empty(Directory.GetFiles(folder.Path));
    }
}
