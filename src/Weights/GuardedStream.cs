using System.Runtime.CompilerServices;

namespace UnetResnet.Weights;

/// <summary>
/// A read-only stream for parsers that trust their file: ends endless loops and endless recursion over damaged files with an exception, because both read.
/// The number of reads and of bytes is limited to a multiple of what an honest file of this length can need.
/// </summary>
internal sealed class GuardedStream(Stream file) : Stream
{
    /// <summary>Metadata are read several times, but a file is not read a hundred times over.</summary>
    private long bytesLeft = 20 * file.Length + (1 << 20);

    private long readsLeft = 2 * file.Length + 100_000;

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => file.Length;

    public override long Position
    {
        get => file.Position;
        set => Seek(value, SeekOrigin.Begin);
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        if (--readsLeft < 0 || (bytesLeft -= buffer.Length) < 0) throw new InvalidDataException("its structure runs in circles");
        // At the end, a parser that does not look at the count would read zeros for ever.
        int read = file.Read(buffer);
        if (read == 0 && buffer.Length > 0) throw new EndOfStreamException("it ends too early");
        return read;
    }

    public override long Seek(long offset, SeekOrigin origin)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        long target = origin switch { SeekOrigin.Begin => offset, SeekOrigin.Current => file.Position + offset, _ => file.Length + offset };
        if (target < 0 || target > file.Length) throw new EndOfStreamException($"it points to byte {target} of {file.Length}");
        return file.Position == target ? target : file.Seek(target, SeekOrigin.Begin);
    }

    public override void Flush() { }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
