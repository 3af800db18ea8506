using System.CommandLine;
using System.Reflection.PortableExecutable;
using System.Runtime.InteropServices;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Scripting;
using LabProgram = UnetResnet.Lab.Program;

namespace UnetResnet.Tests.Lab;

/// <summary>What makes <c>lab</c> start fast.</summary>
public class ProgramTests
{
    [Fact]
    public void A_command_is_created_by_its_name_and_without_the_others()
    {
        string[] all = [.. LabProgram.Root([]).Subcommands.Select(c => c.Name)];
        Assert.Contains("run", all);
        Assert.Contains("kernel", all);
        Assert.Equal(all, LabProgram.Root(["--help"]).Subcommands.Select(c => c.Name));
        foreach (string name in all) Assert.Equal([name], LabProgram.Root([name, "--help"]).Subcommands.Select(c => c.Name));
    }

    [Theory]
    [InlineData(typeof(Compilation))]
    [InlineData(typeof(CSharpCompilation))]
    [InlineData(typeof(CSharpScript))]
    [InlineData(typeof(Command))]
    public void What_every_start_needs_is_native_code(Type type)
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.OSArchitecture is not System.Runtime.InteropServices.Architecture.X64) return; // as the build has it
        using var reader = new PEReader(File.OpenRead(type.Assembly.Location));
        Assert.True(reader.PEHeaders.CorHeader!.ManagedNativeHeaderDirectory.Size > 0, $"{type.Assembly.Location} is not compiled ahead of time.");
    }
}
