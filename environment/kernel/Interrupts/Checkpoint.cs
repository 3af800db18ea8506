using System.ComponentModel;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Cellar.Interrupts;

/// <summary>
/// What the code of cells looks at at the beginning of every function, and in every turn of a loop: <see cref="CheckpointWriter"/> puts
/// <c>if (Checkpoint.Requested) Checkpoint.Stop();</c> or a look at a <see cref="Flag"/> there. Not meant to be called by hand.
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

    private static readonly StopFlag Never = new();

    [ThreadStatic]
    private static int cleaning;

    [ThreadStatic]
    private static StopSignal? current;

    [ThreadStatic]
    private static StopFlag? flag;

    [ThreadStatic]
    private static long breathed;

    /// <summary>What the loops of the calling code look at: set when its execution is to stop, and in blocks that clean up at the second request only.</summary>
    public static StopFlag Flag => flag ?? Never;

    /// <summary>Stops the calling code, whose flag is set.</summary>
    /// <exception cref="CellStoppedException">Always. The compiler knows: whatever calls it is out of a loop's way.</exception>
    [DoesNotReturn]
    public static void Throw() => throw new CellStoppedException();

    /// <summary>Stops the calling code if it belongs to an execution that is to stop. Blocks that clean up are let through until there is a second request.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Stop()
    {
        if (current is { IsAsked: true } signal && (cleaning == 0 || signal.IsInsisted)) throw new CellStoppedException();
    }

    /// <summary>As <see cref="Stop"/>, after an expression has been evaluated: for the clauses of queries, which are functions without a body of their own.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Pass<T>(T value)
    {
        if (Requested) Stop();
        return value;
    }

    /// <summary>
    /// What an <c>await</c> waits for: the end of the task, or the request to stop, whichever comes first. Functions of cells are waited for: they end by their own awaits, so
    /// that the inner <c>finally</c> blocks run before the outer ones.
    /// </summary>
    public static Task Wait(Task task) => MayLeave(task) ? Leave(WithValue(task), current!.Token) : task;

    /// <summary>As <see cref="Wait(Task)"/>.</summary>
    public static Task<T> Wait<T>(Task<T> task) => MayLeave(task) ? Leave(task, current!.Token) : task;

    /// <summary>As <see cref="Wait(Task)"/>.</summary>
    public static ValueTask Wait(ValueTask task) => task.IsCompleted ? task : new ValueTask(Wait(task.AsTask()));

    /// <summary>As <see cref="Wait(Task)"/>.</summary>
    public static ValueTask<T> Wait<T>(ValueTask<T> task) => task.IsCompleted ? task : new ValueTask<T>(Wait(task.AsTask()));

    /// <summary>Of other things nobody knows how to stop waiting for them.</summary>
    public static T Wait<T>(T other) where T : allows ref struct => other;

    /// <summary>What an <c>await</c> that cleans up waits for: the task. The cell is given a moment to get so far.</summary>
    public static Task WaitToClean(Task task) => task is { IsCompleted: false } && current is { } signal ? signal.WaitToClean(WithValue(task)) : task;

    /// <summary>As <see cref="WaitToClean(Task)"/>.</summary>
    public static Task<T> WaitToClean<T>(Task<T> task) => task is { IsCompleted: false } && current is { } signal ? signal.WaitToClean(task) : task;

    /// <summary>As <see cref="WaitToClean(Task)"/>.</summary>
    public static ValueTask WaitToClean(ValueTask task) => task.IsCompleted ? task : new ValueTask(WaitToClean(task.AsTask()));

    /// <summary>As <see cref="WaitToClean(Task)"/>.</summary>
    public static ValueTask<T> WaitToClean<T>(ValueTask<T> task) => task.IsCompleted ? task : new ValueTask<T>(WaitToClean(task.AsTask()));

    /// <summary>As <see cref="Wait{T}(T)"/>.</summary>
    public static T WaitToClean<T>(T other) where T : allows ref struct => other;

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
    public static void BeginCleaning()
    {
        cleaning++;
        Update();
    }

    /// <summary>And ends.</summary>
    public static void EndCleaning()
    {
        cleaning--;
        Update();
    }

    /// <summary>From now on the calling thread works for this execution, or for none.</summary>
    internal static void Follow(StopSignal? signal)
    {
        current = signal;
        Update();
    }

    /// <summary>Whether a task is one to leave where it is when the execution is to stop.</summary>
    private static bool MayLeave(Task? task) => task is { IsCompleted: false } && current is not null && !IsOwn(task);

    /// <summary>Whether a task is an asynchronous function of a cell, whose assembly comes from no file.</summary>
    private static bool IsOwn(Task task) =>
        task.GetType() is { IsGenericType: true } type && type.GenericTypeArguments[^1] is var machine && machine.IsAssignableTo(typeof(IAsyncStateMachine)) && machine.Assembly is { IsDynamic: false, Location: "" };

    /// <summary>Ends with the task, or with the request. What waits on threads of the pool then goes on there, and not on the thread that asks.</summary>
    private static Task<T> Leave<T>(Task<T> task, CancellationToken request)
    {
        var ended = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        CancellationTokenRegistration asked = request.UnsafeRegister(static (ended, request) => ((TaskCompletionSource<T>)ended!).TrySetCanceled(request), ended);
        task.ContinueWith(
            task =>
            {
                asked.Dispose();
                ended.TrySetFromTask(task);
            },
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
        return ended.Task;
    }

    private static async Task<bool> WithValue(Task task)
    {
        await task.ConfigureAwait(false);
        return true;
    }

    private static void Update() => flag = cleaning == 0 ? current?.Asked : current?.Insisted;

    private static void Breathe()
    {
        if (Environment.TickCount64 - breathed < Breath) return;
        Thread.Sleep(1);
        breathed = Environment.TickCount64;
    }
}
