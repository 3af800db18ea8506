using CsCheck;
using UnetResnet.Weights;
using static TorchSharp.torch;
using static UnetResnet.Tests.Weights.SafetensorsFile;

namespace UnetResnet.Tests.Weights;

/// <summary>Files from strangers: whatever is in them, the answer is the tensors or a <see cref="WeightsException"/> that names the file, and no large allocation.</summary>
[Trait("Category", "Reliability")]
public sealed class HostileSafetensorsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    private string File => folder["hostile.safetensors"];

    public void Dispose() => folder.Dispose();

    private static readonly byte[] Eight = [1, 2, 3, 4, 5, 6, 7, 8];

    public static TheoryData<string, byte[], string> Hostile { get; } = new()
    {
        { "empty", [], "0 bytes" },
        { "seven bytes", new byte[7], "7 bytes" },
        { "header longer than the file", Bytes("{}"u8.ToArray(), [], declaredLength: 3), "claims 3 bytes, and only 2 follow: it is truncated" },
        { "header over the limit", Bytes("{}"u8.ToArray(), [], declaredLength: 100_000_001), "limit" },
        { "header at the limit", Bytes("{}"u8.ToArray(), [], declaredLength: 100_000_000), "truncated" },
        { "header of 2^63", Bytes("{}"u8.ToArray(), [], declaredLength: 1ul << 63), "limit" },
        { "header of 2^64 - 1", Bytes("{}"u8.ToArray(), [], declaredLength: ulong.MaxValue), "limit" },
        { "empty header", Bytes("", []), "JSON" },
        { "no JSON", Bytes("hello", []), "JSON" },
        { "byte-order mark", Bytes("\uFEFF{}", []), "JSON" },
        { "something after the JSON", Bytes("{}{}", []), "JSON" },
        { "array", Bytes("[]", []), "JSON" },
        { "number", Bytes("1", []), "JSON" },
        { "deep nesting", Bytes(new string('[', 100_000), []), "JSON" },
        { "deep nesting in an entry", Bytes("{\"a\":{\"dtype\":" + new string('[', 50) + new string(']', 50) + "}}", []), "JSON" },
        { "duplicate names", Bytes($"{{{Entry("a", "U8", "[4]", 0, 4)},{Entry("a", "U8", "[4]", 4, 8)}}}", Eight), "a" },
        { "duplicate names, one escaped", Bytes($"{{{Entry("a", "U8", "[4]", 0, 4)},{Entry("\\u0061", "U8", "[4]", 4, 8)}}}", Eight), "a" },
        { "duplicate fields", Bytes("""{"a":{"dtype":"U8","shape":[8],"shape":[8],"data_offsets":[0,8]}}""", Eight), "shape" },
        { "duplicate metadata", Bytes("""{"__metadata__":{"k":"1","k":"2"}}""", []), "k" },
        { "overlap", Bytes($"{{{Entry("a", "U8", "[6]", 0, 6)},{Entry("b", "U8", "[6]", 2, 8)}}}", Eight), "overlap" },
        { "same bytes twice", Bytes($"{{{Entry("a", "U8", "[8]", 0, 8)},{Entry("b", "U8", "[8]", 0, 8)}}}", Eight), "overlap" },
        { "hole", Bytes($"{{{Entry("a", "U8", "[2]", 0, 2)},{Entry("b", "U8", "[4]", 4, 8)}}}", Eight), "hole" },
        { "hole at the start", Bytes($"{{{Entry("a", "U8", "[7]", 1, 8)}}}", Eight), "'a'" },
        { "bytes left over", Bytes($"{{{Entry("a", "U8", "[4]", 0, 4)}}}", Eight), "4 bytes and 8" },
        { "data without tensors", Bytes("{}", Eight), "0 bytes and 8" },
        { "beyond the end", Bytes($"{{{Entry("a", "U8", "[9]", 0, 9)}}}", Eight), "0 to 9 of 8" },
        { "far beyond the end", Bytes($"{{{Entry("a", "U8", "[4611686018427387904]", 0, 4611686018427387904)}}}", Eight), "of 8" },
        { "negative offsets", Bytes($"{{{Entry("a", "U8", "[8]", -8, 0)}}}", Eight), "-8" },
        { "backward offsets", Bytes($"{{{Entry("a", "U8", "[8]", 8, 0)}}}", Eight), "8 to 0" },
        { "offsets over 64 bits", Bytes("""{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,18446744073709551624]}}""", Eight), "JSON" },
        { "broken offsets", Bytes("""{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,7.5]}}""", Eight), "JSON" },
        { "one offset", Bytes("""{"a":{"dtype":"U8","shape":[8],"data_offsets":[8]}}""", Eight), "1 offsets" },
        { "offsets as text", Bytes("""{"a":{"dtype":"U8","shape":[8],"data_offsets":["0","8"]}}""", Eight), "JSON" },
        { "no offsets", Bytes("""{"a":{"dtype":"U8","shape":[8]}}""", Eight), "JSON" },
        { "no shape", Bytes("""{"a":{"dtype":"U8","data_offsets":[0,8]}}""", Eight), "JSON" },
        { "no type", Bytes("""{"a":{"shape":[8],"data_offsets":[0,8]}}""", Eight), "JSON" },
        { "entry that is a number", Bytes("""{"a":8}""", Eight), "JSON" },
        { "entry that is null", Bytes("""{"a":null}""", Eight), "JSON" },
        { "shape that is a number", Bytes("""{"a":{"dtype":"U8","shape":8,"data_offsets":[0,8]}}""", Eight), "JSON" },
        { "overflowing shape", Bytes($"{{{Entry("a", "F64", "[4294967296,4294967296]", 0, 8)}}}", Eight), "impossible shape" },
        { "shape that overflows back to the right size", Bytes($"{{{Entry("a", "U8", "[18446744073709551,1000]", 0, 8)}}}", Eight), "a" },
        { "overflow hidden by an empty dimension", Bytes($"{{{Entry("a", "F32", "[0,4611686018427387904,4611686018427387904]", 0, 0)}}}", []), "impossible shape" },
        { "overflow behind an empty dimension of 8 bytes", Bytes($"{{{Entry("a", "F64", "[4611686018427387904,0]", 0, 0)}}}", []), "impossible shape" },
        { "negative dimension", Bytes($"{{{Entry("a", "U8", "[-8]", 0, 8)}}}", Eight), "negative" },
        { "two negative dimensions", Bytes($"{{{Entry("a", "U8", "[-2,-4]", 0, 8)}}}", Eight), "negative" },
        { "a thousand dimensions", Bytes($"{{{Entry("a", "U8", $"[{string.Join(",", Enumerable.Repeat(1, 1000))}]", 0, 1)}}}", [0]), "1000 dimensions" },
        { "65 dimensions", Bytes($"{{{Entry("a", "U8", $"[{string.Join(",", Enumerable.Repeat(1, 65))}]", 0, 1)}}}", [0]), "65 dimensions" },
        { "three offsets", Bytes("""{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8,8]}}""", Eight), "3 offsets" },
        { "shape and offsets disagree", Bytes($"{{{Entry("a", "F32", "[3]", 0, 8)}}}", Eight), "takes 12 bytes" },
        { "unknown type", Bytes($"{{{Entry("a", "F8_E4M3", "[8]", 0, 8)}}}", Eight), "F8_E4M3" },
        { "type in small letters", Bytes($"{{{Entry("a", "f32", "[2]", 0, 8)}}}", Eight), "f32" },
        { "type null", Bytes("""{"a":{"dtype":null,"shape":[8],"data_offsets":[0,8]}}""", Eight), "element type" },
        { "type a number", Bytes("""{"a":{"dtype":8,"shape":[8],"data_offsets":[0,8]}}""", Eight), "JSON" },
        { "metadata that is a number", Bytes("""{"__metadata__":{"a":1}}""", []), "JSON" },
        { "metadata that is null", Bytes("""{"__metadata__":{"a":null}}""", []), "text" },
        { "metadata that is a list", Bytes("""{"__metadata__":["a"]}""", []), "JSON" },
        { "invalid UTF-8 in a name", Bytes([.. "{\"a"u8, 0xFF, .. "\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8]}}"u8], Eight), "JSON" },
        { "invalid UTF-8 in metadata", Bytes([.. "{\"__metadata__\":{\"a\":\"b"u8, 0xC3, .. "\"}}"u8], []), "JSON" },
        { "half a surrogate pair", Bytes($"{{{Entry("\\ud800", "U8", "[8]", 0, 8)}}}", Eight), "JSON" },
        { "a bool of 2", Bytes($"{{{Entry("a", "BOOL", "[8]", 0, 8)}}}", Eight), "BOOL" },
        { "PyTorch's zip", [.. "PK\u0003\u0004"u8, .. new byte[100]], "" },
        { "HDF5", [0x89, .. "HDF\r\n\u001A\n"u8, .. new byte[100]], "" },
    };

    [Theory]
    [MemberData(nameof(Hostile))]
    public void Hostile_files_are_refused_by_name(string what, byte[] content, string part)
    {
        System.IO.File.WriteAllBytes(File, content);
        long before = GC.GetAllocatedBytesForCurrentThread();

        var e = Assert.Throws<WeightsException>(() => Safetensors.Read(File));

        Assert.Contains(File, e.Message);
        Assert.Contains(part, e.Message);
        // The largest file here has 100 kB; JSON parsing, messages and stack traces take some more.
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 3_000_000, what);
    }

    [Fact]
    public void A_missing_file_and_a_folder_are_named()
    {
        Assert.Contains("nowhere", Assert.Throws<WeightsException>(() => Safetensors.Read(folder["nowhere"])).Message);
        Assert.Contains(folder.Path, Assert.Throws<WeightsException>(() => Safetensors.Read(folder.Path)).Message);
    }

    [Fact]
    public void Every_truncation_of_a_valid_file_is_refused()
    {
        byte[] valid = Valid();
        for (int length = 0; length < valid.Length; length++)
        {
            System.IO.File.WriteAllBytes(File, valid[..length]);
            Assert.Contains(File, Assert.Throws<WeightsException>(() => Safetensors.Read(File)).Message);
        }

        System.IO.File.WriteAllBytes(File, [.. valid, 0]);
        Assert.Throws<WeightsException>(() => Safetensors.Read(File));
    }

    [Fact]
    public void Random_damage_gives_tensors_or_the_one_exception()
    {
        byte[] valid = Valid();
        int header = BitConverter.ToInt32(valid);
        // Mostly within the header, where it matters; bytes that JSON is made of are the most dangerous.
        Gen<byte> damage = Gen.OneOf(Gen.Byte, Gen.Char["0123456789-.[]{}\":,e\\ "].Select(c => (byte)c));
        Gen.Select(Gen.Int[0, 8 + header + 4], damage, Gen.Int[0, 3]).Array[1, 4].Sample(changes =>
        {
            var bytes = valid.ToList();
            foreach ((int at, byte value, int kind) in changes)
            {
                int index = Math.Min(at, bytes.Count - 1);
                if (kind == 0) bytes.RemoveAt(index);
                else if (kind == 1) bytes.Insert(index, value);
                else bytes[index] = value;
            }

            System.IO.File.WriteAllBytes(File, [.. bytes]);
            using var scope = NewDisposeScope();
            try
            {
                foreach (Tensor tensor in Safetensors.Read(File).Tensors.Values) Assert.True(tensor.numel() * tensor.element_size() <= bytes.Count);
            }
            catch (WeightsException e)
            {
                Assert.Contains(File, e.Message);
            }
        }, iter: 3000, threads: 1);
    }

    private byte[] Valid()
    {
        using var scope = NewDisposeScope();
        Safetensors.Write(File, [new("conv1.weight", arange(6, float32).reshape(2, 3)), new("flags", tensor(new[] { true, false })), new("steps", tensor(7L))],
            new Dictionary<string, string> { ["licence"] = "MIT" });
        return System.IO.File.ReadAllBytes(File);
    }
}
