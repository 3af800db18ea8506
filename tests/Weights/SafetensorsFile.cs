using System.Buffers.Binary;
using System.Text;

namespace UnetResnet.Tests.Weights;

/// <summary>Safetensors files put together by hand, valid or not.</summary>
internal static class SafetensorsFile
{
    /// <summary>8 bytes length (little-endian), header, data.</summary>
    public static byte[] Bytes(byte[] header, byte[] data, ulong? declaredLength = null)
    {
        var length = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, declaredLength ?? (ulong)header.Length);
        return [.. length, .. header, .. data];
    }

    public static byte[] Bytes(string header, byte[] data) => Bytes(Encoding.UTF8.GetBytes(header), data);

    /// <summary>One tensor's entry in a header.</summary>
    public static string Entry(string name, string type, string shape, long begin, long end) =>
        $$"""
        "{{name}}":{"dtype":"{{type}}","shape":{{shape}},"data_offsets":[{{begin}},{{end}}]}
        """;
}
