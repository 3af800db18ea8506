using System.CommandLine;
using UnetResnet.Lab.Commands;
using UnetResnet.Tests.Notebooks;

namespace UnetResnet.Tests.Lab;

/// <summary>A command of <c>lab</c>, run in this process under the guard of all commands.</summary>
internal static class CommandRun
{
    /// <summary>Runs it.</summary>
    /// <returns>The exit code, and what was written to stdout and stderr.</returns>
    public static (int Code, string Text, string Error) Of(Command command, params string[] arguments)
    {
        using var console = new ConsoleCapture();
        TextWriter before = Console.Error;
        var error = new StringWriter();
        Console.SetError(error);
        try
        {
            int code = CommandGuard.Run(() => command.Parse(arguments).InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false }), error).GetAwaiter().GetResult();
            return (code, console.Text, error.ToString());
        }
        finally
        {
            Console.SetError(before);
        }
    }
}
