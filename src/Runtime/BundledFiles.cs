namespace UnetResnet.Runtime;

/// <summary>Finds the files that come with the kit: the folder <c>data/</c> with its images and weights.</summary>
public static class BundledFiles
{
    /// <summary>Environment variable that names the data folder and goes before every other place.</summary>
    public const string EnvironmentVariable = "UNETRESNET_DATA";

    private const string Marker = "brain-mri";

    /// <summary>
    /// Full path of the data folder: the one that <see cref="EnvironmentVariable"/> names; else that of the clone which the library or the program lies in; else
    /// <c>data/</c> beside the library, in its NuGet package or beside the program; else <c>data/</c> in the current directory or one above it, or above the program.
    /// </summary>
    /// <exception cref="FileNotFoundException">There is none in all these places, or the variable names a folder without <c>brain-mri</c>.</exception>
    public static string Root
    {
        get
        {
            string? named = Environment.GetEnvironmentVariable(EnvironmentVariable);
            if (!string.IsNullOrEmpty(named))
            {
                return Directory.Exists(Path.Combine(named, Marker))
                    ? Path.GetFullPath(named)
                    : throw new FileNotFoundException(
                        $"{named} (named by {EnvironmentVariable}) has no folder '{Marker}', so it is not the kit's data folder. Correct the variable or unset it.", named);
            }

            return Candidates().FirstOrDefault(folder => Directory.Exists(Path.Combine(folder, Marker)))
                ?? throw new FileNotFoundException(
                    $"The kit's folder data/{Marker} was found neither beside the library or the program nor above '{Directory.GetCurrentDirectory()}'. "
                    + $"Build the program again, run it from inside a clone of the repository, or set {EnvironmentVariable} to its data folder.", $"data/{Marker}");
        }
    }

    /// <summary>Full path of a file or folder in the data folder.</summary>
    /// <param name="relativePath">Path below the data folder, for example <c>brain-mri/split.csv</c>.</param>
    /// <exception cref="FileNotFoundException">There is no data folder, or no such file in it.</exception>
    public static string Find(string relativePath)
    {
        ArgumentException.ThrowIfNullOrEmpty(relativePath);
        string path = Path.GetFullPath(Path.Combine(Root, relativePath));
        return Path.Exists(path)
            ? path
            : throw new FileNotFoundException($"{path} comes with the kit and is not there. Restore it from the repository (git restore data).", path);
    }

    private static IEnumerable<string> Candidates()
    {
        string library = Path.GetDirectoryName(typeof(BundledFiles).Assembly.Location) is { Length: > 0 } folder ? folder : AppContext.BaseDirectory;
        // A clone's own files go before the copies in its output folders.
        foreach (string above in Upwards(library).Concat(Upwards(AppContext.BaseDirectory)).Where(f => File.Exists(Path.Combine(f, "UnetResnet.Helpers.csproj"))))
            yield return Path.Combine(above, "data");
        yield return Path.Combine(library, "data");
        // A script loads the library from lib/net10.0 of the package.
        yield return Path.GetFullPath(Path.Combine(library, "..", "..", "data"));
        foreach (string above in Upwards(AppContext.BaseDirectory).Concat(Upwards(Directory.GetCurrentDirectory()))) yield return Path.Combine(above, "data");
    }

    private static IEnumerable<string> Upwards(string start)
    {
        for (DirectoryInfo? above = new(start); above is not null; above = above.Parent) yield return above.FullName;
    }
}
