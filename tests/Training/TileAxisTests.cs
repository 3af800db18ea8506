using UnetResnet.Training;

namespace UnetResnet.Tests.Training;

public class TileAxisTests
{
    public static TheoryData<int, int, int> Sizes => new()
    {
        { 1, 64, 32 }, { 31, 64, 32 }, { 32, 64, 32 }, { 64, 64, 32 }, { 65, 64, 32 }, { 96, 64, 32 }, { 97, 64, 32 }, { 500, 128, 64 }, { 1000, 1024, 256 }, { 1025, 1024, 256 }, { 5000, 1024, 512 }, { 4097, 96, 32 },
    };

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Tiles_cover_the_axis_on_the_networks_grid_and_their_shares_add_up_to_1(int length, int tile, int overlap)
    {
        var axis = new TileAxis(length, tile, overlap);
        int padded = (length + 31) / 32 * 32;
        Assert.Equal(Math.Min(tile, padded), axis.Tile);
        Assert.Equal(0, axis.Starts[0]);
        Assert.Equal(padded, axis.Starts[^1] + axis.Tile);
        Assert.All(axis.Starts, start => Assert.Equal(0, start % 32));
        Assert.All(axis.Starts.Skip(1).Zip(axis.Starts), pair => Assert.InRange(pair.First - pair.Second, 32, axis.Tile - overlap));

        var sum = new double[padded];
        foreach ((int start, float[] shares) in axis.Starts.Zip(axis.Shares))
            for (int place = 0; place < axis.Tile; place++) sum[start + place] += shares[place];
        Assert.All(sum, total => Assert.Equal(1, total, 1e-6));
        // At a border inside the image a tile sees least: its neighbour decides there.
        Assert.All(axis.Shares.Skip(1), shares => Assert.InRange(shares[0], 0, 0.5 / overlap + 1e-6));
        Assert.All(axis.Shares.SkipLast(1), shares => Assert.InRange(shares[^1], 0, 0.5 / overlap + 1e-6));
    }

    [Fact]
    public void A_cross_fade_by_hand()
    {
        var axis = new TileAxis(96, 64, 32);
        Assert.Equal([0, 32], axis.Starts);
        // Place 40 is the 9th of the 32 that both have: the left tile still counts 23.5 thirty-seconds.
        Assert.Equal(23.5 / 32, axis.Shares[0][40], 1e-6);
        Assert.Equal(8.5 / 32, axis.Shares[1][40 - 32], 1e-6);
        Assert.Equal(1, axis.Shares[0][31]);
    }
}
