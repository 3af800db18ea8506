namespace UnetResnet.Lab.Running;

/// <summary>Where the kit's files lie.</summary>
internal static class Repository
{
    private const string Mark = "UnetResnet.Helpers.csproj";

    /// <summary>The folder that holds the library's project file, sought upwards from the current folder, then from the program's.</summary>
    /// <exception cref="DirectoryNotFoundException">There is none.</exception>
    public static string FindRoot() =>
        TryFindRoot() ?? throw new DirectoryNotFoundException(NotFound);

    /// <summary>What is wrong where there is none, and the cure.</summary>
    public static string NotFound => $"No folder above {Directory.GetCurrentDirectory()} holds {Mark}. Start lab from inside the repository.";

    /// <summary>As <see cref="FindRoot"/>, or null where there is none.</summary>
    public static string? TryFindRoot() => Upwards(Directory.GetCurrentDirectory()) ?? Upwards(AppContext.BaseDirectory);

    private static string? Upwards(string? folder)
    {
        while (folder is not null && !File.Exists(Path.Combine(folder, Mark))) folder = Path.GetDirectoryName(folder);
        return folder;
    }
}
