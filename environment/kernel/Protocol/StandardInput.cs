using System.Text.Json.Nodes;

namespace Cellar.Protocol;

/// <summary>Asks the front end that runs the current cell for a line of text.</summary>
internal sealed class StandardInput(KernelSockets sockets)
{
    private volatile TaskCompletionSource<string>? pending;

    /// <summary>Asks, and blocks until the answer is there or the thread is interrupted.</summary>
    /// <exception cref="InvalidOperationException">The front end cannot be asked.</exception>
    public string Ask(KernelMessage execution, string prompt, bool hidden)
    {
        if (!execution.Flag("allow_stdin", false))
            throw new InvalidOperationException("This front end does not answer questions (allow_stdin is false): give the value in the code instead.");
        var answer = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        pending = answer;
        try
        {
            sockets.Send(KernelChannel.Stdin, execution.Identities, "input_request", new JsonObject { ["prompt"] = prompt, ["password"] = hidden }, execution.Header);
            return answer.Task.GetAwaiter().GetResult();
        }
        finally
        {
            pending = null;
        }
    }

    /// <summary>Takes an <c>input_reply</c>; one that nobody waits for is ignored.</summary>
    public void Answer(KernelMessage reply) => pending?.TrySetResult(reply.Text("value"));
}
