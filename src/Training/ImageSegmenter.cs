using UnetResnet.Data;
using UnetResnet.Models;
using UnetResnet.Runtime;
using UnetResnet.Weights;
using static TorchSharp.torch;

namespace UnetResnet.Training;

/// <summary>
/// Segments images of any size with a U-Net, in inference mode, on the network's device. Sides that 32 does not divide are padded at the right and bottom with the last pixel
/// before they go through the network, and what is padded is cut off again. Images with a side above <see cref="SegmentationOptions.TileSide"/> go through it in overlapping tiles whose
/// probabilities are blended, so that memory depends on the tile and not on the image.
/// </summary>
/// <remarks>A network that takes statistics of what it is given in inference too (<c>TestTimeStatistics</c>, <c>GroupNormalization</c>) takes those of each tile by itself.</remarks>
public sealed class ImageSegmenter
{
    private readonly UNetResNet50 unet;
    private readonly SegmentationOptions options;

    /// <summary>Prepares; the network stays the caller's.</summary>
    /// <param name="unet">The network; any device.</param>
    /// <param name="options">Checked on entry; null for the defaults.</param>
    /// <exception cref="ArgumentException">The options are not valid, or neither they nor the network say how images are preprocessed.</exception>
    public ImageSegmenter(UNetResNet50 unet, SegmentationOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(unet);
        this.unet = unet;
        this.options = (options ?? new SegmentationOptions()).Validate();
        Preprocessing = this.options.Preprocessing ?? Preprocessing.FromName(unet.Encoder.Preprocessing
            ?? throw new ArgumentException($"The network does not say how its images were preprocessed. Name it: {string.Join(", ", Preprocessing.All.Select(p => p.Name))}.", nameof(options)));
    }

    /// <summary>How images are preprocessed.</summary>
    public Preprocessing Preprocessing { get; }

    /// <summary>Segments one image.</summary>
    /// <param name="image">Grey or RGB, any size.</param>
    /// <param name="cancellation">Stops between two tiles.</param>
    /// <exception cref="ArgumentException">The image is so wide that a row of tiles does not fit into an array.</exception>
    /// <exception cref="WeightsException">The network gives probabilities that are not numbers.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> was requested.</exception>
    public SegmentedImage Segment(PixelImage image, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(image);
        int channels = unet.Options.Classes, width = image.Width;
        var mask = new byte[(long)image.Height * width];
        long[] pixels = new long[Math.Max(2, channels)];
        double[] certainty = new double[pixels.Length];
        int tiles = Probabilities(image, (y, row) =>
        {
            for (int x = 0; x < width; x++)
            {
                (int found, float probability) = Decide(row, width, x);
                // Also what no comparison finds: NaN.
                if (!float.IsFinite(probability))
                    throw new WeightsException("The network gives probabilities that are not numbers: its weights or running statistics are infinite or undefined. Take an earlier state of its training.");
                mask[(long)y * width + x] = channels == 1 ? (byte)(255 * found) : (byte)found;
                pixels[found]++;
                certainty[found] += probability;
            }
        }, cancellation);

        double all = mask.LongLength;
        return new SegmentedImage
        {
            Mask = new PixelImage(width, image.Height, 1, mask),
            Areas = [.. Enumerable.Range(0, pixels.Length).Where(c => channels > 1 || c == 1).Select(c => new ClassArea { Class = c, Pixels = pixels[c], Share = pixels[c] / all, Confidence = certainty[c] / pixels[c] })],
            Confidence = certainty.Sum() / all,
            Tiles = tiles,
        };
    }

    /// <summary>Gives the probabilities row by row from the top: those of the first channel for the whole row, then those of the next.</summary>
    /// <returns>Number of tiles.</returns>
    internal int Probabilities(PixelImage image, Action<int, ReadOnlyMemory<float>> row, CancellationToken cancellation = default)
    {
        var rows = new TileAxis(image.Height, options.TileSide, options.SharedPixels);
        var columns = new TileAxis(image.Width, options.TileSide, options.SharedPixels);
        int line = checked(unet.Options.Classes * image.Width);
        if ((long)line * rows.Tile > Array.MaxLength)
            throw new ArgumentException($"The image is {image.Width} pixels wide, and a row of tiles with {unet.Options.Classes} classes has more than {Array.MaxLength} probabilities. Make the tiles smaller (TileSide).", nameof(image));

        // What the tiles of one row add up to; its upper rows are complete as soon as the next row of tiles begins below them.
        var sums = new float[line * rows.Tile];
        for (int r = 0; r < rows.Starts.Count; r++)
        {
            int top = rows.Starts[r], next = r + 1 < rows.Starts.Count ? rows.Starts[r + 1] : image.Height;
            for (int c = 0; c < columns.Starts.Count; c++)
            {
                cancellation.ThrowIfCancellationRequested();
                Add(sums, Predict(image, top, columns.Starts[c], rows.Tile, columns.Tile), rows.Shares[r], columns.Shares[c], columns.Starts[c], image.Width);
            }

            for (int y = top; y < Math.Min(next, image.Height); y++) row(y, sums.AsMemory((y - top) * line, line));
            int complete = (Math.Min(next, top + rows.Tile) - top) * line;
            Array.Copy(sums, complete, sums, 0, sums.Length - complete);
            Array.Clear(sums, sums.Length - complete, complete);
        }

        return rows.Starts.Count * columns.Starts.Count;
    }

    /// <summary>The class and its probability; of one channel 0 or 1.</summary>
    private (int Class, float Probability) Decide(ReadOnlyMemory<float> row, int width, int x)
    {
        ReadOnlySpan<float> probabilities = row.Span;
        if (unet.Options.Classes == 1) return probabilities[x] > 0.5f ? (1, probabilities[x]) : (0, 1 - probabilities[x]);
        int best = 0;
        for (int c = 1; c < unet.Options.Classes; c++)
        {
            if (!(probabilities[c * width + x] <= probabilities[best * width + x])) best = c;
        }

        return (best, probabilities[best * width + x]);
    }

    /// <summary>(C, height, width) of a tile, padded with the image's last row and column.</summary>
    private float[] Predict(PixelImage image, int top, int left, int height, int width)
    {
        var planes = new float[3 * height * width];
        ReadOnlySpan<byte> pixels = image.Pixels;
        for (int y = 0; y < height; y++)
        {
            int from = Math.Min(top + y, image.Height - 1) * image.Width;
            for (int x = 0; x < width; x++)
            {
                int at = (from + Math.Min(left + x, image.Width - 1)) * image.Channels, to = y * width + x;
                for (int plane = 0; plane < 3; plane++) planes[plane * height * width + to] = pixels[at + (image.Channels == 1 ? 0 : plane)];
            }
        }

        using var pause = new CollectionPause();
        using var scope = NewDisposeScope();
        Tensor weight = unet.parameters().First(), rgb = tensor(planes, [1, 3, height, width], float32, weight.device);
        return unet.Predict(Preprocessing.Apply(rgb).to(weight.dtype)).to(float32).Values<float>();
    }

    private static void Add(float[] sums, float[] tile, float[] rowShares, float[] columnShares, int left, int width)
    {
        int height = rowShares.Length, tileWidth = columnShares.Length, classes = tile.Length / height / tileWidth, used = Math.Min(tileWidth, width - left);
        for (int y = 0; y < height; y++)
        {
            for (int c = 0; c < classes; c++)
            {
                ReadOnlySpan<float> from = tile.AsSpan((c * height + y) * tileWidth, used);
                Span<float> to = sums.AsSpan((y * classes + c) * width + left, used);
                for (int x = 0; x < used; x++) to[x] += from[x] * rowShares[y] * columnShares[x];
            }
        }
    }
}
