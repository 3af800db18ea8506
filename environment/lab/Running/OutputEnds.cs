using System.Text;

namespace UnetResnet.Lab.Running;

/// <summary>Keeps the first and the last lines of what a process prints, and no more than that, however much it is.</summary>
internal sealed class OutputEnds
{
    /// <summary>Lines kept at each end.</summary>
    public const int Lines = 20;

    /// <summary>Characters kept of a line.</summary>
    public const int Width = 500;

    private readonly Lock gate = new();
    private readonly List<string> first = [];
    private readonly Queue<string> last = new();
    private readonly List<string> reasons = [];
    private long leftOut;
    private bool announced;

    /// <summary>Reads a stream to its end.</summary>
    public async Task ReadAsync(TextReader reader)
    {
        var buffer = new char[4096];
        var line = new StringBuilder();
        bool open = false;
        try
        {
            for (int count; (count = await reader.ReadAsync(buffer)) > 0;)
            {
                foreach (char c in buffer.AsSpan(0, count))
                {
                    open = c != '\n';
                    if (!open)
                    {
                        Add(line.ToString());
                        line.Clear();
                    }
                    else if (line.Length < Width && c != '\r')
                    {
                        line.Append(char.IsControl(c) && c != '\t' ? '\uFFFD' : c);
                    }
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The process has ended, or is not listened to any longer.
        }

        if (open) Add(line.ToString());
    }

    /// <summary>The lines, with one between the ends that tells how many are missing.</summary>
    public IReadOnlyList<string> ToList()
    {
        lock (gate) return leftOut == 0 ? [.. first, .. last] : [.. first, $"… {leftOut} lines …", .. last];
    }

    /// <summary>The lines in which the runtime says why it gives up, wherever among the others they were.</summary>
    public IReadOnlyList<string> Reasons
    {
        get
        {
            lock (gate) return [.. reasons];
        }
    }

    private void Add(string line)
    {
        lock (gate)
        {
            if (announced && !line.StartsWith("   at ", StringComparison.Ordinal)) reasons[^1] = $"{reasons[^1]} {line.Trim()}";
            announced = reasons.Count < Lines && WorkerDeath.IsReason(line);
            if (announced) reasons.Add(line);
            announced &= line.EndsWith('.'); // "Process terminated." and its message are two lines
            if (first.Count < Lines)
            {
                first.Add(line);
                return;
            }

            last.Enqueue(line);
            if (last.Count <= Lines) return;
            last.Dequeue();
            leftOut++;
        }
    }
}
