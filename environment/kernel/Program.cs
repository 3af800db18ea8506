using System.CommandLine;
using Cellar.Commands;

namespace Cellar;

/// <summary>The <c>cellar</c> executable.</summary>
internal static class Program
{
    private static Task<int> Main(string[] args)
    {
        var root = new RootCommand("A Jupyter kernel for C#.");
        foreach (Command command in KernelCommands.All(OwnProgram.Of(typeof(Program).Assembly))) root.Add(command);
        return root.Parse(args).InvokeAsync(KernelCommands.Configuration(args));
    }
}
