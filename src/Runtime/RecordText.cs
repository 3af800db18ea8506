using System.Collections;
using System.Globalization;
using System.Reflection;

namespace UnetResnet.Runtime;

/// <summary>
/// Records as text, as the compiler writes them (<c>Name { Property = value, … }</c>), but with figures that do not depend on the culture and lists that show what
/// they hold.
/// </summary>
internal static class RecordText
{
    private const int MostItems = 8;

    /// <summary>The text of a record, for its <c>ToString()</c>.</summary>
    /// <param name="record">The record; its public properties are written in the order of their declaration.</param>
    internal static string Of(object record) => $"{record.GetType().Name} {{ {string.Join(", ", Properties(record).Select(property => $"{property.Name} = {Value(property.GetValue(record))}"))} }}";

    private static IEnumerable<PropertyInfo> Properties(object record) =>
        record.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.GetIndexParameters().Length == 0);

    private static string Value(object? value) => value switch
    {
        null => "null",
        string text => text,
        double number => NumberText.Short(number),
        float number => NumberText.Short(number),
        Delegate function => function.Method.Name.StartsWith('<') ? "a function" : function.Method.Name,
        IFormattable formattable => formattable.ToString(null, CultureInfo.InvariantCulture),
        IEnumerable items => List([.. items.Cast<object?>()]),
        _ => value.ToString() ?? "",
    };

    private static string List(object?[] items) =>
        $"[{string.Join(", ", items.Take(MostItems).Select(Value))}{(items.Length > MostItems ? $", … {items.Length} in all" : "")}]";
}
