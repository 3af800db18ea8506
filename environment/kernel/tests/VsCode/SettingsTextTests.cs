using System.Text;
using Cellar.VsCode;

namespace Cellar.Tests.VsCode;

/// <summary>Settings are changed as text: what is not concerned stays as its owner wrote it.</summary>
public sealed class SettingsTextTests
{
    private const string Setting = "\"jupyter.completionTriggerCharacters\"";

    /// <summary>Before, after writing, and after removing, which is the beginning unless the layout had to be opened.</summary>
    public static TheoryData<string, string> Changes => new()
    {
        { "", $"{{\n    {Setting}: {{ \"csharp\": [\".\"] }}\n}}\n" },
        { "// mine\n", $"// mine\n{{\n    {Setting}: {{ \"csharp\": [\".\"] }}\n}}\n" },
        { "{}", $"{{\n    {Setting}: {{ \"csharp\": [\".\"] }}\n}}" },
        { "{\n}\n", $"{{\n    {Setting}: {{ \"csharp\": [\".\"] }}\n}}\n" },
        { "{\n  \"a\": 1 // one\n}\n", $"{{\n  {Setting}: {{ \"csharp\": [\".\"] }},\n  \"a\": 1 // one\n}}\n" },
        { "{ // all of it\n\t/* first */ \"a\": [1, 2,],\n\n\t// last\n}", $"{{ // all of it\n\t{Setting}: {{ \"csharp\": [\".\"] }},\n\t/* first */ \"a\": [1, 2,],\n\n\t// last\n}}" },
        { "{\r\n    \"a\": \"}\\\"//\"\r\n}\r\n", $"{{\r\n    {Setting}: {{ \"csharp\": [\".\"] }},\r\n    \"a\": \"}}\\\"//\"\r\n}}\r\n" },
        { "{\"a\":1}", $"{{{Setting}: {{ \"csharp\": [\".\"] }}, \"a\":1}}" },
        { "\uFEFF{\n    \"ü\": \"日本\"\n}", $"\uFEFF{{\n    {Setting}: {{ \"csharp\": [\".\"] }},\n    \"ü\": \"日本\"\n}}" },
        { $"{{\n    {Setting}: {{ \"python\": [\".\", \"%\"], }},\n}}", $"{{\n    {Setting}: {{ \"csharp\": [\".\"], \"python\": [\".\", \"%\"], }},\n}}" },
        { $"{{\n    {Setting}: {{\n        // Python's\n        \"python\": [\".\"]\n    }}\n}}", $"{{\n    {Setting}: {{\n        \"csharp\": [\".\"],\n        // Python's\n        \"python\": [\".\"]\n    }}\n}}" },
        { $"{{ {Setting}: {{}} }}", $"{{ {Setting}: {{ \"csharp\": [\".\"] }} }}" },
        { $"{{ {Setting}: {{ \"csharp\": [\":\"] }} }}", $"{{ {Setting}: {{ \"csharp\": [\".\", \":\"] }} }}" },
        { $"{{ {Setting}: {{ \"csharp\": [] }} }}", $"{{ {Setting}: {{ \"csharp\": [\".\"] }} }}" },
        { $"{{ {Setting}: {{ \"csharp\": [\"(\", \".\"] }} }}", $"{{ {Setting}: {{ \"csharp\": [\"(\", \".\"] }} }}" },
        { $"{{ {Setting}: 1, {Setting}: {{ \"csharp\": [\".\"] }} }}", $"{{ {Setting}: 1, {Setting}: {{ \"csharp\": [\".\"] }} }}" }, // the last one counts
    };

    [Theory]
    [MemberData(nameof(Changes))]
    public void Writing_changes_a_few_characters_and_writing_again_none(string before, string after)
    {
        Assert.Equal(after, With(before));
        Assert.Equal(after, With(after));
    }

    [Theory]
    [InlineData("{\n    \"new\": 2,\n    @,\n    \"a\": 1 // one\n}\n", "{\n    \"new\": 2,\n    \"a\": 1 // one\n}\n")]
    [InlineData("{\n    \"a\": 1, // one\n    @ // ours\n    // last\n}", "{\n    \"a\": 1, // one // ours\n    // last\n}")]
    [InlineData("{ @, \"a\": 1 }", "{ \"a\": 1 }")]
    [InlineData("{\r\n    @,\r\n    \"a\": 1\r\n}", "{\r\n    \"a\": 1\r\n}")]
    [InlineData("{ \"jupyter.completionTriggerCharacters\": { \"python\": [\"%\"], \"csharp\": [\".\"] } }", "{ \"jupyter.completionTriggerCharacters\": { \"python\": [\"%\"], } }")]
    [InlineData("{ \"jupyter.completionTriggerCharacters\": { \"python\": [\"%\"] } }", "{ \"jupyter.completionTriggerCharacters\": { \"python\": [\"%\"] } }")]
    [InlineData("{ \"a\": 1 }", "{ \"a\": 1 }")]
    public void Removing_leaves_everything_else(string before, string after) =>
        Assert.Equal(after, Without(before.Replace("@", $"{Setting}: {{ \"csharp\": [\".\"] }}")));

    [Theory]
    [InlineData("{ \"a\": }", "damaged at line 1")]
    [InlineData("{\n \"a\": 1\n \"b\": 2 }", "damaged at line 3")]
    [InlineData("{ \"a\": 1", "damaged at line 1")]
    [InlineData("[]", "not an object")]
    [InlineData("{} {}", "damaged")]
    [InlineData("{ \"jupyter.completionTriggerCharacters\": [\".\"] }", "not an object")]
    [InlineData("{ \"jupyter.completionTriggerCharacters\": { \"csharp\": \".\" } }", "not a list")]
    public void Damaged_settings_are_refused(string text, string named) =>
        Assert.Contains(named, Assert.Throws<FormatException>(() => With(text)).Message);

    private static string With(string text) => Encoding.UTF8.GetString(new SettingsText(Encoding.UTF8.GetBytes(text)).WithCompletion());

    private static string Without(string text) => Encoding.UTF8.GetString(new SettingsText(Encoding.UTF8.GetBytes(text)).WithoutCompletion());
}
