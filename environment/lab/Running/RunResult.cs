using UnetResnet.Lab.Results;

namespace UnetResnet.Lab.Running;

/// <summary>A run from its first notebook to its summary.</summary>
/// <param name="Results">One for each notebook that was begun.</param>
/// <param name="Report">The report's first page; null where it could not be written.</param>
internal sealed record RunResult(IReadOnlyList<NotebookResult> Results, string? Report)
{
    /// <summary>See <see cref="RunExitCode"/>.</summary>
    public int ExitCode => RunExitCode.Of(Results, Report is not null);
}
