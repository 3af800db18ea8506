namespace UnetResnet.Lab.Results;

/// <summary>How one notebook ran.</summary>
internal sealed record NotebookResult
{
    /// <summary>File name without <c>.ipynb</c>.</summary>
    public required string Notebook { get; init; }

    /// <summary>Code cells that should run: blank ones and those tagged <c>skip-execution</c> do not count.</summary>
    public required int Cells { get; init; }

    /// <summary>Code cells that ran, a failing one included.</summary>
    public required int Executed { get; init; }

    /// <summary>Code cells tagged <c>skip-execution</c>.</summary>
    public int Skipped { get; init; }

    /// <summary>Wall-clock seconds, the start of the process included.</summary>
    public double Seconds { get; init; }

    /// <summary>Most physical memory the notebook's process has held at a time; 0 where unknown.</summary>
    public long PeakMemoryBytes { get; init; }

    /// <summary>Null when every cell did what it should.</summary>
    public CellFailure? Failure { get; init; }

    public bool Succeeded => Failure is null;
}

/// <summary>Why a notebook failed.</summary>
/// <param name="Cell">Number of the code cell, from 1; null where no cell is to blame.</param>
/// <param name="Line">Line of the cell, from 1.</param>
/// <param name="SourceLine">The text of that line.</param>
/// <param name="Name">Type of the exception.</param>
/// <param name="Message">Its message.</param>
/// <param name="Traceback">Diagnostics with carets, or the stack.</param>
internal sealed record CellFailure(int? Cell, int? Line, string? SourceLine, string Name, string Message, IReadOnlyList<string> Traceback)
{
    /// <summary>Whose fault it is, which decides the exit code.</summary>
    public FailureKind Kind { get; init; }
}

/// <summary>Whose fault a failure is.</summary>
internal enum FailureKind
{
    /// <summary>The notebook's: an exception, a crash, a cell that did not run.</summary>
    Notebook,

    /// <summary>A cell took longer than its time limit.</summary>
    TimeLimit,

    /// <summary>The machine's: memory, disk, somebody who kills processes.</summary>
    Machine,
}
