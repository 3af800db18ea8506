using System.Buffers.Binary;

namespace UnetResnet.Lab.Datasets;

/// <summary>What <see cref="NiftiVolume"/> needs of a NIfTI-1 header, checked.</summary>
internal sealed class NiftiHeader
{
    public const int Size = 348;
    public const short UInt8 = 2, Int16 = 4, Float32 = 16;

    private NiftiHeader(int[] sizes, short dataType, int bytesPerVoxel, long offset, float slope, float intercept, (int From, bool Mirrored)[] orientation) =>
        (Sizes, DataType, BytesPerVoxel, Offset, Slope, Intercept, Orientation) = (sizes, dataType, bytesPerVoxel, offset, slope, intercept, orientation);

    /// <summary>Voxels along the three stored axes, the fastest first.</summary>
    public int[] Sizes { get; }

    public short DataType { get; }

    public int BytesPerVoxel { get; }

    /// <summary>Where the voxels begin.</summary>
    public long Offset { get; }

    /// <summary>Value = stored × slope + intercept; 0 means "as stored".</summary>
    public float Slope { get; }

    public float Intercept { get; }

    /// <summary>For each of x (left to right), y (back to front), z (foot to head): the stored axis nearest to it and whether that runs the other way.</summary>
    public (int From, bool Mirrored)[] Orientation { get; }

    public static NiftiHeader Parse(ReadOnlySpan<byte> bytes, string path)
    {
        int headerSize = BinaryPrimitives.ReadInt32LittleEndian(bytes);
        if (headerSize == BinaryPrimitives.ReverseEndianness(Size)) throw NiftiVolume.Fault(path, "is big-endian", "a little-endian file");
        if (headerSize != Size) throw NiftiVolume.Fault(path, $"is no NIfTI-1 file (its header size is {headerSize})", $"a header size of {Size}");
        if (!bytes.Slice(344, 4).SequenceEqual("n+1\0"u8)) throw NiftiVolume.Fault(path, "has another magic number", "'n+1', header and voxels in one file");

        int rank = Short(bytes, 40);
        if (rank is < 3 or > 7) throw NiftiVolume.Fault(path, $"has {rank} dimensions", "one volume of three dimensions");
        var dimensions = new int[rank];
        for (int i = 0; i < rank; i++) dimensions[i] = Short(bytes, 42 + 2 * i);
        if (dimensions.Any(size => size < 1) || dimensions.Skip(3).Any(size => size != 1))
            throw NiftiVolume.Fault(path, $"has the dimensions {string.Join("×", dimensions)}", "one volume of three dimensions");

        short dataType = Short(bytes, 70);
        int bits = dataType switch
        {
            UInt8 => 8,
            Int16 => 16,
            Float32 => 32,
            _ => throw NiftiVolume.Fault(path, $"has voxels of data type {dataType}", "data type 2 (uint8), 4 (int16) or 16 (float32)"),
        };
        if (Short(bytes, 72) != bits) throw NiftiVolume.Fault(path, $"claims {Short(bytes, 72)} bits a voxel for data type {dataType}", $"{bits} bits");

        float offset = Single(bytes, 108), slope = Single(bytes, 112), intercept = Single(bytes, 116);
        if (!(offset >= 352 && offset <= 1 << 24 && offset == MathF.Floor(offset)))
            throw NiftiVolume.Fault(path, $"has its voxels at byte {offset}", "a whole number from 352");
        if (!float.IsFinite(slope) || !float.IsFinite(intercept)) throw NiftiVolume.Fault(path, $"scales values by {slope} and {intercept}", "finite numbers");

        return new NiftiHeader(dimensions[..3], dataType, bits / 8, (long)offset, slope, intercept, OrientationOf(Directions(bytes, path), path));
    }

    /// <summary>Columns: where a step along each stored axis leads, in mm to the right, the front, the top. From the sform, else the qform.</summary>
    private static double[,] Directions(ReadOnlySpan<byte> bytes, string path)
    {
        var directions = new double[3, 3];
        if (Short(bytes, 254) > 0)
        {
            for (int row = 0; row < 3; row++)
            {
                for (int column = 0; column < 3; column++) directions[row, column] = Single(bytes, 280 + 16 * row + 4 * column);
            }

            return directions;
        }

        if (Short(bytes, 252) <= 0) throw NiftiVolume.Fault(path, "does not say how the head lies (sform and qform are unset)", "an orientation");
        double b = Single(bytes, 256), c = Single(bytes, 260), d = Single(bytes, 264);
        double a = Math.Sqrt(Math.Max(0, 1 - (b * b + c * c + d * d)));
        double handedness = Single(bytes, 76) < 0 ? -1 : 1;
        return new[,]
        {
            { a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c) * handedness },
            { 2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b) * handedness },
            { 2 * (b * d - a * c), 2 * (c * d + a * b), (a * a + d * d - c * c - b * b) * handedness },
        };
    }

    /// <summary>The assignment of stored axes to x, y, z that follows the directions most closely.</summary>
    private static (int From, bool Mirrored)[] OrientationOf(double[,] directions, string path)
    {
        int[][] orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        double Likeness(int[] order) => Enumerable.Range(0, 3).Select(axis =>
        {
            int column = order[axis];
            double length = Math.Sqrt(Enumerable.Range(0, 3).Sum(row => directions[row, column] * directions[row, column]));
            return Math.Abs(directions[axis, column]) / length;
        }).Sum();
        int[] best = orders.MaxBy(Likeness)!;
        if (!(Likeness(best) > 0) || Enumerable.Range(0, 3).Any(axis => directions[axis, best[axis]] == 0))
            throw NiftiVolume.Fault(path, "has an orientation that leads nowhere", "three different directions");
        return [.. Enumerable.Range(0, 3).Select(axis => (best[axis], directions[axis, best[axis]] < 0))];
    }

    private static short Short(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadInt16LittleEndian(bytes[at..]);

    private static float Single(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadSingleLittleEndian(bytes[at..]);
}
