namespace UnetResnet.Runtime;

/// <summary>Dotted names of modules and parameters, such as <c>encoder.bn_conv1.weight</c>.</summary>
internal static class DottedName
{
    /// <summary>Whether a name is a part's own or below it: <c>a.b</c> is below <c>a</c>, <c>ab</c> is not. The empty part holds everything.</summary>
    internal static bool IsIn(string name, string part) => part.Length == 0 || name == part || (name.StartsWith(part, StringComparison.Ordinal) && name[part.Length] == '.');

    /// <summary>What the named thing belongs to: <c>a.b.c</c> to <c>a.b</c>, <c>a</c> to the empty name.</summary>
    internal static string Owner(string name) => name[..Math.Max(name.LastIndexOf('.'), 0)];

    /// <summary>The outermost part: <c>a</c> of <c>a.b.c</c>.</summary>
    internal static string First(string name) => name.Split('.')[0];

    /// <summary>The name without what it belongs to: <c>c</c> of <c>a.b.c</c>.</summary>
    internal static string Last(string name) => name[(name.LastIndexOf('.') + 1)..];
}
