using System.Collections.Frozen;
using System.Globalization;
using SkiaSharp;

namespace UnetResnet.Notebooks.Drawing;

/// <summary>
/// A small monoline typeface drawn by pen strokes. It is part of the library because a fresh machine may have no font file at all,
/// and because it makes a picture the same on every machine.
/// </summary>
/// <remarks>
/// One glyph a line: character, width, outline as SVG path data. Capitals stand from y = 0 to the baseline at y = 14, small letters begin
/// at y = 4, descenders end at y = 18. Digits share one width, so that numbers line up.
/// </remarks>
internal static class StrokeFont
{
    private const float Baseline = 14, Gap = 3.4f, Space = 5, Pen = 1.55f, BoldPen = 2.15f;

    private const string Glyphs = """
        0 8 M4 0C1.2 0 0 3 0 7S1.2 14 4 14S8 11 8 7S6.8 0 4 0Z
        1 8 M1.4 3L5 0V14
        2 8 M.4 3.9C.5 1.6 1.9 0 4.1 0S7.7 1.5 7.7 3.7C7.7 5.4 6.8 6.8 5.2 8.5L.2 14H8
        3 8 M.5 2.7C1.1 1 2.3 0 4 0C6.1 0 7.5 1.4 7.5 3.4S6.1 6.7 4 6.7H3M4 6.7C6.5 6.7 8 8.2 8 10.3S6.3 14 3.9 14C2 14 .6 13 0 11.2
        4 8 M6.1 14V0L-.2 9.8H8.4
        5 8 M7.2 0H1.5L.9 6.5C1.8 5.7 2.9 5.2 4.1 5.2C6.4 5.2 8 7 8 9.5S6.3 14 3.9 14C2.1 14 .7 13 .1 11.4
        6 8 M6.5 .2C3 1.8 0 5.2 0 9.4C0 12.2 1.7 14 4 14S8 12.2 8 9.6S6.4 5.3 4.1 5.3C2.2 5.3 .6 6.6 .1 8.6
        7 8 M0 0H8L2.9 14
        8 8 M4 6.5C2 6.5 .6 5.2 .6 3.2S2 0 4 0S7.4 1.3 7.4 3.2S6 6.5 4 6.5C1.6 6.5 0 8 0 10.3S1.6 14 4 14S8 12.6 8 10.3S6.4 6.5 4 6.5Z
        9 8 M1.5 13.8C5 12.2 8 8.8 8 4.6C8 1.8 6.3 0 4 0S0 1.8 0 4.4S1.6 8.7 3.9 8.7C5.8 8.7 7.4 7.4 7.9 5.4
        A 10 M0 14L5 0L10 14M1.8 9.3H8.2
        B 8.4 M0 6.8H4.6C6.6 6.8 7.8 5.5 7.8 3.4S6.6 0 4.6 0H0V14H4.8C7.1 14 8.4 12.6 8.4 10.4S7.1 6.8 4.8 6.8
        C 9.6 M9.6 2.8C8.6 1 7 0 5.2 0C2.2 0 0 2.8 0 7S2.2 14 5.2 14C7 14 8.6 13 9.6 11.2
        D 9.4 M0 0H3.8C7.3 0 9.4 2.7 9.4 7S7.3 14 3.8 14H0Z
        E 7.4 M7.2 0H0V14H7.4M0 6.8H6.4
        F 7 M7.2 0H0V14M0 7H6.3
        G 9.8 M9.4 2.8C8.5 1 7 0 5.2 0C2.2 0 0 2.8 0 7S2.2 14 5.2 14C7.9 14 9.8 12.1 9.8 9.2V7.6H5.7
        H 9 M0 0V14M9 0V14M0 6.8H9
        I .4 M.2 0V14
        J 5.8 M5.8 0V9.8C5.8 12.4 4.6 14 2.7 14C1.4 14 .5 13.3 0 12.2
        K 8.4 M0 0V14M8 0L0 8.8M2.9 5.6L8.6 14
        L 6.8 M0 0V14H7
        M 11 M0 14V0L5.5 9L11 0V14
        N 9 M0 14V0L9 14V0
        O 10.6 M5.3 0C2.2 0 0 2.8 0 7S2.2 14 5.3 14S10.6 11.2 10.6 7S8.4 0 5.3 0Z
        P 8.2 M0 14V0H4.6C6.9 0 8.3 1.5 8.3 3.9S6.9 7.8 4.6 7.8H0
        Q 10.6 M5.3 0C2.2 0 0 2.8 0 7S2.2 14 5.3 14S10.6 11.2 10.6 7S8.4 0 5.3 0ZM6.6 10.4L10.4 14.8
        R 8.6 M0 14V0H4.6C6.9 0 8.3 1.5 8.3 3.8S6.9 7.6 4.6 7.6H0M4.4 7.6L8.7 14
        S 8.4 M8 2.7C7.4 1 6 0 4.2 0C1.9 0 .4 1.4 .4 3.5C.4 5.4 1.6 6.2 4.2 6.8C7 7.4 8.4 8.4 8.4 10.4S6.8 14 4.3 14C2.2 14 .6 12.9 0 11.1
        T 9 M0 0H9M4.5 0V14
        U 9 M0 0V8.8C0 12.1 1.7 14 4.5 14S9 12.1 9 8.8V0
        V 9.6 M0 0L4.8 14L9.6 0
        W 14 M0 0L3.5 14L7 .6L10.5 14L14 0
        X 8.8 M.2 0L8.6 14M8.6 0L.2 14
        Y 9 M0 0L4.5 7.2L9 0M4.5 7.2V14
        Z 8.6 M.3 0H8.3L.1 14H8.6
        a 7 M.6 5.9C1.3 4.7 2.4 4 3.8 4C5.8 4 7 5.2 7 7.3V14M7 8.6H4C1.6 8.6 0 9.6 0 11.3C0 13 1.3 14 3.2 14C5.4 14 7 12.6 7 10.4
        b 7.4 M0 0V14M0 9C0 6 1.6 4 3.8 4S7.4 6 7.4 9S5.9 14 3.8 14S0 12 0 9
        c 6.6 M6.8 6C6.2 4.7 5.1 4 3.8 4C1.5 4 0 6 0 9S1.5 14 3.8 14C5.1 14 6.2 13.3 6.8 12
        d 7.4 M7.4 0V14M7.4 9C7.4 6 5.8 4 3.6 4S0 6 0 9S1.6 14 3.6 14S7.4 12 7.4 9
        e 7.2 M.1 8.8H7.2C7.2 5.8 5.8 4 3.7 4S0 6 0 9S1.5 14 3.8 14C5.2 14 6.4 13.3 7 12
        f 4 M5 .3C4.6 .1 4.2 0 3.7 0C2.3 0 1.6 .9 1.6 2.6V14M-.2 4H4.4
        g 7.2 M7.2 4V14.2C7.2 16.7 5.8 18 3.6 18C2.2 18 1 17.4 .4 16.4M7.2 9C7.2 6 5.6 4 3.5 4S0 6 0 9S1.4 14 3.5 14S7.2 12 7.2 9
        h 6.8 M0 0V14M0 8C.2 5.5 1.6 4 3.6 4C5.6 4 6.8 5.3 6.8 7.8V14
        i .4 M.2 4V14M.2 .2V.5
        j 1.4 M1.2 4V15C1.2 16.9 .6 17.8 -.8 17.8M1.2 .2V.5
        k 6.4 M0 0V14M6.2 4L0 10.3M2.4 7.9L6.7 14
        l 1.4 M0 0V11.8C0 13.2 .6 14 1.9 14
        m 11.4 M0 4V14M0 8C.2 5.4 1.4 4 3.1 4C4.8 4 5.7 5.2 5.7 7.4V14M5.7 8C5.9 5.4 7.1 4 8.8 4C10.5 4 11.4 5.2 11.4 7.4V14
        n 6.8 M0 4V14M0 8C.2 5.5 1.6 4 3.6 4C5.6 4 6.8 5.3 6.8 7.8V14
        o 7.6 M3.8 4C1.6 4 0 6 0 9S1.6 14 3.8 14S7.6 12 7.6 9S6 4 3.8 4Z
        p 7.4 M0 4V18M0 9C0 6 1.6 4 3.8 4S7.4 6 7.4 9S5.9 14 3.8 14S0 12 0 9
        q 7.4 M7.4 4V18M7.4 9C7.4 6 5.8 4 3.6 4S0 6 0 9S1.6 14 3.6 14S7.4 12 7.4 9
        r 4 M0 4V14M0 8.4C.2 5.6 1.5 4 3.4 4C3.8 4 4.1 4 4.4 4.1
        s 6.2 M6 6C5.6 4.7 4.6 4 3.2 4C1.5 4 .3 5 .3 6.5C.3 8 1.3 8.5 3.2 8.9C5.2 9.3 6.3 9.9 6.3 11.4C6.3 13 5.1 14 3.2 14C1.6 14 .4 13.2 0 11.9
        t 4.4 M1.7 1V11.4C1.7 13.1 2.4 14 3.8 14C4.2 14 4.6 13.9 4.9 13.8M-.2 4H4.6
        u 6.8 M0 4V10.2C0 12.7 1.2 14 3.2 14C5.2 14 6.6 12.5 6.8 10M6.8 4V14
        v 7 M0 4L3.5 14L7 4
        w 10.8 M0 4L2.7 14L5.4 4.6L8.1 14L10.8 4
        x 6.4 M.1 4L6.5 14M6.5 4L.1 14
        y 7 M0 4L3.6 14M7 4L3.1 15.4C2.5 17.2 1.7 18 .3 17.9
        z 6.4 M.3 4H6.2L.1 14H6.5
        . .4 M.2 13.7V14
        , .8 M.6 13.6V14.1L-.1 16.4
        : .4 M.2 5.5V5.8M.2 13.7V14
        ; .8 M.6 5.5V5.8M.6 13.6V14.1L-.1 16.4
        ! .4 M.2 0V9.6M.2 13.7V14
        ? 7 M.3 3.2C.8 1.2 2.1 0 3.8 0C5.8 0 7.1 1.3 7.1 3.2C7.1 6.2 3.6 6.6 3.6 10M3.6 13.7V14
        ' .4 M.2 0V3.6
        " 3 M.2 0V3.6M2.8 0V3.6
        ( 3 M3.2 -1.4C1 1 0 3.8 0 7.4S1 13.8 3.2 16.2
        ) 3 M-.2 -1.4C2 1 3 3.8 3 7.4S2 13.8 -.2 16.2
        [ 3 M3 -1.2H0V16H3
        ] 3 M0 -1.2H3V16H0
        { 4 M4 -1.2C2.4 -1.2 1.8 -.4 1.8 1V5.2C1.8 6.6 1.2 7.4 0 7.4C1.2 7.4 1.8 8.2 1.8 9.6V13.8C1.8 15.2 2.4 16 4 16
        } 4 M0 -1.2C1.6 -1.2 2.2 -.4 2.2 1V5.2C2.2 6.6 2.8 7.4 4 7.4C2.8 7.4 2.2 8.2 2.2 9.6V13.8C2.2 15.2 1.6 16 0 16
        < 7 M7 3.6L0 8L7 12.4
        > 7 M0 3.6L7 8L0 12.4
        = 7.6 M0 5.8H7.6M0 10.2H7.6
        + 7.6 M0 8H7.6M3.8 4.2V11.8
        - 4.4 M0 8.6H4.4
        * 5.4 M2.7 .4V6.2M.2 1.8L5.2 4.8M5.2 1.8L.2 4.8
        / 5.6 M5.6 -.6L0 15.4
        \ 5.6 M0 -.6L5.6 15.4
        | .4 M.2 -1.4V16.4
        _ 7.4 M-.8 16.4H8.2
        ^ 6.4 M0 4.4L3.2 0L6.4 4.4
        ` 2.4 M0 -.4L2.2 2
        ~ 7.6 M0 9.2C.4 7.6 1.2 6.9 2.2 6.9C4 6.9 4 9.2 5.6 9.2C6.6 9.2 7.2 8.4 7.6 7
        # 8.8 M3 0L1.4 14M7.6 0L6 14M.6 4.6H9M0 9.4H8.4
        $ 7.6 M7.2 3.4C6.6 2 5.4 1.4 3.9 1.4C1.9 1.4 .5 2.4 .5 4.1C.5 5.8 1.7 6.4 3.9 6.9C6.4 7.4 7.6 8.2 7.6 9.9S6.2 12.6 4 12.6C2 12.6 .6 11.8 0 10.2M3.9 -.8V14.8
        % 11 M2.6 0C1.1 0 .2 1.2 .2 3.1S1.1 6.2 2.6 6.2S5 5 5 3.1S4.1 0 2.6 0ZM8.6 7.8C7.1 7.8 6.2 9 6.2 10.9S7.1 14 8.6 14S11 12.8 11 10.9S10.1 7.8 8.6 7.8ZM9.2 0L2 14
        & 9.8 M9.4 7.2C9.2 11.4 7 14 3.9 14C1.6 14 0 12.6 0 10.5C0 6.6 6 6.4 6 3C6 1.2 5 0 3.5 0S1 1.2 1 2.9C1 5.2 3 7 9.6 14
        @ 13 M9.4 4.6V9C9.4 10.6 10 11.3 11 11.3C12.4 11.3 13.2 9.8 13.2 7.4C13.2 3 10.6 0 6.8 0C2.8 0 0 3.2 0 7.6C0 12.2 2.9 15.4 7 15.4C8.6 15.4 9.8 15.1 11 14.4M9.4 7.4C9.4 5.4 8.3 4.2 6.7 4.2S4 5.6 4 7.8S5 11.3 6.6 11.3S9.4 9.8 9.4 7.4
        – 7 M0 8.6H7
        — 12 M0 8.6H12
        − 7.6 M0 8H7.6
        × 6.6 M.4 4.9L6.4 11.1M6.4 4.9L.4 11.1
        · .4 M.2 8.2V8.5
        • 2 M1 7.4V9M.3 8.2H1.7
        … 9.2 M.2 13.7V14M4.6 13.7V14M9 13.7V14
        ° 4 M2 0C.8 0 0 .8 0 2S.8 4 2 4S4 3.2 4 2S3.2 0 2 0Z
        ± 7.6 M0 7H7.6M3.8 3.4V10.6M0 13.6H7.6
        ≤ 7 M7 2.6L0 6.6L7 10.6M0 13.8H7
        ≥ 7 M0 2.6L7 6.6L0 10.6M0 13.8H7
        ≈ 7.6 M0 7.2C.4 5.6 1.2 4.9 2.2 4.9C4 4.9 4 7.2 5.6 7.2C6.6 7.2 7.2 6.4 7.6 5M0 11.6C.4 10 1.2 9.3 2.2 9.3C4 9.3 4 11.6 5.6 11.6C6.6 11.6 7.2 10.8 7.6 9.4
        ≠ 7.6 M0 5.8H7.6M0 10.2H7.6M6 2.6L1.6 13.4
        → 11 M0 8H11M7 4L11 8L7 12
        ← 11 M11 8H0M4 4L0 8L4 12
        ↑ 8 M4 14V2M0 6L4 2L8 6
        ↓ 8 M4 2V14M0 10L4 14L8 10
        √ 9 M0 8.6L1.6 7.8L4 14L8 -1H10.4
        ² 4 M.3 1.4C.4 .4 1.1 0 2 0C3 0 3.8 .7 3.8 1.8C3.8 3.2 2.4 4.2 .2 6.2H4.2
        ³ 4 M.3 1C.7 .3 1.3 0 2 0C3 0 3.8 .6 3.8 1.6S3.1 3 2 3C3.2 3 4.1 3.6 4.1 4.6S3.2 6.3 2 6.3C1.1 6.3 .4 5.9 0 5.2
        ✓ 9 M0 8.4L3.4 12.6L9 2.6
        ✗ 8 M.4 2.6L7.6 13M7.6 2.6L.4 13
        ’ 1 M.8 0V.8L0 3
        ‘ 1 M.2 3V2.2L1 0
        “ 3.6 M.2 3V2.2L1 0M2.8 3V2.2L3.6 0
        ” 3.6 M.8 0V.8L0 3M3.4 0V.8L2.6 3
        µ 7 M0 4V18M0 10.2C0 12.7 1.2 14 3.2 14C5.2 14 6.6 12.5 6.8 10M6.8 4V14
        α 8 M7.6 4C7 8.6 5.6 14 3.4 14C1.4 14 0 12 0 9S1.4 4 3.4 4C5.8 4 6.2 14 8 14
        β 7.4 M0 18V4C0 1.6 1.5 0 3.6 0C5.5 0 6.8 1.2 6.8 3S5.4 6.4 3.2 6.4M3.2 6.4C5.8 6.4 7.4 7.8 7.4 10.1S5.9 14 3.7 14C2 14 .6 13.2 0 11.8
        γ 7.4 M0 4.8C.5 4.2 .9 4 1.4 4C3 4 3.7 7.6 3.7 12V18M7.4 4L3.7 13.4
        δ 7.4 M6.6 1C5.8 .3 4.8 0 3.8 0C2.2 0 1.2 .8 1.2 2C1.2 4.2 7.4 5 7.4 9.4C7.4 12.2 5.9 14 3.7 14S0 12.3 0 9.7S1.6 5.2 4.4 5
        ε 6 M5.8 5.4C5.2 4.5 4.3 4 3.2 4C1.6 4 .5 5 .5 6.4S1.6 8.8 3.2 8.8H4M3.2 8.8C1.3 8.8 0 9.8 0 11.4S1.2 14 3.2 14C4.5 14 5.5 13.5 6.2 12.4
        η 6.8 M0 4V14M0 8C.2 5.5 1.6 4 3.6 4C5.6 4 6.8 5.3 6.8 7.8V18
        λ 7.4 M.4 0C2 0 2.4 .8 3 2.8L7.2 14M3.9 5.6L0 14
        μ 7 M0 4V18M0 10.2C0 12.7 1.2 14 3.2 14C5.2 14 6.6 12.5 6.8 10M6.8 4V14
        σ 8.4 M8.6 4H3.8C1.5 4 0 6 0 9S1.5 14 3.7 14S7.4 12 7.4 9.2C7.4 6.8 6.4 5 4.6 4
        Δ 9.6 M4.8 0L0 14H9.6Z
        Σ 8 M8 0H.2L4.6 6.8L0 14H8.2
        □ 8 M0 1H8V14H0Z
        """;

    private static readonly FrozenDictionary<char, (float Width, SKPath Path)> Table = Glyphs
        .Split('\n', StringSplitOptions.RemoveEmptyEntries)
        .Select(line => line.Split(' ', 3))
        .ToFrozenDictionary(part => part[0][0], part => (float.Parse(part[1], CultureInfo.InvariantCulture), SKPath.ParseSvgPathData(part[2])));

    /// <summary>Width of one line of text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="size">Font size in pixels, as in CSS.</param>
    internal static float Measure(string text, float size) =>
        text.Length == 0 ? 0 : (text.Sum(Advance) - Gap) * Scale(size);

    /// <summary>Draws one line of text.</summary>
    /// <param name="canvas">Where to draw.</param>
    /// <param name="text">The text; a character the typeface lacks is drawn as a small box.</param>
    /// <param name="x">Anchor, in pixels.</param>
    /// <param name="y">Baseline, in pixels.</param>
    /// <param name="size">Font size in pixels, as in CSS.</param>
    /// <param name="color">Ink.</param>
    /// <param name="align">0 begins at the anchor, 0.5 is centred on it, 1 ends there.</param>
    /// <param name="bold">Draws with a broader pen.</param>
    /// <param name="angle">Rotation about the anchor in degrees, clockwise.</param>
    internal static void Draw(
        SKCanvas canvas, string text, float x, float y, float size, SKColor color, float align = 0, bool bold = false, float angle = 0)
    {
        using var paint = new SKPaint
        {
            Color = color,
            IsAntialias = true,
            Style = SKPaintStyle.Stroke,
            StrokeWidth = bold ? BoldPen : Pen,
            StrokeCap = SKStrokeCap.Round,
            StrokeJoin = SKStrokeJoin.Round,
        };
        canvas.Save();
        canvas.Translate(x, y);
        canvas.RotateDegrees(angle);
        canvas.Translate(-align * Measure(text, size), 0);
        canvas.Scale(Scale(size));
        canvas.Translate(0, -Baseline);
        foreach (char letter in text)
        {
            if (letter != ' ') canvas.DrawPath(Glyph(letter).Path, paint);
            canvas.Translate(Advance(letter), 0);
        }
        canvas.Restore();
    }

    // A capital is 0.72 em high in most text faces; the glyphs' capitals are 14 units.
    private static float Scale(float size) => size * 0.72f / 14;

    private static float Advance(char letter) => letter == ' ' ? Space : Glyph(letter).Width + Gap;

    private static (float Width, SKPath Path) Glyph(char letter) => Table.TryGetValue(letter, out (float, SKPath) glyph) ? glyph : Table['□'];
}
