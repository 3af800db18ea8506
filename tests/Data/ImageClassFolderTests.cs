using UnetResnet.Data;
using UnetResnet.Runtime;

namespace UnetResnet.Tests.Data;

public sealed class ImageClassFolderTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private void Write(string name, byte value) => ImageCodec.Save(Pictures.Grey(4, 4, (_, _) => value), folder[name.Split('/')]);

    private ImageClassFolder Load() => ImageClassFolder.Load(folder.Path, 2, 4, Preprocessing.None);

    [Fact]
    public void Folders_are_classes_whose_images_take_turns()
    {
        for (byte i = 0; i < 4; i++) Write($"a/{i}.png", (byte)(10 + i));
        for (byte i = 0; i < 2; i++) Write($"b/{i}.png", (byte)(20 + i));
        Write(".checkpoints/c.png", 99);
        Write("b/._0.png", 99);
        folder.Write("a/notes.txt", "no image");

        ImageClassFolder found = Load();

        Assert.Equal(["a", "b"], found.Classes);
        Assert.Equal((6, 4, 2, Preprocessing.None), (found.Batches.SampleCount, found.Batches.BatchSize, found.Batches.BatchCount, found.Batches.Preprocessing));
        (List<float> values, List<long> classes) = ([], []);
        foreach (Batch batch in found.Batches.Epoch())
        {
            using (batch)
            {
                Assert.Equal([batch.Size, 3, 2, 2], batch.Inputs.shape);
                values.AddRange(batch.Inputs.Values<float>().Chunk(12).Select(image => image.Distinct().Single()));
                classes.AddRange(batch.Targets.Values<long>());
            }
        }

        // At 0, 1/4, 2/4 and 3/4 of their class's way, and at 0 and 1/2.
        Assert.Equal([10, 20, 11, 12, 21, 13], values);
        Assert.Equal([0, 1, 0, 0, 1, 0], classes);
    }

    [Fact]
    public void What_makes_no_classification_is_named()
    {
        Write("a/0.png", 1);
        Assert.Contains("holds 1 folders", Assert.Throws<DatasetException>(Load).Message);
        Directory.CreateDirectory(folder["b"]);
        DatasetException empty = Assert.Throws<DatasetException>(Load);
        Assert.Equal(folder["b"], empty.File);
        Assert.Contains("holds no images", empty.Message);
        DatasetException absent = Assert.Throws<DatasetException>(() => ImageClassFolder.Load(folder["nowhere"], 2, 4, Preprocessing.None));
        Assert.Equal(folder["nowhere"], absent.File);
        Assert.Contains("cannot be read", absent.Message);
        folder.Write("b/0.png", "no image");
        Assert.Equal(folder["b", "0.png"], Assert.Throws<DatasetException>(Load).File);
    }
}
