using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.RegularExpressions;
using Cellar.Tests.Protocol;
using UnetResnet.Data;
using UnetResnet.Models;
using UnetResnet.Runtime;
using UnetResnet.Training;
using UnetResnet.Weights;

namespace UnetResnet.Tests.Samples;

/// <summary>
/// What stands in <c>environment/samples</c>, each built and run in a fresh folder outside the clone: the data and weights are found, libtorch loads although the first
/// tensor is TorchSharp's own, and nothing of 490 MB is copied for it.
/// </summary>
[Collection("kernels")]
[Trait("Category", "Samples")]
public sealed class SampleTests(PackedKit kit)
{
    private static readonly string Images = $"{File.ReadLines(Path.Combine(SampleFolder.Repository, "data", "brain-mri", "split.csv")).Count(l => l.Contains(",train,", StringComparison.Ordinal))} training images";

    [Fact]
    public void A_project_that_refers_to_the_librarys_project()
    {
        using var work = new SampleFolder(kit);
        // The library is built aside: tests that run at the same time use what was built before. Its code was analysed then.
        string output = work.Dotnet("run", "--project", work["project"], $"-p:Kit={SampleFolder.Repository}", $"-p:ArtifactsPath={work["artifacts"]}", "-p:RunAnalyzers=false");
        Assert.Contains("own comes first: 0", output);
        Assert.Matches(@"(?m)^\s*1\s", output); // the table of the history
        Loads(output, work);
    }

    /// <summary>In a German terminal: the program's own figure follows its culture, the library's do not.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_project_that_refers_to_the_package(bool withRuntimeIdentifier)
    {
        using var work = new SampleFolder(kit);
        work.Environment["LANG"] = "de_DE.UTF-8";
        string output = work.Dotnet(["run", "--project", work["package"], .. withRuntimeIdentifier ? ["-p:UseCurrentRuntimeIdentifier=true"] : Array.Empty<string>()]);
        Match culture = Regex.Match(output, @"culture (\S*): (\S+)");
        Assert.True(culture.Success, output);
        // Where the machine's .NET knows no cultures, there is the invariant one only.
        if (culture.Groups[1].Value == "de-DE") Assert.Equal("0,5", culture.Groups[2].Value);
        Assert.DoesNotMatch(@"\d,\d", output.Replace(culture.Value, ""));
        Loads(output, work);
    }

    [Fact]
    public void A_file_that_is_a_program()
    {
        using var work = new SampleFolder(kit);
        string output = work.Dotnet("run", work["experiment.cs"]);
        Assert.Contains("own comes first: 6", output);
        Assert.Contains("× 1 × 96 × 96", output);
        Loads(output, work);
    }

    /// <summary>Where the system has a libtorch of its own, of another version, as with Debian's libtorch-dev.</summary>
    [Fact]
    public void A_script_in_FSharp()
    {
        using var work = new SampleFolder(kit);
        string systems = Directory.CreateDirectory(work["system"]).FullName;
        File.Copy(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "libSystem.Native.so"), Path.Combine(systems, "libtorch_cpu.so"));
        work.Environment["LD_LIBRARY_PATH"] = systems;
        string output = work.Dotnet("fsi", "--nologo", work["experiment.fsx"]);
        Assert.Contains("own comes first: 0", output);
        Assert.Matches(@"[1-9]\d+ parameters are trained", output);
        Loads(output, work);
    }

    [Fact]
    public void A_notebook_in_a_kernel_that_does_not_have_the_library()
    {
        using var work = new SampleFolder(kit);
        using var kernel = new KernelClient(argv: ["env", .. work.Environment.Select(v => $"{v.Key}={v.Value}"), "dotnet", Kernel, "start", "{connection_file}"]);
        kernel.Execute($"#i \"nuget: {kit.Feed}\"");
        string output = string.Concat(Cellar.Notebooks.NotebookDocument.Load(work["experiment.ipynb"]).Cells.Where(c => c.IsCode).Select(c => Outputs(kernel.Execute(c.Source))));
        Assert.Contains("own comes first: 0", output);
        Loads(output, work);
    }

    /// <summary>Its masks are those of the kit, but for pixels at the threshold.</summary>
    [Fact]
    public void A_program_with_ONNX_Runtime_and_without_TorchSharp()
    {
        using var work = new SampleFolder(kit);
        using UNetResNet50 unet = Preset.Quick.CreateUNet(seed: 0);
        OnnxExport.Write(unet, work["unet.onnx"], new OnnxExportOptions { Metadata = Preprocessing.Caffe.Facts });
        Directory.CreateDirectory(work["images"]);
        string[] names = ["axial-060.png", "coronal-100.png"];
        foreach (string name in names) File.Copy(Path.Combine(BundledFiles.Root, "brain-mri", "images", name), work["images", name]);
        FolderSegmentation.Run(unet, work["images"], work["kit"]);

        string output = work.Dotnet("run", "--project", work["onnx"], "--", work["unet.onnx"], work["images"], work["masks"]);
        foreach (string name in names)
        {
            Assert.Matches($@"(?m)^{name}: \d+\.\d %$", output);
            PixelImage ours = ImageCodec.Load(work["kit", "masks", name]), theirs = ImageCodec.Load(work["masks", name]);
            Assert.Equal((ours.Width, ours.Height), (theirs.Width, theirs.Height));
            int other = ours.Pixels.ToArray().Zip(theirs.Pixels.ToArray(), (a, b) => a != b ? 1 : 0).Sum();
            Assert.InRange(other, 0, ours.Pixels.Length / 1000);
            Assert.Equal(2, ours.Pixels.ToArray().Distinct().Count());
        }

        Assert.Empty(Directory.GetFiles(work["onnx"], "TorchSharp*", SearchOption.AllDirectories));
    }

    /// <summary>README's first call, in a program that has forgotten libtorch's package.</summary>
    [Fact]
    public void Without_a_libtorch_one_sentence_says_what_is_missing()
    {
        using var work = new SampleFolder(kit);
        string project = work["package", "Experiment.csproj"];
        File.WriteAllText(project, Regex.Replace(File.ReadAllText(project), "<PackageReference Include=\"libtorch.*", ""));
        work.Environment["NUGET_HTTP_CACHE_PATH"] = work["http"];
        string output = work.Dotnet(succeeds: false, ["run", "--project", work["package"]]);
        Assert.Contains("UnetResnet.Runtime.TorchLoadException: libtorch is missing", output);
        Assert.Contains("libtorch-cpu-linux-x64", output);
        Assert.DoesNotContain("LoadNativeBackend", output);
        Assert.DoesNotContain("Consolidating", output);
        Assert.Empty(Directory.GetDirectories(work.Path, "cpu", SearchOption.AllDirectories));
    }

    [Fact]
    public void The_samples_are_short_and_name_the_version_that_is_packed()
    {
        string[] files = [.. Directory.GetFiles(Path.Combine(SampleFolder.Repository, "environment", "samples"), "*", SearchOption.AllDirectories)
            .Where(f => Path.GetExtension(f) is ".cs" or ".fsx" or ".ipynb" or ".csproj" && !f.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))];
        Assert.Equal(9, files.Length);
        Assert.All(files, f => Assert.True(File.ReadAllLines(f).Length < 60, f));
        Assert.All(files.Where(f => File.ReadAllText(f).Contains("UnetResnet.Helpers\"", StringComparison.Ordinal) || Path.GetFileName(f).StartsWith("experiment.", StringComparison.Ordinal)),
            f => Assert.Contains(PackedKit.Version, File.ReadAllText(f)));
    }

    [Fact]
    public void The_package_holds_what_a_reader_and_a_debugger_need() => PackageContents.Check(
        kit.Feed, "UnetResnet.Helpers", "lib/net10.0/UnetResnet.Helpers.dll",
        "lib/net10.0/UnetResnet.Helpers.xml", "buildTransitive/UnetResnet.Helpers.targets", "data/weights/resnet50-w16-shapes.safetensors");

    [Fact]
    public void So_does_the_package_for_notebooks() => PackageContents.Check(
        kit.Feed, "UnetResnet.Notebooks", "lib/net10.0/UnetResnet.Notebooks.dll", "lib/net10.0/UnetResnet.Notebooks.xml", "interactive-extensions/dotnet/extension.dib", "LICENSE-Inter.txt");

    /// <summary>
    /// What the compiler writes into the symbols of a clone from GitHub, where it asks Git, as for a package: a debugger finds each source there, at the commit that was built. Git's settings for the user name such a clone's origin, in
    /// case that this one has none.
    /// </summary>
    [Fact]
    public void The_symbols_of_a_clone_lead_to_its_sources_at_their_commit()
    {
        if (!Path.Exists(Path.Combine(SampleFolder.Repository, ".git")) || HasAnotherOrigin()) return; // an archive of the sources, or a clone of a folder, say: they lead nowhere
        using var folder = new TemporaryFolder();
        folder.Write(Path.Combine("git", "config"), "[remote \"origin\"]\n\turl = https://github.com/example/kit.git\n");
        Directory.CreateDirectory(folder["obj"]);
        SampleFolder.Run(SampleFolder.Repository, new() { ["XDG_CONFIG_HOME"] = folder.Path }, succeeds: true,
            ["msbuild", "UnetResnet.Helpers.csproj", "-t:GenerateSourceLinkFile", "-p:EnableSourceControlManagerQueries=true", $"-p:IntermediateOutputPath={folder["obj"]}{Path.DirectorySeparatorChar}"]);
        using JsonDocument link = JsonDocument.Parse(File.ReadAllBytes(folder["obj", "UnetResnet.Helpers.sourcelink.json"]));
        JsonProperty documents = Assert.Single(link.RootElement.GetProperty("documents").EnumerateObject());
        Assert.Equal(Path.Combine(SampleFolder.Repository, "*"), documents.Name);
        Assert.Matches(@"^https://\S+/[0-9a-f]{40}/\*$", documents.Value.GetString());
    }

    /// <summary>Whether the clone came from elsewhere than GitHub, which is the only host that source links are made for.</summary>
    private static bool HasAnotherOrigin()
    {
        string git = Path.Combine(SampleFolder.Repository, ".git");
        if (File.Exists(git)) git = Path.GetFullPath(Path.Combine(SampleFolder.Repository, File.ReadAllText(git)["gitdir:".Length..].Trim(), "..", "..")); // a work tree
        Match origin = Regex.Match(File.ReadAllText(Path.Combine(git, "config")), "\\[remote \"origin\"\\]\\s+url = (.+)");
        return origin.Success && !origin.Groups[1].Value.Contains("github.com", StringComparison.Ordinal);
    }

    /// <summary>The kernel as it was built by itself: beside it there is no libtorch.</summary>
    private static string Kernel =>
        Path.Combine(SampleFolder.Repository, "artifacts", "bin", "Cellar", PackedKit.Configuration.ToLowerInvariant(), "cellar.dll");

    private static string Outputs(Execution cell) => cell.Printed + string.Concat(cell.Of("error").Select(e => e.Content.ToJsonString()));

    private static void Loads(string output, SampleFolder work)
    {
        Assert.Contains(Images, output);
        Assert.DoesNotContain("LoadNativeBackend", output);
        Assert.Empty(Directory.GetDirectories(work.Path, "cpu", SearchOption.AllDirectories));
        Assert.False(work.CopiedIntoCache, "TorchSharp copied 490 MB into the NuGet cache");
    }
}
