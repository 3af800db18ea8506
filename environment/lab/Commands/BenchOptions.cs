using System.CommandLine;
using System.Text.Json;

namespace UnetResnet.Lab.Commands;

/// <summary>Options that benchmarks share, and the document that <c>--json</c> prints. A value that cannot be is refused by the parser.</summary>
internal static class BenchOptions
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary><c>--json</c>.</summary>
    public static Option<bool> Json(string more = "") => new("--json") { Description = $"Print one JSON document on stdout and nothing else.{more}" };

    /// <summary>A whole number that is at least <paramref name="least"/>.</summary>
    /// <param name="name">The option's name, with its dashes.</param>
    /// <param name="description">What it is.</param>
    /// <param name="usual">Its default.</param>
    /// <param name="least">The lowest that is taken.</param>
    public static Option<int> Count(string name, string description, int usual, int least = 1)
    {
        var option = new Option<int>(name) { Description = description, DefaultValueFactory = _ => usual };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is var value && value < least) result.AddError($"{name} is {value} and must be at least {least}.");
        });
        return option;
    }

    /// <summary><c>--side</c>, or another side of images that a U-Net takes.</summary>
    public static Option<int> Side(int usual, string description = "Side of the images, divisible by 32.")
    {
        Option<int> option = Count("--side", description, usual, least: 32);
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is var value && value % 32 != 0) result.AddError($"--side is {value} and must be divisible by 32: a U-Net on ResNet50 halves it five times.");
        });
        return option;
    }

    /// <summary><c>--preset</c>: quick or full.</summary>
    public static Option<string> Preset()
    {
        var option = new Option<string>("--preset") { Description = "quick or full.", DefaultValueFactory = _ => "quick" };
        return option.AcceptOnlyFromAmong("quick", "full");
    }

    /// <summary>Some of <paramref name="known"/>, separated by commas; all where none is named.</summary>
    /// <param name="name">The option's name, with its dashes.</param>
    /// <param name="description">What is named.</param>
    /// <param name="known">All names.</param>
    public static Option<string[]> Names(string name, string description, IReadOnlyList<string> known) => new(name)
    {
        Description = $"{description}, separated by commas; all where empty. Known: {string.Join(", ", known)}.",
        DefaultValueFactory = _ => [.. known],
        CustomParser = result =>
        {
            string[] named = [.. result.Tokens.SelectMany(token => token.Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))];
            if (named.FirstOrDefault(n => !known.Contains(n)) is { } unknown) result.AddError($"{name}: there is no '{unknown}'. Known: {string.Join(", ", known)}.");
            return named.Length > 0 ? named : [.. known];
        },
    };

    /// <summary>Prints a result as <c>--json</c> wants it, with names in snake case.</summary>
    public static void Print<T>(T result) => Console.WriteLine(Text(result));

    /// <summary>The text that <see cref="Print"/> prints.</summary>
    public static string Text<T>(T result) => JsonSerializer.Serialize(result, Indented);
}
