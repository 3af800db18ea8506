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
        // The editor opens when the command that waitFor names has ended: the kernel is there by then.
        Assert.Equal("environment/setup kit", container[container["waitFor"]!.ToString()]!.ToString());
        Assert.Contains("\"$setup\" system", Text("environment", "bare-machine"));
        Assert.Contains("\"$setup\" kit", Text("environment", "bare-machine"));
        Assert.Contains("kernel install", Text("environment", "setup"));
    }

    [Fact]
    public void Nothing_but_what_the_image_copies_is_sent_to_the_engine()
    {
        string[] copied = [.. Text("environment", "Dockerfile").Split('\n').Where(l => l.StartsWith("COPY ")).Select(l => l.Split(' ')[1])];
        Assert.NotEmpty(copied);
        Assert.Equal(["*", .. copied.Select(c => "!" + c)], Text(".dockerignore").Split('\n').Where(l => l.Length > 0 && l[0] != '#'));
    }

    [Fact]
    public void The_csharp_extension_leaves_the_cells_of_notebooks_alone()
    {
        // Its default, ["csharp"], takes documents of every scheme, and those of cells are vscode-notebook-cell.
        JsonNode settings = JsonNode.Parse(Text(".devcontainer", "devcontainer.json"))!["customizations"]!["vscode"]!["settings"]!;
        JsonNode selector = Assert.Single(settings["dotnet.server.documentSelector"]!.AsArray())!;
        Assert.Equal(("csharp", "file"), (selector["language"]!.ToString(), selector["scheme"]!.ToString()));
    }

    [Weights.PythonTheory("jsonschema")]
    [InlineData("", "", "")]
    [InlineData("\"updateContentCommand\"", "\"updateContentsCommand\"", "updateContentsCommand")]
    [InlineData("\"waitFor\": \"updateContentCommand\"", "\"waitFor\": \"postAttachCommand\"", "waitFor")]
    [InlineData("\"waitFor\": \"updateContentCommand\"", "\"waitFor\": \"postCreateCommand\"", "wait for nothing")]
    [InlineData("\"cpus\": 2", "\"cpus\": \"2\"", "cpus")]
    [InlineData("\"8gb\"", "\"8 gigabytes\"", "memory")]
    [InlineData("\"dockerfile\"", "\"dockerFile\"", "dockerFile")]
    public void The_configuration_conforms_to_the_specification_and_a_mistake_in_it_is_found(string right, string wrong, string named)
    {
        using var folder = new TemporaryFolder();
        string good = Text(".devcontainer", "devcontainer.json");
        Assert.Contains(right, good);
        string file = folder.Write("devcontainer.json", right == "" ? good : good.Replace(right, wrong));
        (int code, string output, string errors) = Weights.Python.RunFile(Path.Combine(Root, ".devcontainer", "check"), file);
        Assert.Equal((right == "" ? 0 : 1, ""), (code, errors));
        Assert.Contains(right == "" ? "conforms" : named, output);
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
        foreach ((string script, string steps) in (ReadOnlySpan<(string, string)>)[("setup", "system or kit"), ("bare-machine", "root or user")])
        {
            using Process process = Process.Start(new ProcessStartInfo(Path.Combine(Root, "environment", script), ["kitt"]) { RedirectStandardError = true })!;
            string error = process.StandardError.ReadToEnd();
            process.WaitForExit();
            Assert.Equal(2, process.ExitCode);
            Assert.Contains($"unknown step \"kitt\"; expected {steps}", error);
        }
    }
}
