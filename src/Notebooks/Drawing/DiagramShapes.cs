namespace UnetResnet.Notebooks.Drawing;

/// <summary>What a shape of a diagram stands for; each has its colours on light and on dark paper.</summary>
internal enum DiagramRole
{
    /// <summary>Frozen part.</summary>
    Encoder,

    /// <summary>Trained part.</summary>
    Decoder,

    /// <summary>Statistics of the batch.</summary>
    Batch,

    /// <summary>Running statistics.</summary>
    Running,

    /// <summary>Images, results, anything else.</summary>
    Plain,

    /// <summary>Lines and arrows.</summary>
    Line,
}

/// <summary>One shape of a diagram, in CSS pixels.</summary>
internal abstract record DiagramShape;

/// <summary>A box with rounded corners and lines of text in its middle; the first is semi-bold.</summary>
/// <param name="X">Left edge.</param>
/// <param name="Y">Upper edge.</param>
/// <param name="Width">Width.</param>
/// <param name="Height">Height.</param>
/// <param name="Role">What it stands for.</param>
/// <param name="Lines">The text.</param>
internal sealed record DiagramBox(double X, double Y, double Width, double Height, DiagramRole Role, IReadOnlyList<string> Lines) : DiagramShape;

/// <summary>A line through some points.</summary>
/// <param name="Points">At least two points.</param>
/// <param name="Arrow">Whether it ends in an arrow head.</param>
/// <param name="Dashed">Whether it is dashed.</param>
/// <param name="Role">What it stands for.</param>
internal sealed record DiagramLine(IReadOnlyList<(double X, double Y)> Points, bool Arrow = true, bool Dashed = false, DiagramRole Role = DiagramRole.Line) : DiagramShape;

/// <summary>One line of text.</summary>
/// <param name="X">Anchor.</param>
/// <param name="Y">Baseline.</param>
/// <param name="Text">The text.</param>
/// <param name="Align">0 begins at the anchor, 0.5 is centred on it, 1 ends there.</param>
/// <param name="Bold">Semi-bold.</param>
/// <param name="Size">Font size.</param>
internal sealed record DiagramText(double X, double Y, string Text, double Align = 0, bool Bold = false, double Size = 13) : DiagramShape;
