using System.Globalization;
using UnetResnet.Data;

namespace UnetResnet.Lab.Datasets;

/// <summary>Makes <c>data/brain-mri</c>: slices of a head along three axes, masks of the brain, and the split into blocks.</summary>
internal static class BrainMriMaker
{
    /// <summary>Where Debian's package mricron-data puts its volumes.</summary>
    public const string DefaultSource = "/usr/share/mricron/templates";

    /// <summary>The head.</summary>
    public const string HeadFile = "ch2.nii.gz";

    /// <summary>The same head with everything but the brain set to zero.</summary>
    public const string BrainFile = "ch2bet.nii.gz";

    private const int Side = 128;
    private const int Step = 2;
    private const double LeastBrain = 0.02;

    /// <summary>A cube of 7×7×7 voxels decides by majority what is brain.</summary>
    private const int MajorityRadius = 3;

    /// <summary>Two left-out slices between parts make 6 voxels from the last of one part to the first of the other.</summary>
    private static readonly BlockSplitOptions Split = new() { Blocks = 4, ValidationShare = 0.2, Gap = 2 };

    /// <summary>Reads the two volumes and writes <c>images/</c>, <c>masks/</c> and <c>split.csv</c>; other files in the folder stay.</summary>
    /// <param name="source">Folder of the volumes.</param>
    /// <param name="output">Folder to write into.</param>
    /// <returns>The lines of <c>split.csv</c>.</returns>
    /// <exception cref="DatasetException">A volume is missing, broken, or not what was expected.</exception>
    public static IReadOnlyList<BrainMriSlice> Make(string source, string output)
    {
        NiftiVolume head = LoadVolume(source, HeadFile), brain = LoadVolume(source, BrainFile);
        if ((head.SizeX, head.SizeY, head.SizeZ) != (brain.SizeX, brain.SizeY, brain.SizeZ))
            throw new DatasetException(
                Path.Combine(source, BrainFile), $"has {brain.SizeX}×{brain.SizeY}×{brain.SizeZ} voxels",
                $"{head.SizeX}×{head.SizeY}×{head.SizeZ}, the size of {HeadFile}", "Take both files from one version of the package.");

        brain = brain.ShareAbove(0, MajorityRadius);
        Directory.CreateDirectory(output);
        string staging = Path.Combine(output, $".new-{Environment.ProcessId}");
        try
        {
            var slices = new List<BrainMriSlice>();
            foreach (Axis axis in Axis.All(head))
            {
                List<Cut> cuts = [.. Cuts(head, brain, axis)];
                DatasetSplit split = BlockSplit.Create(cuts.Count, Split);
                foreach ((string part, int place) in split.Train.Select(place => ("train", place)).Concat(split.Validation.Select(place => ("validation", place))).OrderBy(pair => pair.place))
                {
                    Cut cut = cuts[place];
                    string name = $"{axis.Name}-{cut.Slice:000}";
                    ImageCodec.Save(cut.Image, Path.Combine(staging, "images", name + ".png"));
                    ImageCodec.Save(cut.Mask, Path.Combine(staging, "masks", name + ".png"));
                    slices.Add(new BrainMriSlice(name, axis.Name, cut.Slice, part, Math.Round(cut.BrainShare, 4)));
                }
            }

            WriteSplit(Path.Combine(staging, "split.csv"), slices);
            Replace(staging, output);
            return slices;
        }
        finally
        {
            if (Directory.Exists(staging)) Directory.Delete(staging, recursive: true);
        }
    }

    private static NiftiVolume LoadVolume(string source, string name)
    {
        string path = Path.Combine(source, name);
        return File.Exists(path)
            ? NiftiVolume.Load(path)
            : throw new DatasetException(path, "does not exist", "a volume of the Debian package mricron-data", "Install it (apt-get install mricron-data) or name its folder with --source.");
    }

    /// <summary>Every second slice across the axis that shows enough brain, as picture and mask.</summary>
    private static IEnumerable<Cut> Cuts(NiftiVolume head, NiftiVolume brain, Axis axis)
    {
        for (int slice = 0; slice < axis.Slices; slice += Step)
        {
            PixelImage mask = axis.Cut(brain, slice, share => share >= 0.5f ? 255 : 0).Resize(Side, Side);
            mask = SegmentationSample.Foreground(mask, SegmentationSample.ForegroundThreshold);
            int foreground = 0;
            foreach (byte value in mask.Pixels) foreground += value > 0 ? 1 : 0;
            double share = foreground / (double)(Side * Side);
            if (share >= LeastBrain) yield return new Cut(slice, axis.Cut(head, slice, value => value).Resize(Side, Side), mask, share);
        }
    }

    private static void WriteSplit(string path, IEnumerable<BrainMriSlice> slices)
    {
        IEnumerable<string> lines = slices.Select(slice => string.Create(
            CultureInfo.InvariantCulture, $"{slice.Name},{slice.Axis},{slice.Slice},{slice.Part},{slice.BrainShare:0.0000}"));
        File.WriteAllText(path, string.Concat(lines.Prepend(BrainMri.SplitHeader).Select(line => line + "\n")));
    }

    /// <summary>Everything is written by now: the old folders go, the new ones take their names.</summary>
    private static void Replace(string staging, string output)
    {
        foreach (string folder in new[] { "images", "masks" })
        {
            string target = Path.Combine(output, folder);
            if (Directory.Exists(target)) Directory.Delete(target, recursive: true);
            Directory.Move(Path.Combine(staging, folder), target);
        }

        File.Move(Path.Combine(staging, "split.csv"), Path.Combine(output, "split.csv"), overwrite: true);
    }

    private sealed record Cut(int Slice, PixelImage Image, PixelImage Mask, double BrainShare);

    /// <summary>
    /// One way to cut the head, seen as radiologists see it: the top of the head (or its front, in axial slices) is up, the patient's right is on the left,
    /// and in sagittal slices the face looks to the left.
    /// </summary>
    private sealed record Axis(string Name, int Slices, int Width, int Height, Func<NiftiVolume, int, int, int, float> Voxel)
    {
        public static Axis[] All(NiftiVolume head)
        {
            (int lastX, int lastY, int lastZ) = (head.SizeX - 1, head.SizeY - 1, head.SizeZ - 1);
            return
            [
                new("sagittal", head.SizeX, head.SizeY, head.SizeZ, (volume, slice, row, column) => volume[slice, lastY - column, lastZ - row]),
                new("coronal", head.SizeY, head.SizeX, head.SizeZ, (volume, slice, row, column) => volume[lastX - column, slice, lastZ - row]),
                new("axial", head.SizeZ, head.SizeX, head.SizeY, (volume, slice, row, column) => volume[lastX - column, lastY - row, slice]),
            ];
        }

        /// <summary>The slice in the middle of a black square, so that nothing is squeezed.</summary>
        public PixelImage Cut(NiftiVolume volume, int slice, Func<float, float> value)
        {
            int side = Math.Max(Width, Height), left = (side - Width) / 2, top = (side - Height) / 2;
            var pixels = new byte[side * side];
            for (int row = 0; row < Height; row++)
            {
                for (int column = 0; column < Width; column++)
                {
                    float shade = value(Voxel(volume, slice, row, column));
                    if (!(shade >= 0 && shade <= 255))
                        throw new DatasetException($"{Name} slice {slice}", $"has a voxel of {shade}", "values from 0 to 255", $"Take {HeadFile} and {BrainFile} of mricron-data.");
                    pixels[(top + row) * side + left + column] = (byte)shade;
                }
            }

            return new PixelImage(side, side, 1, pixels);
        }
    }
}
