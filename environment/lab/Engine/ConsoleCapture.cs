using System.Text;

namespace UnetResnet.Lab.Engine;

/// <summary>Sends what is written to <see cref="Console.Out"/> and <see cref="Console.Error"/> to the cell that writes it; outside cells the console stays as it was.</summary>
internal static class ConsoleCapture
{
    private static readonly Lock Gate = new();

    /// <summary>Takes over the console of this process; repeated calls change nothing.</summary>
    public static void Install()
    {
        lock (Gate)
        {
            // Somebody (a test host, say) may have set a writer of its own since: look at what is there now.
            if (!installed.Contains(Console.Out)) installed.Add(Replace(Console.Out, "stdout", Console.SetOut, () => Console.Out));
            if (!installed.Contains(Console.Error)) installed.Add(Replace(Console.Error, "stderr", Console.SetError, () => Console.Error));
        }
    }

    private static readonly HashSet<TextWriter> installed = new(ReferenceEqualityComparer.Instance);

    private static TextWriter Replace(TextWriter original, string name, Action<TextWriter> set, Func<TextWriter> get)
    {
        set(new CellWriter(original, name));
        return get(); // the console wraps what it is given
    }

    private sealed class CellWriter(TextWriter original, string name) : TextWriter
    {
        public override Encoding Encoding => original.Encoding;

        public override void Write(char value) => Write(value.ToString());

        public override void Write(char[] buffer, int index, int count) => Write(new string(buffer, index, count));

        public override void Write(ReadOnlySpan<char> buffer) => Write(buffer.ToString());

        public override void WriteLine() => Write("\n");

        public override void WriteLine(string? value) => Write(value + "\n");

        public override void Write(string? value)
        {
            if (string.IsNullOrEmpty(value)) return;
            if (CellScope.Current is { } cell) cell.Emit(new StreamOutput(name, value));
            else original.Write(value);
        }

        public override void Flush() => original.Flush();
    }
}
