using System.Diagnostics;
using System.Text.Json.Nodes;
using Cellar.Commands;
using UnetResnet.Lab.Results;
using UnetResnet.Lab.Running;

namespace UnetResnet.Lab.Benchmarks;

/// <summary>A kernel that can be timed: how it is started, and the cells that it is given.</summary>
/// <param name="Name">What tables call it.</param>
/// <param name="Command">Program and arguments; <c>{connection_file}</c> stands for the path of the connection file.</param>
/// <param name="Member">Code whose completion is asked for at its end.</param>
/// <param name="Cell">A cell that declares the variable of a number and answers its double.</param>
/// <param name="Busy">A cell that prints and then loops without an end.</param>
/// <param name="Signalled">Whether Jupyter interrupts it by SIGINT, as its kernelspec has it, and not by a message.</param>
internal sealed record KernelProgram(string Name, IReadOnlyList<string> Command, string Member, Func<int, string> Cell, string Busy, bool Signalled)
{
    private const string ConnectionFile = "{connection_file}";

    /// <summary>This kit's own kernel.</summary>
    public static KernelProgram Own { get; } = CSharp("this kernel", [.. OwnProgram.Of(typeof(KernelProgram).Assembly), "kernel", "start", ConnectionFile], signalled: false);

    /// <summary>Kernels that are installed on this machine: ipykernel for <c>/usr/bin/python3</c>, and .NET Interactive's tool on the PATH or in the repository's <c>artifacts/dotnet-interactive</c>.</summary>
    public static IReadOnlyList<KernelProgram> Peers()
    {
        var found = new List<KernelProgram>();
        const string python = "/usr/bin/python3";
        if (Machine.Output(python, "-c \"import ipykernel; print(ipykernel.__version__)\"") is { } version)
        {
            found.Add(new KernelProgram(
                $"ipykernel {version}", [python, "-m", "ipykernel_launcher", "-f", ConnectionFile], "import os\nos.getcw", n => $"x{n} = {n}\nx{n} * 2", "print(1, flush=True)\nwhile True: pass", Signalled: true));
        }

        if (Interactive() is { } tool)
            found.Add(CSharp($".NET Interactive {Machine.Output(tool, "--version")?.Split('+')[0]}", [tool, "jupyter", "--default-kernel", "csharp", "--http-local-only", ConnectionFile], signalled: true));
        return found;
    }

    /// <summary>How to start it.</summary>
    public ProcessStartInfo Start(string connectionFile) => new(Command[0], [.. Command.Skip(1).Select(a => a == ConnectionFile ? connectionFile : a)]);

    /// <summary>The content of a request for completions.</summary>
    public JsonObject Completion => new() { ["code"] = Member, ["cursor_pos"] = Member.Length };

    private static KernelProgram CSharp(string name, IReadOnlyList<string> command, bool signalled) =>
        new(name, command, "Console.Wri", n => $"var x{n} = {n};\nx{n} * 2", "Console.WriteLine(1); while (true) { }", signalled);

    private static string? Interactive()
    {
        string name = OperatingSystem.IsWindows() ? "dotnet-interactive.exe" : "dotnet-interactive";
        IEnumerable<string> folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        if (Repository.TryFindRoot() is { } root) folders = folders.Append(Path.Combine(root, "artifacts", "dotnet-interactive"));
        return folders.Select(f => Path.Combine(f, name)).FirstOrDefault(File.Exists);
    }
}
