using System.Globalization;
using UnetResnet.Runtime;

namespace UnetResnet.Data;

/// <summary>
/// The kit's real data: slices of a T1-weighted MRI of one head along its three axes, with masks of the brain; 128×128, grey.
/// Training and validation slices come from separate blocks with a gap between them (<c>data/brain-mri/README.md</c>).
/// </summary>
/// <param name="Train">Training images.</param>
/// <param name="Validation">Validation images.</param>
public sealed record BrainMri(SegmentationDataset Train, SegmentationDataset Validation)
{
    /// <summary>First line of <c>split.csv</c>.</summary>
    internal const string SplitHeader = "name,axis,slice,part,brain_share";

    private const string Restore = "Restore data/brain-mri from the repository, or remake it with 'lab data brain-mri'.";

    /// <summary>Reads the bundled images.</summary>
    /// <param name="side">Side in pixels, a multiple of 32; 128 is the size on disk.</param>
    /// <exception cref="DatasetException">The data folder is not found, or a file in it is missing or broken.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The side is no multiple of 32; the message names the next ones.</exception>
    public static BrainMri Load(int side = 128) => Load(Bundled("brain-mri"), side);

    /// <summary>Reads a folder that <c>lab data brain-mri</c> has made.</summary>
    /// <param name="directory">The folder with <c>images/</c>, <c>masks/</c> and <c>split.csv</c>.</param>
    /// <param name="side">Side in pixels, a multiple of 32.</param>
    /// <exception cref="DatasetException">A file is missing or broken.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The side is no multiple of 32; the message names the next ones.</exception>
    public static BrainMri Load(string directory, int side)
    {
        IReadOnlyList<BrainMriSlice> slices = ReadSplit(Path.Combine(directory, "split.csv"));
        SegmentationDataset Part(string part) => new SegmentationDataset(slices.Where(slice => slice.Part == part).Select(slice => ImageMaskFolder.Read(
            slice.Name, Path.Combine(directory, "images", slice.Name + ".png"), Path.Combine(directory, "masks", slice.Name + ".png")))).Resize(side);
        return new BrainMri(Part("train"), Part("validation"));
    }

    /// <summary>The bundled images' table: where each slice lies and to which part it belongs.</summary>
    /// <exception cref="DatasetException">The table is missing or broken.</exception>
    public static IReadOnlyList<BrainMriSlice> Slices() => ReadSplit(Bundled("brain-mri/split.csv"));

    private static string Bundled(string name)
    {
        try
        {
            return BundledFiles.Find(name);
        }
        catch (FileNotFoundException e)
        {
            throw new DatasetException($"data/{name}", "is not there", "the kit's data", e.Message, e);
        }
    }

    internal static IReadOnlyList<BrainMriSlice> ReadSplit(string path)
    {
        if (!File.Exists(path)) throw new DatasetException(path, "does not exist", "the table of slices", Restore);
        string[] lines;
        try
        {
            lines = File.ReadAllLines(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DatasetException(path, $"cannot be read ({e.Message})", "the table of slices", "Check the permissions.", e);
        }

        if (lines.Length < 2 || lines[0] != SplitHeader)
            throw new DatasetException(path, "has no or another first line", $"'{SplitHeader}' and one line for each image", Restore);
        var slices = new List<BrainMriSlice>(lines.Length - 1);
        for (int i = 1; i < lines.Length; i++)
        {
            string[] cells = lines[i].Split(',');
            bool valid = cells.Length == 5
                && cells[0].Length > 0 && cells[0].AsSpan().IndexOfAny('/', '\\') < 0
                && cells[1] is "sagittal" or "coronal" or "axial"
                && cells[3] is "train" or "validation";
            if (!valid
                || !int.TryParse(cells[2], NumberStyles.None, CultureInfo.InvariantCulture, out int slice)
                || !double.TryParse(cells[4], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double share) || share > 1)
            {
                throw new DatasetException(
                    path, $"cannot be read in line {i + 1} ('{lines[i]}')",
                    "name, axis (sagittal, coronal, axial), slice number, part (train, validation) and brain share 0–1, separated by commas", Restore);
            }

            slices.Add(new BrainMriSlice(cells[0], cells[1], slice, cells[3], share));
        }

        return slices;
    }
}

/// <summary>One line of <c>data/brain-mri/split.csv</c>.</summary>
/// <param name="Name">File name without extension.</param>
/// <param name="Axis">The axis across which the head is cut: <c>sagittal</c> (left–right), <c>coronal</c> (back–front) or <c>axial</c> (foot–head).</param>
/// <param name="Slice">Number of the voxel along that axis, from 0; voxels have sides of 1 mm.</param>
/// <param name="Part"><c>train</c> or <c>validation</c>.</param>
/// <param name="BrainShare">Share of the picture that is brain, 0–1.</param>
public sealed record BrainMriSlice(string Name, string Axis, int Slice, string Part, double BrainShare)
{
    /// <inheritdoc/>
    public override string ToString() => RecordText.Of(this);
}
