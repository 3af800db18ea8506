using System.Reflection;
using Microsoft.CodeAnalysis.CSharp;

namespace Cellar.Engine;

/// <summary>
/// Hands what the compiler has found out about references on from one cell to the next. By itself it binds the 170 assemblies of .NET anew for every submission, even where
/// none was added, which takes a third of the time of a small cell and half of the memory that it leaves behind.
/// </summary>
/// <remarks>
/// The compiler does the same between other compilations, but has no public way to say so for submissions, hence the fields by name. Where they are not found, everything works
/// as before, and takes longer; a test tells.
/// </remarks>
internal static class SharedReferences
{
    private const BindingFlags Hidden = BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public;

    private static readonly FieldInfo? Manager = typeof(CSharpCompilation).GetField("_referenceManager", Hidden);
    private static readonly FieldInfo? Name = FindName(Manager?.FieldType);
    private static readonly Func<object, object> Clone =
        typeof(object).GetMethod("MemberwiseClone", Hidden)!.CreateDelegate<Func<object, object>>();

    /// <summary>Whether this version of the compiler allows it.</summary>
    public static bool Possible => Manager is not null && Name is not null;

    /// <summary>Gives a submission that has the references of the one before what is known of these.</summary>
    /// <param name="submission">Just created, with no references of its own.</param>
    /// <param name="previous">Compiled.</param>
    public static void HandOn(CSharpCompilation previous, CSharpCompilation submission)
    {
        if (!Possible || Manager!.GetValue(previous) is not { } known) return;
        object copy = Clone(known);
        Name!.SetValue(copy, submission.AssemblyName);
        Manager.SetValue(submission, copy);
    }

    private static FieldInfo? FindName(Type? type)
    {
        for (; type is not null; type = type.BaseType)
            if (type.GetField("SimpleAssemblyName", Hidden) is { } field) return field;
        return null;
    }
}
