using System.IO.Pipes;
using System.Text;

namespace UnetResnet.Lab.Running;

/// <summary>
/// What connects <c>lab run</c> with the process that executes a notebook: a pipe for messages, and one that carries nothing and ends with <c>lab run</c>. The standard
/// streams belong to the notebook's code and to native libraries, which may write anything there.
/// </summary>
internal sealed class WorkerLink : IDisposable
{
    private readonly AnonymousPipeServerStream messages = new(PipeDirection.In, HandleInheritability.Inheritable);
    private readonly AnonymousPipeServerStream life = new(PipeDirection.Out, HandleInheritability.Inheritable);
    private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What the process must be told to find its ends.</summary>
    public IEnumerable<string> Arguments => ["--messages", messages.GetClientHandleAsString(), "--life", life.GetClientHandleAsString()];

    /// <summary>Ends when the last message has been read.</summary>
    public Task Ended => ended.Task;

    /// <summary>Listens; to be called when the process has been started.</summary>
    /// <param name="hear">Takes each message, on a thread of its own.</param>
    public void Listen(Action<WorkerMessage> hear)
    {
        messages.DisposeLocalCopyOfClientHandle();
        life.DisposeLocalCopyOfClientHandle();
        new Thread(() =>
        {
            try
            {
                using var reader = new StreamReader(messages, Encoding.UTF8);
                while (reader.ReadLine() is { } line)
                    if (WorkerMessage.FromLine(line) is { } message) hear(message);
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException)
            {
                // The process has been killed in the middle of a message.
            }

            ended.TrySetResult();
        })
        { IsBackground = true, Name = "messages of a notebook" }.Start();
    }

    public void Dispose()
    {
        life.Dispose();
        if (Ended.IsCompleted) messages.Dispose(); // else its thread still reads, and has it until the pipe ends
    }

    /// <summary>The process's ends: takes messages, and ends the process with all its children when <c>lab run</c> is no more, however that came to be.</summary>
    /// <param name="messages">Handle from <see cref="Arguments"/>.</param>
    /// <param name="life">Handle from <see cref="Arguments"/>.</param>
    public static TextWriter Join(string messages, string life)
    {
        ProcessGroup.Lead();
        var outgoing = new AnonymousPipeClientStream(PipeDirection.Out, messages);
        var alive = new AnonymousPipeClientStream(PipeDirection.In, life);
        ProcessGroup.KeepFromChildren(outgoing.SafePipeHandle);
        ProcessGroup.KeepFromChildren(alive.SafePipeHandle);
        new Thread(() =>
        {
            _ = alive.ReadByte(); // nothing is ever sent
            ProcessGroup.Kill(Environment.ProcessId);
            Environment.Exit(1); // Windows
        })
        { IsBackground = true, Name = "end of lab run" }.Start();
        return TextWriter.Synchronized(new StreamWriter(outgoing, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { AutoFlush = true, NewLine = "\n" });
    }
}
