using System.CommandLine;
using UnetResnet.Weights;

namespace UnetResnet.Lab.Commands;

/// <summary><c>--like FILE</c>: a file that says what the network was built from, for weights that do not.</summary>
internal static class LikeOption
{
    public static Option<FileInfo?> Create() =>
        new("--like") { Description = "A file of the same network that says what it was built from, such as the model.safetensors of 'lab export': for weights that do not (.pth, .dat)." };

    /// <summary>The options in that file; null where none is named.</summary>
    public static TOptions? Options<TOptions>(ParseResult parsed, Option<FileInfo?> like, string network) where TOptions : class =>
        parsed.GetValue(like) is { } file ? ModelFile.Options<TOptions>(file.FullName, network) : null;
}
