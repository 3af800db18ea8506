using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Cellar.Notebooks;
using UnetResnet.Notebooks;
using UnetResnet.Runtime;

namespace UnetResnet.Lab.Results;

/// <summary>Fingerprints of what a notebook's outputs come from: its code, the prose that speaks of them, and the public API of the library.</summary>
internal static class SourceHash
{
    /// <summary>The public API of library and notebook helpers in this build.</summary>
    public static string OfApi { get; } = Of([typeof(TorchRuntime).Assembly, typeof(Expect).Assembly]);

    /// <summary>The code cells of a notebook, in order.</summary>
    public static string OfCode(NotebookDocument notebook) => Of(notebook.Cells.Where(cell => cell.IsCode && !cell.IsBlank).Select(cell => cell.Source));

    /// <summary>The Markdown cells of a notebook, in order.</summary>
    public static string OfProse(NotebookDocument notebook) => Of(notebook.Cells.Where(cell => cell.Kind == CellKind.Markdown).Select(cell => cell.Source));

    /// <summary>The public types and members of some assemblies, whatever order the compiler writes them in.</summary>
    internal static string Of(IReadOnlyList<Assembly> assemblies) => Of(assemblies.SelectMany(assembly => assembly.GetExportedTypes())
        .SelectMany(type => type.GetMembers(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly).Select(member => $"{type.FullName} {Signature(member)}"))
        .Order(StringComparer.Ordinal));

    // Names of parameters count, since notebooks name arguments, and so do their defaults.
    private static string Signature(MemberInfo member) => member is MethodBase method
        ? $"{method} ({string.Join(", ", method.GetParameters().Select(p => $"{p.Name} {(p.HasDefaultValue ? p.RawDefaultValue ?? "null" : "")}"))})"
        : $"{member.MemberType} {member}";

    private static string Of(IEnumerable<string> parts) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\u0000', parts.Select(part => part.ReplaceLineEndings("\n")))))[..8]);
}
