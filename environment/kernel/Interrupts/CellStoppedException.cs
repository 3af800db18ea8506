namespace Cellar.Interrupts;

/// <summary>Thrown in the code of a cell that is to stop. Whoever catches it gets it again at the next loop or call.</summary>
internal sealed class CellStoppedException() : OperationCanceledException("The cell was interrupted.");
