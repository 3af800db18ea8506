using Microsoft.AspNetCore.Html;

namespace Cellar.Engine;

/// <summary>Functions every cell can call by name; those of .NET Interactive.</summary>
public static class CellFunctions
{
    /// <summary>Shows a value below the cell, at once.</summary>
    /// <param name="value">Any value; formatted by <c>Microsoft.DotNet.Interactive.Formatting</c>.</param>
    /// <param name="mimeTypes">The MIME types to give; the preferred ones of the value's type where none are named.</param>
    /// <returns>A handle that can replace what is shown.</returns>
    /// <exception cref="InvalidOperationException">No cell is running.</exception>
    public static DisplayedValue display(object? value, params string[] mimeTypes)
    {
        string id = Guid.NewGuid().ToString("N");
        DisplayedValue.Running().Show(new DisplayOutput(MimeBundle.Of(value, mimeTypes), id));
        return new DisplayedValue(id, mimeTypes);
    }

    /// <summary>Marks text as HTML, to be displayed as it is.</summary>
    public static IHtmlContent HTML(string content) => new HtmlString(content);

    /// <summary>Removes what the cell has shown so far.</summary>
    /// <param name="wait">Only when the next output comes, which avoids flicker.</param>
    /// <exception cref="InvalidOperationException">No cell is running.</exception>
    public static void clear_output(bool wait = false) => DisplayedValue.Running().Show(new ClearOutput(wait));

    /// <summary>Asks the reader of the notebook for a line of text.</summary>
    /// <exception cref="InvalidOperationException">No cell is running, or nobody can be asked.</exception>
    public static string input(string prompt = "") => DisplayedValue.Running().Ask(prompt, hidden: false);

    /// <summary>As <see cref="input"/>, without showing what is typed.</summary>
    /// <exception cref="InvalidOperationException">No cell is running, or nobody can be asked.</exception>
    public static string password(string prompt = "") => DisplayedValue.Running().Ask(prompt, hidden: true);

    /// <summary>Runs a script in the page that shows the notebook.</summary>
    /// <exception cref="InvalidOperationException">No cell is running.</exception>
    public static void Javascript(string script) => display(HTML($"<script type=\"text/javascript\">{script}</script>"), "text/html");
}

/// <summary>A value that is on display and can be replaced, also by a later cell.</summary>
public sealed class DisplayedValue
{
    private readonly string id;
    private readonly string[] mimeTypes;

    internal DisplayedValue(string id, string[] mimeTypes) => (this.id, this.mimeTypes) = (id, mimeTypes);

    /// <summary>Shows another value in the same place.</summary>
    /// <exception cref="InvalidOperationException">No cell is running.</exception>
    public void Update(object? value) => Running().Show(new DisplayUpdate(MimeBundle.Of(value, mimeTypes), id));

    internal static CellScope Running() => CellScope.Current
        ?? throw new InvalidOperationException("Nothing can be displayed now: no cell is running.");
}

/// <summary>The method forms of <see cref="CellFunctions"/>.</summary>
/// <remarks>
/// <c>Microsoft.DotNet.Interactive.Formatting</c> has extension methods of the same names in the namespace System, and a type of the name of <see cref="DisplayedValue"/>; every
/// cell imports both, and the compiler could not choose. So these are no extension methods: the first submission declares some that call them, and what a script declares goes
/// before what it imports.
/// </remarks>
public static class DisplayExtensions
{
    /// <summary>What the first submission declares.</summary>
    internal const string Declarations = """
        using DisplayedValue = Cellar.Engine.DisplayedValue;
        /// <summary>Shows a value below the cell, at once.</summary>
        public static Cellar.Engine.DisplayedValue Display(this object value, params string[] mimeTypes) => Cellar.Engine.DisplayExtensions.Display(value, mimeTypes);
        /// <summary>Shows text that is already in a MIME type, such as HTML or JSON, as it is.</summary>
        public static Cellar.Engine.DisplayedValue DisplayAs(this string value, string mimeType) => Cellar.Engine.DisplayExtensions.DisplayAs(value, mimeType);
        """;

    /// <inheritdoc cref="CellFunctions.display"/>
    public static DisplayedValue Display(object? value, params string[] mimeTypes) => CellFunctions.display(value, mimeTypes);

    /// <summary>Shows text that is already in a MIME type, such as HTML or JSON, as it is.</summary>
    /// <param name="value">The text; JSON for types that end in <c>+json</c>.</param>
    /// <param name="mimeType">For example <c>text/html</c>.</param>
    /// <returns>A handle that can replace what is shown.</returns>
    /// <exception cref="InvalidOperationException">No cell is running, or the text is not the JSON that the type asks for.</exception>
    public static DisplayedValue DisplayAs(string value, string mimeType)
    {
        string id = Guid.NewGuid().ToString("N");
        DisplayedValue.Running().Show(new DisplayOutput(MimeBundle.OfText(mimeType, value), id));
        return new DisplayedValue(id, [mimeType]);
    }
}
