using System.Text.Json.Nodes;
using SkiaSharp;

namespace UnetResnet.Notebooks.Drawing;

/// <summary>What stands on the area of a chart besides its traces: shapes, pictures and annotations.</summary>
/// <remarks>
/// Places are given in the values of the first panel's axes or, on "paper", in shares of the whole plot area. On a logarithmic axis a shape has values and an
/// annotation their decimal logarithms, as in plotly.js.
/// </remarks>
internal static class PictureRemarks
{
    /// <summary>Draws pictures, shapes and annotations.</summary>
    internal static void Draw(SKCanvas canvas, JsonNode? layout, PicturePanel panel, SKRect area)
    {
        foreach (JsonNode? image in layout.Items("images")) DrawImage(canvas, image, panel);
        foreach (JsonNode? shape in layout.Items("shapes")) DrawShape(canvas, shape, panel, area);
        foreach (JsonNode? remark in layout.Items("annotations")) DrawRemark(canvas, remark, panel, area);
    }

    /// <summary>Says which position of a slider or of buttons is shown; null where there is none.</summary>
    internal static string? Control(JsonNode? layout)
    {
        if (layout.Items("sliders") is [var slider, ..])
        {
            JsonArray steps = slider.Items("steps");
            return $"{slider.Text("currentvalue.prefix")}{steps[(int)(slider.Number("active") ?? 0)].Text("label")}. The slider, from {steps[0].Text("label")} to {steps[^1].Text("label")}, moves in an editor and in the report.";
        }

        if (layout.Items("updatemenus") is not [var menu, ..]) return null;
        JsonArray buttons = menu.Items("buttons");
        int active = (int)(menu.Number("active") ?? 0);
        return $"Shown: {buttons[active].Text("label")}. Buttons in an editor and in the report show {string.Join(" and ", buttons.Where((_, i) => i != active).Select(b => b.Text("label")))}.";
    }

    private static float X(JsonNode? item, double shift, PicturePanel panel, SKRect area, string name, Func<JsonNode?, double> position) => (float)shift + (item.Text("xref") == "paper"
        ? area.Left + (float)(item.Number(name) ?? 0) * area.Width : panel.X.Pixel(position(item.At(name))));

    private static float Y(JsonNode? item, double shift, PicturePanel panel, SKRect area, string name, Func<JsonNode?, double> position) => (float)-shift + (item.Text("yref") == "paper"
        ? area.Bottom - (float)(item.Number(name) ?? 0) * area.Height : panel.Y.Pixel(position(item.At(name))));

    private static void DrawImage(SKCanvas canvas, JsonNode? image, PicturePanel panel)
    {
        string source = image.Text("source") ?? "";
        if (source.IndexOf("base64,", StringComparison.Ordinal) is not (>= 0 and int at)) return;
        using SKBitmap? picture = SKBitmap.Decode(Convert.FromBase64String(source[(at + 7)..]));
        if (picture is null) return;
        (double x, double y) = (image.Number("x") ?? 0, image.Number("y") ?? 0);
        SKRect box = new SKRect(
            panel.X.Pixel(x), panel.Y.Pixel(y), panel.X.Pixel(x + (image.Number("sizex") ?? 1)), panel.Y.Pixel(y - (image.Number("sizey") ?? 1))).Standardized;
        using SKImage pixels = SKImage.FromBitmap(picture);
        canvas.DrawImage(pixels, box, new SKSamplingOptions(SKFilterMode.Linear, SKMipmapMode.None));
    }

    private static void DrawShape(SKCanvas canvas, JsonNode? shape, PicturePanel panel, SKRect area)
    {
        float x0 = X(shape, 0, panel, area, "x0", panel.X.PositionOfShape), x1 = X(shape, 0, panel, area, "x1", panel.X.PositionOfShape);
        float y0 = Y(shape, 0, panel, area, "y0", panel.Y.PositionOfShape), y1 = Y(shape, 0, panel, area, "y1", panel.Y.PositionOfShape);
        using SKPaint pen = PictureStyle.Stroke(shape.At("line.color").AsColor() ?? PictureStyle.Soft, (float)(shape.Number("line.width") ?? 2), shape.Text("line.dash"));
        if (shape.Text("type") == "line") canvas.DrawLine(x0, y0, x1, y1, pen);
        if (shape.Text("type") != "rect") return;
        SKRect box = new SKRect(x0, y0, x1, y1).Standardized;
        using SKPaint fill = PictureStyle.Fill(shape.At("fillcolor").AsColor() ?? SKColors.Transparent);
        fill.Color = fill.Color.WithAlpha((byte)(fill.Color.Alpha * (shape.Number("opacity") ?? 1)));
        canvas.DrawRect(box, fill);
        if (shape.Number("line.width") is > 0) canvas.DrawRect(box, pen);
    }

    private static void DrawRemark(SKCanvas canvas, JsonNode? remark, PicturePanel panel, SKRect area)
    {
        string[] lines = FigureReading.Lines(remark.Text("text"));
        float align = remark.Text("xanchor") switch { "left" => 0, "right" => 1, _ => 0.5f };
        float x = X(remark, remark.Number("xshift") ?? 0, panel, area, "x", panel.X.PositionOfRemark);
        float y = Y(remark, remark.Number("yshift") ?? 0, panel, area, "y", panel.Y.PositionOfRemark) + remark.Text("yanchor") switch
        {
            "bottom" => -5 - PictureStyle.LineHeight * (lines.Length - 1),
            "top" => 14,
            _ => 4.3f - PictureStyle.LineHeight * (lines.Length - 1) / 2,
        };
        if (float.IsNaN(x) || float.IsNaN(y)) return;
        foreach ((int i, string line) in lines.Index())
            PictureFont.Draw(canvas, line, x, y + PictureStyle.LineHeight * i, PictureStyle.TickSize, remark.At("font.color").AsColor() ?? PictureStyle.Soft, align);
    }
}
