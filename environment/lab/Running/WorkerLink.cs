using System.Diagnostics;
using System.IO.Pipes;
using System.Text;

namespace UnetResnet.Lab.Running;

/// <summary>
/// What connects <c>lab run</c> with the process that executes a notebook: a pipe for messages, and one that carries nothing and ends with <c>lab run</c>. The standard
/// streams belong to the notebook's code and to native libraries, which may write anything there.
/// </summary>
internal sealed class WorkerLink : IDisposable
{
    /// <summary>One process at a time: another that started between the two would inherit its ends of the pipes, which then did not end with it.</summary>
    private static readonly Lock Starting = new();

    private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private AnonymousPipeServerStream? messages, life;

    /// <summary>Ends when the last message has been read.</summary>
    public Task Ended => ended.Task;

    /// <summary>Starts the process, with two arguments by which it finds its ends.</summary>
    /// <exception cref="System.ComponentModel.Win32Exception">It could not be started.</exception>
    public void Start(Process process)
    {
        lock (Starting)
        {
            messages = new AnonymousPipeServerStream(PipeDirection.In, HandleInheritability.Inheritable);
            life = new AnonymousPipeServerStream(PipeDirection.Out, HandleInheritability.Inheritable);
            foreach (string argument in (string[])["--messages", messages.GetClientHandleAsString(), "--life", life.GetClientHandleAsString()]) process.StartInfo.ArgumentList.Add(argument);
            try
            {
                process.Start();
            }
            finally
            {
                messages.DisposeLocalCopyOfClientHandle();
                life.DisposeLocalCopyOfClientHandle();
            }
        }
    }

    /// <summary>Listens; to be called when the process has been started.</summary>
    /// <param name="hear">Takes each message, on a thread of its own.</param>
    public void Listen(Action<WorkerMessage> hear)
    {
        new Thread(() =>
        {
            try
            {
                using var reader = new StreamReader(messages!, Encoding.UTF8);
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
        life?.Dispose();
        if (Ended.IsCompleted) messages?.Dispose(); // else its thread still reads, and has it until the pipe ends
    }

    /// <summary>The process's ends: takes messages, and ends the process with all its children when <c>lab run</c> is no more, however that came to be.</summary>
    /// <param name="messages">Handle from the argument of that name.</param>
    /// <param name="life">Handle from the argument of that name.</param>
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
