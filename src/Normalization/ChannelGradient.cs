namespace UnetResnet.Normalization;

/// <summary>Numbers of each channel with which the gradient of a normalised map becomes that of the map.</summary>
/// <param name="Scale">γ/σ.</param>
/// <param name="Shift">β − μ·γ/σ.</param>
/// <param name="Centre">μ.</param>
internal sealed record ChannelGradient(float[] Scale, float[] Shift, float[] Centre)
{
    /// <summary>What each value's distance from μ is multiplied by: the part of the gradient that goes through σ.</summary>
    internal float[] Slope { get; init; } = [];

    /// <summary>What every value gets: the part of the gradient that goes through μ.</summary>
    internal float[] Offset { get; init; } = [];
}
