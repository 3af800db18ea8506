using System.Net;
using System.Security.Cryptography;

namespace UnetResnet.Lab.Report;

/// <summary>Pieces of HTML.</summary>
internal static class Html
{
    /// <summary>Text as HTML: for content and for attribute values in double quotes.</summary>
    public static string Escape(string? text) => WebUtility.HtmlEncode(text ?? "");

    /// <summary>
    /// A whole page. It allows itself nothing but files beside it and data inside it: no address on a network can be reached, and no script runs but the report's own, which
    /// carry a number that is drawn for each page.
    /// </summary>
    /// <param name="title">Title of the window, as text.</param>
    /// <param name="bodyClass">Class of the body.</param>
    /// <param name="charts">Whether the page needs plotly.js.</param>
    /// <param name="body">Content, as HTML.</param>
    /// <param name="search">Whether the page searches all pages, so that it needs their index.</param>
    public static string Page(string title, string bodyClass, bool charts, string body, bool search = false)
    {
        string nonce = RandomNumberGenerator.GetHexString(32);
        return $"""
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self' file: 'unsafe-inline'; img-src data: blob:; frame-src 'self' file:; base-uri 'none'; form-action 'none'">
            <title>{Escape(title)}</title>
            <link rel="stylesheet" href="{ReportAssets.Style}">
            <script src="{ReportAssets.Script}" nonce="{nonce}"></script>
            {(search ? $"<script src=\"{ReportAssets.SearchIndex}\" nonce=\"{nonce}\" defer></script>" : "")}
            {(charts ? $"<script src=\"{ReportAssets.Plotly}\" nonce=\"{nonce}\" defer></script>" : "")}
            </head>
            <body class="{bodyClass}">
            <a class="skip" href="#main">Skip to the text</a>
            {body}
            </body>
            </html>

            """;
    }

    /// <summary>
    /// A page for a frame: markup that may act, with its scripts, but without a network, and (the frame is sandboxed) without the page around it. It tells that page its height.
    /// </summary>
    public static string Frame(string html) => $$"""
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="color-scheme" content="light dark">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:; base-uri 'none'; form-action 'none'">
        <title>Output</title>
        <style>body { margin: 0; font: 15px/1.5 system-ui, sans-serif }</style>
        <script>new ResizeObserver(() => parent.postMessage({ height: document.documentElement.offsetHeight }, "*")).observe(document.documentElement);</script>
        </head>
        <body>
        {{html}}
        </body>
        </html>

        """;
}
