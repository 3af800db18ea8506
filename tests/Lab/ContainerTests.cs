using System.Diagnostics;
using System.Text.Json.Nodes;
using UnetResnet.Runtime;

namespace UnetResnet.Tests.Lab;

/// <summary>Container, Codespace and bare machine are set up by one script; what an engine would build is compared here, not built.</summary>
public sealed class ContainerTests
{
    private static readonly string Root = Directory.GetParent(BundledFiles.Root)!.FullName;

    private static string Text(params string[] path) => File.ReadAllText(Path.Combine([Root, .. path]));

    [Fact]
    public void One_script_sets_up_container_codespace_and_bare_machine()
    {
        JsonNode container = JsonNode.Parse(Text(".devcontainer", "devcontainer.json"))!;
        string dockerfile = Path.GetFullPath(Path.Combine(Root, ".devcontainer", container["build"]!["dockerfile"]!.ToString()));
        Assert.Equal(Path.Combine(Root, "environment", "Dockerfile"), dockerfile);
        Assert.Equal(Root, Path.GetFullPath(Path.Combine(Root, ".devcontainer", container["build"]!["context"]!.ToString()))); // what COPY is relative to
        Assert.Contains("COPY environment/setup /tmp/setup\nRUN /tmp/setup system ", Text("environment", "Dockerfile"));
        Assert.Equal("environment/setup kit", container["postCreateCommand"]!.ToString());
        Assert.Contains("/setup\" system kit", Text("environment", "bare-machine"));
    }

    [Fact]
    public void The_container_has_the_sdk_of_global_json_on_ubuntu_24_04_two_cores_and_the_extensions()
    {
        string sdk = string.Join('.', JsonNode.Parse(Text("global.json"))!["sdk"]!["version"]!.ToString().Split('.').Take(2));
        Assert.Contains($"FROM mcr.microsoft.com/dotnet/sdk:{sdk}-noble\n", Text("environment", "Dockerfile"));
        JsonNode container = JsonNode.Parse(Text(".devcontainer", "devcontainer.json"))!;
        Assert.Equal(2, container["hostRequirements"]!["cpus"]!.GetValue<int>());
        Assert.Equal(["ms-dotnettools.csharp", "ms-toolsai.jupyter", "ms-toolsai.jupyter-renderers"], container["customizations"]!["vscode"]!["extensions"]!.AsArray().Select(e => e!.ToString()).Order());
    }

    [Theory]
    [InlineData("setup")]
    [InlineData("bare-machine")]
    public void The_scripts_are_bash_and_executable(string name)
    {
        if (OperatingSystem.IsWindows()) return; // they are for Linux
        string path = Path.Combine(Root, "environment", name);
        Assert.True(File.GetUnixFileMode(path).HasFlag(UnixFileMode.UserExecute));
        using Process bash = Process.Start("bash", ["-n", path]);
        bash.WaitForExit();
        Assert.Equal(0, bash.ExitCode);
    }

    [Fact]
    public void An_unknown_step_is_refused()
    {
        if (OperatingSystem.IsWindows()) return;
        using Process setup = Process.Start(new ProcessStartInfo(Path.Combine(Root, "environment", "setup"), ["kitt"]) { RedirectStandardError = true })!;
        string error = setup.StandardError.ReadToEnd();
        setup.WaitForExit();
        Assert.Equal(2, setup.ExitCode);
        Assert.Contains("unknown step \"kitt\"; expected system or kit", error);
    }
}
