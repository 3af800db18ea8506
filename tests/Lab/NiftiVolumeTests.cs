using System.Buffers.Binary;
using System.IO.Compression;
using UnetResnet.Data;
using UnetResnet.Lab.Datasets;

namespace UnetResnet.Tests.Lab;

[Trait("Category", "Reliability")]
public sealed class NiftiVolumeTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Bytes_are_read_with_x_fastest()
    {
        NiftiVolume volume = Read(File(UInt8, 2, 3, 4));
        Assert.Equal((2, 3, 4), (volume.SizeX, volume.SizeY, volume.SizeZ));
        Assert.Equal(1 + 2 * 2 + 3 * 6, volume[1, 2, 3]);
    }

    [Fact]
    public void Other_types_scale_and_gzip_are_read()
    {
        byte[] shorts = File(Int16, 1, 1, 2);
        BinaryPrimitives.WriteInt16LittleEndian(shorts.AsSpan(352), -300);
        Set(shorts, 112, 2f, 10f);
        Assert.Equal(-590, Read(shorts)[0, 0, 0]);

        byte[] singles = File(Float32, 1, 1, 1);
        BinaryPrimitives.WriteSingleLittleEndian(singles.AsSpan(352), 1.5f);
        Assert.Equal(1.5f, Read(singles)[0, 0, 0]);

        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true)) gzip.Write(singles);
        Assert.Equal(1.5f, Read(packed.ToArray())[0, 0, 0]);

        byte[] corrupt = packed.ToArray();
        corrupt[^8] ^= 0xFF; // the checksum
        Fails(corrupt, "NIfTI-1");
        Fails(packed.ToArray()[..40], "has only");
    }

    [Fact]
    public void Axes_are_brought_into_order_by_the_sform()
    {
        // Stored axes run to the top, to the left, to the front.
        byte[] bytes = File(UInt8, 2, 3, 4);
        Set(bytes, 280, 0f, -1f, 0f, 0f, 0f, 0f, 1f, 0f, 1f, 0f, 0f, 0f);
        NiftiVolume volume = Read(bytes);

        Assert.Equal((3, 4, 2), (volume.SizeX, volume.SizeY, volume.SizeZ));
        // x = 0 is the last along the second stored axis: z 1 → i 1, x 0 → j 2, y 3 → k 3.
        Assert.Equal(1 + 2 * 2 + 3 * 6, volume[0, 3, 1]);
        Assert.Equal(0 + 0 * 2 + 1 * 6, volume[2, 1, 0]);
    }

    [Fact]
    public void Axes_are_brought_into_order_by_the_qform()
    {
        // A half turn about z: the quaternion (0, 0, 0, 1) mirrors x and y. qfac −1 mirrors z too.
        byte[] bytes = File(UInt8, 2, 3, 4);
        BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(254), 0);
        BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(252), 1);
        Set(bytes, 256, 0f, 0f, 1f);
        Set(bytes, 76, -1f);
        Assert.Equal(1 + 2 * 2 + 3 * 6, Read(bytes)[0, 0, 0]);
        Set(bytes, 76, 1f);
        Assert.Equal(1 + 2 * 2, Read(bytes)[0, 0, 0]);
    }

    [Fact]
    public void The_share_above_a_threshold_counts_the_surrounding_cube()
    {
        NiftiVolume volume = Read(File(UInt8, 4, 5, 6));
        foreach (int radius in new[] { 0, 1, 3 })
        {
            NiftiVolume share = volume.ShareAbove(50, radius);
            for (int z = 0; z < 6; z++)
            {
                for (int y = 0; y < 5; y++)
                {
                    for (int x = 0; x < 4; x++) Assert.Equal(Count(x, y, z, radius) / Math.Pow(2 * radius + 1, 3), share[x, y, z], 1e-6);
                }
            }
        }

        Assert.Equal("radius", Assert.Throws<ArgumentOutOfRangeException>(() => volume.ShareAbove(50, -1)).ParamName);

        int Count(int x, int y, int z, int radius) => (
            from k in Enumerable.Range(0, 6)
            from j in Enumerable.Range(0, 5)
            from i in Enumerable.Range(0, 4)
            where Math.Abs(i - x) <= radius && Math.Abs(j - y) <= radius && Math.Abs(k - z) <= radius && volume[i, j, k] > 50
            select 1).Count();
    }

    [Fact]
    public void What_cannot_be_read_is_refused_with_the_reason()
    {
        byte[] Broken(Action<byte[]> fault)
        {
            byte[] bytes = File(UInt8, 2, 3, 4);
            fault(bytes);
            return bytes;
        }

        void Short(byte[] bytes, int at, short value) => BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(at), value);

        Fails([], "0 bytes");
        Fails(File(UInt8, 2, 3, 4)[..^1], "cut short");
        Fails(Broken(b => BinaryPrimitives.WriteInt32BigEndian(b, 348)), "big-endian");
        Fails(Broken(b => b[0] = 7), "no NIfTI-1 file");
        Fails(Broken(b => b[345] = (byte)'i'), "magic");
        Fails(Broken(b => Short(b, 40, 2)), "2 dimensions");
        Fails(Broken(b => Short(b, 44, -3)), "2×-3×4");
        Fails(Broken(b => { Short(b, 40, 4); Short(b, 48, 5); }), "2×3×4×5");
        Fails(Broken(b => { Short(b, 42, short.MaxValue); Short(b, 44, short.MaxValue); Short(b, 46, short.MaxValue); }), "cut short");
        Fails(Broken(b => Short(b, 70, 64)), "data type 64");
        Fails(Broken(b => Short(b, 72, 16)), "16 bits");
        Fails(Broken(b => Set(b, 108, 348f)), "byte 348");
        Fails(Broken(b => Set(b, 108, float.NaN)), "byte NaN");
        Fails(Broken(b => Set(b, 112, float.NaN)), "NaN");
        Fails(Broken(b => Short(b, 254, 0)), "how the head lies");
        Fails(Broken(b => Set(b, 280, new float[12])), "leads nowhere");
        Assert.Contains("missing.nii", Assert.Throws<DatasetException>(() => NiftiVolume.Load(folder["missing.nii"])).Message);
    }

    /// <summary>Four hundred megabytes of nothing pack into two; no more is unpacked than the header asks for.</summary>
    [Fact]
    public void A_packed_file_that_goes_on_and_on_is_refused_and_costs_no_memory()
    {
        byte[] start = File(UInt8, 2, 3, 4);
        Assert.Equal(1, Read(Packed(start, 100_000))[1, 0, 0]); // what a writer may have put behind
        byte[] bomb = Packed(start, 400_000_000);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Fails(bomb, "goes on after its 2×3×4 voxels");
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 16_000_000);
    }

    [Fact]
    public void A_promise_of_too_many_voxels_is_refused_and_costs_no_memory()
    {
        byte[] start = File(Float32, 1, 1, 1);
        foreach (int axis in (int[])[0, 1, 2]) BinaryPrimitives.WriteInt16LittleEndian(start.AsSpan(42 + 2 * axis), 513);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Fails(Packed(start, 0), "has 513×513×513 voxels. Expected: at most 134217728 voxels");
        foreach (int axis in (int[])[0, 1, 2]) BinaryPrimitives.WriteInt16LittleEndian(start.AsSpan(42 + 2 * axis), 500);
        Fails(Packed(start, 0), "is cut short: it has 356 bytes");
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 16_000_000);
    }

    [Fact]
    public void What_is_no_regular_file_is_refused_and_never_waited_for()
    {
        if (OperatingSystem.IsWindows()) return;
        using (var made = System.Diagnostics.Process.Start("mkfifo", folder["pipe.nii"])) made.WaitForExit();
        System.IO.File.CreateSymbolicLink(folder["device.nii"], "/dev/zero");
        System.IO.File.CreateSymbolicLink(folder["circle.nii"], folder["circle.nii"]);
        foreach (string name in (string[])["pipe.nii", "device.nii", "circle.nii"])
            Assert.Equal(folder[name], Assert.Throws<DatasetException>(() => NiftiVolume.Load(folder[name])).File);
    }

    private static byte[] Packed(byte[] start, int zeros)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(start);
            byte[] page = new byte[100_000];
            for (int written = 0; written < zeros; written += page.Length) gzip.Write(page);
        }

        return packed.ToArray();
    }

    private const short UInt8 = 2, Int16 = 4, Float32 = 16;

    /// <summary>A sound file whose bytes count up and whose axes run to the right, the front and the top.</summary>
    private static byte[] File(short dataType, short x, short y, short z)
    {
        int bits = dataType switch { UInt8 => 8, Int16 => 16, _ => 32 };
        var bytes = new byte[352 + x * y * z * bits / 8];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, 348);
        short[] dimensions = [3, x, y, z, 1, 1, 1, 1];
        for (int i = 0; i < dimensions.Length; i++) BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(40 + 2 * i), dimensions[i]);
        BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(70), dataType);
        BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(72), (short)bits);
        Set(bytes, 76, 1f, 1f, 1f, 1f);
        Set(bytes, 108, 352f, 1f, 0f);
        BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(254), 4);
        Set(bytes, 280, 1f, 0f, 0f, -90f, 0f, 1f, 0f, -125f, 0f, 0f, 1f, -71f);
        "n+1\0"u8.CopyTo(bytes.AsSpan(344));
        for (int i = 352; i < bytes.Length; i++) bytes[i] = (byte)(i - 352);
        return bytes;
    }

    private static void Set(byte[] bytes, int at, params float[] values)
    {
        for (int i = 0; i < values.Length; i++) BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(at + 4 * i), values[i]);
    }

    private NiftiVolume Read(byte[] bytes)
    {
        System.IO.File.WriteAllBytes(folder["volume.nii"], bytes);
        return NiftiVolume.Load(folder["volume.nii"]);
    }

    private void Fails(byte[] bytes, string words)
    {
        var e = Assert.Throws<DatasetException>(() => Read(bytes));
        Assert.Contains(words, e.Message);
        Assert.Equal(folder["volume.nii"], e.File);
    }
}
