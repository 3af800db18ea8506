using System.Text.Json;
using UnetResnet.Lab.Results;

namespace UnetResnet.Lab.Running;

/// <summary>What the process that executes a notebook tells the one that started it, as one line of JSON on a pipe of their own (<see cref="WorkerLink"/>).</summary>
internal sealed record WorkerMessage
{
    /// <summary>Number of the code cell that begins or has ended.</summary>
    public int Cell { get; init; }

    /// <summary>Its place among the cells to run, from 1.</summary>
    public int Index { get; init; }

    /// <summary>How many cells there are to run.</summary>
    public int Count { get; init; }

    /// <summary>Whether the cell has ended.</summary>
    public bool Done { get; init; }

    public long PeakMemoryBytes { get; init; }

    /// <summary>The process has been asked to end: by <c>Environment.Exit</c>, or by SIGTERM.</summary>
    public bool Exiting { get; init; }

    /// <summary>The last message only: how the notebook ran.</summary>
    public NotebookResult? Result { get; init; }

    public string ToLine() => JsonSerializer.Serialize(this);

    /// <summary>Reads a line; null where it broke off because its process ended.</summary>
    public static WorkerMessage? FromLine(string line)
    {
        try
        {
            return JsonSerializer.Deserialize<WorkerMessage>(line);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
