using System.Buffers.Binary;

namespace UnetResnet.Fuzz;

/// <summary>Damages a file in the ways that hurt parsers: single bits, lengths and offsets at their limits, pieces left out, repeated or moved, a missing end.</summary>
internal static class Mutation
{
    private static readonly byte[] Bytes = [0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF, (byte)'0', (byte)'9', (byte)'"', (byte)'[', (byte)'{', (byte)'-', (byte)'.', (byte)'('];

    private static readonly long[] Numbers =
        [0, 1, -1, 8, 255, 256, 65535, 1 << 20, int.MaxValue, int.MinValue, uint.MaxValue, 1L << 32, 1L << 40, long.MaxValue, long.MinValue, long.MaxValue / 4];

    /// <summary>A damaged copy.</summary>
    /// <param name="valid">The file; not changed.</param>
    /// <param name="random">Decides everything.</param>
    internal static byte[] Of(byte[] valid, Random random)
    {
        var bytes = new List<byte>(valid);
        // Mostly one or two: more of them are refused at the first.
        for (int left = 1 + (int)(8 * Math.Pow(random.NextDouble(), 4)); left > 0 && bytes.Count > 0; left--) Once(bytes, random);
        return [.. bytes];
    }

    private static void Once(List<byte> bytes, Random random)
    {
        int at = random.Next(bytes.Count);
        // Half of them not where a format has put zeros to fill up.
        if (random.Next(2) == 0) for (int tries = 0; tries < 20 && bytes[at] == 0; tries++) at = random.Next(bytes.Count);
        int length = Math.Min(1 << random.Next(9), bytes.Count - at);
        switch (random.Next(10))
        {
            case 0:
                bytes[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1:
                bytes[at] = (byte)random.Next(256);
                break;
            case 2:
                bytes[at] = Bytes[random.Next(Bytes.Length)];
                break;
            case 3:
                bytes[at] = (byte)(bytes[at] + random.Next(-2, 3));
                break;
            case 4 or 5:
                // Half of them where numbers stand: at multiples of four.
                if (random.Next(2) == 0) at &= ~3;
                var number = new byte[8];
                BinaryPrimitives.WriteInt64LittleEndian(number, Numbers[random.Next(Numbers.Length)] + random.Next(-1, 2));
                for (int i = 0; i < 1 << random.Next(1, 4) && at + i < bytes.Count; i++) bytes[at + i] = number[i];
                break;
            case 6:
                bytes.RemoveRange(at, length);
                break;
            case 7:
                bytes.InsertRange(random.Next(bytes.Count + 1), bytes.GetRange(at, length));
                break;
            case 8:
                // One piece over another: addresses and names that were valid elsewhere.
                List<byte> piece = bytes.GetRange(at, length);
                int to = random.Next(bytes.Count - length + 1);
                for (int i = 0; i < length; i++) bytes[to + i] = piece[i];
                break;
            default:
                bytes.RemoveRange(at, random.Next(4) == 0 ? bytes.Count - at : Math.Min(1, bytes.Count - at));
                break;
        }
    }
}
