using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using CsCheck;
using UnetResnet.Weights;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Weights;

public sealed class SafetensorsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    private string File => folder["weights.safetensors"];

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(ScalarType.Bool, "BOOL")]
    [InlineData(ScalarType.Byte, "U8")]
    [InlineData(ScalarType.Int8, "I8")]
    [InlineData(ScalarType.Int16, "I16")]
    [InlineData(ScalarType.Int32, "I32")]
    [InlineData(ScalarType.Int64, "I64")]
    [InlineData(ScalarType.Float16, "F16")]
    [InlineData(ScalarType.BFloat16, "BF16")]
    [InlineData(ScalarType.Float32, "F32")]
    [InlineData(ScalarType.Float64, "F64")]
    public void Every_element_type_and_any_shape_come_back_bit_for_bit(ScalarType type, string name)
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var tensors = new Dictionary<string, Tensor>
        {
            ["matrix"] = (randn(3, 5) * 50).to(type),
            ["scalar"] = tensor(1).to(type),
            ["empty"] = zeros([2, 0, 3], type),
            ["transposed"] = (randn(4, 2) * 50).to(type).t(),
        };
        Safetensors.Write(File, tensors);

        (IReadOnlyDictionary<string, Tensor> read, IReadOnlyDictionary<string, string> metadata) = Safetensors.Read(File);

        Assert.Empty(metadata);
        Assert.Equal(tensors.Keys.Order(), read.Keys.Order());
        foreach ((string key, Tensor expected) in tensors)
        {
            Assert.Equal(type, read[key].dtype);
            Assert.Equal(expected.shape, read[key].shape);
            Assert.True(read[key].equal(expected).all().item<bool>(), key);
        }

        Assert.All(Parse(System.IO.File.ReadAllBytes(File)).Values, t => Assert.Equal(name, t.Type));
    }

    /// <summary>IEEE's awkward values are bytes like any others.</summary>
    [Fact]
    public void Infinities_and_undefined_numbers_are_kept()
    {
        using var scope = NewDisposeScope();
        float[] values = [float.NaN, float.PositiveInfinity, -0f, float.Epsilon];
        Safetensors.Write(File, [new("t", tensor(values))]);
        Assert.Equal(values.Select(BitConverter.SingleToInt32Bits), Safetensors.Read(File).Tensors["t"].data<float>().ToArray().Select(BitConverter.SingleToInt32Bits));
    }

    [Fact]
    public void The_file_is_8_bytes_length_then_JSON_then_data()
    {
        using var scope = NewDisposeScope();
        Safetensors.Write(File, [new("b", tensor(new short[] { 1, -2 })), new("a", tensor(new[] { 1.5f }))], new Dictionary<string, string> { ["made by"] = "hand" });

        // Larger elements first, so that every tensor is aligned.
        string json = $$$"""{"__metadata__":{"made by":"hand"},{{{SafetensorsFile.Entry("a", "F32", "[1]", 0, 4)}}},{{{SafetensorsFile.Entry("b", "I16", "[2]", 4, 8)}}}}""";
        json = json.PadRight((json.Length + 7) / 8 * 8);
        Assert.Equal(SafetensorsFile.Bytes(json, [0, 0, 0xC0, 0x3F, 1, 0, 0xFE, 0xFF]), System.IO.File.ReadAllBytes(File));
    }

    [Fact]
    public void A_parser_that_knows_only_the_format_reads_it()
    {
        using var scope = NewDisposeScope();
        manual_seed(2);
        Tensor weight = randn(16, 3, 7, 7), bias = randn(16), steps = tensor(12345L);
        Safetensors.Write(File, [new("conv1.weight", weight), new("conv1.bias", bias), new("steps", steps)]);

        var parsed = Parse(System.IO.File.ReadAllBytes(File));

        Assert.Equal([16, 3, 7, 7], parsed["conv1.weight"].Shape);
        Assert.Equal(weight.data<float>().ToArray(), Floats(parsed["conv1.weight"].Data));
        Assert.Equal(bias.data<float>().ToArray(), Floats(parsed["conv1.bias"].Data));
        Assert.Equal(12345, BinaryPrimitives.ReadInt64LittleEndian(parsed["steps"].Data));
        Assert.Empty(parsed["steps"].Shape);
        static float[] Floats(byte[] data) => [.. data.Chunk(4).Select(four => BinaryPrimitives.ReadSingleLittleEndian(four))];
    }

    /// <summary>As many as libtorch takes.</summary>
    [Fact]
    public void Tensors_of_64_dimensions_come_back()
    {
        using var scope = NewDisposeScope();
        long[] shape = [.. Enumerable.Repeat(1L, 63), 2];
        Safetensors.Write(File, [new("a", tensor(new[] { 1f, 2f }).reshape(shape))]);
        Assert.Equal(shape, Safetensors.Read(File).Tensors["a"].shape);
    }

    /// <summary>Its first two bytes are those of a pickle of protocol 2, in which older PyTorch wrote its files; its eighth is not.</summary>
    [Fact]
    public void A_header_of_640_bytes_is_taken_for_no_pickle()
    {
        using var scope = NewDisposeScope();
        string json = $"{{{SafetensorsFile.Entry("weight", "F32", "[1]", 0, 4)}}}".PadRight(0x280);
        System.IO.File.WriteAllBytes(File, SafetensorsFile.Bytes(json, [0, 0, 0xC0, 0x3F]));
        Assert.Equal([0x80, 2], System.IO.File.ReadAllBytes(File)[..2]);
        StateFile read = StateFile.Read(File);
        Assert.Equal(("safetensors", 1.5f), (read.Format, read.Tensors["weight"].item<float>()));
        System.IO.File.WriteAllBytes(File, [0x80, 2, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, .. new byte[100]]);
        Assert.Contains("before 1.6", Assert.Throws<WeightsException>(() => StateFile.Read(File)).Message);
    }

    [Fact]
    public void A_file_of_other_order_and_spacing_is_read()
    {
        using var scope = NewDisposeScope();
        string header = $$"""
              { {{SafetensorsFile.Entry("second", "U8", "[1, 2]", 1, 3)}} ,
                "first" : { "data_offsets" : [0,1], "shape" : [], "dtype" : "U8", "comment" : null } }
            """;
        System.IO.File.WriteAllBytes(File, SafetensorsFile.Bytes(header, [7, 8, 9]));

        var tensors = Safetensors.Read(File).Tensors;

        Assert.Equal(["second", "first"], tensors.Keys);
        Assert.Equal(7, tensors["first"].item<byte>());
        Assert.Equal([8, 9], tensors["second"].data<byte>().ToArray());
    }

    [Fact]
    public void Names_and_metadata_may_hold_any_text()
    {
        using var scope = NewDisposeScope();
        Gen.String.Array.Sample(names =>
        {
            names = [.. names.Select(WellFormed).Where(n => n != "__metadata__").Distinct()];
            using var inner = NewDisposeScope();
            Safetensors.Write(File, names.Select((name, i) => KeyValuePair.Create(name, tensor(i))), names.ToDictionary(n => n, n => n + "!"));
            (var tensors, var metadata) = Safetensors.Read(File);
            Assert.Equal(names.Order(StringComparer.Ordinal), tensors.Keys.Order(StringComparer.Ordinal));
            for (int i = 0; i < names.Length; i++) Assert.Equal((i, names[i] + "!"), (tensors[names[i]].item<int>(), metadata[names[i]]));
        }, iter: 50, threads: 1);

        // Half a surrogate pair is no text.
        static string WellFormed(string s) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(s));
    }

    [Fact]
    public void An_empty_file_of_no_tensors_comes_back()
    {
        Safetensors.Write(File, []);
        Assert.Empty(Safetensors.Read(File).Tensors);
    }

    [Fact]
    public void A_type_unknown_to_the_format_is_refused_and_the_old_file_stays()
    {
        using var scope = NewDisposeScope();
        Safetensors.Write(File, [new("t", ones(1))]);
        byte[] before = System.IO.File.ReadAllBytes(File);
        var e = Assert.Throws<ArgumentException>(() => Safetensors.Write(File, [new("wave", zeros(1, complex64))]));
        Assert.Contains("wave", e.Message);
        Assert.Contains("ComplexFloat32", e.Message);
        Assert.Equal(before, System.IO.File.ReadAllBytes(File));
        Assert.Equal([File], Directory.GetFiles(folder.Path));
    }

    [Theory]
    [InlineData("twice", "twice")]
    [InlineData("__metadata__", "other")]
    public void Names_that_are_taken_are_refused(string first, string second)
    {
        using var scope = NewDisposeScope();
        Assert.Contains(first, Assert.Throws<ArgumentException>(() => Safetensors.Write(File, [new(first, ones(1)), new(second, ones(1))])).Message);
        Assert.False(System.IO.File.Exists(File));
    }

    [Fact]
    public void A_failure_while_writing_leaves_the_old_file_and_no_temporary_one()
    {
        using var scope = NewDisposeScope();
        Safetensors.Write(File, [new("t", ones(1))]);
        byte[] before = System.IO.File.ReadAllBytes(File);
        Tensor disposed = ones(3);

        // The header is written by then: the tensor goes away in the middle of the file.
        Assert.ThrowsAny<Exception>(() => UnetResnet.Runtime.AtomicFile.Write(File, stream =>
        {
            stream.Write(new byte[1000]);
            throw new IOException("disk full");
        }));
        disposed.Dispose();
        Assert.ThrowsAny<Exception>(() => Safetensors.Write(File, [new("t", disposed)]));

        Assert.Equal(before, System.IO.File.ReadAllBytes(File));
        Assert.Equal([File], Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Writing_into_a_missing_folder_makes_it()
    {
        using var scope = NewDisposeScope();
        Safetensors.Write(folder["a", "b", "c.safetensors"], [new("t", ones(1))]);
        Assert.Single(Safetensors.Read(folder["a", "b", "c.safetensors"]).Tensors);
    }

    [Fact]
    public void Tensors_belong_to_the_callers_scope()
    {
        using var scope = NewDisposeScope();
        Safetensors.Write(File, [new("a", ones(1)), new("b", ones(2))]);
        long before = scope.DisposablesCount;
        _ = Safetensors.Read(File);
        Assert.Equal(before + 2, scope.DisposablesCount);
    }

    /// <summary>The format as its README states it, in a dozen lines.</summary>
    private static Dictionary<string, (string Type, long[] Shape, byte[] Data)> Parse(byte[] file)
    {
        int header = (int)BinaryPrimitives.ReadUInt64LittleEndian(file);
        using var json = JsonDocument.Parse(file.AsMemory(8, header));
        return json.RootElement.EnumerateObject().Where(p => p.Name != "__metadata__").ToDictionary(p => p.Name, p =>
        {
            int[] offsets = [.. p.Value.GetProperty("data_offsets").EnumerateArray().Select(o => o.GetInt32())];
            return (p.Value.GetProperty("dtype").GetString()!, p.Value.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64()).ToArray(),
                file[(8 + header + offsets[0])..(8 + header + offsets[1])]);
        });
    }
}
