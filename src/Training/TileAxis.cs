namespace UnetResnet.Training;

/// <summary>
/// How one axis of an image is cut into tiles, and how much each tile counts at each place. Tiles begin at multiples of 32, so that the network halves them along the same
/// grid as the whole image. Where two overlap, one fades out while the other fades in: at its own border, where it sees least, a tile counts almost nothing.
/// </summary>
internal sealed class TileAxis
{
    /// <summary>What a U-Net on ResNet50 halves five times.</summary>
    internal const int Multiple = 32;

    /// <summary>Cuts the axis.</summary>
    /// <param name="length">Pixels of the image.</param>
    /// <param name="tile">Longest tile, a multiple of 32.</param>
    /// <param name="overlap">What neighbours share at least, a multiple of 32 below <paramref name="tile"/>.</param>
    internal TileAxis(int length, int tile, int overlap)
    {
        int padded = checked((length + Multiple - 1) / Multiple * Multiple);
        (Length, Tile) = (length, Math.Min(tile, padded));
        var starts = new List<int>();
        for (int start = 0; start + Tile < padded; start += Tile - overlap) starts.Add(start);
        starts.Add(padded - Tile);
        Starts = starts;

        float[][] raw = [.. starts.Select((_, i) => Enumerable.Range(0, Tile).Select(place => Ramp(place, overlap, fadesIn: i > 0, fadesOut: i < starts.Count - 1)).ToArray())];
        var total = new float[padded];
        for (int i = 0; i < raw.Length; i++)
            for (int place = 0; place < Tile; place++) total[starts[i] + place] += raw[i][place];
        Shares = [.. raw.Select((weights, i) => weights.Select((weight, place) => weight / total[starts[i] + place]).ToArray())];
    }

    /// <summary>Pixels of the image.</summary>
    internal int Length { get; }

    /// <summary>Length of each tile.</summary>
    internal int Tile { get; }

    /// <summary>Where the tiles begin.</summary>
    internal IReadOnlyList<int> Starts { get; }

    /// <summary>What each tile counts at each of its places; over all tiles that cover a place this adds up to 1.</summary>
    internal IReadOnlyList<float[]> Shares { get; }

    private float Ramp(int place, int overlap, bool fadesIn, bool fadesOut)
    {
        float weight = 1;
        if (fadesIn) weight = Math.Min(weight, (place + 0.5f) / overlap);
        if (fadesOut) weight = Math.Min(weight, (Tile - place - 0.5f) / overlap);
        return weight;
    }
}
