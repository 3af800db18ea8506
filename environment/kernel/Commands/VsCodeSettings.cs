using Cellar.VsCode;

namespace Cellar.Commands;

/// <summary>What <c>install --vscode</c> and <c>uninstall --vscode</c> do with the user settings, said line by line.</summary>
internal static class VsCodeSettings
{
    private const string None = "No VS Code was found: its user settings lie on the machine that shows its window, not at the far end of a remote connection or container. Write into them by hand: ";

    /// <summary>Writes the setting into every VS Code's user settings.</summary>
    /// <exception cref="InvalidOperationException">There is no VS Code, or its settings are damaged.</exception>
    public static void Write()
    {
        IReadOnlyList<SettingsFile> found = Editors.Found();
        if (found.Count == 0) throw new InvalidOperationException(None + Editors.Setting);
        Each(found, settings => settings.Write() == SettingsChange.Written
            ? $"Written to {settings.Path}: {Editors.Setting}. What was there before is in {settings.Copy}."
            : $"{settings.Path} has the setting already.");
    }

    /// <summary>Takes the setting back from every VS Code's user settings.</summary>
    /// <exception cref="InvalidOperationException">Settings are damaged.</exception>
    public static void Remove() => Each(Editors.Found(), settings => settings.Remove() == SettingsChange.Removed
        ? $"Removed from {settings.Path}: {Editors.Setting}."
        : $"{settings.Path} has nothing of ours.");

    /// <summary>One damaged file does not keep the others from being done.</summary>
    private static void Each(IReadOnlyList<SettingsFile> files, Func<SettingsFile, string> change)
    {
        var problems = new List<string>();
        foreach (SettingsFile file in files)
        {
            try
            {
                Console.WriteLine(change(file));
            }
            catch (Exception e) when (e is InvalidOperationException or IOException or UnauthorizedAccessException)
            {
                problems.Add(e.Message);
            }
        }

        if (problems.Count > 0) throw new InvalidOperationException(string.Join(Environment.NewLine, problems));
    }
}
