using UnetResnet.Data;

namespace UnetResnet.Tests.Data;

/// <summary>Small pictures for tests.</summary>
internal static class Pictures
{
    public static PixelImage Grey(int width, int height, Func<int, int, int> value) =>
        new(width, height, 1, [.. from y in Enumerable.Range(0, height) from x in Enumerable.Range(0, width) select (byte)value(y, x)]);

    /// <summary>Red, green and blue are three different functions of the place, so that no exchange of axes or channels goes unseen.</summary>
    public static PixelImage Colour(int width, int height) =>
        new(width, height, 3, [.. from y in Enumerable.Range(0, height)
                                  from x in Enumerable.Range(0, width)
                                  from channel in Enumerable.Range(0, 3)
                                  select (byte)(31 * y + 7 * x + 83 * channel)]);

    public static PixelImage Disc(int side, double centreX, double centreY, double radius) =>
        Grey(side, side, (y, x) => (x - centreX) * (x - centreX) + (y - centreY) * (y - centreY) <= radius * radius ? 255 : 0);

    public static SegmentationSample Sample(string name, int side, byte image = 100, byte mask = 255) =>
        new(name, Grey(side, side, (_, _) => image), Grey(side, side, (_, _) => mask));

    public static SegmentationDataset Dataset(int count, int side = 32) => new(Enumerable.Range(0, count).Select(i => Sample($"s{i}", side, (byte)(10 + i))));
}
