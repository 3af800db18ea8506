using System.Globalization;
using System.Runtime.InteropServices;
using SkiaSharp;
using UnetResnet.Data;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>Two temporary folders of images as cameras write them, JPEG, and of masks, PNG.</summary>
internal sealed class PhotoFolder : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("unetresnet-photos-");

    /// <summary>Draws and writes them.</summary>
    /// <param name="count">How many pairs.</param>
    /// <param name="side">Side in pixels.</param>
    public PhotoFolder(int count, int side) : this()
    {
        var world = new ProceduralSourceDomain(side);
        InParallel.For(count, InParallel.DefaultWorkers, i =>
        {
            string name = i.ToString("0000", CultureInfo.InvariantCulture);
            PixelImage image = world.Sample(i).Image;
            using SKBitmap bitmap = SKBitmap.Decode(ImageCodec.EncodePng(image));
            using SKData jpeg = bitmap.Encode(SKEncodedImageFormat.Jpeg, 90);
            File.WriteAllBytes(Path.Combine(Images, name + ".jpg"), jpeg.ToArray());
            // Regions with smooth borders, as people draw them.
            ImageCodec.Save(SegmentationSample.Foreground(image.ToGrey().Resize(8, 8).Resize(side, side), 127), Path.Combine(Masks, name + ".png"));
        });
    }

    private PhotoFolder()
    {
        Directory.CreateDirectory(Images);
        Directory.CreateDirectory(Masks);
    }

    /// <summary>Folder of the images.</summary>
    public string Images => Path.Combine(folder.FullName, "images");

    /// <summary>Folder of the masks.</summary>
    public string Masks => Path.Combine(folder.FullName, "masks");

    /// <summary>Many names for these files: hard links, or copies where there are none.</summary>
    /// <param name="count">How many pairs.</param>
    public PhotoFolder Multiplied(int count)
    {
        var many = new PhotoFolder();
        foreach ((string from, string to) in new[] { (Images, many.Images), (Masks, many.Masks) })
        {
            string[] files = [.. Directory.GetFiles(from).Order(StringComparer.Ordinal)];
            for (int i = 0; i < count; i++)
            {
                string file = files[i % files.Length], name = Path.Combine(to, i.ToString("000000", CultureInfo.InvariantCulture) + Path.GetExtension(file));
                if (!OperatingSystem.IsLinux() || link(file, name) != 0) File.Copy(file, name);
            }
        }

        return many;
    }

    public void Dispose() => folder.Delete(recursive: true);

    [DllImport("libc")]
    private static extern int link([MarshalAs(UnmanagedType.LPUTF8Str)] string from, [MarshalAs(UnmanagedType.LPUTF8Str)] string to);
}
