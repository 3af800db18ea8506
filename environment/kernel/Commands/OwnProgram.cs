using System.Reflection;

namespace Cellar.Commands;

/// <summary>How a program starts itself again.</summary>
internal static class OwnProgram
{
    /// <summary>The program, built or published, without building it again: its executable, or <c>dotnet</c> and its assembly where there is none.</summary>
    public static IReadOnlyList<string> Of(Assembly entry)
    {
        string executable = Path.ChangeExtension(entry.Location, OperatingSystem.IsWindows() ? ".exe" : null)!;
        return File.Exists(executable) ? [executable] : [Environment.ProcessPath ?? "dotnet", entry.Location];
    }
}
