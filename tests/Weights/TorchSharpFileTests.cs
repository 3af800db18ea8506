using System.Text;
using TorchSharp;
using UnetResnet.Models;
using UnetResnet.Tests.Models;
using UnetResnet.Weights;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace UnetResnet.Tests.Weights;

/// <summary>Files of TorchSharp's own <c>module.save</c>, and hostile ones made by hand.</summary>
public sealed class TorchSharpFileTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("encoder.dat")]
    [InlineData("encoder.bin")]
    public void An_encoder_that_TorchSharp_saved_is_loaded(string file)
    {
        using var saved = new ResNet50Encoder(new ResNet50Options { Width = 16 });
        KeyedNumbers.Fill(saved);
        saved.save(folder[file]);
        using var encoder = new ResNet50Encoder(new ResNet50Options { Width = 16 });
        LoadReport report = EncoderWeights.Load(encoder, folder[file]);
        Assert.Equal(("TorchSharp", 318), (report.Format, report.Matched.Count));
        Assert.Equal(ModuleState.Describe(saved), ModuleState.Describe(encoder));
    }

    [Fact]
    public void Any_module_of_TorchSharp_is_loaded_with_its_counters()
    {
        using var scope = NewDisposeScope();
        using var saved = Sequential(("conv", Conv2d(3, 16, 3)), ("norm", BatchNorm2d(16)), ("last", Linear(300, 2)));
        saved.call(randn(2, 3, 5, 302));
        saved.save(folder["net.dat"]);
        using var loaded = Sequential(("conv", Conv2d(3, 16, 3)), ("norm", BatchNorm2d(16)), ("last", Linear(300, 2)));
        Assert.Empty(ModuleWeights.Load(loaded, folder["net.dat"]));
        Dictionary<string, Tensor> before = saved.state_dict(), after = loaded.state_dict();
        Assert.Equal(1, after["norm.num_batches_tracked"].item<long>());
        Assert.All(before, pair => Assert.True(pair.Value.equal(after[pair.Key]).all().item<bool>(), pair.Key));
    }

    [Fact]
    public void Element_types_and_shapes_come_back()
    {
        using var scope = NewDisposeScope();
        var expected = new Dictionary<string, Tensor>
        {
            ["scalar"] = tensor(2.5),
            ["empty"] = zeros(0, 3),
            ["half"] = tensor(new[] { 0.5f, -2f }).to(float16),
            ["flags"] = tensor(new[] { true, false }),
            ["long name " + new string('x', 200)] = arange(300, int32).reshape(3, 100),
        };
        Write(expected.Count, expected);
        IReadOnlyDictionary<string, Tensor> actual = TorchSharpFile.Read(folder["net.dat"]);
        Assert.Equal(expected.Keys, actual.Keys);
        Assert.All(expected, pair => Assert.Equal((pair.Value.dtype, string.Join(',', pair.Value.shape), Convert.ToHexString(pair.Value.contiguous().bytes)), (actual[pair.Key].dtype, string.Join(',', actual[pair.Key].shape), Convert.ToHexString(actual[pair.Key].contiguous().bytes))));
    }

    [Fact]
    public void Every_truncation_and_anything_after_the_end_is_refused()
    {
        using var layer = Linear(2, 3);
        layer.save(folder["net.dat"]);
        byte[] valid = File.ReadAllBytes(folder["net.dat"]);
        for (int length = 0; length < valid.Length; length++) Refused(valid[..length], "");
        Refused([.. valid, 0], "1 bytes are left");
    }

    /// <summary>Names of 4096 bytes and 64 dimensions are the most, and a count may take several bytes.</summary>
    [Fact]
    public void The_limits_are_allowed()
    {
        using var scope = NewDisposeScope();
        string name = new('w', 4096);
        File.WriteAllBytes(folder["net.dat"], [1, 0x80, 0x20, .. Encoding.UTF8.GetBytes(name), 6, 64, .. Enumerable.Repeat((byte)1, 64), .. BitConverter.GetBytes(2.5f)]);
        Tensor read = TorchSharpFile.Read(folder["net.dat"])[name];
        Assert.Equal(Enumerable.Repeat(1L, 64), read.shape);
        Assert.Equal(2.5f, read.flatten()[0].item<float>());
        Refused([1, 0x81, 0x20, .. Encoding.UTF8.GetBytes(name + "w"), 6, 0, 0, 0, 0, 0], "name of 4097 bytes");
    }

    [Theory]
    [InlineData(true, new byte[] { 2, 3, (byte)'a', (byte)'.', (byte)'_' })]
    [InlineData(true, new byte[] { 0x80, 1, 1, (byte)'w' })]
    [InlineData(true, new byte[] { 2, 0x7F, (byte)'a', (byte)'-', (byte)'9' })]
    [InlineData(true, new byte[] { 2, 1, (byte)'a', 6 })]
    [InlineData(false, new byte[] { 0, 3, (byte)'a', (byte)'b', (byte)'c' })]
    [InlineData(false, new byte[] { 1, 0, (byte)'w' })]
    [InlineData(false, new byte[] { 1, 0x80, (byte)'w' })]
    [InlineData(false, new byte[] { 1, 2, (byte)'a', (byte)' ' })]
    [InlineData(false, new byte[] { 1, 2 })]
    [InlineData(false, new byte[] { 0x80, 0x80, 0x80 })]
    public void A_count_a_length_and_a_key_are_a_beginning(bool begins, byte[] start) => Assert.Equal(begins, TorchSharpFile.Begins(start));

    public static TheoryData<byte[], string> Hostile { get; } = new()
    {
        { [.. Enumerable.Repeat((byte)0xFF, 12)], "63 bits" },
        { [1, 0, 0, 0], "name of 0 bytes" },
        { [1, 0xFF, 0x7F, .. "w"u8], "name of 16383 bytes" },
        // A name that is no UTF-8.
        { [1, 1, 0xFF, 6, 0], "module.save" },
        { [1, 1, (byte)'w', 99, 0], "element type 99" },
        { [1, 1, (byte)'w', 9, 0], "element type 9," },
        { [1, 1, (byte)'w', 6, 65], "65 dimensions" },
        { [1, 1, (byte)'w', 6, 1, 3, .. new byte[8]], "takes 12 bytes, and 8 follow" },
        // 2^62 · 2^62, and 2^62 behind an empty dimension.
        { [1, 1, (byte)'w', 6, 2, .. Big, .. Big], "impossible shape" },
        { [1, 1, (byte)'w', 6, 2, 0, .. Big], "impossible shape" },
        { [1, 1, (byte)'w', 6, 1, 0x80, 0x80, 0x80, 0x80, 0x40, .. new byte[8]], "and 8 follow" },
        { [2, 1, (byte)'w', 0, 1, 1, 7, 1, (byte)'w', 0, 1, 1, 7], "two entries 'w'" },
        { [1, 1, (byte)'w', 11, 1, 2, 0, 2], "other than 0 and 1" },
        { [0, 0, 0, 0], "3 bytes are left" },
        { [100, 1, (byte)'w', 6, 0, 0, 0, 0, 0], "claims 100 entries in 9 bytes" },
        { [.. "not weights at all"u8], "" },
    };

    private static byte[] Big => [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40];

    [Theory]
    [MemberData(nameof(Hostile))]
    [Trait("Category", "Reliability")]
    public void Hostile_files_are_refused_by_name(byte[] content, string part) => Refused(content, part);

    [Fact]
    public void A_dat_file_is_written_for_TorchSharp()
    {
        using var saved = new ResNet50Encoder(new ResNet50Options { Width = 16 });
        KeyedNumbers.Fill(saved);
        ModuleWeights.Save(saved, folder["kit.dat"]);
        using var byTorchSharp = new ResNet50Encoder(new ResNet50Options { Width = 16 });
        byTorchSharp.load(folder["kit.dat"]);
        Assert.Equal(ModuleState.Describe(saved), ModuleState.Describe(byTorchSharp));
        using var byKit = new ResNet50Encoder(new ResNet50Options { Width = 16 });
        ModuleWeights.Load(byKit, folder["kit.dat"]);
        Assert.Equal(ModuleState.Describe(saved), ModuleState.Describe(byKit));
        Assert.Contains("metadata", Assert.Throws<ArgumentException>(() => ModuleWeights.Save(saved, folder["other.dat"], new Dictionary<string, string> { ["a"] = "b" })).Message);
    }

    [Fact]
    public void Content_decides_and_text_is_not_taken_for_it()
    {
        using var layer = Linear(2, 3);
        ModuleWeights.Save(layer, folder["really-safetensors.bin"]);
        ModuleWeights.Load(layer, folder["really-safetensors.bin"]);
        File.Move(folder["really-safetensors.bin"], folder["really-safetensors.dat"]);
        ModuleWeights.Load(layer, folder["really-safetensors.dat"]);
        string text = folder.Write("notes.txt", "not weights at all");
        Assert.Contains("safetensors", Assert.Throws<WeightsException>(() => ModuleWeights.Load(layer, text)).Message);
        Assert.Contains("no weights file", Assert.Throws<WeightsException>(() => TorchSharpFile.Read(folder["none.dat"])).Message);
    }

    private void Refused(byte[] content, string part)
    {
        File.WriteAllBytes(folder["hostile.dat"], content);
        string message = Assert.Throws<WeightsException>(() => TorchSharpFile.Read(folder["hostile.dat"])).Message;
        Assert.Contains(folder["hostile.dat"], message);
        Assert.Contains(part, message);
    }

    /// <summary>The format with TorchSharp's own writer of tensors.</summary>
    private void Write(int count, Dictionary<string, Tensor> tensors)
    {
        using FileStream file = File.Create(folder["net.dat"]);
        using var writer = new BinaryWriter(file, Encoding.UTF8);
        writer.Write((byte)count);
        foreach ((string name, Tensor value) in tensors)
        {
            writer.Write(name);
            value.Save(writer);
        }
    }
}
