using System.Globalization;
using System.Text;
using UnetResnet.Data;
using UnetResnet.Runtime;

namespace UnetResnet.Training;

/// <summary>
/// The table of a <see cref="FolderSegmentation"/>: a line for each image that is done, appended as soon as its pictures are written. The last column is a fingerprint of
/// everything that the line comes from, so that a later run knows whether it still holds.
/// </summary>
internal sealed class AreaTable
{
    private const string First = "image", Last = "made_from";
    private readonly string path;
    private readonly Dictionary<string, string[]> lines = [];
    private readonly string[] header;

    /// <summary>Reads what an earlier run has left, and begins the table where there is none, so that a run that is killed has left its mark on the folder.</summary>
    /// <param name="path">The file.</param>
    /// <param name="classes">See <see cref="Models.UNetOptions.Classes"/>.</param>
    /// <exception cref="DatasetException">The file is another one.</exception>
    internal AreaTable(string path, int classes)
    {
        this.path = path;
        header = [First, "width", "height", "confidence", .. Enumerable.Range(0, Math.Max(2, classes)).Where(c => classes > 1 || c == 1).SelectMany(c => new[] { $"pixels_{c}", $"share_{c}", $"confidence_{c}" }), Last];
        if (File.Exists(path))
        {
            List<string[]> found = CsvText.Lines(File.ReadAllText(path));
            if (found.Count == 0 || found[0] is not [First, .., Last])
                throw new DatasetException(path, "is no table of an earlier run", $"a table whose columns begin with '{First}' and end with '{Last}'", "Name another output folder, or overwrite (Overwrite, or --overwrite).");
            // Of a network with other classes nothing can be kept.
            if (found[0].SequenceEqual(header))
                foreach (string[] line in found.Skip(1).Where(line => line.Length == header.Length)) lines[line[0]] = line;
        }

        Write([.. lines.Keys]);
    }

    /// <summary>Whether there is a line of an image that comes from the same things.</summary>
    internal bool Has(string image, string madeFrom) => lines.TryGetValue(image, out string[]? line) && line[^1] == madeFrom;

    /// <summary>Adds the line of an image.</summary>
    internal void Add(string image, string madeFrom, SegmentedImage result)
    {
        string[] line =
        [
            image, Whole(result.Mask.Width), Whole(result.Mask.Height), Figure(result.Confidence),
            .. result.Areas.SelectMany(area => new[] { Whole(area.Pixels), Figure(area.Share), double.IsNaN(area.Confidence) ? "" : Figure(area.Confidence) }), madeFrom,
        ];
        lines[image] = line;
        File.AppendAllText(path, CsvText.Line(line));
    }

    /// <summary>Writes the table anew: the lines of these images that there are, in this order, and no others.</summary>
    internal void Write(IEnumerable<string> images) => AtomicFile.Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(
        CsvText.Line(header) + string.Concat(images.Where(lines.ContainsKey).Select(image => CsvText.Line(lines[image]))))));

    private static string Whole(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Figure(double share) => NumberText.Fixed(share, 6);
}
