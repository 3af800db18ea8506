using System.Globalization;
using System.Text;
using UnetResnet.Weights;

namespace UnetResnet.Tests.Weights;

/// <summary>Python's pickle, protocol 2: every instruction that is understood, by the values that <c>pickletools</c> documents for it.</summary>
public class PickleReaderTests
{
    [Theory]
    [InlineData("\u0080\u0002N.", "null")]
    [InlineData("\u0088.", "True")]
    [InlineData("\u0089.", "False")]
    [InlineData("K\u00ff.", "255")]
    [InlineData("M\u0001\u0002.", "513")]
    [InlineData("J\u00fe\u00ff\u00ff\u00ff.", "-2")]
    [InlineData("\u008a\0.", "0")]
    [InlineData("\u008a\u0001\u007f.", "127")]
    [InlineData("\u008a\u0001\u0080.", "-128")]
    [InlineData("\u008a\u0002\u0080\0.", "128")]
    [InlineData("\u008a\u0008\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u007f.", "9223372036854775807")]
    [InlineData("G\u003f\u00f8\0\0\0\0\0\0.", "1.5")]
    [InlineData("X\u0002\0\0\0\u00c3\u00bc.", "ü")]
    [InlineData("X\0\0\0\0.", "")]
    [InlineData("K\u0007q\u0001K\u0008h\u0001.", "7")]
    [InlineData("K\u0007r\0\u0001\0\0K\u0008j\0\u0001\0\0.", "7")]
    [InlineData(").", "()")]
    [InlineData("(K\u0001K\u0002t.", "(1, 2)")]
    [InlineData("K\u0001K\u0002K\u0003\u0085.", "(3)")]
    [InlineData("K\u0001K\u0002K\u0003\u0086.", "(2, 3)")]
    [InlineData("K\u0001K\u0002K\u0003\u0087.", "(1, 2, 3)")]
    [InlineData("]K\u0001a(K\u0002K\u0003e.", "[1, 2, 3]")]
    [InlineData("}K\u0001K\u0002s(K\u0003K\u0004X\u0001\0\0\0aNu.", "{1: 2, 3: 4, a: null}")]
    [InlineData("ca b\nc\n(K\u0001K\u0002tR.", "a b.c(1, 2)")]
    [InlineData("ca\nb\n)\u0081.", "a.b()")]
    [InlineData("K\u0005Q.", "storage 5")]
    [InlineData("}K\u0001b.", "{}")]
    public void An_instruction_gives_its_value(string pickle, string value) => Assert.Equal(value, Text(Read(pickle)));

    [Theory]
    [InlineData("\u0080\u0003N.", "protocol 3 instead of 2")]
    [InlineData("\u0080\u0001N.", "protocol 1 instead of 2")]
    [InlineData("N\u00ff", "opcode 0xff at byte 1")]
    [InlineData(".", "takes from an empty stack")]
    [InlineData("K\u0001K\u0002t.", "takes from an empty stack")]
    [InlineData("(.", "a mark where a value should be")]
    [InlineData("q\u0001.", "looks at an empty stack")]
    [InlineData("(q\u0001.", "looks at an empty stack")]
    [InlineData("K\u0001h\u0002.", "recalls value 2")]
    [InlineData("K\u0001K\u0002a.", "no list")]
    [InlineData("K\u0001K\u0002K\u0003s.", "no dictionary")]
    [InlineData("}(K\u0001u.", "no dictionary")]
    [InlineData("}K\u0001K\u0002sK\u0001K\u0003s.", "the key '1' twice")]
    [InlineData("}NK\u0001s.", "neither text nor a number")]
    [InlineData("K\u0001)R.", "no name")]
    [InlineData("ca\nb\nK\u0001R.", "without a tuple")]
    [InlineData("K\u0001K\u0002b.", "attributes of something that is no dictionary")]
    [InlineData("\u008a\u0009\0\0\0\0\0\0\0\0\0.", "a number of 9 bytes")]
    [InlineData("ca\nbc", "the middle of a name")]
    [InlineData("K", "ends too early, at byte 1")]
    [InlineData("J\u0001\u0002\u0003", "ends too early, at byte 4")]
    public void What_is_no_such_program_is_refused(string pickle, string reason) => Assert.Contains(reason, Assert.Throws<InvalidDataException>(() => Read(pickle)).Message);

    private static object? Read(string pickle) =>
        new PickleReader(Encoding.Latin1.GetBytes(pickle), id => $"storage {id}", (global, arguments) => $"{global}{Text(arguments)}").Read();

    private static string Text(object? value) => value switch
    {
        null => "null",
        object?[] tuple => $"({string.Join(", ", tuple.Select(Text))})",
        List<object?> list => $"[{string.Join(", ", list.Select(Text))}]",
        Dictionary<object, object?> dictionary => $"{{{string.Join(", ", dictionary.Select(pair => $"{Text(pair.Key)}: {Text(pair.Value)}"))}}}",
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString()!,
    };
}
