using System.Text.Json.Nodes;
using Cellar.Protocol;

namespace Cellar.Tests.Protocol;

public class MessageCodecTests
{
    private readonly MessageCodec codec = new("a secret");

    /// <summary>Delimiter, signature, header, parent header, metadata, content.</summary>
    private List<byte[]> Frames() => codec.Encode([], "execute_request", new JsonObject { ["code"] = "1" }, null);

    [Fact]
    public void What_was_signed_is_read()
    {
        KernelMessage message = codec.Decode(Frames(), 7)!;
        Assert.Equal((7L, "execute_request", "1"), (message.Number, message.Type, message.Text("code")));
        Assert.Null(new MessageCodec("another secret").Decode(Frames(), 0));
    }

    [Fact]
    public void Every_byte_of_the_signature_counts()
    {
        List<byte[]> frames = Frames();
        byte[] signature = frames[1];
        Assert.Equal(64, signature.Length);
        byte[]? Changed(byte[] forged)
        {
            frames[1] = forged;
            return codec.Decode(frames, 0)?.Header;
        }

        for (int i = 0; i < signature.Length; i++)
        {
            byte[] forged = [.. signature];
            forged[i] = forged[i] == (byte)'0' ? (byte)'1' : (byte)'0';
            Assert.True(Changed(forged) is null, $"byte {i} was not compared");
        }

        Assert.Null(Changed(signature[..^1]));
        Assert.Null(Changed([.. signature, (byte)'0']));
        Assert.Null(Changed([]));
        Assert.NotNull(Changed(signature));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void Every_part_is_signed(int part)
    {
        List<byte[]> frames = Frames();
        frames[part] = [.. frames[part], (byte)' ']; // JSON of the same meaning
        Assert.Null(codec.Decode(frames, 0));
    }
}
