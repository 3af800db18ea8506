using System.Diagnostics;
using System.Globalization;
using UnetResnet.Runtime;

namespace UnetResnet.Training;

/// <summary>One image of a <see cref="FolderSegmentation"/>, told when it is done.</summary>
public sealed record SegmentationStep
{
    /// <summary>Number of the image, from 1.</summary>
    public required int Number { get; init; }

    /// <summary>Number of images in all.</summary>
    public required int Count { get; init; }

    /// <summary>Path below the folder.</summary>
    public required string Image { get; init; }

    /// <summary>What was found; null for an image that was done before or is damaged.</summary>
    public SegmentedImage? Result { get; init; }

    /// <summary>What is wrong with a damaged image; null for the others.</summary>
    public string? Problem { get; init; }

    /// <summary>Wall-clock seconds of this image.</summary>
    public required double Seconds { get; init; }

    /// <summary>Seconds that the rest takes if all of it is to be segmented and goes on like this; null before the first image is segmented.</summary>
    public double? SecondsLeft { get; init; }

    /// <inheritdoc/>
    public override string ToString()
    {
        string what = Result is { } found
            ? $"{(found.Areas.Count == 1 ? $"{NumberText.Percent(found.Areas[0].Share, 1)} foreground" : string.Join(", ", found.Areas.Where(a => a.Pixels > 0).Select(a => $"{a.Class}: {NumberText.Percent(a.Share, 1)}")))}, "
                + $"confidence {NumberText.Fixed(found.Confidence, 3)}, {(found.Tiles > 1 ? $"{found.Tiles} tiles, " : "")}{NumberText.Fixed(Seconds, 1)} s"
            : Problem ?? "done before";
        string left = SecondsLeft is { } seconds and >= 1 ? $", about {(seconds < 90 ? $"{NumberText.Fixed(seconds, 0)} s" : $"{NumberText.Fixed(seconds / 60, 0)} min")} left" : "";
        return string.Create(CultureInfo.InvariantCulture, $"{Number} of {Count}  {Image}  {what}{left}");
    }
}

/// <summary>Counts the images of a run and foretells its end.</summary>
internal sealed class Pace(int count)
{
    private readonly Stopwatch clock = new();
    private int number;
    private double spent;

    internal int Segmented { get; private set; }

    internal void Begin()
    {
        number++;
        clock.Restart();
    }

    internal SegmentationStep End(string image, SegmentedImage? result, string? problem)
    {
        double seconds = clock.Elapsed.TotalSeconds;
        if (result is not null) (Segmented, spent) = (Segmented + 1, spent + seconds);
        return new() { Number = number, Count = count, Image = image, Result = result, Problem = problem, Seconds = seconds, SecondsLeft = Segmented > 0 ? spent / Segmented * (count - number) : null };
    }
}
