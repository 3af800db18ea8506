using System.Net;

namespace UnetResnet.Lab.Report;

/// <summary>Pieces of HTML.</summary>
internal static class Html
{
    /// <summary>Text as HTML: for content and for attribute values in double quotes.</summary>
    public static string Escape(string? text) => WebUtility.HtmlEncode(text ?? "");

    /// <summary>A whole page. It allows itself nothing but files beside it and data inside it: no address on a network can be reached.</summary>
    /// <param name="title">Title of the window, as text.</param>
    /// <param name="bodyClass">Class of the body.</param>
    /// <param name="charts">Whether the page needs plotly.js.</param>
    /// <param name="body">Content, as HTML.</param>
    public static string Page(string title, string bodyClass, bool charts, string body) => $"""
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'self' file: 'unsafe-inline'; style-src 'self' file: 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'">
        <title>{Escape(title)}</title>
        <link rel="stylesheet" href="{ReportAssets.Style}">
        <script src="{ReportAssets.Script}"></script>
        {(charts ? $"<script src=\"{ReportAssets.Plotly}\" defer></script>" : "")}
        </head>
        <body class="{bodyClass}">
        {body}
        </body>
        </html>

        """;
}
