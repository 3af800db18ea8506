using System.Buffers.Binary;
using System.IO.Compression;
using UnetResnet.Data;

namespace UnetResnet.Lab.Datasets;

/// <summary>
/// A volume of a NIfTI-1 file (<c>.nii</c>, <c>.nii.gz</c>), turned to the axes x = left to right, y = back to front, z = foot to head.
/// Little-endian files of one three-dimensional volume with voxels of type uint8, int16 or float32 are read; everything else is refused.
/// </summary>
/// <remarks>Format: https://nifti.nimh.nih.gov/pub/dist/src/niftilib/nifti1.h.</remarks>
internal sealed class NiftiVolume
{
    private readonly float[] voxels;

    private NiftiVolume(int sizeX, int sizeY, int sizeZ, float[] voxels) =>
        (SizeX, SizeY, SizeZ, this.voxels) = (sizeX, sizeY, sizeZ, voxels);

    /// <summary>Voxels from left to right.</summary>
    public int SizeX { get; }

    /// <summary>Voxels from back to front.</summary>
    public int SizeY { get; }

    /// <summary>Voxels from foot to head.</summary>
    public int SizeZ { get; }

    /// <summary>One value, scaled as the file says.</summary>
    /// <param name="x">From the patient's left to the right.</param>
    /// <param name="y">From back to front.</param>
    /// <param name="z">From foot to head.</param>
    public float this[int x, int y, int z] => voxels[(z * SizeY + y) * SizeX + x];

    /// <summary>
    /// How much of each voxel's surroundings lies above a threshold: where the result is at least ½, a majority does. Thresholding a volume that way smooths
    /// the surface of a mask and drops streaks and holes that are thinner than the surroundings.
    /// </summary>
    /// <param name="threshold">A voxel counts if its value is above this.</param>
    /// <param name="radius">The surroundings are a cube of 2 × radius + 1 voxels to a side, at least 0; what lies outside the volume does not count as above.</param>
    /// <returns>A volume of the same size with values from 0 to 1.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The radius is negative.</exception>
    public NiftiVolume ShareAbove(float threshold, int radius)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(radius);
        int[] counts = Array.ConvertAll(voxels, value => value > threshold ? 1 : 0);
        SumAlong(counts, SizeX, 1, radius);
        SumAlong(counts, SizeY, SizeX, radius);
        SumAlong(counts, SizeZ, SizeX * SizeY, radius);
        float cube = MathF.Pow(2 * radius + 1, 3);
        return new NiftiVolume(SizeX, SizeY, SizeZ, Array.ConvertAll(counts, count => count / cube));
    }

    /// <summary>Most voxels of a volume: 512 to a side. A head in half millimetres has 320 × 440 × 440.</summary>
    public const long VoxelLimit = 1L << 27;

    /// <summary>What may follow the voxels in a packed file.</summary>
    private const int MostBehind = 1 << 20;

    /// <summary>Reads a file. No more of a packed one is unpacked than its header asks for.</summary>
    /// <param name="path">A <c>.nii</c> or <c>.nii.gz</c> file.</param>
    /// <exception cref="DatasetException">The file is missing, no regular file, corrupt, cut short, of a kind that is not read, or has more voxels than <see cref="VoxelLimit"/>.</exception>
    public static NiftiVolume Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            // Pipes and devices have no length, and reading one may never end.
            FileSystemInfo target = File.ResolveLinkTarget(path, returnFinalTarget: true) ?? new FileInfo(path);
            if (target is FileInfo { Exists: true, Length: 0 }) throw Fault(path, "has 0 bytes, or is a pipe or device", "a complete NIfTI-1 file");
            using FileStream file = File.OpenRead(path);
            bool packed = file.ReadByte() == 0x1f && file.ReadByte() == 0x8b;
            file.Position = 0;
            using Stream content = packed ? new GZipStream(file, CompressionMode.Decompress) : file;
            return Read(content, packed ? null : file.Length, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw Fault(path, $"cannot be read ({e.Message})", "a complete NIfTI-1 file", e);
        }
    }

    /// <param name="content">The file, unpacked.</param>
    /// <param name="length">Its bytes, where they are known.</param>
    /// <param name="path">Its name in messages.</param>
    private static NiftiVolume Read(Stream content, long? length, string path)
    {
        byte[] start = Read(content, NiftiHeader.Size);
        if (start.Length < NiftiHeader.Size) throw Fault(path, $"has only {start.Length} bytes", $"a header of {NiftiHeader.Size} bytes");
        NiftiHeader header = NiftiHeader.Parse(start, path);
        string sizes = string.Join("×", header.Sizes);
        long count = (long)header.Sizes[0] * header.Sizes[1] * header.Sizes[2], bytes = count * header.BytesPerVoxel, needed = header.Offset + bytes;
        DatasetException CutShort(long found) => Fault(path, $"is cut short: it has {found} bytes", $"{needed} bytes for {sizes} voxels");
        if (length < needed) throw CutShort(length.Value);
        if (count > VoxelLimit) throw Fault(path, $"has {sizes} voxels", $"at most {VoxelLimit} voxels");

        int between = (int)header.Offset - NiftiHeader.Size;
        int skipped = Read(content, between).Length;
        byte[] voxels = skipped < between ? [] : Read(content, (int)bytes);
        if (voxels.Length < bytes) throw CutShort(start.Length + skipped + voxels.Length);
        // To the end, where the checksum of a packed file stands.
        if (length is null && Read(content, MostBehind + 1).Length > MostBehind) throw Fault(path, $"goes on after its {sizes} voxels", $"{needed} bytes");
        return Reorient(Values(voxels, header), header);
    }

    /// <summary>So many bytes, fewer where the stream ends before; memory is taken for what has come, not for what is promised.</summary>
    private static byte[] Read(Stream content, int count)
    {
        byte[] bytes = new byte[Math.Min(count, 1 << 20)];
        int have = 0;
        while (have < count)
        {
            if (have == bytes.Length) Array.Resize(ref bytes, (int)Math.Min(count, 2L * bytes.Length));
            int read = content.Read(bytes, have, bytes.Length - have);
            if (read == 0) break;
            have += read;
        }

        if (have < bytes.Length) Array.Resize(ref bytes, have);
        return bytes;
    }

    private static float[] Values(ReadOnlySpan<byte> data, NiftiHeader header)
    {
        var stored = new float[data.Length / header.BytesPerVoxel];
        for (int i = 0; i < stored.Length; i++)
        {
            float raw = header.DataType switch
            {
                NiftiHeader.UInt8 => data[i],
                NiftiHeader.Int16 => BinaryPrimitives.ReadInt16LittleEndian(data[(i * 2)..]),
                _ => BinaryPrimitives.ReadSingleLittleEndian(data[(i * 4)..]),
            };
            stored[i] = header.Slope == 0 ? raw : raw * header.Slope + header.Intercept;
        }

        return stored;
    }

    /// <summary>Puts the stored axes in the order x, y, z and mirrors those that run the other way.</summary>
    private static NiftiVolume Reorient(float[] stored, NiftiHeader header)
    {
        int[] size = header.Sizes, strides = [1, size[0], size[0] * size[1]];
        var (sizes, steps, start) = (new int[3], new int[3], 0);
        for (int axis = 0; axis < 3; axis++)
        {
            (int from, bool mirrored) = header.Orientation[axis];
            sizes[axis] = size[from];
            steps[axis] = mirrored ? -strides[from] : strides[from];
            if (mirrored) start += strides[from] * (size[from] - 1);
        }

        var voxels = new float[stored.Length];
        int next = 0;
        for (int z = 0; z < sizes[2]; z++)
        {
            for (int y = 0; y < sizes[1]; y++)
            {
                for (int x = 0; x < sizes[0]; x++) voxels[next++] = stored[start + x * steps[0] + y * steps[1] + z * steps[2]];
            }
        }

        return new NiftiVolume(sizes[0], sizes[1], sizes[2], voxels);
    }

    /// <summary>Replaces every value by the sum of those at most <paramref name="radius"/> places away along one axis.</summary>
    private static void SumAlong(int[] values, int size, int stride, int radius)
    {
        var sums = new int[size + 1];
        for (int start = 0; start < values.Length; start++)
        {
            if (start / stride % size != 0) continue;
            for (int i = 0; i < size; i++) sums[i + 1] = sums[i] + values[start + i * stride];
            for (int i = 0; i < size; i++)
                values[start + i * stride] = sums[Math.Min(size, i + radius + 1)] - sums[Math.Max(0, i - radius)];
        }
    }

    internal static DatasetException Fault(string path, string problem, string expectation, Exception? cause = null) =>
        new(path, problem, expectation, "Convert the volume (for example with dcm2niix) or replace the file by a sound copy.", cause);
}
