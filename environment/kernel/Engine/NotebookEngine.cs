using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using Cellar.Packages;
using Microsoft.AspNetCore.Html;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Scripting;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Scripting;
using Microsoft.CodeAnalysis.Scripting.Hosting;
using Microsoft.DotNet.Interactive.Formatting;

namespace Cellar.Engine;

/// <summary>
/// Executes the cells of one notebook, in order, with the conventions of .NET Interactive: top-level <c>await</c>, the last expression
/// displayed, names redeclared at will, <c>#r</c>, <c>#load</c>, <c>#!import</c>, <c>display</c>. Knows nothing of who shows the outputs.
/// </summary>
internal sealed class NotebookEngine : IDisposable
{
    private static readonly string[] DefaultUsings =
    [
        "System", "System.Collections", "System.Collections.Generic", "System.IO", "System.Linq", "System.Net.Http", "System.Text",
        "System.Threading", "System.Threading.Tasks", "Microsoft.DotNet.Interactive.Formatting",
        typeof(CellFunctions).Namespace!, typeof(CellFunctions).FullName!,
    ];

    /// <summary>What a cell can use without <c>#r</c>. Shared by the engines of a process, since the compiler keeps what it has read of them.</summary>
    private static readonly Lazy<IReadOnlyList<MetadataReference>> StartReferences = new(() =>
    [
        .. ProgramAssemblies.Current.FrameworkPaths
            .Append(typeof(NotebookEngine).Assembly.Location)
            .Append(typeof(Formatter).Assembly.Location)
            .Append(typeof(HtmlString).Assembly.Location)
            .Select(path => References.ToFile(path)),
    ]);

    private readonly CellThread thread;
    private readonly Dictionary<string, string> sources = [];
    private readonly HashSet<string> importing = [];
    private readonly SemaphoreSlim oneAtATime = new(1);
    private readonly CellReferenceResolver references;
    private readonly CellPackages packages;
    private readonly InteractiveAssemblyLoader loader = new();
    private readonly Task<ScriptState<object>> warm;
    private ScriptState<object>? state;
    private bool abandoned;

    /// <summary>Creates an engine and warms the compiler up in the background.</summary>
    /// <param name="folder">The notebook's folder: paths in <c>#r</c>, <c>#load</c> and <c>#!import</c> are relative to it.</param>
    /// <param name="grace">How long a cell that should stop is waited for; two seconds by default.</param>
    /// <param name="packageCache">Where restored packages are remembered; the user's cache by default.</param>
    public NotebookEngine(string folder, TimeSpan? grace = null, string? packageCache = null)
    {
        thread = new CellThread(grace ?? TimeSpan.FromSeconds(2));
        Folder = Path.GetFullPath(folder);
        references = new CellReferenceResolver(Folder);
        packages = new CellPackages(new PackageSession(Folder, packageCache ?? PackageRestore.UserCache), references, loader);
        ConsoleCapture.Install();

        warm = Task.Run(() => CSharpScript.Create<object>("_ = 0;", Options("start").WithReferences(StartReferences.Value).WithImports(DefaultUsings), assemblyLoader: loader).RunAsync());
    }

    /// <summary>The notebook's folder.</summary>
    public string Folder { get; }

    /// <summary>Ends when the compiler is warm: the first cell then waits for nothing.</summary>
    public Task Warm => warm;

    /// <summary>Number of cells executed so far; what Jupyter shows in brackets.</summary>
    public int ExecutionCount { get; private set; }

    /// <summary>What whoever owns the engine adds to <c>#!about</c>.</summary>
    public Func<string>? About { get; init; }

    /// <summary>Executes one cell.</summary>
    /// <param name="code">The cell's text.</param>
    /// <param name="label">What error messages and stack traces call the cell, for example <c>cell 3</c>.</param>
    /// <param name="emit">Takes the outputs as they come, one at a time, from any thread. An error is also the last output.</param>
    /// <param name="timeLimit">The cell is stopped and fails after this time; null for no limit.</param>
    /// <param name="interrupt">Stops the cell, which then fails; the state of earlier cells stays.</param>
    /// <param name="counted">Whether the cell raises <see cref="ExecutionCount"/>.</param>
    /// <param name="ask">Gets a line of text from the reader of the notebook, given a prompt and whether to hide what is typed; null where nobody can be asked.</param>
    public async Task<CellResult> ExecuteAsync(
        string code, string label, Action<CellOutput> emit, TimeSpan? timeLimit = null, CancellationToken interrupt = default,
        bool counted = true, Func<string, bool, string>? ask = null)
    {
        await oneAtATime.WaitAsync(interrupt);
        var watch = Stopwatch.StartNew();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(interrupt);
        using CellScope scope = new CellScope(emit, ask) { Stop = stop.Token }.Enter();
        CellError? error = null;
        try
        {
            await warm.WaitAsync(interrupt); // its 1.3 s are not the cell's
            if (timeLimit is { } limit) stop.CancelAfter(limit);
            if (counted) ExecutionCount++;
            object? value = await RunCellAsync(code, label, stop.Token);
            if (value is not DisplayedValue and not null)
            {
                // On the cells' thread, where formatters of the notebook's own can be stopped too.
                await OnThreadAsync(() => scope.Emit(new ResultOutput(MimeBundle.Of(value is NullResult ? null : value), ExecutionCount)), stop.Token);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or CellAbandonedException && stop.IsCancellationRequested && !interrupt.IsCancellationRequested)
        {
            string cure = e is CellAbandonedException ? " It is inside a native call, which cannot be cut." : "";
            error = CellError.Plain(CellError.TimeLimitExceeded, $"The cell took longer than its {timeLimit?.TotalSeconds:0.###} s.{cure} Give it less work or raise the limit.", label);
        }
        catch (OperationCanceledException) when (interrupt.IsCancellationRequested)
        {
            error = CellError.Plain("Interrupted", "The cell was interrupted.", label);
        }
        catch (Exception e)
        {
            error = CellErrors.FromException(e, sources.GetValueOrDefault);
        }
        finally
        {
            oneAtATime.Release();
        }

        if (error is not null) scope.Emit(new ErrorOutput(error));
        return new CellResult(error, watch.Elapsed);
    }

    /// <summary>Evaluates an expression without a trace: nothing is displayed, counted or kept.</summary>
    /// <exception cref="CellFailedException">It does not compile, or throws.</exception>
    public async Task<JsonObject> EvaluateAsync(string expression, CancellationToken token)
    {
        const string label = "expression";
        ScriptState<object> previous = state ?? await warm;
        Script<object> script = previous.Script.ContinueWith<object>(expression, Options(label));
        Diagnostic[] errors = [.. script.Compile(token).Where(d => d.Severity == DiagnosticSeverity.Error)];
        if (errors.Length > 0) throw new CellFailedException(CellErrors.FromDiagnostics(errors));
        JsonObject? data = null;
        try
        {
            await thread.RunAsync(async () => data = MimeBundle.Of((await script.RunFromAsync(previous, CancellationToken.None)).ReturnValue), token);
        }
        catch (Exception e) when (e is not CellFailedException)
        {
            throw new CellFailedException(CellErrors.FromException(e, sources.GetValueOrDefault));
        }

        return data!;
    }

    /// <summary>Code as the compiler sees it after the cells so far; nothing is run and no package fetched.</summary>
    public async Task<Compilation> SketchAsync(CodePiece piece)
    {
        ScriptState<object> previous = state ?? await warm;
        IEnumerable<string> own = piece.Packages.SelectMany(p => PackageSession.Own(p.Name) ?? []);
        return previous.Script.ContinueWith<object>(piece.Code, Options("sketch").WithReferences(own.Select(path => References.ToFile(path)))).GetCompilation();
    }

    /// <summary>The value of a variable of the notebook, or null.</summary>
    public object? Variable(string name) => state?.GetVariable(name)?.Value;

    public void Dispose()
    {
        thread.Dispose();
        oneAtATime.Dispose();
        loader.Dispose();
    }

    /// <summary>Runs the pieces of a cell; the value of the last piece of code is the cell's.</summary>
    private async Task<object?> RunCellAsync(string code, string label, CancellationToken token)
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
                    value = await RunCodeAsync(source, label, token);
                    break;
                case TextPiece text:
                    CellScope.Current?.Emit(new DisplayOutput(Show(text), Guid.NewGuid().ToString("N")));
                    break;
                case MagicPiece { Name: Magic.Import } import:
                    await ImportAsync(import, label, token);
                    break;
                case MagicPiece { Name: Magic.Time }:
                    timed = true;
                    break;
                case MagicPiece { Name: Magic.List }:
                    Console.WriteLine(string.Join('\n', Magic.Known.Select(m => $"#!{m.Key,-12}{m.Value}")));
                    break;
                case MagicPiece { Name: Magic.About }:
                    Console.WriteLine($"cellar {typeof(NotebookEngine).Assembly.GetName().Version?.ToString(3)}, C# on .NET {Environment.Version}{About?.Invoke()}");
                    break;
                case MagicPiece { Name: Magic.Names or Magic.Variables } magic:
                    ScriptVariable[] variables = [.. (state?.Variables ?? []).Reverse().DistinctBy(v => v.Name).Reverse()];
                    if (magic.Name == Magic.Names) Console.WriteLine(string.Join("  ", variables.Select(v => v.Name)));
                    else
                        foreach (ScriptVariable variable in variables)
                            Console.WriteLine($"{variable.Name,-20}{variable.Type.Name,-24}{Formatter.ToDisplayString(variable.Value, PlainTextFormatter.MimeType)}");
                    break;
                case MagicPiece magic:
                    throw new CellFailedException(CellError.Plain("UnknownMagicCommand", Magic.Unknown(magic.Name), label, magic.FirstLine + 1, magic.Text));
            }
        }

        if (timed) CellFunctions.display($"Wall time: {watch.Elapsed.TotalMilliseconds:0.0} ms");
        return value;
    }

    private async Task<object?> RunCodeAsync(CodePiece piece, string label, CancellationToken token)
    {
        IReadOnlyList<MetadataReference> added = await AddPackagesAsync(piece, label, token);
        ScriptState<object> previous = state ?? await warm;
        ScriptOptions options = Options(label).WithReferences(added);
        Script<object> script = previous.Script.ContinueWith<object>(piece.Code, options);

        Diagnostic[] errors = [.. script.Compile(token).Where(d => d.Severity == DiagnosticSeverity.Error).OrderBy(d => d.Location.SourceSpan.Start)];
        if (errors.Length > 0) throw new CellFailedException(CellErrors.FromDiagnostics(errors));

        ScriptState<object>? next = null;
        try
        {
            await thread.RunAsync(async () => next = await script.RunFromAsync(previous, static _ => true, CancellationToken.None).ConfigureAwait(false), token);
        }
        catch (CellAbandonedException)
        {
            abandoned = true;
            throw;
        }

        state = next!; // what a failing cell has declared before it failed stays, as in every notebook
        if (state.Exception is not null) token.ThrowIfCancellationRequested(); // it is how the cell was stopped
        if (state.Exception is { } exception) throw new CellFailedException(CellErrors.FromException(exception, sources.GetValueOrDefault));
        return state.ReturnValue ?? (EndsWithExpression(script) ? NullResult.Instance : null);
    }

    private Task OnThreadAsync(Action action, CancellationToken token) => thread.RunAsync(
        () =>
        {
            action();
            return Task.CompletedTask;
        },
        token);

    private async Task ImportAsync(MagicPiece import, string label, CancellationToken token)
    {
        string path = Path.GetFullPath(Path.Combine(Folder, import.Argument));
        if (!importing.Add(path))
            throw new CellFailedException(CellError.Plain("ImportFailed", $"{import.Argument} imports itself.", label, import.FirstLine + 1, import.Text));
        try
        {
            foreach ((string cell, string source) in ImportedFile.Read(path)) await RunCellAsync(source, cell, token);
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

    private ScriptOptions Options(string label) => ScriptOptions.Default
        .WithReferences(Array.Empty<MetadataReference>())
        .WithMetadataResolver(references)
        .WithSourceResolver(new CellSourceResolver(Folder))
        .WithImports() // those of the first submission hold for all
        .WithLanguageVersion(LanguageVersion.Latest)
        .WithOptimizationLevel(OptimizationLevel.Release)
        .WithEmitDebugInformation(true)
        .WithFilePath(label)
        .WithFileEncoding(Encoding.UTF8);

    /// <summary>Brings in the packages that code names, and runs the extensions that they bring.</summary>
    private async Task<IReadOnlyList<MetadataReference>> AddPackagesAsync(CodePiece piece, string label, CancellationToken token)
    {
        (IReadOnlyList<MetadataReference> added, IReadOnlyList<string> extensions) = await packages.AddAsync(piece, label, token);
        if (extensions.Count == 0) return added;

        state = await (state ?? await warm).Script.ContinueWith<object>("", Options("extension").WithReferences(added)).RunFromAsync(state ?? await warm, token);
        foreach (string extension in extensions)
            foreach ((string cell, string source) in ImportedFile.Read(extension)) await RunCellAsync(source, cell, token);
        return added;
    }

    private static JsonObject Show(TextPiece piece) => piece.Language switch
    {
        "markdown" => MimeBundle.OfText("text/markdown", piece.Text),
        "html" => MimeBundle.OfText("text/html", piece.Text),
        _ => MimeBundle.OfText("text/html", $"<script type=\"text/javascript\">\n{piece.Text}\n</script>"),
    };

    /// <summary>Whether the code ends in an expression with a value, which then was null.</summary>
    private static bool EndsWithExpression(Script script)
    {
        Compilation compilation = script.GetCompilation();
        SyntaxTree tree = compilation.SyntaxTrees.Last();
        return tree.GetRoot() is CompilationUnitSyntax { Members: [.., GlobalStatementSyntax { Statement: ExpressionStatementSyntax { SemicolonToken.IsMissing: true } last }] }
            && compilation.GetSemanticModel(tree).GetTypeInfo(last.Expression).Type is { SpecialType: not SpecialType.System_Void };
    }

    /// <summary>Finds files for <c>#load</c>, and leaves the labels of cells alone where the base class would make paths of them.</summary>
    private sealed class CellSourceResolver(string folder) : SourceFileResolver([], folder)
    {
        public override string NormalizePath(string path, string? baseFilePath) => path;
    }

    /// <summary>Stands for a null that is to be shown, as opposed to no value.</summary>
    private sealed class NullResult
    {
        public static readonly NullResult Instance = new();
    }
}
