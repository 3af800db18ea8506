using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Cellar.Protocol;
using UnetResnet.Fuzz;

namespace Cellar.Tests.Protocol;

[Trait("Category", "Reliability")]
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

    /// <summary>Five thousand damaged messages, half of them signed again so that what is inside is read: each is a message whose every text can be asked for, or none.</summary>
    [Fact]
    public void Damaged_messages_are_messages_or_nothing()
    {
        JsonObject content = new() { ["code"] = "Console.Write(\"ä🙂\");", ["silent"] = false, ["cursor_pos"] = 7, ["user_expressions"] = new JsonObject { ["é"] = "1" }, ["list"] = new JsonArray(1, "x", null) };
        List<byte[]> valid = codec.Encode([[1, 2]], "execute_request", content, Encoding.UTF8.GetBytes("{}"));
        int read = 0, dropped = 0;
        for (int i = 0; i < 5000; i++)
        {
            var random = new Random(i);
            List<byte[]> frames = [.. valid];
            int part = random.Next(frames.Count);
            if (random.Next(20) == 0) frames.RemoveAt(part);
            else frames[part] = Mutation.Of(frames[part], random);
            if (i % 2 == 0 && frames.Count == valid.Count) frames[2] = Signature(frames);
            KernelMessage? message = codec.Decode(frames, i);
            _ = message is null ? dropped++ : read++;
            Assert.NotNull(message is null ? "" : message.Text("code") + message.Session + message.Type + message.Integer("cursor_pos", 0) + message.Flag("silent", true) + message.Content.ToJsonString());
        }

        Assert.InRange(read, 200, 4500);
        Assert.InRange(dropped, 500, 4800);
    }

    /// <summary>A lone surrogate is what an editor sends that has cut an emoji in two; it is valid JSON and no text.</summary>
    [Theory]
    [InlineData("""{"code":"a\ud83d"}""", "a\uFFFD")]
    [InlineData("""{"code":"\ude42b"}""", "\uFFFDb")]
    [InlineData("""{"code":"\ud83d\ud83d\ude42"}""", "\uFFFD🙂")]
    [InlineData("""{"code":"\\ud83d"}""", @"\ud83d")]
    [InlineData("""{"code":"\\\ud83d"}""", "\\\uFFFD")]
    [InlineData("""{"code":"🙂","more":{"\udfff":["\udfff"]}}""", "🙂")]
    public void Half_a_letter_is_replaced(string content, string code)
    {
        List<byte[]> frames = Frames();
        frames[5] = Encoding.UTF8.GetBytes(content);
        frames[1] = Signature(frames);
        Assert.Equal(code, codec.Decode(frames, 0)!.Text("code"));
        frames[5] = [.. "{\"code\":\"a"u8, 0xFF, .. "\"}"u8];
        frames[1] = Signature(frames);
        Assert.Equal("a\uFFFD", codec.Decode(frames, 0)!.Text("code"));
    }

    private static byte[] Signature(List<byte[]> frames) =>
        Encoding.ASCII.GetBytes(Convert.ToHexStringLower(HMACSHA256.HashData("a secret"u8.ToArray(), frames[^4..].SelectMany(frame => frame).ToArray())));
}
