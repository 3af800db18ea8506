using System.ComponentModel;

namespace Cellar.Interrupts;

/// <summary>Tells the loops of one execution to stop.</summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public sealed class StopFlag
{
    /// <summary>Whether they are to stop. Volatile, so that the compiler cannot take the read out of a loop; on x86 that is a plain read.</summary>
    public volatile bool Asked;
}
