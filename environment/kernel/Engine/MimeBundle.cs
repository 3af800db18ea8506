using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Html;
using Microsoft.DotNet.Interactive.Formatting;

namespace Cellar.Engine;

/// <summary>Turns a value into what front ends show: one representation per preferred MIME type of its type.</summary>
internal static class MimeBundle
{
    /// <summary>The value in the given MIME types, or in the preferred ones of its type and as plain text where none are given.</summary>
    /// <returns>The <c>data</c> object of nbformat; the caller owns it.</returns>
    public static JsonObject Of(object? value, params IReadOnlyCollection<string> mimeTypes)
    {
        if (value is null) return new JsonObject { [PlainTextFormatter.MimeType] = Formatter.NullString };

        if (mimeTypes.Count == 0)
        {
            mimeTypes = Formatter.GetPreferredMimeTypesFor(value.GetType());
            // Terminals know text only; HTML that was written by hand says nothing to them.
            if (value is not IHtmlContent && !mimeTypes.Contains(PlainTextFormatter.MimeType)) mimeTypes = [.. mimeTypes, PlainTextFormatter.MimeType];
        }

        var data = new JsonObject();
        foreach (string mimeType in mimeTypes) data[mimeType] = Content(mimeType, Formatter.ToDisplayString(value, mimeType));
        return data;
    }

    /// <summary>Text in one MIME type.</summary>
    public static JsonObject OfText(string mimeType, string text) => new() { [mimeType] = Content(mimeType, text) };

    /// <summary>Whether front ends expect JSON, not text, for this MIME type.</summary>
    public static bool IsJson(string mimeType) => mimeType == "application/json" || mimeType.EndsWith("+json", StringComparison.Ordinal);

    private static JsonNode? Content(string mimeType, string text)
    {
        if (!IsJson(mimeType)) return JsonValue.Create(text);
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException e)
        {
            throw new InvalidOperationException($"The formatter for {mimeType} gave text that is not JSON: {e.Message}", e);
        }
    }
}
