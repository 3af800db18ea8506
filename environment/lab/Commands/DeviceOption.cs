using System.CommandLine;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Lab.Commands;

/// <summary><c>--device NAME</c>: where the network computes.</summary>
internal static class DeviceOption
{
    /// <summary>The option.</summary>
    /// <param name="usual">Its default.</param>
    public static Option<string> Create(string usual) =>
        new("--device") { Description = "auto (a GPU where there is one), cpu, cuda or cuda:N.", DefaultValueFactory = _ => usual };

    /// <summary>The device.</summary>
    /// <exception cref="ArgumentException">There is none of that name on this machine; the message says what is missing.</exception>
    public static Device Of(ParseResult parsed, Option<string> option)
    {
        try
        {
            return TorchRuntime.Device(parsed.GetValue(option)!);
        }
        catch (InvalidOperationException e)
        {
            throw new ArgumentException(e.Message, e);
        }
    }
}
