using System.Text;
using Cellar.Interrupts;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Scripting;
using Microsoft.CodeAnalysis.Emit;
using Microsoft.CodeAnalysis.Text;

namespace Cellar.Engine;

/// <summary>Compiles cells, each as a submission that sees what those before it have declared, with checkpoints at which it can be stopped.</summary>
/// <param name="folder">The notebook's folder: paths in <c>#load</c> are relative to it.</param>
/// <param name="references">Finds assemblies for <c>#r</c>.</param>
internal sealed class CellCompiler(string folder, CellReferenceResolver references)
{
    private const int LongCode = 4000, LargeStack = 64 << 20, Deepest = 500;

    private static readonly CSharpParseOptions ParseOptions = new(LanguageVersion.Latest, kind: SourceCodeKind.Script);
    private static readonly EmitOptions EmitOptions = new(debugInformationFormat: DebugInformationFormat.PortablePdb);

    /// <summary>Those of the scripting API, which lets the core library win over a package that defines one of its types again, and nobody else can say that.</summary>
    private static readonly Lazy<CSharpCompilationOptions> ScriptingOptions = new(() =>
        ((CSharpCompilationOptions)CSharpScript.Create("").GetCompilation().Options).WithOptimizationLevel(OptimizationLevel.Release));

    private readonly CellSources sources = new(folder, null);
    private int number;

    /// <summary>Whether cells get checkpoints.</summary>
    public bool Checkpoints { get; set; } = true;

    /// <summary>Finds out what every cell needs and no cell changes.</summary>
    public static void Prepare() => _ = ScriptingOptions.Value;

    /// <summary>Compiles a cell.</summary>
    /// <param name="code">Its text.</param>
    /// <param name="label">What error messages and stack traces call it.</param>
    /// <param name="previous">What it builds upon; null for the first.</param>
    /// <param name="added">Assemblies that it and later cells can use.</param>
    /// <param name="usings">Namespaces that it and later cells can use.</param>
    /// <param name="cancel">Ends the work.</param>
    /// <exception cref="CellFailedException">The code has errors.</exception>
    public CompiledCell Compile(
        string code, string label, CSharpCompilation? previous, IReadOnlyList<MetadataReference> added, IReadOnlyList<string> usings, CancellationToken cancel)
    {
        if (code.Length < LongCode) return CompileHere(code, label, previous, added, usings, cancel);

        // The compiler is recursive: what is nested hundreds deep needs a stack that threads do not have by themselves, and what is nested deeper would end the process.
        RefuseDepth(code, label);
        CompiledCell? compiled = null;
        Exception? failure = null;
        var thread = new Thread(
            () =>
            {
                try
                {
                    compiled = CompileHere(code, label, previous, added, usings, cancel);
                }
                catch (Exception e)
                {
                    failure = e;
                }
            },
            LargeStack)
        { IsBackground = true, Name = "compiler" };
        thread.Start();
        thread.Join();
        if (failure is CellFailedException failed) throw new CellFailedException(failed.Error);
        if (failure is not null) throw new InvalidOperationException($"The compiler failed: {failure.Message}", failure);
        return compiled!;
    }

    /// <summary>Code as the compiler sees it after other cells, errors included; it is not going to run.</summary>
    /// <exception cref="CellFailedException">It is nested too deep.</exception>
    public CSharpCompilation Sketch(string code, string label, CSharpCompilation? previous, IEnumerable<MetadataReference> added)
    {
        if (code.Length >= LongCode) RefuseDepth(code, label);
        return Submission(Parse(code, label), previous, added, [], sources);
    }

    /// <summary>Counts brackets without recursion.</summary>
    private static void RefuseDepth(string code, string label)
    {
        int depth = 0;
        foreach (SyntaxToken token in SyntaxFactory.ParseTokens(code))
        {
            if (token.Kind() is SyntaxKind.OpenParenToken or SyntaxKind.OpenBracketToken or SyntaxKind.OpenBraceToken) depth++;
            if (token.Kind() is SyntaxKind.CloseParenToken or SyntaxKind.CloseBracketToken or SyntaxKind.CloseBraceToken) depth--;
            if (depth <= Deepest) continue;
            int line = code.AsSpan(0, token.SpanStart).Count('\n');
            string text = code.Split('\n')[line];
            throw new CellFailedException(CellError.Plain(
                "CompilationError", $"Brackets are nested more than {Deepest} deep, which is too much for the compiler. Give parts of the expression names of their own.",
                label, line + 1, text.Length > 200 ? text[..200] + "…" : text));
        }
    }

    private CompiledCell CompileHere(
        string code, string label, CSharpCompilation? previous, IReadOnlyList<MetadataReference> added, IReadOnlyList<string> usings, CancellationToken cancel)
    {
        SyntaxTree tree = Parse(code, label);
        CSharpCompilation plain = Submission(tree, previous, added, usings, sources);
        try
        {
            if (Checkpoints && !tree.GetDiagnostics(cancel).Any() && WithCheckpoints(plain, tree) is var (checkedTree, loaded)
                && Emit(Submission(checkedTree, previous, added, usings, loaded), cancel) is (var cell, []))
                return cell!;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // Something that only the code with checkpoints runs into, such as its depth; the compiler says what it thinks of the code as it was written.
        }

        // Without checkpoints, or with errors, which are to be told in the words and columns of the code as it was written.
        (CompiledCell? compiled, IReadOnlyList<Diagnostic> errors) = Emit(plain, cancel);
        return compiled ?? throw new CellFailedException(CellErrors.FromDiagnostics(errors));
    }

    /// <summary>The code with its checkpoints, and the files it loads with theirs; null where there are none.</summary>
    private (SyntaxTree Tree, CellSources Sources)? WithCheckpoints(CSharpCompilation plain, SyntaxTree tree)
    {
        bool loads = tree.GetCompilationUnitRoot().ContainsDirectives && tree.GetCompilationUnitRoot().GetLoadDirectives().Count > 0;
        string? code = CheckpointWriter.Write(tree, () => plain.GetSemanticModel(tree));
        var files = new Dictionary<string, SourceText>();
        foreach (SyntaxTree file in loads ? plain.SyntaxTrees.Where(t => t != tree) : [])
            if (!file.GetDiagnostics().Any() && CheckpointWriter.Write(file, () => plain.GetSemanticModel(file)) is { } text) files[file.FilePath] = SourceText.From(text, Encoding.UTF8);
        if (code is null && files.Count == 0) return null;
        return (code is null ? tree : Parse(code, tree.FilePath), files.Count == 0 ? sources : new CellSources(folder, files));
    }

    private static (CompiledCell? Cell, IReadOnlyList<Diagnostic> Errors) Emit(CSharpCompilation compilation, CancellationToken cancel)
    {
        if (compilation.SyntaxTrees.All(t => t.GetCompilationUnitRoot().Members.Count == 0))
        {
            Diagnostic[] wrong = [.. compilation.GetDiagnostics(cancel).Where(d => d.Severity == DiagnosticSeverity.Error).OrderBy(d => d.Location.SourceSpan.Start)];
            return (wrong.Length == 0 ? new CompiledCell(compilation, null, null) : null, wrong);
        }

        MemoryStream image = new(), symbols = new();
        EmitResult result = SharedReferences.Unlisted(compilation, () => compilation.Emit(image, symbols, options: EmitOptions, cancellationToken: cancel));
        if (!result.Success) return (null, [.. result.Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error).OrderBy(d => d.Location.SourceSpan.Start)]);
        image.Position = symbols.Position = 0;
        return (new CompiledCell(compilation, image, symbols), []);
    }

    private static SyntaxTree Parse(string code, string label) => CSharpSyntaxTree.ParseText(code, ParseOptions, label, Encoding.UTF8);

    private CSharpCompilation Submission(SyntaxTree tree, CSharpCompilation? previous, IEnumerable<MetadataReference> added, IReadOnlyList<string> usings, CellSources files)
    {
        int id = Interlocked.Increment(ref number);
        CSharpCompilationOptions options = ScriptingOptions.Value
            .WithScriptClassName($"Submission#{id}")
            .WithUsings(usings)
            .WithMetadataReferenceResolver(references)
            .WithSourceReferenceResolver(files)
            .WithConcurrentBuild(tree.Length >= LongCode); // for a small cell, sharing the work costs more than it saves
        CSharpCompilation submission = CSharpCompilation.CreateScriptCompilation($"cell-{id}", tree, added, options, previous, typeof(object));
        bool refers = tree.GetCompilationUnitRoot() is { ContainsDirectives: true } root && (root.GetReferenceDirectives().Count > 0 || root.GetLoadDirectives().Count > 0);
        if (previous is not null && !refers && submission.ExternalReferences.Length == 0) SharedReferences.HandOn(previous, submission);
        return submission;
    }
}
