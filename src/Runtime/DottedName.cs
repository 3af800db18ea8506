namespace UnetResnet.Runtime;

/// <summary>Dotted names of modules and parameters, such as <c>encoder.bn_conv1.weight</c>.</summary>
internal static class DottedName
{
    /// <summary>Whether a name is a part's own or below it: <c>a.b</c> is below <c>a</c>, <c>ab</c> is not. The empty part holds everything.</summary>
    internal static bool IsIn(string name, string part) => part.Length == 0 || name == part || (name.StartsWith(part, StringComparison.Ordinal) && name[part.Length] == '.');
}
