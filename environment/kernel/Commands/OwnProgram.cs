using System.Reflection;

namespace Cellar.Commands;

/// <summary>How a program starts itself again.</summary>
internal static class OwnProgram
{
    /// <summary>
    /// The program, built, published or installed as a tool, without building it again: its executable; the small program by which .NET starts a tool, which stays where
    /// it is when the tool is updated; or <c>dotnet</c> and its assembly.
    /// </summary>
    public static IReadOnlyList<string> Of(Assembly entry) => Of(entry.Location, Environment.ProcessPath);

    /// <param name="assembly">The program's assembly.</param>
    /// <param name="running">The executable that runs now.</param>
    internal static IReadOnlyList<string> Of(string assembly, string? running)
    {
        string executable = Path.ChangeExtension(assembly, OperatingSystem.IsWindows() ? ".exe" : null)!;
        if (File.Exists(executable)) return [executable];
        bool tool = running is not null && Path.GetFileNameWithoutExtension(running) == Path.GetFileNameWithoutExtension(assembly);
        return tool ? [running!] : [running ?? "dotnet", assembly];
    }
}
