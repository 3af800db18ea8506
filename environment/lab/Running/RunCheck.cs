using Cellar.Notebooks;
using UnetResnet.Lab.Results;

namespace UnetResnet.Lab.Running;

/// <summary>Notices cells that silently did not run: the executed copy is compared with the original, whoever claims success.</summary>
internal static class RunCheck
{
    /// <summary>What is wrong with a copy that is said to be executed; null when every cell that should have run did.</summary>
    public static CellFailure? Verify(NotebookDocument original, NotebookDocument executed)
    {
        NotebookCell[] before = [.. original.Cells.Where(c => c.IsCode)];
        NotebookCell[] after = [.. executed.Cells.Where(c => c.IsCode)];
        if (before.Length != after.Length)
            return Failed(null, $"The executed copy has {after.Length} code cells, the notebook {before.Length}.");

        int ran = 0;
        int latest = 0;
        for (int i = 0; i < before.Length; i++)
        {
            if (before[i].Source != after[i].Source) return Failed(before[i], "The executed copy has another text in this cell.");
            if (before[i].IsBlank || before[i].HasTag("skip-execution")) continue;
            if (after[i].ExecutionCount is not { } count || !after[i].Metadata.ContainsKey("execution")) return Failed(before[i], "The cell did not run.");
            if (count <= latest) return Failed(before[i], "The cell did not run in its turn.");
            latest = count;
            ran++;
        }

        return ran > 0 ? null : Failed(null, "Not one cell ran: the notebook has no code, or all of it is tagged skip-execution.");
    }

    private static CellFailure Failed(NotebookCell? cell, string message) =>
        new(cell?.Number, null, cell?.Source.Split('\n')[0], "CellsDidNotRun", message, []);
}
