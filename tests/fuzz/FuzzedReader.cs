using UnetResnet.Data;
using UnetResnet.Lab.Datasets;
using UnetResnet.Weights;
using static TorchSharp.torch;

namespace UnetResnet.Fuzz;

/// <summary>A reader of files, and the valid files that its damaged ones are made from.</summary>
/// <param name="Name">Name on the command line.</param>
/// <param name="Read">Reads a file: weights, or pixels and voxels as a tensor; the tensors are the caller's.</param>
/// <param name="Seeds">Contents of valid files.</param>
internal sealed record FuzzedReader(string Name, Func<string, IEnumerable<Tensor>> Read, IReadOnlyList<byte[]> Seeds)
{
    /// <summary>The readers of all formats.</summary>
    internal static IReadOnlyList<FuzzedReader> All { get; } =
    [
        new("safetensors", path => Safetensors.Read(path).Tensors.Values, [Written(WriteSafetensors)]),
        new("hdf5", path => KerasHdf5.Read(path).Layers.SelectMany(l => l.Weights), [Resource("old.h5"), Resource("variable.h5"), Resource("chunked.h5"), Resource("new.h5")]),
        new("pth", path => PyTorchFile.Read(path).Values, [Resource("plain.pth"), Resource("nested.pth")]),
        new("dat", path => TorchSharpFile.Read(path).Values, [Written(WriteDat)]),
        new("png", path => [Pixels(path)], [Resource("grey.png"), Resource("bits.png"), Resource("deep.png"), Resource("palette.png"), Resource("turned.png"), Resource("clear.png")]),
        new("jpeg", path => [Pixels(path)], [Resource("colour.jpg"), Resource("progressive.jpg"), Resource("grey.jpg"), Resource("inks.jpg")]),
        new("nifti", path => [Voxels(NiftiVolume.Load(path))], [Resource("plain.nii"), Resource("packed.nii")]),
    ];

    /// <summary>A damaged picture of more pixels than this is refused for them; the limit that callers have by default has a test of its own.</summary>
    private const long PixelLimit = 1 << 20;

    private static Tensor Pixels(string path) => tensor(ImageCodec.Load(path, PixelLimit).Pixels.ToArray());

    private static Tensor Voxels(NiftiVolume volume) => tensor(
        (from z in Enumerable.Range(0, volume.SizeZ) from y in Enumerable.Range(0, volume.SizeY) from x in Enumerable.Range(0, volume.SizeX) select volume[x, y, z]).ToArray());

    private static byte[] Resource(string name)
    {
        using Stream stream = typeof(FuzzedReader).Assembly.GetManifestResourceStream(name)!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private static byte[] Written(Action<string> write)
    {
        string path = Path.GetTempFileName();
        try
        {
            using var scope = NewDisposeScope();
            write(path);
            return File.ReadAllBytes(path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static void WriteSafetensors(string path) =>
        Safetensors.Write(
            path,
            [new("conv1.weight", arange(6, float32).reshape(2, 3)), new("flags", tensor(new[] { true, false })), new("half", ones(3, float16)), new("steps", tensor(7L)), new("empty", zeros(0, 3))],
            new Dictionary<string, string> { ["licence"] = "MIT" });

    private static void WriteDat(string path)
    {
        using var network = nn.Sequential(("conv", nn.Conv2d(1, 2, 1)), ("norm", nn.BatchNorm2d(2)));
        network.save(path);
    }
}
