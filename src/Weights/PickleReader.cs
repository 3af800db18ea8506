using System.Buffers.Binary;
using System.Text;

namespace UnetResnet.Weights;

/// <summary>A name that a pickle refers to, for example <c>collections OrderedDict</c>. Never looked up in anything.</summary>
internal sealed record PickleGlobal(string Module, string Name)
{
    public override string ToString() => $"{Module}.{Name}";
}

/// <summary>
/// The small part of Python's pickle (protocol 2) that <c>torch.save</c> uses for a state dict. Pickles are programs; this machine only builds text,
/// numbers, lists, tuples and dictionaries, and hands the rest to its caller. Anything else is refused by name, and nothing is executed.
/// </summary>
/// <param name="bytes">The pickle.</param>
/// <param name="resolve">Turns a persistent id into a value.</param>
/// <param name="call">Applies a global to arguments, or refuses.</param>
internal sealed class PickleReader(byte[] bytes, Func<object?, object> resolve, Func<PickleGlobal, object?[], object> call)
{
    private static readonly object Mark = new();

    private readonly Stack<object?> stack = [];
    private readonly Dictionary<uint, object?> memo = [];
    private int position;

    /// <summary>Runs to the end.</summary>
    /// <exception cref="InvalidDataException">The pickle is damaged or asks for more than data.</exception>
    internal object? Read()
    {
        while (true)
        {
            byte opcode = Take(1)[0];
            switch ((char)opcode)
            {
                case '.': return Pop();
                case '\u0080': Protocol(Take(1)[0]); break;
                case '(': stack.Push(Mark); break;
                case '}': stack.Push(new Dictionary<object, object?>()); break;
                case ']': stack.Push(new List<object?>()); break;
                case ')': stack.Push(Array.Empty<object?>()); break;
                case 'N': stack.Push(null); break;
                case '\u0088': stack.Push(true); break;
                case '\u0089': stack.Push(false); break;
                case 'K': stack.Push((long)Take(1)[0]); break;
                case 'M': stack.Push((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2))); break;
                case 'J': stack.Push((long)BinaryPrimitives.ReadInt32LittleEndian(Take(4))); break;
                case '\u008a': stack.Push(Long(Take(Take(1)[0]))); break;
                case 'G': stack.Push(BinaryPrimitives.ReadDoubleBigEndian(Take(8))); break;
                case 'X': stack.Push(Encoding.UTF8.GetString(Take(Length(Take(4))))); break;
                case 'q': memo[Take(1)[0]] = Peek(); break;
                case 'r': memo[BinaryPrimitives.ReadUInt32LittleEndian(Take(4))] = Peek(); break;
                case 'h': stack.Push(Recall(Take(1)[0])); break;
                case 'j': stack.Push(Recall(BinaryPrimitives.ReadUInt32LittleEndian(Take(4)))); break;
                case 'c': stack.Push(new PickleGlobal(Line(), Line())); break;
                case 't': stack.Push(PopToMark()); break;
                case '\u0085': stack.Push(PopMany(1)); break;
                case '\u0086': stack.Push(PopMany(2)); break;
                case '\u0087': stack.Push(PopMany(3)); break;
                case 'a': Append(PopMany(1)); break;
                case 'e': Append(PopToMark()); break;
                case 's': SetItems(PopMany(2)); break;
                case 'u': SetItems(PopToMark()); break;
                case 'Q': stack.Push(resolve(Pop())); break;
                // Making an object of a class is a call like any other.
                case 'R' or '\u0081': Reduce(); break;
                // Attributes of an ordered dictionary (torch's _metadata) are no weights.
                case 'b': Pop(); if (Peek() is not Dictionary<object, object?>) throw new InvalidDataException("its pickle sets attributes of something that is no dictionary"); break;
                default: throw new InvalidDataException($"its pickle uses opcode 0x{opcode:x2} at byte {position - 1}, which a state dict does not need");
            }
        }
    }

    private static void Protocol(byte version)
    {
        if (version != 2) throw new InvalidDataException($"its pickle has protocol {version} instead of 2");
    }

    private void Reduce()
    {
        object?[] arguments = Pop() as object?[] ?? throw new InvalidDataException("its pickle calls something without a tuple of arguments");
        PickleGlobal global = Pop() as PickleGlobal ?? throw new InvalidDataException("its pickle calls something that is no name");
        stack.Push(call(global, arguments));
    }

    private void Append(object?[] items)
    {
        if (Peek() is not List<object?> list) throw new InvalidDataException("its pickle appends to something that is no list");
        list.AddRange(items);
    }

    private void SetItems(object?[] items)
    {
        if (Peek() is not Dictionary<object, object?> target || items.Length % 2 != 0) throw new InvalidDataException("its pickle fills something that is no dictionary");
        Filled(target, items);
    }

    /// <summary>A dictionary with keys and values, one after the other, added.</summary>
    /// <exception cref="InvalidDataException">A key is there twice, or neither text nor a number.</exception>
    internal static Dictionary<object, object?> Filled(Dictionary<object, object?> target, object?[] items)
    {
        for (int i = 0; i < items.Length; i += 2)
        {
            if (items[i] is not (string or long)) throw new InvalidDataException("its pickle has a dictionary key that is neither text nor a number");
            if (!target.TryAdd(items[i]!, items[i + 1])) throw new InvalidDataException($"its pickle has the key '{items[i]}' twice");
        }

        return target;
    }

    private object?[] PopToMark()
    {
        var items = new List<object?>();
        for (object? item = PopRaw(); !ReferenceEquals(item, Mark); item = PopRaw()) items.Add(item);
        items.Reverse();
        return [.. items];
    }

    private object?[] PopMany(int count)
    {
        var items = new object?[count];
        for (int i = count - 1; i >= 0; i--) items[i] = Pop();
        return items;
    }

    private object? PopRaw() => stack.TryPop(out object? item) ? item : throw new InvalidDataException("its pickle takes from an empty stack");

    private object? Pop() => PopRaw() is var item && !ReferenceEquals(item, Mark) ? item : throw new InvalidDataException("its pickle has a mark where a value should be");

    private object? Peek() => stack.TryPeek(out object? item) && !ReferenceEquals(item, Mark) ? item : throw new InvalidDataException("its pickle looks at an empty stack");

    private object? Recall(uint key) => memo.TryGetValue(key, out object? value) ? value : throw new InvalidDataException($"its pickle recalls value {key}, which it never kept");

    private static int Length(ReadOnlySpan<byte> four) =>
        BinaryPrimitives.ReadInt32LittleEndian(four) is var length and >= 0 ? length : throw new InvalidDataException("its pickle holds a text of impossible length");

    private static long Long(ReadOnlySpan<byte> little)
    {
        if (little.Length > 8) throw new InvalidDataException($"its pickle holds a number of {little.Length} bytes");
        long value = little.Length > 0 && little[^1] >= 0x80 ? -1 : 0;
        for (int i = little.Length - 1; i >= 0; i--) value = (value << 8) | little[i];
        return value;
    }

    private string Line()
    {
        int end = Array.IndexOf(bytes, (byte)'\n', position);
        if (end < 0) throw new InvalidDataException("its pickle ends in the middle of a name");
        return Encoding.UTF8.GetString(Take(end + 1 - position)[..^1]);
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > bytes.Length - position) throw new InvalidDataException($"its pickle ends too early, at byte {bytes.Length}");
        ReadOnlySpan<byte> taken = bytes.AsSpan(position, count);
        position += count;
        return taken;
    }
}
