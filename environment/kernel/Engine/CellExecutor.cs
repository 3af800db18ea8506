using System.Diagnostics;
using System.Text.Json.Nodes;
using Cellar.Interrupts;
using Microsoft.CodeAnalysis;
using Microsoft.DotNet.Interactive.Formatting;

namespace Cellar.Engine;

/// <summary>Runs the pieces of a cell: C#, magic commands, text in other languages.</summary>
/// <param name="folder">The notebook's folder.</param>
/// <param name="compiler">Compiles the C#.</param>
/// <param name="state">What cells leave behind.</param>
/// <param name="thread">Where their code runs.</param>
/// <param name="packages">Brings packages.</param>
internal sealed class CellExecutor(string folder, CellCompiler compiler, CellState state, CellThread thread, CellPackages packages)
{
    private readonly Dictionary<string, string> sources = [];
    private readonly HashSet<string> importing = [];
    private bool abandoned;

    /// <summary>What is added to <c>#!about</c>.</summary>
    public required Func<string?> About { get; init; }

    /// <summary>The text of a cell by its label, or null where the place is not a cell.</summary>
    public string? SourceOf(string label) => sources.GetValueOrDefault(label);

    /// <summary>Runs a cell.</summary>
    /// <returns>The value of its last piece of code: null for none, <see cref="NullResult"/> for a null that is to be shown.</returns>
    public async Task<object?> RunAsync(string code, string label, StopSignal stop)
    {
        if (abandoned) throw new InvalidOperationException("An earlier cell is still running and cannot be stopped: restart.");
        sources[label] = code;
        object? value = null;
        var watch = Stopwatch.StartNew();
        bool timed = false;
        foreach (CellPiece piece in CellParser.Split(code))
        {
            switch (piece)
            {
                case CodePiece source:
                    value = await RunCodeAsync(source, label, stop);
                    break;
                case TextPiece text:
                    CellScope.Current?.Emit(new DisplayOutput(Show(text), Guid.NewGuid().ToString("N")));
                    break;
                case MagicPiece { Name: Magic.Time }:
                    timed = true;
                    break;
                case MagicPiece magic:
                    await RunMagicAsync(magic, label, stop);
                    break;
            }
        }

        if (timed) CellFunctions.display($"Wall time: {watch.Elapsed.TotalMilliseconds:0.0} ms");
        return value;
    }

    /// <summary>Runs something on the cells' thread.</summary>
    public Task OnThreadAsync(Action action, StopSignal stop) => thread.RunAsync(
        () =>
        {
            action();
            return Task.CompletedTask;
        },
        stop);

    private async Task<object?> RunCodeAsync(CodePiece piece, string label, StopSignal stop)
    {
        IReadOnlyList<MetadataReference> added = await AddPackagesAsync(piece, label, stop);
        CompiledCell cell = compiler.Compile(piece.Code, label, state.Previous, added, [], stop.Token);
        object? value = null;
        try
        {
            await thread.RunAsync(async () => value = await state.RunAsync(cell).ConfigureAwait(false), stop);
        }
        catch (CellAbandonedException)
        {
            abandoned = true;
            throw;
        }
        catch (Exception e) when (e is not CellCutException && !(e is OperationCanceledException && stop.IsAsked))
        {
            throw new CellFailedException(CellErrors.FromException(e, SourceOf));
        }

        return value ?? (cell.EndsWithExpression ? NullResult.Instance : null);
    }

    private async Task RunMagicAsync(MagicPiece magic, string label, StopSignal stop)
    {
        switch (magic.Name)
        {
            case Magic.Import:
                await ImportAsync(magic, label, stop);
                break;
            case Magic.List:
                Console.WriteLine(string.Join('\n', Magic.Known.Select(m => $"#!{m.Key,-12}{m.Value}")));
                break;
            case Magic.About:
                Console.WriteLine($"cellar {typeof(CellExecutor).Assembly.GetName().Version?.ToString(3)}, C# on .NET {Environment.Version}{About()}");
                break;
            case Magic.Names:
                Console.WriteLine(string.Join("  ", state.Variables.Select(v => v.Name)));
                break;
            case Magic.Variables:
                foreach (CellVariable variable in state.Variables)
                    Console.WriteLine($"{variable.Name,-20}{variable.Type.Name,-24}{Formatter.ToDisplayString(variable.Value, PlainTextFormatter.MimeType)}");
                break;
            default:
                throw new CellFailedException(CellError.Plain("UnknownMagicCommand", Magic.Unknown(magic.Name), label, magic.FirstLine + 1, magic.Text));
        }
    }

    private async Task ImportAsync(MagicPiece import, string label, StopSignal stop)
    {
        string path = Path.GetFullPath(Path.Combine(folder, import.Argument));
        if (!importing.Add(path))
            throw new CellFailedException(CellError.Plain("ImportFailed", $"{import.Argument} imports itself.", label, import.FirstLine + 1, import.Text));
        try
        {
            foreach ((string cell, string source) in ImportedFile.Read(path)) await RunAsync(source, cell, stop);
        }
        catch (CellFailedException e)
        {
            string place = e.Error is { Place: { } p, Line: { } line } ? $" at {p}, line {line}" : "";
            throw new CellFailedException(CellError.Plain(
                "ImportFailed", $"{import.Argument} failed{place}: {e.Error.Name}: {e.Error.Message}", label, import.FirstLine + 1, import.Text) with
            {
                Traceback = [$"{import.Text} (line {import.FirstLine + 1} of {label}) failed:", .. e.Error.Traceback],
            });
        }
        catch (Exception e) when (e is IOException or NotSupportedException or UnauthorizedAccessException or FormatException)
        {
            throw new CellFailedException(CellError.Plain("ImportFailed", e.Message, label, import.FirstLine + 1, import.Text));
        }
        finally
        {
            importing.Remove(path);
        }
    }

    /// <summary>Brings in the packages that code names, and runs the extensions that they bring.</summary>
    private async Task<IReadOnlyList<MetadataReference>> AddPackagesAsync(CodePiece piece, string label, StopSignal stop)
    {
        (IReadOnlyList<MetadataReference> added, IReadOnlyList<string> extensions) = await packages.AddAsync(piece, label, stop.Token);
        if (extensions.Count == 0) return added;

        await state.RunAsync(compiler.Compile("", "extension", state.Previous, added, [], stop.Token));
        foreach (string extension in extensions)
            foreach ((string cell, string source) in ImportedFile.Read(extension)) await RunAsync(source, cell, stop);
        return added;
    }

    private static JsonObject Show(TextPiece piece) => piece.Language switch
    {
        "markdown" => MimeBundle.OfText("text/markdown", piece.Text),
        "html" => MimeBundle.OfText("text/html", piece.Text),
        _ => MimeBundle.OfText("text/html", $"<script type=\"text/javascript\">\n{piece.Text}\n</script>"),
    };
}

/// <summary>Stands for a null that is to be shown, as opposed to no value.</summary>
internal sealed class NullResult
{
    public static readonly NullResult Instance = new();

    private NullResult()
    {
    }
}
