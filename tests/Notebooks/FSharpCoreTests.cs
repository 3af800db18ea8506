using UnetResnet.Notebooks;

namespace UnetResnet.Tests.Notebooks;

public class FSharpCoreTests
{
    [Fact]
    public void The_programs_own_FSharp_Core_is_found_among_its_assemblies()
    {
        string own = typeof(Microsoft.FSharp.Core.Unit).Assembly.Location;
        Assert.Equal((own, typeof(Microsoft.FSharp.Core.Unit).Assembly.GetName().Version!), FSharpCore.OfProgram(string.Join(Path.PathSeparator, "/a/System.Runtime.dll", own)));
        Assert.Null(FSharpCore.OfProgram("/a/System.Runtime.dll"));
        Assert.Null(FSharpCore.OfProgram(""));
    }

    [Fact]
    public void Too_old_a_program_is_told_what_is_wrong_and_the_cure_in_one_sentence()
    {
        Assert.Null(FSharpCore.Problem(new Version(10, 0, 0, 0), new Version(10, 1, 0, 0), "/tool/FSharp.Core.dll"));
        string problem = FSharpCore.Problem(new Version(4, 7, 0, 0), new Version(10, 1, 0, 0), "/tool/FSharp.Core.dll")!;
        foreach (string part in (string[])["10.1", "4.7", "/tool/FSharp.Core.dll", "dotnet tool update"]) Assert.Contains(part, problem, StringComparison.Ordinal);
        Assert.DoesNotContain(". ", problem, StringComparison.Ordinal);
    }
}
