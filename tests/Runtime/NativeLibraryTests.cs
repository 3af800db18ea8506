using System.Runtime.CompilerServices;
using System.Text;

namespace UnetResnet.Tests.Runtime;

/// <summary>
/// On a host whose libstdc++ lacks GLIBCXX_3.4.32 the build has marked that one version need of libLibTorchSharp.so as weak, in the output folder's copy
/// and nowhere else; on newer hosts it has done nothing.
/// </summary>
public class NativeLibraryTests
{
    private const string Version = "GLIBCXX_3.4.32";

    private static string OutputLibrary => Path.Combine(AppContext.BaseDirectory, "libLibTorchSharp.so");

    /// <summary>The same file in the NuGet cache.</summary>
    internal static string CachedLibrary => Path.Combine(
        Environment.GetEnvironmentVariable("NUGET_PACKAGES") is { Length: > 0 } cache
            ? cache
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages"),
        "torchsharp", "0.107.0", "runtimes", "linux-x64", "native", "libLibTorchSharp.so");

    /// <summary>Whether the libstdc++ that .NET itself has loaded knows the version.</summary>
    internal static bool HostHasTheVersion()
    {
        string provider = File.ReadLines("/proc/self/maps").First(line => line.Contains("/libstdc++.so.6"));
        return File.ReadAllBytes(provider[provider.IndexOf('/')..]).AsSpan().IndexOf(Encoding.ASCII.GetBytes(Version + "\0")) >= 0;
    }

    [Fact]
    public void The_output_differs_from_the_NuGet_cache_in_the_weak_flag_alone()
    {
        if (!OperatingSystem.IsLinux() || !File.Exists(OutputLibrary)) return;
        byte[] cached = File.ReadAllBytes(CachedLibrary), output = File.ReadAllBytes(OutputLibrary);
        int entry = VersionNeed(cached, Version);

        // vna_flags is the second field of the entry. VER_FLG_WEAK is 2.
        Assert.Equal(0, BitConverter.ToUInt16(cached, entry + 4));
        Assert.Equal(cached.Length, output.Length);
        int[] differences = [.. Enumerable.Range(0, cached.Length).Where(i => cached[i] != output[i])];
        if (HostHasTheVersion())
        {
            Assert.Empty(differences);
        }
        else
        {
            Assert.Equal([entry + 4], differences);
            Assert.Equal(2, output[entry + 4]);
        }
    }

    [Fact]
    public void The_natives_lie_beside_the_dll_and_are_not_copied_at_first_use()
    {
        if (!OperatingSystem.IsLinux()) return;
        TorchSharp.torch.ones(1).Dispose();
        Assert.True(File.Exists(Path.Combine(AppContext.BaseDirectory, "libtorch_cpu.so")));
        Assert.False(Directory.Exists(Path.Combine(AppContext.BaseDirectory, "cpu")));
        Assert.False(Directory.Exists(Path.Combine(AppContext.BaseDirectory, "runtimes", "osx-arm64")));
    }

    [Fact]
    public void The_task_patches_a_copy_once_and_breaks_its_hard_link()
    {
        if (!OperatingSystem.IsLinux()) return;
        using var folder = new TemporaryFolder();
        File.Copy(CachedLibrary, folder["cache.so"]);
        var stamp = new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc);
        File.SetLastWriteTimeUtc(folder["cache.so"], stamp);
        Process("/bin/ln", folder.Path, "cache.so", "linked.so");
        string target = folder["linked.so"];

        string first = RunTask(folder, target, Version), second = RunTask(folder, target, Version);

        Assert.Equal(File.ReadAllBytes(CachedLibrary), File.ReadAllBytes(folder["cache.so"]));
        byte flag = File.ReadAllBytes(target)[VersionNeed(File.ReadAllBytes(CachedLibrary), Version) + 4];
        if (HostHasTheVersion())
        {
            Assert.DoesNotContain("marked", first);
            Assert.Equal(0, flag);
        }
        else
        {
            Assert.Contains($"lacks {Version}", first);
            Assert.Equal(2, flag);
        }

        Assert.DoesNotContain("marked", second);
        // The next incremental build then does not copy the original over it.
        Assert.Equal(stamp, File.GetLastWriteTimeUtc(target));
        Assert.Equal(["cache.so", "linked.so", "task.proj"], Directory.GetFiles(folder.Path).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void The_task_names_files_that_it_cannot_read()
    {
        if (!OperatingSystem.IsLinux()) return;
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["text.so"], new string('x', 200));
        Assert.Contains("text.so: could not relax NO_HOST_HAS_THIS: not an ELF file", RunTask(folder, folder["text.so"], "NO_HOST_HAS_THIS", succeeds: false));

        File.WriteAllBytes(folder["half.so"], File.ReadAllBytes(CachedLibrary)[..1000]);
        string message = RunTask(folder, folder["half.so"], "NO_HOST_HAS_THIS", succeeds: false);
        Assert.Contains("half.so: could not relax NO_HOST_HAS_THIS", message);
        Assert.Contains("truncated", message);
    }

    [Fact]
    public void The_switch_to_CUDA_swaps_the_native_package_and_nothing_else()
    {
        string[] cpu = Packages("cpu"), cuda = Packages("cuda");
        Assert.Contains("TorchSharp-cuda-linux", cuda);
        Assert.DoesNotContain(cuda, package => package.StartsWith("libtorch-cpu", StringComparison.Ordinal));
        Assert.DoesNotContain("TorchSharp-cuda-linux", cpu);
        string own = Assert.Single(cpu, package => package.StartsWith("libtorch-cpu", StringComparison.Ordinal));
        Assert.Contains(OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux", own);
        Assert.Equal(cpu.Except([own]), cuda.Except(["TorchSharp-cuda-linux"]));

        static string[] Packages(string torch)
        {
            string json = Dotnet(true, "msbuild", "UnetResnet.Helpers.csproj", "-getItem:PackageReference", $"-p:Torch={torch}");
            using var document = System.Text.Json.JsonDocument.Parse(json);
            return [.. document.RootElement.GetProperty("Items").GetProperty("PackageReference").EnumerateArray().Select(p => p.GetProperty("Identity").GetString()!)];
        }
    }

    [Fact]
    public void An_unknown_switch_stops_with_the_ones_that_exist() =>
        Assert.Contains("Torch=rocm is not known. Use -p:Torch=cpu (the default) or -p:Torch=cuda.",
            Dotnet(false, "msbuild", "UnetResnet.Helpers.csproj", "-t:Restore", "-p:Torch=rocm"));

    private static string RunTask(TemporaryFolder folder, string library, string version, bool succeeds = true)
    {
        File.WriteAllText(folder["task.proj"],
            $"""
            <Project>
              <Import Project="{RepositoryRoot}/environment/native/Torch.targets" />
              <Target Name="Relax"><RelaxSymbolVersion Library="{library}" SymbolVersion="{version}" Provider="libstdc++.so.6" /></Target>
            </Project>
            """);
        return Dotnet(succeeds, "msbuild", folder["task.proj"], "-t:Relax", "-p:Torch=none", "-v:minimal");
    }

    private static string Dotnet(bool succeeds, params string[] arguments) =>
        Process(Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet", RepositoryRoot,
            [.. arguments, "-nodeReuse:false", "-nologo"], succeeds);

    private static void Process(string program, string folder, params string[] arguments) => Process(program, folder, arguments, succeeds: true);

    private static string Process(string program, string folder, string[] arguments, bool succeeds)
    {
        var start = new System.Diagnostics.ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        // The SDK that runs these tests has set variables that would steer another one.
        foreach (string name in start.Environment.Keys.Where(k => k.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToArray()) start.Environment.Remove(name);
        start.Environment["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0";
        start.Environment["MSBUILDTERMINALLOGGER"] = "off";
        using var process = System.Diagnostics.Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd() + error.Result;
        process.WaitForExit();
        Assert.True(process.ExitCode == 0 == succeeds, output);
        return output;
    }

    private static string RepositoryRoot { get; } = Above(SourceFile());

    private static string SourceFile([CallerFilePath] string path = "") => path;

    private static string Above(string path)
    {
        DirectoryInfo? folder = new FileInfo(path).Directory;
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "UnetResnet.Helpers.csproj"))) folder = folder.Parent;
        return folder?.FullName ?? throw new DirectoryNotFoundException($"No UnetResnet.Helpers.csproj above {path}.");
    }

    /// <summary>Offset of the entry (Elf64_Vernaux: hash 4, flags 2, other 2, name 4, next 4) that needs a version.</summary>
    private static int VersionNeed(byte[] elf, string version)
    {
        (uint Type, int Offset, int Size, int Link)[] sections = [.. Enumerable.Range(0, BitConverter.ToUInt16(elf, 0x3C)).Select(i =>
        {
            int header = (int)BitConverter.ToInt64(elf, 0x28) + i * 64;
            return (BitConverter.ToUInt32(elf, header + 4), (int)BitConverter.ToInt64(elf, header + 24), (int)BitConverter.ToInt64(elf, header + 32), BitConverter.ToInt32(elf, header + 40));
        })];
        var needs = sections.Single(s => s.Type == 0x6FFFFFFE);
        byte[] name = Encoding.ASCII.GetBytes(version + "\0");
        // Entries are 16 bytes and so are the heads between them (Elf64_Verneed), whose field at 8 is a distance, no name: it does not lead to the text.
        return Enumerable.Range(0, needs.Size / 16).Select(k => needs.Offset + k * 16)
            .Single(entry => sections[needs.Link].Offset + BitConverter.ToInt32(elf, entry + 8) is var text && text + name.Length <= elf.Length && elf.AsSpan(text, name.Length).SequenceEqual(name));
    }
}
