using System.Buffers.Binary;
using PureHDF;
using UnetResnet.Fuzz;
using UnetResnet.Weights;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Weights;

/// <summary>The ways in which HDF5 stores numbers, names and texts, written by the HDF5 library (<c>tests/golden/h5_storage.py</c>) and by PureHDF.</summary>
public sealed class Hdf5StorageTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [PythonTheory("h5py")]
    [InlineData("plain")]
    [InlineData("latest")]
    [InlineData("compact")]
    [InlineData("chunks")]
    [InlineData("resizable")]
    [InlineData("gzip")]
    [InlineData("big")]
    [InlineData("half")]
    [InlineData("double")]
    [InlineData("variable")]
    [InlineData("soft")]
    [InlineData("many")]
    [InlineData("ordered")]
    public void Every_way_gives_the_same_numbers(string kind)
    {
        using var scope = NewDisposeScope();
        KerasWeightsFile file = Read(kind);
        KerasLayer layer = Assert.Single(file.Layers);
        Assert.Equal(("dense", "kernel:0"), (layer.Name, layer.WeightNames[0]));
        Tensor kernel = layer.Weights[0];
        Assert.Equal(kind == "double" ? ScalarType.Float64 : ScalarType.Float32, kernel.dtype);
        Assert.Equal([5, 7], kernel.shape);
        Assert.Equal(Enumerable.Range(0, 35).Select(i => (float)i), kernel.to(float32).flatten().data<float>().ToArray());
        Assert.Equal(kind == "variable" ? "2.1.3 – ü" : null, file.KerasVersion);
        if (kind != "many") return;
        // More names than one node of a symbol table holds.
        Assert.Equal(Enumerable.Range(0, 500).Select(i => (float)i), layer.Weights.Skip(1).Select(w => w.item<float>()));
    }

    [PythonTheory("h5py")]
    [InlineData("external", "the link 'kernel:0' leads into another file", "expand_external")]
    [InlineData("raw", "'kernel:0' of layer 'dense' points into another file", "Copy")]
    [InlineData("virtual", "'kernel:0' of layer 'dense' points into another file", "Copy")]
    [InlineData("unwritten", "never written", "again")]
    [InlineData("holes", "3 of 9 chunks", "again")]
    [InlineData("lzf", "filter 32000", "without compression")]
    [InlineData("latest-chunks", "newest layout", "libver")]
    [InlineData("latest-many", "fractal heap", "libver")]
    [InlineData("latest-attributes", "fractal heap", "libver")]
    public void What_leads_out_of_the_file_or_is_not_known_is_refused_with_the_cure(string kind, string reason, string cure)
    {
        string message = Assert.Throws<WeightsException>(() => Read(kind)).Message;
        Assert.Contains(folder[$"{kind}.h5"], message);
        Assert.Contains(reason, message);
        Assert.Contains(cure, message);
    }

    [Fact]
    public void Files_of_PureHDF_are_read()
    {
        var layer = new H5Group { ["kernel:0"] = new H5Dataset(new float[,] { { 1, 2, 3 }, { 4, 5, 6 } }) };
        layer.Attributes["weight_names"] = new[] { "kernel:0" };
        var file = new H5File { ["dense"] = layer };
        file.Attributes["layer_names"] = new[] { "dense" };
        file.Attributes["backend"] = "tensorflow";
        file.Write(folder["pure.h5"]);
        using var scope = NewDisposeScope();
        KerasWeightsFile read = KerasHdf5.Read(folder["pure.h5"]);
        Assert.Equal("tensorflow", read.Backend);
        Tensor kernel = Assert.Single(Assert.Single(read.Layers).Weights);
        Assert.Equal([2, 3], kernel.shape);
        Assert.Equal([1f, 2f, 3f, 4f, 5f, 6f], kernel.data<float>().ToArray());
    }

    /// <summary>A tree whose node is its own child, and an object header that is continued by itself.</summary>
    [Theory]
    [InlineData("tree", "trees runs in circles")]
    [InlineData("header", "header runs in circles")]
    public void Structures_that_run_in_circles_end(string kind, string reason)
    {
        byte[] bytes = [.. FuzzedReader.All.Single(r => r.Name == "hdf5").Seeds[0]];
        Span<byte> At(int index) => bytes.AsSpan(index);
        if (kind == "tree")
        {
            int tree = bytes.AsSpan().IndexOf("TREE"u8);
            bytes[tree + 5] = 1;
            BinaryPrimitives.WriteInt64LittleEndian(At(tree + 32), tree);
        }
        else
        {
            // The superblock of version 0 has the root group's address at byte 64; its messages start 16 bytes behind it.
            int block = (int)BinaryPrimitives.ReadInt64LittleEndian(At(64)) + 16;
            BinaryPrimitives.WriteInt16LittleEndian(At(block), 0x10);
            BinaryPrimitives.WriteInt64LittleEndian(At(block + 8), block);
            BinaryPrimitives.WriteInt64LittleEndian(At(block + 16), BinaryPrimitives.ReadUInt32LittleEndian(At(block - 8)));
        }

        File.WriteAllBytes(folder["circle.h5"], bytes);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains(reason, Assert.Throws<WeightsException>(() => KerasHdf5.Read(folder["circle.h5"])).Message);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 200_000_000);
    }

    /// <summary>Nothing is read from outside the file, and nothing past its end.</summary>
    [Theory]
    [InlineData(0, 9, false)]
    [InlineData(1, 8, false)]
    [InlineData(9, 0, false)]
    [InlineData(ulong.MaxValue, 1, false)]
    [InlineData(1ul << 63, 0, false)]
    [InlineData(0, 8, true)]
    [InlineData(7, 1, true)]
    [InlineData(8, 0, true)]
    public void Addresses_lie_within_the_file(ulong fromEnd, int count, bool allowed)
    {
        File.WriteAllBytes(folder["file.h5"], FuzzedReader.All.Single(r => r.Name == "hdf5").Seeds[0]);
        ulong length = (ulong)new FileInfo(folder["file.h5"]).Length, address = fromEnd > 9 ? fromEnd : length - 8 + fromEnd;
        using var file = UnetResnet.Weights.Hdf5.Hdf5File.Open(folder["file.h5"]);
        if (allowed) file.ReadNumbers(address, new byte[count]);
        else Assert.Contains($"points to {count} bytes at {address}, and has {length}", Assert.Throws<InvalidDataException>(() => file.ReadNumbers(address, new byte[count])).Message);
    }

    private KerasWeightsFile Read(string kind)
    {
        string path = folder[$"{kind}.h5"];
        Python.Run("h5_storage.py", kind, path);
        return KerasHdf5.Read(path);
    }
}
