using System.Diagnostics;
using System.Net.Sockets;
using SkiaSharp;
using UnetResnet.Data;
using UnetResnet.Fuzz;

namespace UnetResnet.Tests.Data;

/// <summary>Files that are no pictures, that lie about their size, or that are no files: refused by name, at once, and without memory for what they promise.</summary>
[Trait("Category", "Reliability")]
public sealed class HostileImageTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    /// <summary>IHDR alone, with a right checksum: what it promises must be refused before memory is taken for it.</summary>
    [Theory]
    [InlineData(20_000, 20_000)]
    [InlineData(60_000, 60_000)]
    [InlineData(1, 100_000_001)]
    [InlineData(int.MaxValue, int.MaxValue)]
    public void A_promise_of_too_many_pixels_is_refused_by_name_and_costs_no_memory(int width, int height) =>
        TakesNoMemory([.. PngSignature, .. Header(width, height), .. Chunk("IEND")], $"bomb.png is {width}×{height} pixels");

    [Fact]
    public void A_second_size_in_a_PNG_does_not_lead_around_the_limit()
    {
        byte[] data = Chunk("IDAT", 0x78, 0x9C, 0x63, 0, 0, 0, 1, 0, 1);
        TakesNoMemory([.. PngSignature, .. Header(60_000, 60_000), .. data, .. Header(8, 8), .. Chunk("IEND")], "bomb.png is 60000×60000 pixels");
        TakesNoMemory([.. PngSignature, .. Header(8, 8), .. data, .. Header(60_000, 60_000), .. Chunk("IEND")], "bomb.png");
    }

    [Fact]
    public void A_second_size_in_a_JPEG_does_not_lead_around_the_limit()
    {
        byte[] whole = Resource("grey.jpg");
        int frame = whole.AsSpan().IndexOf<byte>([0xFF, 0xC0]);
        byte[] Sized(int side) => [0xFF, 0xC0, 0, 11, 8, (byte)(side >> 8), (byte)side, (byte)(side >> 8), (byte)side, 1, 1, 0x11, 0];
        // Behind the picture, where a decoder no longer looks; and before the true size, where it does.
        byte[] bomb = [.. whole];
        Sized(60_000)[5..9].CopyTo(bomb, frame + 5);
        TakesNoMemory([.. bomb[..^2], .. Sized(8), .. bomb[^2..]], "bomb.png is 60000×60000 pixels");
        TakesNoMemory([.. whole[..frame], .. Sized(8), .. bomb[frame..]], "bomb.png");
        TakesNoMemory([.. whole[..frame], .. Sized(60_000), .. whole[frame..]], "bomb.png is 60000×60000 pixels");
    }

    /// <summary>A progressive JPEG shows the whole picture, blurred, when its later scans are missing; decoders call that success.</summary>
    [Theory]
    [InlineData("progressive.jpg")]
    [InlineData("colour.jpg")]
    [InlineData("inks.jpg")]
    [InlineData("palette.png")]
    [InlineData("turned.png")]
    public void A_picture_that_is_cut_short_is_refused(string name)
    {
        byte[] whole = Resource(name);
        Assert.Equal(28 * 20, ImageCodec.Decode(whole).Width * ImageCodec.Decode(whole).Height);
        for (int length = 0; length < whole.Length; length++)
        {
            var e = Assert.Throws<DatasetException>(() => ImageCodec.Decode(whole[..length], "cut"));
            Assert.Equal("cut", e.File);
        }
    }

    /// <summary>Pictures of other formats under a PNG's name, whole, cut short, animated or turned, are named.</summary>
    [Fact]
    public void Other_formats_are_refused_by_name()
    {
        using SKBitmap bitmap = SKBitmap.Decode(Resource("colour.jpg"));
        using SKData encoded = bitmap.Encode(SKEncodedImageFormat.Webp, 80);
        byte[] webp = encoded.ToArray();
        Assert.Equal("RIFF"u8.ToArray(), webp[..4]);
        (string Name, byte[] Bytes)[] files =
        [
            ("webp", webp), ("webp cut", webp[..^20]), ("webp animated", [.. "RIFF"u8, 30, 0, 0, 0, .. "WEBPVP8X"u8, 10, 0, 0, 0, 0x0A, 0, 0, 0, 7, 0, 0, 7, 0, 0, .. "EXIF"u8]),
            ("gif", [.. "GIF89a"u8, 1, 0, 1, 0, 0, 0, 0, 0x3B]), ("bmp", [.. "BM"u8, 58, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 24, 0, .. new byte[28]]),
            ("tiff", [.. "II*\0"u8, 8, 0, 0, 0, 0, 0]), ("nothing", []), ("one byte", [0x89]), ("mac", [0, 5, 0x16, 7, 0, 2, 0, 0, .. "Mac OS X        "u8]), ("text", "kidney"u8.ToArray()),
        ];
        foreach ((string name, byte[] bytes) in files)
        {
            string path = folder[name + ".png"];
            File.WriteAllBytes(path, bytes);
            Assert.Equal(path, Assert.Throws<DatasetException>(() => ImageCodec.Load(path)).File);
            Assert.Equal(path, Assert.Throws<DatasetException>(() => ImageCodec.SizeOf(path)).File);
            Assert.Equal(path, Assert.Throws<DatasetException>(() => ImageCodec.LoadResized(path, 8, 8, out _)).File);
        }
    }

    /// <summary>The same picture in 8 and 16 bits, in black and white, in colours of a palette, with transparency, in four inks.</summary>
    [Fact]
    public void Every_kind_of_pixel_is_read()
    {
        PixelImage grey = Load("grey.png"), deep = Load("deep.png"), bits = Load("bits.png"), palette = Load("palette.png"), clear = Load("clear.png"), inks = Load("inks.jpg"), colour = Load("turned.png").Rotate90(-1);
        Assert.Equal((28, 20, 1), (grey.Width, grey.Height, grey.Channels));
        Assert.Equal(grey.Pixels.ToArray(), deep.ToGrey().Pixels.ToArray());
        Assert.Equal(grey.Pixels.ToArray().Select(value => value > 99 ? 255 : 0), bits.ToGrey().Pixels.ToArray().Select(value => (int)value));
        Assert.Equal((3, 3, 3), (palette.Channels, clear.Channels, inks.Channels));
        Assert.Equal((28, 20, 3), (colour.Width, colour.Height, colour.Channels));
        // Sixteen colours instead of 560; JPEG's loss, and that of the way through four inks.
        Assert.InRange(Difference(colour, palette, skip: 1), 0.5, 20);
        Assert.InRange(Difference(colour, inks), 0.5, 12);
        for (int i = 0; i < 560; i++) Assert.InRange(clear.Pixels[3 * i + 1] - (255 - grey.Pixels[i]) * grey.Pixels[i] / 255.0, -1, 1);

        PixelImage Load(string name)
        {
            File.WriteAllBytes(folder[name], Resource(name));
            return ImageCodec.Load(folder[name]);
        }

        // A transparent colour of the palette is black.
        static double Difference(PixelImage a, PixelImage b, int skip = 0) => a.Pixels.ToArray().Zip(b.Pixels.ToArray(), (x, y) => skip > 0 && y == 0 ? 0.0 : Math.Abs(x - y)).Average();
    }

    /// <summary>Pipes, sockets, devices, links to them, links in a circle or to nowhere, folders: nobody waits for any of them.</summary>
    [Fact]
    public void What_is_no_regular_file_is_refused_and_never_waited_for()
    {
        if (OperatingSystem.IsWindows()) return;
        using (Process made = Process.Start("mkfifo", folder["pipe.png"])) made.WaitForExit();
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(folder["socket.png"]));
        File.CreateSymbolicLink(folder["link.png"], folder["pipe.png"]);
        File.CreateSymbolicLink(folder["device.png"], "/dev/zero");
        File.CreateSymbolicLink(folder["circle.png"], folder["other.png"]);
        File.CreateSymbolicLink(folder["other.png"], folder["circle.png"]);
        File.CreateSymbolicLink(folder["nowhere.png"], folder["absent"]);
        Directory.CreateDirectory(folder["folder.png"]);
        string[] names = ["pipe.png", "socket.png", "link.png", "device.png", "circle.png", "nowhere.png", "folder.png", "absent.png"];
        foreach (string name in names)
        {
            Assert.Equal(folder[name], Assert.Throws<DatasetException>(() => ImageCodec.Load(folder[name])).File);
            Assert.Equal(folder[name], Assert.Throws<DatasetException>(() => ImageCodec.SizeOf(folder[name])).File);
        }
    }

    /// <summary>The fuzzing reads whole pictures; folders ask for the size first, and read smaller ones.</summary>
    [Fact]
    public void Damaged_pictures_are_read_or_refused_by_name_in_every_way_of_reading()
    {
        byte[][] seeds = [.. new[] { "grey.png", "palette.png", "turned.png", "colour.jpg", "progressive.jpg", "grey.jpg", "inks.jpg" }.Select(Resource)];
        string path = folder["damaged.png"];
        T? Read<T>(Func<T> read) where T : class
        {
            try
            {
                return read();
            }
            catch (DatasetException e)
            {
                Assert.Equal(path, e.File);
                return null;
            }
        }

        int whole = 0, sized = 0, small = 0;
        for (int i = 0; i < 700; i++)
        {
            File.WriteAllBytes(path, Mutation.Of(seeds[i % seeds.Length], new Random(i)));
            Tuple<int, int>? size = Read(() => ImageCodec.SizeOf(path).ToTuple());
            PixelImage? picture = Read(() => ImageCodec.Load(path, 1 << 20)), resized = Read(() => ImageCodec.LoadResized(path, 8, 8, out _));
            if (picture is not null) Assert.Equal(Tuple.Create(picture.Width, picture.Height), size);
            if (resized is not null) Assert.Equal((8, 8), (resized.Width, resized.Height));
            (whole, sized, small) = (whole + (picture is null ? 0 : 1), sized + (size is null ? 0 : 1), small + (resized is null ? 0 : 1));
        }

        Assert.InRange(whole, 100, 600);
        Assert.InRange(small, 100, 600);
        Assert.InRange(sized, whole, 650);
    }

    private static void TakesNoMemory(byte[] bytes, string words)
    {
        using Process process = Process.GetCurrentProcess();
        long before = GC.GetAllocatedBytesForCurrentThread(), peak = process.PeakWorkingSet64;
        var e = Assert.Throws<DatasetException>(() => ImageCodec.Decode(bytes, "bomb.png"));
        Assert.Contains(words, e.Message);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1 << 20);
        process.Refresh();
        Assert.True(process.PeakWorkingSet64 - peak < 200_000_000, "native memory was taken");
    }

    private static ReadOnlySpan<byte> PngSignature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    private static byte[] Header(int width, int height) => Chunk("IHDR", [.. BigEndian(width), .. BigEndian(height), 8, 2, 0, 0, 0]);

    private static byte[] Chunk(string kind, params byte[] data)
    {
        byte[] body = [.. System.Text.Encoding.ASCII.GetBytes(kind), .. data];
        return [.. BigEndian(data.Length), .. body, .. ImageCodecTests.Crc32(body)];
    }

    private static byte[] BigEndian(int value) => [(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value];

    private static byte[] Resource(string name)
    {
        using Stream stream = typeof(FuzzedReader).Assembly.GetManifestResourceStream(name)!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
