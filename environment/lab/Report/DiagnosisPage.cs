using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Cellar.Engine;
using Plotly.NET;
using UnetResnet.Diagnosis;
using UnetResnet.Lab.Results;
using UnetResnet.Notebooks;
using UnetResnet.Runtime;

namespace UnetResnet.Lab.Report;

/// <summary>The page of one diagnosis: verdict, cure, and every diagnostic that was run, with its charts.</summary>
internal static class DiagnosisPage
{
    /// <summary>Writes the page and the files that it needs into a folder.</summary>
    /// <returns>The path of the page.</returns>
    public static string Write(string folder, DoctorReport report, IReadOnlyDictionary<string, string> patient)
    {
        Directory.CreateDirectory(folder);
        ReportAssets.Write(folder);
        string page = Path.Combine(folder, "index.html");
        AtomicFile.WriteText(page, ToHtml(report, patient));
        return page;
    }

    private static string ToHtml(DoctorReport report, IReadOnlyDictionary<string, string> patient)
    {
        NotebookFormatters.Register();
        var outputs = new OutputHtml(new Prose(""), "diagnosis");
        var sections = new StringBuilder();
        foreach (DiagnosticReport part in report.Reports) sections.AppendLine(Section(part, outputs));
        string verdict = Section(report, outputs);
        string cure = report.Cure is not { } c ? "" : $"""
            <section class="cell" id="cure"><h2>What to do</h2><p>{Html.Escape(c.Title)}.</p>
            <pre class="source"><code>{CSharpHighlighter.ToHtml(c.Code)}</code></pre></section>
            """;
        string rows = string.Concat(patient.Select(p => $"<dt>{Html.Escape(p.Key)}</dt><dd>{Html.Escape(p.Value)}</dd>"));
        string status = report.IsIll ? "<span class=\"status failed\">ill</span>" : "<span class=\"status ok\">nothing found</span>";
        string body = $"""
            <header class="bar"><span class="brand">UnetResnet</span><span class="here">Diagnosis</span>
            <button type="button" data-action="theme" aria-label="Light or dark">◐</button></header>
            <main id="main" tabindex="-1">
            <h1>{Html.Escape(report.Cause.Heading())}</h1>
            <p class="figures">{status} confidence {report.Confidence.ToString("0.00", CultureInfo.InvariantCulture)} · {report.Reports.Count} diagnostics in {report.Seconds.ToString("0.0", CultureInfo.InvariantCulture)} s</p>
            {verdict}
            {cure}
            {sections}
            <footer><details open><summary>The patient · {Html.Escape(Machine.Current.Cpu)}, {Machine.Current.Cores} cores</summary><dl>{rows}</dl></details></footer>
            </main>
            """;
        return Html.Page("UnetResnet: diagnosis", "diagnosis", outputs.HasCharts, body);
    }

    private static string Section(DiagnosticReport report, OutputHtml outputs)
    {
        var html = new StringBuilder("<section class=\"cell\"><div class=\"output\"><div class=\"html\">").Append(report.ToHtml()).Append("</div></div>");
        foreach (GenericChart chart in report.AllCharts())
            html.Append("<div class=\"output\">").Append(outputs.ToHtml(new JsonObject { ["output_type"] = "display_data", ["data"] = MimeBundle.Of(chart) })).Append("</div>");
        return html.Append("</section>").ToString();
    }
}
