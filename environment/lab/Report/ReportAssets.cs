using System.Reflection;
using UnetResnet.Runtime;

namespace UnetResnet.Lab.Report;

/// <summary>The files that the report's pages share.</summary>
internal static class ReportAssets
{
    public const string Style = "report.css";
    public const string Script = "report.js";
    public const string SearchIndex = "search-index.js";
    public const string Plotly = "plotly.min.js";

    /// <summary>Writes the files into a folder.</summary>
    /// <exception cref="InvalidOperationException">The Plotly.NET assembly holds no plotly.js.</exception>
    public static void Write(string folder)
    {
        Assembly own = typeof(ReportAssets).Assembly;
        Copy(own, $"UnetResnet.Lab.Report.Assets.{Style}", Path.Combine(folder, Style));
        Copy(own, $"UnetResnet.Lab.Report.Assets.{Script}", Path.Combine(folder, Script));

        // The very plotly.js that Plotly.NET was made for lies in its assembly.
        Assembly plotly = typeof(Plotly.NET.GenericChart).Assembly;
        string resource = plotly.GetManifestResourceNames().FirstOrDefault(n => n.Contains(".plotly-") && n.EndsWith(".min.js", StringComparison.Ordinal))
            ?? throw new InvalidOperationException($"{plotly.GetName()} holds no plotly-*.min.js: this version of Plotly.NET is not supported by the report.");
        Copy(plotly, resource, Path.Combine(folder, Plotly));
    }

    private static void Copy(Assembly assembly, string resource, string path)
    {
        using Stream source = assembly.GetManifestResourceStream(resource)!;
        AtomicFile.Write(path, source.CopyTo);
    }
}
