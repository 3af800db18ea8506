using System.Text.Json;

namespace UnetResnet.Lab.Running;

/// <summary>What the process that executes a notebook tells the one that started it.</summary>
/// <remarks>
/// One line of JSON on standard output behind the control character <em>record separator</em> (RFC 7464), so that whatever native code
/// prints there can be told apart.
/// </remarks>
internal sealed record WorkerMessage
{
    private const char Separator = '\u001e';

    /// <summary>Number of the code cell that begins or has ended.</summary>
    public int Cell { get; init; }

    /// <summary>Its place among the cells to run, from 1.</summary>
    public int Index { get; init; }

    /// <summary>How many cells there are to run.</summary>
    public int Count { get; init; }

    /// <summary>Whether the cell has ended.</summary>
    public bool Done { get; init; }

    public long PeakMemoryBytes { get; init; }

    /// <summary>The last message only: how the notebook ran.</summary>
    public NotebookResult? Result { get; init; }

    public string ToLine() => Separator + JsonSerializer.Serialize(this);

    /// <summary>Reads a line; null where it is none of ours.</summary>
    public static WorkerMessage? FromLine(string line)
    {
        int start = line.IndexOf(Separator);
        return start < 0 ? null : JsonSerializer.Deserialize<WorkerMessage>(line.AsSpan(start + 1));
    }
}
