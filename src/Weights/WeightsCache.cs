namespace UnetResnet.Weights;

/// <summary>The folder in which downloaded weights are kept, one for all projects of a user.</summary>
public static class WeightsCache
{
    /// <summary>Environment variable that names the folder and goes before the usual place.</summary>
    public const string EnvironmentVariable = "UNETRESNET_CACHE";

    /// <summary>
    /// The folder that <see cref="EnvironmentVariable"/> names, else <c>unetresnet</c> in <c>$XDG_CACHE_HOME</c> or <c>~/.cache</c> (Linux), in
    /// <c>~/Library/Caches</c> (macOS), or in the local application data (Windows). It need not exist.
    /// </summary>
    /// <exception cref="WeightsException">The user has no home folder, and the variable is not set.</exception>
    public static string Folder => FolderFrom(
        Environment.GetEnvironmentVariable,
        OperatingSystem.IsWindows() ? "" : Environment.GetFolderPath(Environment.SpecialFolder.UserProfile),
        OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData) : null,
        OperatingSystem.IsMacOS());

    internal static string FolderFrom(Func<string, string?> variable, string home, string? localApplicationData, bool macOS)
    {
        if (variable(EnvironmentVariable) is { Length: > 0 } named) return Path.GetFullPath(named);
        // The XDG specification: a relative path is to be ignored.
        if (!macOS && localApplicationData is null && variable("XDG_CACHE_HOME") is { } xdg && Path.IsPathRooted(xdg)) return Path.Combine(xdg, "unetresnet");
        if ((localApplicationData ?? home).Length == 0)
            throw new WeightsException($"This user has no home folder to keep downloaded weights in. Set {EnvironmentVariable} to a folder.");
        return Path.Combine(localApplicationData ?? Path.Combine(home, macOS ? Path.Combine("Library", "Caches") : ".cache"), "unetresnet");
    }
}
