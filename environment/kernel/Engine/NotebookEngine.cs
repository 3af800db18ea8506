using System.Diagnostics;
using System.Text.Json.Nodes;
using Cellar.Interrupts;
using Cellar.Packages;
using Microsoft.AspNetCore.Html;
using Microsoft.CodeAnalysis;
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
    private readonly SemaphoreSlim oneAtATime = new(1);
    private readonly CellCompiler compiler;
    private readonly CellState state;
    private readonly CellExecutor executor;
    private readonly Task warm;
    private volatile StopSignal? running;

    /// <summary>Creates an engine and warms the compiler up in the background.</summary>
    /// <param name="folder">The notebook's folder: paths in <c>#r</c>, <c>#load</c> and <c>#!import</c> are relative to it.</param>
    /// <param name="grace">How long a cell that should stop is waited for; two seconds by default.</param>
    /// <param name="packageCache">Where restored packages are remembered; the user's cache by default.</param>
    public NotebookEngine(string folder, TimeSpan? grace = null, string? packageCache = null)
    {
        thread = new CellThread(grace ?? TimeSpan.FromSeconds(2));
        Folder = Path.GetFullPath(folder);
        var references = new CellReferenceResolver(Folder);
        var assemblies = new CellAssemblies(references);
        compiler = new CellCompiler(Folder, references);
        state = new CellState(assemblies);
        var packages = new CellPackages(new PackageSession(Folder, packageCache ?? PackageRestore.UserCache), references, assemblies);
        executor = new CellExecutor(Folder, compiler, state, thread, packages) { About = () => About?.Invoke() };
        ConsoleCapture.Install();
        UnhandledExceptions.Install();
        Task.Run(CellCompiler.Prepare); // while the references are read
        warm = Task.Run(() => state.RunAsync(compiler.Compile(DisplayExtensions.Declarations + "\n_ = 0;", "start", null, StartReferences.Value, DefaultUsings, CancellationToken.None)));
    }

    /// <summary>The notebook's folder.</summary>
    public string Folder { get; }

    /// <summary>Ends when the compiler is warm: the first cell then waits for nothing.</summary>
    public Task Warm => warm;

    /// <summary>Number of cells executed so far; what Jupyter shows in brackets.</summary>
    public int ExecutionCount { get; private set; }

    /// <summary>What whoever owns the engine adds to <c>#!about</c>.</summary>
    public Func<string>? About { get; init; }

    /// <summary>Whether cells get checkpoints at which they can be stopped; without them, what they cost can be measured.</summary>
    public bool Checkpoints
    {
        get => compiler.Checkpoints;
        init => compiler.Checkpoints = value;
    }

    /// <summary>Executes one cell.</summary>
    /// <param name="code">The cell's text.</param>
    /// <param name="label">What error messages and stack traces call the cell, for example <c>cell 3</c>.</param>
    /// <param name="emit">Takes the outputs as they come, one at a time, from any thread. An error is also the last output.</param>
    /// <param name="timeLimit">The cell is stopped and fails after this time; null for no limit.</param>
    /// <param name="interrupt">Stops the cell, which then fails; the state of earlier cells stays, and what the cell itself has declared by then.</param>
    /// <param name="counted">Whether the cell raises <see cref="ExecutionCount"/>.</param>
    /// <param name="ask">Gets a line of text from the reader of the notebook, given a prompt and whether to hide what is typed; null where nobody can be asked.</param>
    public async Task<CellResult> ExecuteAsync(
        string code, string label, Action<CellOutput> emit, TimeSpan? timeLimit = null, CancellationToken interrupt = default,
        bool counted = true, Func<string, bool, string>? ask = null)
    {
        await oneAtATime.WaitAsync(interrupt);
        var watch = Stopwatch.StartNew();
        using var stop = new StopSignal();
        stop.Enter();
        using CellScope scope = new CellScope(emit, ask) { Stop = stop.Token, SourceOf = executor.SourceOf }.Enter();
        foreach (Exception late in UnhandledExceptions.TakeWaiting()) scope.Emit(new ErrorOutput(CellErrors.FromException(late, executor.SourceOf)));
        CellError? error = null;
        try
        {
            stop.Follow(interrupt);
            await warm.WaitAsync(stop.Token); // its second is not the cell's
            running = stop;
            if (timeLimit is { } limit) stop.AskAfter(limit);
            if (counted) ExecutionCount++;
            object? value = await executor.RunAsync(code, label, stop);
            if (value is not DisplayedValue and not null)
            {
                // On the cells' thread, where formatters of the notebook's own can be stopped too.
                await executor.OnThreadAsync(() => scope.Emit(new ResultOutput(MimeBundle.Of(value is NullResult ? null : value), ExecutionCount)), stop);
            }
        }
        catch (Exception e) when (stop.IsAsked && e is OperationCanceledException or CellAbandonedException or CellCutException)
        {
            error = Stopped(e, label, interrupt.IsCancellationRequested ? null : timeLimit);
        }
        catch (Exception e)
        {
            error = CellErrors.FromException(e, executor.SourceOf);
        }
        finally
        {
            running = null;
            oneAtATime.Release();
        }

        if (stop.IsAsked) NativeMemory.GiveBackAll();
        if (error is not null) scope.Emit(new ErrorOutput(error));
        return new CellResult(error ?? scope.Uncaught, watch.Elapsed);
    }

    /// <summary>
    /// A second request to stop the running cell, after its interrupt token was cancelled: clean-up is not waited for any more, and three seconds after the first request the
    /// cell's thread is cut. That can leave the process unstable, which the cell's error says.
    /// </summary>
    public void Insist() => running?.Insist();

    /// <summary>Evaluates an expression without a trace: nothing is displayed, counted or kept.</summary>
    /// <exception cref="CellFailedException">It does not compile, or throws.</exception>
    public async Task<JsonObject> EvaluateAsync(string expression, CancellationToken token)
    {
        await warm;
        CompiledCell cell = compiler.Compile(expression, "expression", state.Previous, [], [], token);
        JsonObject? data = null;
        using var stop = new StopSignal();
        stop.Enter();
        stop.Follow(token);
        try
        {
            await thread.RunAsync(async () => data = MimeBundle.Of(await state.RunAsync(cell, keep: false)), stop);
        }
        catch (Exception e) when (e is not CellFailedException)
        {
            throw new CellFailedException(CellErrors.FromException(e, executor.SourceOf));
        }

        return data!;
    }

    /// <summary>Code as the compiler sees it after the cells so far; nothing is run and no package fetched.</summary>
    public async Task<Compilation> SketchAsync(CodePiece piece)
    {
        await warm;
        IEnumerable<string> own = piece.Packages.SelectMany(p => PackageSession.Own(p.Name) ?? []);
        return compiler.Sketch(piece.Code, "sketch", state.Previous, own.Select(path => References.ToFile(path)));
    }

    /// <summary>Compiles a small cell and does not run it: with every time the compiler itself is quicker.</summary>
    public void Practise()
    {
        try
        {
            _ = compiler.Compile("var practice = 1;\npractice * 2", "practice", state.Previous, [], [], CancellationToken.None);
        }
        catch (CellFailedException)
        {
            // A cell has declared a type called var, say.
        }
    }

    /// <summary>The value of a variable of the notebook, or null.</summary>
    public object? Variable(string name) => state.Variables.FirstOrDefault(v => v.Name == name)?.Value;

    public void Dispose()
    {
        thread.Dispose();
        oneAtATime.Dispose();
    }

    private static CellError Stopped(Exception how, string label, TimeSpan? exceeded)
    {
        string more = how switch
        {
            CellAbandonedException => " It is inside a native call, which cannot be cut.",
            CellCutException => " It did not stop by itself and was cut: the process may be unstable; restart when you can.",
            _ => "",
        };
        return exceeded is { } limit
            ? CellError.Plain(CellError.TimeLimitExceeded, $"The cell took longer than its {limit.TotalSeconds:0.###} s.{more} Give it less work or raise the limit.", label)
            : CellError.Plain("Interrupted", $"The cell was interrupted.{more}", label);
    }
}
