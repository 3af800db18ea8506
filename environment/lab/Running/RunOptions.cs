namespace UnetResnet.Lab.Running;

/// <summary>What <c>lab run</c> is asked to do.</summary>
internal sealed record RunOptions
{
    /// <summary>The folder of the notebooks.</summary>
    public required string NotebookFolder { get; init; }

    /// <summary>Gets <c>notebooks/</c> (executed copies) and <c>report/</c>.</summary>
    public required string OutputFolder { get; init; }

    /// <summary>Notebooks to run, as files or as the beginnings of names in the folder; all where empty.</summary>
    public IReadOnlyList<string> Notebooks { get; init; } = [];

    /// <summary>Time limit of each cell.</summary>
    public TimeSpan CellTimeLimit { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Whether a notebook that ran well is replaced by its executed copy.</summary>
    public bool InPlace { get; init; }

    /// <summary>Whether notebooks after a failed one are run too.</summary>
    public bool KeepGoing { get; init; }

    /// <summary>How many notebooks run at a time. They share the cores among them: each computes with as many threads as fall to it.</summary>
    public int Jobs { get; init; } = Environment.ProcessorCount;

    /// <summary>Whether exercises are run open, solved, or both.</summary>
    public NotebookMode Mode { get; init; }

    /// <summary>Folder with executed copies of an earlier run that must say the same; null where none is compared.</summary>
    public string? LikeFolder { get; init; }

    /// <summary>The files to run, in name order.</summary>
    /// <exception cref="ArgumentException">The time limit or the number of jobs is not positive, a notebook is not to be found or ambiguous, two have one name, there is none, or one has no copy to be compared with.</exception>
    public IReadOnlyList<string> FindNotebooks()
    {
        if (CellTimeLimit <= TimeSpan.Zero || CellTimeLimit > TimeSpan.FromDays(1))
            throw new ArgumentException($"--timeout {CellTimeLimit.TotalSeconds:0.###}: expected more than 0 and at most 86400 seconds.");

        if (Jobs < 1) throw new ArgumentException($"--jobs {Jobs}: expected at least 1, the number of notebooks that run at a time.");

        if (InPlace && Mode != NotebookMode.All)
            throw new ArgumentException($"--in-place with --mode {Mode.ToString().ToLowerInvariant()} would write notebooks without some of their cells. Leave one of the two out.");

        string[] all = Directory.Exists(NotebookFolder) ? [.. Directory.GetFiles(NotebookFolder, "*.ipynb").Order(StringComparer.Ordinal)] : [];
        if (Notebooks.Count == 0 && all.Length == 0)
            throw new ArgumentException($"There is no notebook (*.ipynb) in {NotebookFolder}.");

        string[] chosen = Notebooks.Count == 0 ? all : [.. Notebooks.SelectMany(n => Find(n, all)).Distinct()];
        if (chosen.GroupBy(Path.GetFileName).FirstOrDefault(g => g.Count() > 1) is { } twins)
            throw new ArgumentException($"Two notebooks are called {twins.Key}: {string.Join(" and ", twins)}. Their copies would overwrite each other; run them one by one.");
        if (LikeFolder is not null && Path.GetFullPath(LikeFolder) == Path.GetFullPath(Path.Combine(OutputFolder, "notebooks")))
            throw new ArgumentException($"--like {LikeFolder}: this run would overwrite the copies that it is to be compared with. Give another folder with --output.");
        if (LikeFolder is not null && chosen.FirstOrDefault(path => !File.Exists(Path.Combine(LikeFolder, Path.GetFileName(path)))) is { } missing)
            throw new ArgumentException($"--like {LikeFolder}: expected executed copies, such as OUTPUT/notebooks of an earlier run, and {Path.GetFileName(missing)} is not among them.");
        return chosen;
    }

    private IEnumerable<string> Find(string name, string[] all)
    {
        if (File.Exists(name)) return [Path.GetFullPath(name)];
        if (Directory.Exists(name)) return Directory.GetFiles(name, "*.ipynb").Select(Path.GetFullPath).Order(StringComparer.Ordinal);
        string[] fitting = [.. all.Where(path => Path.GetFileName(path).StartsWith(name, StringComparison.OrdinalIgnoreCase))];
        return fitting.Length == 1
            ? fitting
            : throw new ArgumentException(fitting.Length == 0
                ? $"There is no notebook {name}, neither as a file nor in {NotebookFolder}."
                : $"{name} may be {string.Join(" or ", fitting.Select(Path.GetFileName))}: write more of the name.");
    }
}
