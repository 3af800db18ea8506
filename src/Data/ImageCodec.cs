namespace UnetResnet.Data;

/// <summary>
/// Reads PNG and JPEG, writes PNG. The work is done by SkiaSharp, or by SixLabors.ImageSharp in a build with
/// <c>-p:UseImageSharp=true</c>: one of two files is compiled, and nothing else depends on which.
/// </summary>
/// <remarks>
/// Grey files give one channel, all others three. Transparent pixels are blended with black, 16-bit values are reduced to 8,
/// colour profiles are ignored, and a photograph is turned upright as its EXIF orientation says.
/// </remarks>
public static partial class ImageCodec
{
    private const string Expected = "a complete PNG or JPEG image";
    private const string Cure = "Replace the file by a sound copy, or remove it.";

    /// <summary>Reads an image file.</summary>
    /// <param name="path">A PNG or JPEG file.</param>
    /// <exception cref="DatasetException">The file is missing, unreadable, corrupt or cut short.</exception>
    public static PixelImage Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        byte[] encoded;
        try
        {
            encoded = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DatasetException(path, $"cannot be read ({e.Message})", Expected, "Check the path and the permissions.", e);
        }

        return Decode(encoded, path);
    }

    /// <summary>Writes a PNG file; a file of that name is replaced as a whole or not at all.</summary>
    /// <param name="image">The image.</param>
    /// <param name="path">The file; its folder is made where it is missing.</param>
    public static void Save(PixelImage image, string path)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentException.ThrowIfNullOrEmpty(path);
        string full = Path.GetFullPath(path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        string temporary = $"{full}.{Environment.ProcessId}.tmp";
        File.WriteAllBytes(temporary, EncodePng(image));
        File.Move(temporary, full, overwrite: true);
    }

    /// <summary>Decodes an image.</summary>
    /// <param name="encoded">The bytes of a PNG or JPEG file.</param>
    /// <param name="name">Name of the source, for error messages.</param>
    /// <exception cref="DatasetException">The bytes are no image, or a corrupt or incomplete one.</exception>
    public static partial PixelImage Decode(byte[] encoded, string name = "The image");

    /// <summary>Encodes an image as PNG, grey or RGB, without loss.</summary>
    /// <param name="image">The image.</param>
    public static partial byte[] EncodePng(PixelImage image);

    private static DatasetException Corrupt(string name, string problem, Exception? cause = null) => new(name, problem, Expected, Cure, cause);
}
