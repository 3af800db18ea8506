using UnetResnet.Data;
using UnetResnet.Training;

namespace UnetResnet.Tests.Training;

public sealed class AreaTableTests : IDisposable
{
    private const string Three = "image,width,height,confidence,pixels_0,share_0,confidence_0,pixels_1,share_1,confidence_1,pixels_2,share_2,confidence_2,made_from\n";

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private string File => folder["areas.csv"];

    [Fact]
    public void Every_class_has_its_columns_and_one_without_pixels_no_confidence()
    {
        var table = new AreaTable(File, classes: 3);
        Assert.Equal(Three, System.IO.File.ReadAllText(File));
        table.Add("a, b.png", "key", new SegmentedImage
        {
            Mask = new PixelImage(4, 2, 1, new byte[8]),
            Areas = [Area(0, 6, 0.75, 0.9), Area(1, 0, 0, double.NaN), Area(2, 2, 0.25, 1 / 3.0)],
            Confidence = 0.8125,
            Tiles = 1,
        });
        Assert.Equal(Three + "\"a, b.png\",4,2,0.812500,6,0.750000,0.900000,0,0.000000,,2,0.250000,0.333333,key\n", System.IO.File.ReadAllText(File));
    }

    [Fact]
    public void One_class_is_the_foreground_alone()
    {
        _ = new AreaTable(File, classes: 1);
        Assert.Equal("image,width,height,confidence,pixels_1,share_1,confidence_1,made_from\n", System.IO.File.ReadAllText(File));
    }

    [Fact]
    public void Lines_of_an_earlier_run_hold_for_what_they_were_made_from_and_for_the_same_classes()
    {
        string lines = Three + "a,1,2,3,4,5,6,7,8,9,10,11,12,first\nb,1,2,3,4,5,6,7,8,9,10,11,12,second\ntoo,short\n";
        System.IO.File.WriteAllText(File, lines);
        var table = new AreaTable(File, classes: 3);
        Assert.Equal((true, false, false), (table.Has("a", "first"), table.Has("a", "second"), table.Has("too", "short")));
        table.Write(["b", "nowhere", "a"]);
        Assert.Equal([Three.TrimEnd(), "b,1,2,3,4,5,6,7,8,9,10,11,12,second", "a,1,2,3,4,5,6,7,8,9,10,11,12,first"], System.IO.File.ReadAllLines(File));

        System.IO.File.WriteAllText(File, lines);
        Assert.False(new AreaTable(File, classes: 2).Has("a", "first"));
        Assert.Single(System.IO.File.ReadAllLines(File));
    }

    [Theory]
    [InlineData("")]
    [InlineData("image,width\n")]
    [InlineData("picture,made_from\n")]
    public void Another_table_is_refused_and_left_as_it_was(string content)
    {
        System.IO.File.WriteAllText(File, content);
        Assert.Contains("is no table of an earlier run", Assert.Throws<DatasetException>(() => new AreaTable(File, 1)).Message);
        Assert.Equal(content, System.IO.File.ReadAllText(File));
    }

    private static ClassArea Area(int number, long pixels, double share, double confidence) => new() { Class = number, Pixels = pixels, Share = share, Confidence = confidence };
}
