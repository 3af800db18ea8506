using UnetResnet.Runtime;

namespace UnetResnet.Data;

/// <summary>
/// Reads PNG and JPEG, writes PNG. The work is done by SkiaSharp, or by SixLabors.ImageSharp in a build with
/// <c>-p:UseImageSharp=true</c>: one of two files is compiled, and nothing else depends on which.
/// </summary>
/// <remarks>
/// Grey files give one channel, all others three. Transparent pixels are blended with black, 16-bit values are reduced to 8,
/// colour profiles are ignored, and an image is turned upright as its EXIF orientation says, in PNG too.
/// </remarks>
public static partial class ImageCodec
{
    /// <summary>Most pixels that are read where the caller sets no other limit: 100 million, 300 MB in colour. A file of a kilobyte can promise more.</summary>
    public const long DefaultPixelLimit = 100_000_000;

    private const string Expected = "a complete PNG or JPEG image";
    private const string Cure = "Replace the file by a sound copy, or remove it.";

    /// <summary>Reads an image file.</summary>
    /// <param name="path">A PNG or JPEG file.</param>
    /// <param name="pixelLimit">Most pixels, width times height.</param>
    /// <exception cref="DatasetException">The file is missing, unreadable, no regular file, corrupt, cut short, or has more pixels than the limit.</exception>
    public static PixelImage Load(string path, long pixelLimit = DefaultPixelLimit) => Decode(ReadFile(path), path, pixelLimit);

    /// <summary>
    /// An image file in another size: what <see cref="Load"/> and <see cref="PixelImage.Resize"/> give, without an image of the full size in between. A JPEG that is at least
    /// twice as large as wanted is decoded at a half, quarter or eighth of its size, as its coefficients allow; the result is then near the area average and not exactly it.
    /// </summary>
    /// <param name="path">A PNG or JPEG file.</param>
    /// <param name="width">New width in pixels.</param>
    /// <param name="height">New height in pixels.</param>
    /// <param name="original">Width and height of the picture in the file, upright.</param>
    /// <exception cref="DatasetException">As of <see cref="Load"/>.</exception>
    internal static PixelImage LoadResized(string path, int width, int height, out (int Width, int Height) original)
    {
        byte[] encoded = ReadFile(path);
        ImageHeader header = Checked(ImageHeader.Read(encoded), path, DefaultPixelLimit);
        original = header.Upright;
        bool jpeg = encoded[0] == 0xFF, turned = header.Orientation != 1;
        if (original == (width, height) || (turned && !jpeg)) return Decode(encoded, path).Resize(width, height);
        return Upright(header.Orientation >= 5 ? DecodePixels(encoded, path, header, height, width) : DecodePixels(encoded, path, header, width, height), header.Orientation);
    }

    /// <summary>Width and height of an image file as <see cref="Load"/> gives it, upright; no pixel is decoded.</summary>
    /// <exception cref="DatasetException">As of <see cref="Load"/>, but damage inside the picture is not noticed.</exception>
    internal static (int Width, int Height) SizeOf(string path)
    {
        ImageHeader header = Checked(Read(path, ImageHeader.ReadFile), path, DefaultPixelLimit);
        return header.Upright;
    }

    /// <summary>The bytes of an image file.</summary>
    /// <exception cref="DatasetException">The file is missing, unreadable, empty, or no regular file.</exception>
    internal static byte[] ReadFile(string path) => Read(path, File.ReadAllBytes);

    private static T Read<T>(string path, Func<string, T> read)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            // Pipes and devices have no length, and reading one may never end.
            FileSystemInfo file = File.ResolveLinkTarget(path, returnFinalTarget: true) ?? new FileInfo(path);
            return file is FileInfo { Exists: true, Length: 0 } ? throw new DatasetException(path, "is empty, or a pipe or device", Expected, Cure) : read(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DatasetException(path, $"cannot be read ({e.Message})", Expected, "Check the path and the permissions.", e);
        }
    }

    private static ImageHeader Checked(ImageHeader? found, string name, long pixelLimit)
    {
        if (found is not { } header) throw Corrupt(name, "is not a readable PNG or JPEG image");
        if ((long)header.Width * header.Height > pixelLimit)
            throw new DatasetException(name, $"is {header.Width}×{header.Height} pixels", $"at most {pixelLimit} pixels", "Make the image smaller, or raise the limit.");
        return header.IsComplete ? header : throw Corrupt(name, "is cut short");
    }

    /// <summary>Writes a PNG file; a file of that name is replaced as a whole or not at all.</summary>
    /// <param name="image">The image.</param>
    /// <param name="path">The file; its folder is made where it is missing.</param>
    public static void Save(PixelImage image, string path)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentException.ThrowIfNullOrEmpty(path);
        byte[] png = EncodePng(image);
        AtomicFile.Write(path, stream => stream.Write(png));
    }

    /// <summary>Decodes an image.</summary>
    /// <param name="encoded">The bytes of a PNG or JPEG file.</param>
    /// <param name="name">Name of the source, for error messages.</param>
    /// <param name="pixelLimit">Most pixels, width times height; checked before memory is taken.</param>
    /// <exception cref="DatasetException">The bytes are no image, a corrupt or incomplete one, or one of more pixels than the limit.</exception>
    public static PixelImage Decode(byte[] encoded, string name = "The image", long pixelLimit = DefaultPixelLimit)
    {
        ArgumentNullException.ThrowIfNull(encoded);
        ArgumentOutOfRangeException.ThrowIfLessThan(pixelLimit, 1);
        ImageHeader header = Checked(ImageHeader.Read(encoded), name, pixelLimit);
        return Upright(DecodePixels(encoded, name, header), header.Orientation);
    }

    private static PixelImage Upright(PixelImage image, int orientation) => orientation switch
    {
        2 => image.FlipHorizontal(),
        3 => image.Rotate90(2),
        4 => image.FlipVertical(),
        5 => image.Rotate90(1).FlipHorizontal(),
        6 => image.Rotate90(1),
        7 => image.Rotate90(-1).FlipHorizontal(),
        8 => image.Rotate90(-1),
        _ => image,
    };

    /// <summary>Encodes an image as PNG, grey or RGB, without loss.</summary>
    /// <param name="image">The image.</param>
    public static partial byte[] EncodePng(PixelImage image);

    /// <summary>Decodes the pixels as they are stored, without turning them. A picture of another size than its header's is refused before memory is taken.</summary>
    private static partial PixelImage DecodePixels(byte[] encoded, string name, ImageHeader header);

    /// <summary>The same in another size, see <see cref="LoadResized"/>.</summary>
    private static partial PixelImage DecodePixels(byte[] encoded, string name, ImageHeader header, int width, int height);

    private static DatasetException Corrupt(string name, string problem, Exception? cause = null) => new(name, problem, Expected, Cure, cause);
}
