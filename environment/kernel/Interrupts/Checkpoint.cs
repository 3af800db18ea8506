using System.ComponentModel;
using System.Runtime.CompilerServices;

namespace Cellar.Interrupts;

/// <summary>
/// What the code of cells looks at in every turn of a loop and at the beginning of every function: <see cref="CheckpointWriter"/> puts
/// <c>if (Checkpoint.Requested) Checkpoint.Stop();</c> there. Not meant to be called by hand.
/// </summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public static class Checkpoint
{
    /// <summary>
    /// Whether some execution is to stop. Volatile, so that the compiler cannot take the read out of a loop; on x86 that is a plain read.
    /// </summary>
    public static volatile bool Requested;

    /// <summary>How long a thread may collect garbage again and again before others get their turn, in milliseconds.</summary>
    private const int Breath = 20;

    [ThreadStatic]
    private static int cleaning;

    [ThreadStatic]
    private static long breathed;

    /// <summary>Stops the calling code if it belongs to an execution that is to stop. Blocks that clean up are let through until there is a second request.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Stop()
    {
        if (StopSignal.Current is { IsAsked: true } signal && (cleaning == 0 || signal.IsInsisted)) throw new CellStoppedException();
    }

    /// <summary>As <see cref="Stop"/>, after an expression has been evaluated: for the clauses of queries, which are functions without a body of their own.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Pass<T>(T value)
    {
        if (Requested) Stop();
        return value;
    }

    /// <summary>As <see cref="GC.Collect()"/>. Between two collections other threads have no time to wake up: a loop of them would keep interrupts out, so it pauses now and then.</summary>
    public static void Collect()
    {
        GC.Collect();
        Breathe();
    }

    /// <summary>As <see cref="GC.Collect(int)"/>.</summary>
    public static void Collect(int generation)
    {
        GC.Collect(generation);
        Breathe();
    }

    /// <summary>As <see cref="GC.Collect(int, GCCollectionMode)"/>.</summary>
    public static void Collect(int generation, GCCollectionMode mode)
    {
        GC.Collect(generation, mode);
        Breathe();
    }

    /// <summary>As <see cref="GC.Collect(int, GCCollectionMode, bool)"/>.</summary>
    public static void Collect(int generation, GCCollectionMode mode, bool blocking)
    {
        GC.Collect(generation, mode, blocking);
        Breathe();
    }

    /// <summary>As <see cref="GC.Collect(int, GCCollectionMode, bool, bool)"/>.</summary>
    public static void Collect(int generation, GCCollectionMode mode, bool blocking, bool compacting)
    {
        GC.Collect(generation, mode, blocking, compacting);
        Breathe();
    }

    /// <summary>A block that cleans up begins.</summary>
    public static void BeginCleaning() => cleaning++;

    /// <summary>And ends.</summary>
    public static void EndCleaning() => cleaning--;

    private static void Breathe()
    {
        if (Environment.TickCount64 - breathed < Breath) return;
        Thread.Sleep(1);
        breathed = Environment.TickCount64;
    }
}
