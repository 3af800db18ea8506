namespace UnetResnet.Weights.Hdf5;

/// <summary>B-trees of version 1, which hold the names of groups (type 0) and the places of chunks (type 1).</summary>
internal static class Hdf5Tree
{
    /// <summary>What the lowest level points to, each with the key before it.</summary>
    /// <exception cref="InvalidDataException">The tree is damaged, or has a circle.</exception>
    internal static List<(byte[] Key, ulong Address)> Leaves(Hdf5File file, ulong root, int type, int keySize)
    {
        var leaves = new List<(byte[], ulong)>();
        var open = new Stack<ulong>([root]);
        var seen = new HashSet<ulong>();
        while (open.TryPop(out ulong address))
        {
            if (!seen.Add(address)) throw new InvalidDataException("one of its trees runs in circles");
            var header = new ByteReader(file.Structure(address, 24));
            header.Signature("TREE"u8);
            if (header.Byte() is var found && found != type) throw new InvalidDataException($"one of its trees has type {found} instead of {type}");
            byte level = header.Byte();
            ulong entries = header.UInt16();
            var reader = new ByteReader(file.Structure(address + 24, entries * (ulong)(keySize + 8)));
            for (ulong i = 0; i < entries; i++)
            {
                byte[] key = reader.Bytes((ulong)keySize).ToArray();
                ulong child = reader.UInt64();
                if (level > 0) open.Push(child);
                else leaves.Add((key, child));
            }
        }

        return leaves;
    }
}
