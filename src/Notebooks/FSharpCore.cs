using System.Reflection;
using System.Runtime.Loader;
using Plotly.NET;

namespace UnetResnet.Notebooks;

/// <summary>Lets charts be drawn in a program that brings an older FSharp.Core than the one Plotly.NET was built with.</summary>
/// <remarks>
/// .NET Interactive 1.0.712001 brings FSharp.Core 10.0, and Plotly.NET 6 asks for 10.1. The runtime then looks for a newer one: it finds
/// none, or it loads a second one for Plotly.NET alone, whose types differ from those that Plotly.NET's own dependencies got. Either way
/// every chart fails. Plotly.NET uses nothing that is new in 10.1, so its request is answered with the FSharp.Core of the program.
/// </remarks>
internal static class FSharpCore
{
    /// <summary>The oldest FSharp.Core known to have all that Plotly.NET 6, Plotly.NET.CSharp 0.14 and DynamicObj 8 refer to; 6.0 lacks some.</summary>
    internal static readonly Version Oldest = new(10, 0);

    private const string Name = "FSharp.Core";
    private static readonly Lock Gate = new();
    private static bool done;

    /// <summary>Answers Plotly.NET's request with the program's own FSharp.Core, if that is older; in other programs it does nothing.</summary>
    internal static void Unify()
    {
        lock (Gate)
        {
            if (done) return;
            done = true;
        }

        if (OfProgram((string?)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES") ?? "") is not { } own) return;
        if (typeof(GenericChart).Assembly.GetReferencedAssemblies().FirstOrDefault(a => a.Name == Name)?.Version is not { } wanted || own.Version >= wanted) return;
        AssemblyLoadContext.Default.Resolving += (context, name) =>
        {
            if (name.Name != Name || name.Version != wanted) return null;
            if (Problem(own.Version, wanted, own.Path) is { } problem) throw new InvalidOperationException(problem);
            return context.LoadFromAssemblyName(new AssemblyName(Name));
        };
    }

    /// <summary>Path and version of FSharp.Core among the assemblies that the program was started with, or null.</summary>
    /// <param name="assemblies">Paths, separated as in PATH.</param>
    internal static (string Path, Version Version)? OfProgram(string assemblies)
    {
        string? path = assemblies.Split(Path.PathSeparator).FirstOrDefault(p => Path.GetFileNameWithoutExtension(p) == Name);
        return path is null ? null : (path, AssemblyName.GetAssemblyName(path).Version!);
    }

    /// <summary>What is wrong with a program whose FSharp.Core lacks members that Plotly.NET calls, and the cure; null for one that has them.</summary>
    internal static string? Problem(Version own, Version wanted, string path) => own >= Oldest ? null :
        $"Plotly.NET cannot draw here, because it was built with FSharp.Core {wanted.ToString(2)} and this program brings {own.ToString(2)} ({path}): "
        + $"update it to a version with FSharp.Core {Oldest.ToString(2)} or newer (dotnet tool update Microsoft.dotnet-interactive --prerelease).";
}
