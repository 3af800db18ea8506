namespace UnetResnet.Weights.Hdf5;

/// <summary>Kinds of messages in an object header, by the numbers of the specification.</summary>
internal enum MessageType
{
    Dataspace = 0x01,
    LinkInfo = 0x02,
    Datatype = 0x03,
    FillValue = 0x05,
    Link = 0x06,
    ExternalFiles = 0x07,
    Layout = 0x08,
    GroupInfo = 0x0A,
    Filters = 0x0B,
    Attribute = 0x0C,
    Continuation = 0x10,
    SymbolTable = 0x11,
    AttributeInfo = 0x15,
}

/// <summary>One message of an object header.</summary>
/// <param name="Type">What it says.</param>
/// <param name="Shared">Whether the body only points to a message elsewhere.</param>
/// <param name="Body">The content.</param>
internal sealed record Hdf5Message(MessageType Type, bool Shared, byte[] Body)
{
    /// <summary>The only message of a type, or null where there is none.</summary>
    internal static Hdf5Message? Find(IEnumerable<Hdf5Message> messages, MessageType type)
    {
        Hdf5Message[] all = [.. messages.Where(m => m.Type == type)];
        if (all.Length > 1) throw new InvalidDataException($"an object has {all.Length} messages of type {type}");
        if (all is [{ Shared: true }]) throw new InvalidDataException($"an object shares its {type} with others, which is not supported");
        return all.FirstOrDefault();
    }
}
