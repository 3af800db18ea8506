using System.IO.Compression;
using System.Text;
using UnetResnet.Models;
using UnetResnet.Tests.Normalization;
using UnetResnet.Weights;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Weights;

/// <summary>Files of the real PyTorch, written by <c>tests/golden/torch_pth.py</c>, and hostile ones made by hand.</summary>
public sealed class PyTorchFileTests : IDisposable
{
    /// <summary>A dictionary {'w': tensor of 2 floats}, as protocol 2 writes it.</summary>
    private static readonly byte[] Honest = Pickle("ctorch._utils\n_rebuild_tensor_v2\n((X\u0007\0\0\0storagectorch\nFloatStorage\nX\u0001\0\0\00X\u0003\0\0\0cpuK\u0002tQK\0K\u0002\u0085K\u0001\u0085\u0089ccollections\nOrderedDict\n)RtR");

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [PythonTheory("torch")]
    [InlineData("plain")]
    [InlineData("nested")]
    public void A_state_dict_of_PyTorch_is_read(string kind)
    {
        Python.Run("torch_pth.py", kind, folder["state.pth"]);
        using var scope = NewDisposeScope();
        IReadOnlyDictionary<string, Tensor> state = PyTorchFile.Read(folder["state.pth"]);
        Assert.Equal(["whole", "turned", "part", "half", "count", "empty"], state.Keys);
        Tensor numbers = arange(24, ScalarType.Float32);
        Assert.True(Same(state["whole"], numbers.reshape(2, 3, 4)));
        Assert.True(Same(state["turned"], numbers.reshape(4, 6).t()));
        Assert.True(Same(state["part"], tensor([5f, 6f, 7f, 8f])));
        Assert.Equal((ScalarType.Float16, 0.5f, -2f), (state["half"].dtype, state["half"][0].to(ScalarType.Float32).item<float>(), state["half"][1].to(ScalarType.Float32).item<float>()));
        Assert.Equal(7, state["count"].item<long>());
        Assert.Equal([0, 3], state["empty"].shape);
    }

    [PythonTheory("torch")]
    [InlineData("module")]
    public void The_state_of_a_module_is_read(string kind)
    {
        Python.Run("torch_pth.py", kind, folder["state.pth"]);
        using var scope = NewDisposeScope();
        IReadOnlyDictionary<string, Tensor> state = PyTorchFile.Read(folder["state.pth"]);
        Assert.Equal(["conv.weight", "conv.bias", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var", "norm.num_batches_tracked"], state.Keys);
        Assert.Equal([16, 3, 3, 3], state["conv.weight"].shape);
        Assert.Equal(16, state["norm.running_var"].sum().item<float>());
    }

    [PythonTheory("torch")]
    [InlineData("legacy", "weights_only=True")]
    [InlineData("program", "system")]
    [InlineData("whole-module", "Conv2d")]
    public void What_is_no_state_dict_is_refused_with_the_reason(string kind, string part)
    {
        Python.Run("torch_pth.py", kind, folder["state.pth"]);
        Refused(part);
        using var encoder = new ResNet50Encoder(new ResNet50Options { Width = 16 });
        Assert.Contains(part, Assert.Throws<WeightsException>(() => EncoderWeights.Load(encoder, folder["state.pth"])).Message);
    }

    [Fact]
    public void A_file_made_by_hand_is_read()
    {
        Zip(("a/data.pkl", Honest), ("a/data/0", new byte[8]));
        using var scope = NewDisposeScope();
        Assert.True(Same(PyTorchFile.Read(folder["state.pth"])["w"], zeros(2)));
    }

    [Fact]
    [Trait("Category", "Reliability")]
    public void Damaged_archives_are_refused()
    {
        Zip(("a/data.pkl", Honest));
        Refused("storage '0' is missing");
        Zip(("a/data.pkl", Honest), ("a/data/0", new byte[4]));
        Refused("claims 2 elements");
        Zip(("a/data.pkl", Honest), ("a/data/0", new byte[8]), ("a/data/0", new byte[8]));
        Refused("two entries");
        Zip(("a/other", Honest));
        Refused("no entry 'data.pkl'");
        Zip(("a/data.pkl", Honest), ("a/data/0", new byte[8]), ("a/byteorder", "big"u8.ToArray()));
        Refused("little-endian");
        File.WriteAllBytes(folder["state.pth"], "PK\u0003\u0004 and no more"u8.ToArray());
        Refused("state dict");
        Assert.Contains("no weights file", Assert.Throws<WeightsException>(() => PyTorchFile.Read(folder["none.pth"])).Message);
    }

    [Fact]
    public void Every_truncation_is_refused()
    {
        Zip(("a/data.pkl", Honest), ("a/data/0", new byte[8]));
        byte[] valid = File.ReadAllBytes(folder["state.pth"]);
        for (int length = 0; length < valid.Length; length++)
        {
            File.WriteAllBytes(folder["state.pth"], valid[..length]);
            Refused("");
        }
    }

    [Fact]
    public void A_zip_bomb_is_refused_before_it_is_unpacked()
    {
        Zip(CompressionLevel.SmallestSize, ("a/data.pkl", Honest), ("a/data/0", new byte[10_000_000]));
        Assert.True(new FileInfo(folder["state.pth"]).Length < 100_000);
        Refused("unpack to 10000");
    }

    /// <summary>TorchSharp.PyBridge compresses, and makes a tensor's ordered dictionary of an empty tuple; Python makes one of a list of pairs.</summary>
    [Fact]
    public void Compressed_entries_and_a_dictionary_of_pairs_are_read()
    {
        string tensor = Encoding.Latin1.GetString(Honest)["\u0080\u0002}X\u0001\0\0\0w".Length..^"s.".Length];
        byte[] numbers = new byte[8];
        BitConverter.TryWriteBytes(numbers.AsSpan(4), 2.5f);
        Zip(CompressionLevel.SmallestSize, ("a/data.pkl", Pairs($"X\u0001\0\0\0w{tensor}\u0086")), ("a/data/0", numbers));
        using var scope = NewDisposeScope();
        Assert.Equal([0f, 2.5f], PyTorchFile.Read(folder["state.pth"])["w"].Values());
        byte[] hooks = Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(Honest).Replace("OrderedDict\n)R", "OrderedDict\n)\u0085R"));
        Assert.NotEqual(Honest.Length, hooks.Length);
        Zip(CompressionLevel.SmallestSize, ("a/data.pkl", hooks), ("a/data/0", numbers));
        Assert.Equal([0f, 2.5f], PyTorchFile.Read(folder["state.pth"])["w"].Values());
        Zip(("a/data.pkl", Pairs($"X\u0001\0\0\0w{tensor}\u0087")), ("a/data/0", numbers));
        Refused("");
        Zip(("a/data.pkl", Pairs("K\u0001")), ("a/data/0", numbers));
        Refused("other than pairs");
    }

    private static byte[] Pairs(string item) => Encoding.Latin1.GetBytes($"\u0080\u0002ccollections\nOrderedDict\n]{item}a\u0085R.");

    [Fact]
    public void A_path_out_of_the_archive_leads_nowhere()
    {
        File.WriteAllBytes(folder["secret"], new byte[8]);
        byte[] outside = Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(Honest).Replace("X\u0001\0\0\00", "X\u000c\0\0\0../../secret"));
        Zip(("a/data.pkl", outside), ("a/data/0", new byte[8]));
        Refused("'../../secret' is missing");
    }

    [Theory]
    [InlineData("cos\nsystem\n(X\u0002\0\0\0lstR", "calls os.system")]
    [InlineData("ios\nsystem\n", "opcode 0x69")]
    [InlineData("cbuiltins\neval\n(X\u0001\0\0\00tR", "calls builtins.eval")]
    [InlineData("h\u0009", "recalls value 9")]
    [InlineData("X\u00ff\u00ff\u00ff\u007f", "ends too early")]
    [InlineData("X\u00ff\u00ff\u00ff\u00ff", "impossible length")]
    [InlineData("K\u0001K\u0002R", "without a tuple")]
    [InlineData("K\u0001", "not a tensor")]
    public void A_pickle_that_asks_for_more_than_data_is_refused_by_name(string value, string part)
    {
        Zip(("a/data.pkl", Pickle(value)), ("a/data/0", new byte[8]));
        Refused(part);
    }

    [Theory]
    [InlineData("K\0K\u0002\u0085K\u0001\u0085", "K\u0001K\u0002\u0085K\u0001\u0085", "takes elements 1 to 3")]
    [InlineData("K\0K\u0002\u0085K\u0001\u0085", "K\0K\u0002\u0085K\u0009\u0085", "takes elements 0 to 10")]
    [InlineData("K\0K\u0002\u0085K\u0001\u0085", "K\0K\u0009\u0085K\0\u0085", "takes elements")]
    [InlineData("K\0K\u0002\u0085K\u0001\u0085", "J\u00ff\u00ff\u00ff\u00ffK\u0002\u0085K\u0001\u0085", "impossible shape")]
    [InlineData("K\0K\u0002\u0085K\u0001\u0085", "K\0J\u00ff\u00ff\u00ff\u007fJ\u00ff\u00ff\u00ff\u007fJ\u00ff\u00ff\u00ff\u007f\u0087K\0K\0K\0\u0087", "overflow")]
    [InlineData("FloatStorage", "Oops", "type torch.Oops")]
    [InlineData("cpuK\u0002t", "cpuK\u0001t", "claims 1 elements")]
    public void Tensors_outside_their_storage_are_refused(string old, string with, string part)
    {
        string pickle = Encoding.Latin1.GetString(Honest);
        Assert.Contains(old, pickle);
        Zip(("a/data.pkl", Encoding.Latin1.GetBytes(pickle.Replace(old, with))), ("a/data/0", new byte[8]));
        Refused(part);
    }

    private static bool Same(Tensor a, Tensor b) => a.shape.SequenceEqual(b.shape) && a.eq(b).all().item<bool>();

    private static byte[] Pickle(string value) => Encoding.Latin1.GetBytes($"\u0080\u0002}}X\u0001\0\0\0w{value}s.");

    private void Refused(string part)
    {
        string message = Assert.Throws<WeightsException>(() => PyTorchFile.Read(folder["state.pth"])).Message;
        Assert.Contains(folder["state.pth"], message);
        Assert.Contains(part, message);
    }

    private void Zip(params (string Name, byte[] Bytes)[] entries) => Zip(CompressionLevel.NoCompression, entries);

    private void Zip(CompressionLevel level, params (string Name, byte[] Bytes)[] entries)
    {
        File.Delete(folder["state.pth"]);
        using ZipArchive zip = ZipFile.Open(folder["state.pth"], ZipArchiveMode.Create);
        foreach ((string name, byte[] bytes) in entries)
        {
            using Stream stream = zip.CreateEntry(name, level).Open();
            stream.Write(bytes);
        }
    }
}
