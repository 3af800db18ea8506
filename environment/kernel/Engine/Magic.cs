namespace Cellar.Engine;

/// <summary>The magic commands: lines that begin with <c>#!</c>. Names are those of .NET Interactive.</summary>
internal static class Magic
{
    public const string CSharp = "csharp";
    public const string Import = "import";
    public const string Time = "time";
    public const string List = "lsmagic";
    public const string Names = "who";
    public const string Variables = "whos";
    public const string About = "about";

    /// <summary>Every command by name, with what it does.</summary>
    public static readonly IReadOnlyDictionary<string, string> Known = new Dictionary<string, string>
    {
        [Import] = "run a notebook (.ipynb, .dib) or a C# file (.cs, .csx) here",
        [Time] = "show how long the cell takes",
        [CSharp] = "what follows is C# (also c#, cs)",
        ["markdown"] = "what follows is Markdown (also md)",
        ["html"] = "what follows is HTML",
        ["javascript"] = "what follows is JavaScript (also js)",
        [Names] = "list the names of the variables",
        [Variables] = "list the variables with type and value",
        [About] = "tell about this kernel",
        [List] = "list the magic commands",
    };

    /// <summary>The language a command switches to, or null.</summary>
    public static string? LanguageOf(string name) => name.ToLowerInvariant() switch
    {
        "csharp" or "c#" or "cs" => CSharp,
        "markdown" or "md" => "markdown",
        "html" => "html",
        "javascript" or "js" => "javascript",
        _ => null,
    };

    /// <summary>What to tell who wrote a command that does not exist.</summary>
    public static string Unknown(string name)
    {
        string nearest = Known.Keys.MinBy(known => Distance(known, name.ToLowerInvariant()))!;
        string all = string.Join(", ", Known.Keys.Select(k => "#!" + k));
        return Distance(nearest, name.ToLowerInvariant()) <= Math.Max(2, name.Length / 2)
            ? $"#!{name} is no magic command; did you mean #!{nearest}? Known are {all}."
            : $"#!{name} is no magic command. Known are {all}.";
    }

    /// <summary>Levenshtein distance: the fewest letters to insert, delete or replace.</summary>
    private static int Distance(string a, string b)
    {
        int[] previous = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int[] current = new int[b.Length + 1];
            current[0] = i;
            for (int j = 1; j <= b.Length; j++)
                current[j] = Math.Min(Math.Min(current[j - 1], previous[j]) + 1, previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
            previous = current;
        }

        return previous[^1];
    }
}
