using System.Text.RegularExpressions;

namespace Cellar.Packages;

/// <summary>Packages cannot be restored.</summary>
internal sealed class PackageException(string message) : Exception(message);

/// <summary>Says in one message why <c>dotnet restore</c> failed, and what to do.</summary>
internal static partial class RestoreErrors
{
    /// <summary>Explains what restore has printed.</summary>
    /// <param name="output">All of it.</param>
    /// <param name="packages">What was asked for.</param>
    public static string Explain(string output, IReadOnlyCollection<(string Name, string Version)> packages)
    {
        string asked = string.Join(" and ", packages.Select(p => p.Version.Length == 0 ? p.Name : $"{p.Name}, {p.Version}"));
        (string Code, string Text)[] errors = [.. Error().Matches(output).Select(m => (m.Groups[1].Value, m.Groups[2].Value.Trim())).Distinct()];
        // A source that is out of reach explains the rest, also where the package is then not found.
        if (errors.FirstOrDefault(e => e.Code is "NU1301" or "NU1801") is { Text: { } unreachable })
            return $"{asked}: a package source cannot be reached: {unreachable} Without a network only packages with an exact version that are already in NuGet's cache can be used.";
        if (errors.FirstOrDefault(e => e.Code == "NU1101") is { Text: { } missing })
            return $"{missing} Check the name, or add a source: #i \"nuget: https://… or a folder\".";
        if (errors.FirstOrDefault(e => e.Code is "NU1102" or "NU1103") is { Text: { } wrong })
            return $"{wrong} Ask for a version that exists, or leave it out for the newest.";
        string rest = errors.Length > 0 ? string.Join(' ', errors.Select(e => $"{e.Code}: {e.Text}")) : output.Trim();
        return $"{asked} cannot be restored: {rest}";
    }

    [GeneratedRegex(@"error\s+(NU\d+|MSB\d+|NETSDK\d+)\s*:\s*(.*?)(?:\s*\[[^\[\]]*proj\]\s*$|\r?$)", RegexOptions.Multiline)]
    private static partial Regex Error();
}
