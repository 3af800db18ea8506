using Microsoft.Data.Analysis;
using Microsoft.DotNet.Interactive.Formatting;
using Plotly.NET;
using UnetResnet.Diagnosis;
using UnetResnet.Training;

namespace UnetResnet.Notebooks;

/// <summary>Teaches a notebook how to show charts, histories, tables, galleries and checks.</summary>
/// <remarks>
/// A chart becomes three things at once, so that it is visible everywhere without a network: a plotly figure for VS Code, JupyterLab and
/// the report, a PNG for GitHub, and a sentence for terminals and screen readers. The kit's own types carry the
/// <see cref="TypeFormatterSourceAttribute"/> and need no registration; <see cref="Charts"/> registers on first use.
/// </remarks>
public sealed class NotebookFormatters : ITypeFormatterSource
{
    private const string Html = "text/html", Png = "image/png", Svg = "image/svg+xml", Text = "text/plain";
    private static readonly Lock Gate = new();

    /// <summary>Registers the formatters of <c>Microsoft.DotNet.Interactive.Formatting</c>; doing it again is harmless.</summary>
    /// <param name="display">
    /// How the notebook shows a value at once, such as <c>value => display(value)</c>: <see cref="Expect"/> and <see cref="Exercise"/>
    /// then show formatted lines. Without it they write text to standard output.
    /// </param>
    public static void Register(Action<object>? display = null)
    {
        if (display is not null) NotebookOutput.Display = display;
        FSharpCore.Unify();
        lock (Gate)
        {
            // Asked of the formatter table itself, because a notebook may have reset it meanwhile.
            if (Formatter.RegisteredFormatters(false).Any(f => f.Type == typeof(GenericChart) && f.MimeType == ChartFigure.MimeType)) return;
            foreach (ITypeFormatter formatter in Formatters()) Formatter.Register(formatter);
            Formatter.SetPreferredMimeTypesFor(typeof(GenericChart), ChartFigure.MimeType, Png, Text);
            Formatter.SetPreferredMimeTypesFor(typeof(TrainingHistory), Html, Text);
            Formatter.SetPreferredMimeTypesFor(typeof(DataFrame), Html, Text);
            Formatter.SetPreferredMimeTypesFor(typeof(ImageGallery), Html, Png, Text);
            Formatter.SetPreferredMimeTypesFor(typeof(Diagram), Svg, Png, Text);
            Formatter.SetPreferredMimeTypesFor(typeof(CheckLine), Html, Text);
            Formatter.SetPreferredMimeTypesFor(typeof(ExerciseLine), Html, Text);
            Formatter.SetPreferredMimeTypesFor(typeof(DiagnosticReport), Html, Text);
        }
    }

    /// <summary>The formatters, for <see cref="TypeFormatterSourceAttribute"/>.</summary>
    /// <returns>All formatters of this room.</returns>
    public IEnumerable<ITypeFormatter> CreateTypeFormatters() => Formatters();

    private static ITypeFormatter[] Formatters() =>
    [
        new StringFormatter<GenericChart>(ChartFigure.MimeType, chart => ChartFigure.Of(chart).ToJsonString()),
        new StringFormatter<GenericChart>(Png, chart => Convert.ToBase64String(ChartPicture.Png(chart))),
        new StringFormatter<GenericChart>(Text, chart => ChartSummary.Of(ChartFigure.Of(chart))),
        new StringFormatter<TrainingHistory>(Html, history => history.Table.ToHtml()),
        new StringFormatter<TrainingHistory>(Text, history => history.ToString()),
        new StringFormatter<DataFrame>(Html, frame => Tables.Of(frame).ToHtml()),
        new StringFormatter<DataFrame>(Text, frame => Tables.Of(frame).ToText()),
        new StringFormatter<ImageGallery>(Html, gallery => gallery.ToHtml()),
        new StringFormatter<ImageGallery>(Png, gallery => Convert.ToBase64String(gallery.ToPng())),
        new StringFormatter<ImageGallery>(Text, gallery => gallery.ToString()),
        new StringFormatter<Diagram>(Svg, diagram => diagram.ToSvg()),
        new StringFormatter<Diagram>(Png, diagram => Convert.ToBase64String(diagram.ToPng())),
        new StringFormatter<Diagram>(Text, diagram => diagram.ToString()),
        new StringFormatter<CheckLine>(Html, check => check.ToHtml()),
        new StringFormatter<CheckLine>(Text, check => check.ToString()),
        new StringFormatter<ExerciseLine>(Html, exercise => exercise.ToHtml()),
        new StringFormatter<ExerciseLine>(Text, exercise => exercise.ToString()),
        new StringFormatter<DiagnosticReport>(Html, report => report.ToHtml()),
        new StringFormatter<DiagnosticReport>(Text, report => report.ToText()),
    ];

    private sealed class StringFormatter<T>(string mimeType, Func<T, string> format) : ITypeFormatter
    {
        public string MimeType => mimeType;

        public Type Type => typeof(T);

        public bool Format(object instance, FormatContext context)
        {
            if (instance is not T value) return false;
            context.Writer.Write(format(value));
            return true;
        }
    }
}
