using System.Text;

namespace Cellar.Engine;

/// <summary>
/// Sends what is written to <see cref="Console.Out"/> and <see cref="Console.Error"/> to the cell that writes it, and reads
/// <see cref="Console.In"/> from whoever shows that cell; outside cells the console stays as it was.
/// </summary>
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
            if (!readers.Contains(Console.In))
            {
                Console.SetIn(new CellReader(Console.In));
                readers.Add(Console.In);
            }

            if (!installed.Contains(Console.Error)) installed.Add(Replace(Console.Error, "stderr", Console.SetError, () => Console.Error));
        }
    }

    private static readonly HashSet<TextWriter> installed = new(ReferenceEqualityComparer.Instance);

    private static readonly HashSet<TextReader> readers = new(ReferenceEqualityComparer.Instance);

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
            if (CellScope.Current is { } cell) cell.Show(new StreamOutput(name, value));
            else original.Write(value);
        }

        public override void Flush() => original.Flush();
    }

    /// <summary>Input comes by the line, as front ends give it.</summary>
    private sealed class CellReader(TextReader original) : TextReader
    {
        private string rest = "";

        public override int Peek() => Filled() ? rest.Length == 0 ? -1 : rest[0] : original.Peek();

        public override int Read()
        {
            if (!Filled()) return original.Read();
            int first = rest[0];
            rest = rest[1..];
            return first;
        }

        public override string? ReadLine()
        {
            if (!Filled()) return original.ReadLine();
            string line = rest[..^1];
            rest = "";
            return line;
        }

        /// <summary>Whether there is, now, a line that a front end gave.</summary>
        private bool Filled()
        {
            if (rest.Length == 0 && CellScope.Current is { CanAsk: true } cell) rest = cell.Ask("", hidden: false) + "\n";
            return rest.Length > 0;
        }
    }
}
