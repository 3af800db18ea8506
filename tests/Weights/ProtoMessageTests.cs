using UnetResnet.Weights.Onnx;

namespace UnetResnet.Tests.Weights;

/// <summary>The examples of protobuf.dev's page on the encoding, and its corners.</summary>
public class ProtoMessageTests
{
    [Fact]
    public void Fields_have_the_bytes_that_the_specification_gives()
    {
        Assert.Equal("089601", Hex(new ProtoMessage().Add(1, 150)));
        Assert.Equal("120774657374696E67", Hex(new ProtoMessage().Add(2, "testing")));
        Assert.Equal("1A03089601", Hex(new ProtoMessage().Add(3, new ProtoMessage().Add(1, 150))));
        Assert.Equal("087F", Hex(new ProtoMessage().Add(1, 127)));
        Assert.Equal("088001", Hex(new ProtoMessage().Add(1, 128)));
        // A negative number has all of its 64 bits; a field's number above 15 takes a second byte.
        Assert.Equal("08FFFFFFFFFFFFFFFFFF01", Hex(new ProtoMessage().Add(1, -1)));
        Assert.Equal("A00101", Hex(new ProtoMessage().Add(20, 1)));
        Assert.Equal("150000803F", Hex(new ProtoMessage().Add(2, 1f)));
        Assert.Equal("0A02C3BC", Hex(new ProtoMessage().Add(1, "ü")));
    }

    [Fact]
    public void What_is_written_later_is_counted_before()
    {
        var message = new ProtoMessage().Add(9, 300, stream => stream.Write(new byte[300]));
        Assert.Equal(303, message.Size);
        Assert.Equal("4AAC02" + new string('0', 600), Hex(message));
        Assert.Equal("0AAF024AAC02" + new string('0', 600), Hex(new ProtoMessage().Add(1, message)));
    }

    private static string Hex(ProtoMessage message)
    {
        using var stream = new MemoryStream();
        message.WriteTo(stream);
        Assert.Equal(stream.Length, message.Size);
        return Convert.ToHexString(stream.ToArray());
    }
}
