using System.Reflection;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Cellar.Engine;

/// <summary>A variable of the notebook.</summary>
internal sealed record CellVariable(string Name, Type Type, object? Value);

/// <summary>What the cells so far have left behind: their declarations for the compiler, and their variables.</summary>
/// <param name="assemblies">Loads what was compiled.</param>
internal sealed class CellState(CellAssemblies assemblies)
{
    /// <summary>One object for each cell; its fields are the cell's variables. The compiler numbers them from 1: the first place is that of a host's object, and there is none.</summary>
    private object?[] slots = new object?[16];
    private int next = 1;

    /// <summary>What the next cell builds upon.</summary>
    public CSharpCompilation? Previous { get; private set; }

    /// <summary>The variables; of those with the same name, the last.</summary>
    public IReadOnlyList<CellVariable> Variables =>
    [
        .. slots.Take(next).OfType<object>().SelectMany(cell => cell.GetType().GetTypeInfo().DeclaredFields
            .Where(f => f is { IsPublic: true, IsStatic: false } && (char.IsLetterOrDigit(f.Name[0]) || f.Name[0] == '_'))
            .Select(f => new CellVariable(f.Name, f.FieldType, f.GetValue(cell))))
            .Reverse().DistinctBy(v => v.Name).Reverse(),
    ];

    /// <summary>Starts a cell.</summary>
    /// <param name="cell">Compiled upon <see cref="Previous"/>.</param>
    /// <param name="keep">Whether what it declares stays.</param>
    /// <returns>The value of its last expression, when it has one.</returns>
    public Task<object?> RunAsync(CompiledCell cell, bool keep = true)
    {
        if (cell.Image is null)
        {
            if (keep && cell.DeclaresSomething) Previous = cell.Compilation;
            return Task.FromResult<object?>(null);
        }

        Assembly assembly = assemblies.LoadFromStream(cell.Image, cell.Symbols);
        IMethodSymbol entry = cell.Compilation.GetEntryPoint(CancellationToken.None)!;
        MethodInfo method = assembly.GetType(entry.ContainingType.MetadataName, throwOnError: true)!
            .GetMethod(entry.MetadataName, BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic)!;
        var start = method.CreateDelegate<Func<object?[], Task<object>>>();
        if (next + 1 >= slots.Length) Array.Resize(ref slots, 2 * slots.Length);
        object?[] own = keep ? slots : [.. slots];
        Task<object> task = start(own);
        if (!keep) return task!;
        if (cell.DeclaresSomething)
        {
            // Also when the cell fails later: what it has declared before stays, as in every notebook.
            Previous = cell.Compilation;
            if (slots[next] is not null) next++;
        }
        else
        {
            slots[next] = null;
        }

        return task!;
    }
}
