using System.Text.RegularExpressions;
using Cellar.Engine;

namespace Cellar.Insight;

/// <summary>Completes lines that are not C#: magic commands, and the paths of <c>#!import</c>, <c>#load</c> and <c>#r</c>.</summary>
internal static partial class LineCompletion
{
    private static readonly string[] Loadable = [".ipynb", ".dib", ".cs", ".csx", ".dll"];

    /// <summary>What could stand at the end of the line, or null where the line is C#.</summary>
    /// <param name="line">The line up to the cursor.</param>
    /// <param name="folder">What paths are relative to.</param>
    public static Completion? Of(string line, string folder)
    {
        string text = line.TrimStart();
        if (MagicName().IsMatch(text))
        {
            string typed = text[2..];
            return new Completion(text.Length, [.. Magic.Known.Keys.Where(k => k.StartsWith(typed, StringComparison.OrdinalIgnoreCase)).Order().Select(k => new Match("#!" + k, "magic"))]);
        }

        if (PathArgument().Match(text) is not { Success: true } path) return text.StartsWith("#!", StringComparison.Ordinal) ? Completion.None : null;
        return Paths(path.Groups[1].Value, folder);
    }

    private static Completion Paths(string typed, string folder)
    {
        int slash = typed.LastIndexOf('/') + 1;
        string name = typed[slash..];
        try
        {
            var matches =
                from entry in new DirectoryInfo(Path.Combine(folder, typed[..slash])).EnumerateFileSystemInfos(name + "*")
                where entry is DirectoryInfo || Loadable.Contains(entry.Extension, StringComparer.OrdinalIgnoreCase)
                where !entry.Name.StartsWith('.') || name.StartsWith('.')
                orderby entry.Name
                select new Match(entry is DirectoryInfo ? entry.Name + "/" : entry.Name, "path");
            return new Completion(name.Length, [.. matches]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Completion.None;
        }
    }

    [GeneratedRegex(@"^#![\w#-]*$")]
    private static partial Regex MagicName();

    [GeneratedRegex("""^(?:#!import\s+"?|#load\s+"|#r\s+"(?!nuget:))([^"]*)$""")]
    private static partial Regex PathArgument();
}
