using UnetResnet.Runtime;

namespace UnetResnet.Tests.Runtime;

[Trait("Category", "Reliability")]
public sealed class AtomicFileTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_file_is_written_into_a_new_folder_and_replaced()
    {
        string path = folder["a", "b.txt"];
        AtomicFile.WriteText(path, "first");
        AtomicFile.WriteText(path, "zweite Fassung: ∑");
        Assert.Equal("zweite Fassung: ∑"u8.ToArray(), File.ReadAllBytes(path));
        Assert.Equal([path], Directory.GetFiles(folder["a"]));
    }

    [Fact]
    public void A_failure_leaves_the_old_file_and_no_temporary_one()
    {
        AtomicFile.WriteText(folder["f"], "old");
        Assert.Throws<IOException>(() => AtomicFile.Write(folder["f"], stream =>
        {
            stream.Write("half of the n"u8);
            throw new IOException("disk full");
        }));
        Assert.Equal("old", File.ReadAllText(folder["f"]));
        Assert.Equal([folder["f"]], Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Nobody_sees_half_of_it()
    {
        AtomicFile.WriteText(folder["f"], "old");
        AtomicFile.Write(folder["f"], stream =>
        {
            stream.Write("half"u8);
            stream.Flush();
            Assert.Equal("old", File.ReadAllText(folder["f"]));
            stream.Write(" and half"u8);
        });
        Assert.Equal("half and half", File.ReadAllText(folder["f"]));
    }
}
