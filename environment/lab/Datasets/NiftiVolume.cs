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

    /// <summary>Reads a file.</summary>
    /// <param name="path">A <c>.nii</c> or <c>.nii.gz</c> file.</param>
    /// <exception cref="DatasetException">The file is missing, corrupt, cut short, or of a kind that is not read.</exception>
    public static NiftiVolume Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            byte[] bytes = File.ReadAllBytes(path);
            if (bytes is [0x1f, 0x8b, ..])
            {
                using var unpacked = new MemoryStream();
                using var gzip = new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress);
                gzip.CopyTo(unpacked);
                bytes = unpacked.ToArray();
            }

            return Parse(bytes, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw Fault(path, $"cannot be read ({e.Message})", "a complete NIfTI-1 file", e);
        }
    }

    private static NiftiVolume Parse(byte[] bytes, string path)
    {
        if (bytes.Length < NiftiHeader.Size) throw Fault(path, $"has only {bytes.Length} bytes", $"a header of {NiftiHeader.Size} bytes");
        NiftiHeader header = NiftiHeader.Parse(bytes, path);
        long count = (long)header.Sizes[0] * header.Sizes[1] * header.Sizes[2];
        long needed = header.Offset + count * header.BytesPerVoxel;
        if (count > Array.MaxLength || bytes.Length < needed)
            throw Fault(path, $"is cut short: it has {bytes.Length} bytes", $"{needed} bytes for {string.Join("×", header.Sizes)} voxels");

        var stored = new float[count];
        ReadOnlySpan<byte> data = bytes.AsSpan((int)header.Offset);
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

        return Reorient(stored, header);
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
