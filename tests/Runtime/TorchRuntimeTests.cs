using System.Runtime.InteropServices;
using TorchSharp;
using UnetResnet.Runtime;
using static TorchSharp.torch;

namespace UnetResnet.Tests.Runtime;

public class TorchRuntimeTests
{
    [Fact]
    public void The_CPU_has_its_name() => Assert.Equal(DeviceType.CPU, TorchRuntime.Device("cpu").type);

    [Fact]
    public void Auto_takes_CUDA_where_there_is_a_device() =>
        Assert.Equal(cuda_is_available() ? DeviceType.CUDA : DeviceType.CPU, TorchRuntime.Device().type);

    [Theory]
    [InlineData("")]
    [InlineData("gpu")]
    [InlineData("CPU")]
    [InlineData("cpu:0")]
    [InlineData("auto:1")]
    [InlineData("cuda:")]
    [InlineData("cuda:x")]
    [InlineData("cuda:-1")]
    [InlineData("cuda: 1")]
    [InlineData("cuda:1:2")]
    [InlineData("cuda:99999999999")]
    public void Unknown_names_are_refused_with_those_that_exist(string name)
    {
        var e = Assert.Throws<ArgumentException>(() => TorchRuntime.Device(name));
        Assert.Contains($"'{name}'", e.Message);
        Assert.Contains("\"cuda:N\"", e.Message);
    }

    [Theory]
    [InlineData("cuda")]
    [InlineData("cuda:1")]
    public void CUDA_without_a_device_says_what_is_missing(string name)
    {
        if (cuda_is_available()) return;
        var e = Assert.Throws<InvalidOperationException>(() => TorchRuntime.Device(name));
        Assert.Contains($"'{name}'", e.Message);
        Assert.Contains("-p:Torch=cuda", e.Message);
        Assert.Contains("\"cpu\"", e.Message);
    }

    [Fact]
    public void The_same_seed_gives_the_same_numbers()
    {
        using var scope = NewDisposeScope();
        TorchRuntime.Initialize(seed: 42);
        Tensor first = randn(5);
        TorchRuntime.Seed(42);
        Assert.True(first.equal(randn(5)).all().item<bool>());
        Assert.False(first.equal(randn(5)).all().item<bool>());
    }

    [Fact]
    public void Initialize_sets_threads_and_returns_the_stamp()
    {
        int before = get_num_threads();
        try
        {
            RuntimeStamp stamp = TorchRuntime.Initialize(threads: 1);
            Assert.Equal(1, stamp.Threads);
            Assert.Equal(1, get_num_threads());
            Assert.StartsWith("0.107.0", stamp.TorchSharp);
            Assert.StartsWith("2.10.0", stamp.LibTorch);
            Assert.Contains("TorchSharp 0.107.0", stamp.ToString());
            Assert.DoesNotContain('\n', stamp.ToString());
        }
        finally
        {
            set_num_threads(before);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-3)]
    public void Impossible_thread_counts_are_refused(int threads) =>
        Assert.Contains("at least 1", Assert.Throws<ArgumentOutOfRangeException>(() => TorchRuntime.Initialize(threads: threads)).Message);

    [Fact]
    public void A_missing_library_is_explained()
    {
        using var folder = new TemporaryFolder();
        string message = NativeTorch.Explain(folder.Path);
        Assert.Contains(folder.Path, message);
        Assert.Contains("missing", message);
        Assert.Contains("libtorch-cpu-linux-x64", message);
        OneSentence(message);
    }

    [Theory]
    [InlineData("this is no shared library")]
    [InlineData("")]
    public void A_file_that_is_no_library_is_explained(string content)
    {
        if (!OperatingSystem.IsLinux()) return;
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["libLibTorchSharp.so"], content);
        string message = NativeTorch.Explain(folder.Path);
        Assert.Contains(folder["libLibTorchSharp.so"], message);
        Assert.Contains("does not load", message);
        Assert.Contains("build again", message);
        OneSentence(message);
    }

    /// <summary>The package's own file, asking for a library of another name: those of the right name are in this process already.</summary>
    [Fact]
    public void A_library_without_its_companions_is_explained()
    {
        if (!OperatingSystem.IsLinux()) return;
        using var folder = new TemporaryFolder();
        byte[] library = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "libLibTorchSharp.so"));
        int name = library.AsSpan().IndexOf("libtorch_cpu.so\0"u8);
        "libtorch_xyz.so"u8.CopyTo(library.AsSpan(name));
        File.WriteAllBytes(folder["libLibTorchSharp.so"], library);
        string message = NativeTorch.Explain(folder.Path);
        Assert.Contains("lacks", message);
        Assert.Contains("libtorch_xyz.so: cannot open shared object file", message);
        OneSentence(message);
    }

    /// <summary>The package's own file as it comes out of the NuGet cache asks an older libstdc++ for a version that it does not have.</summary>
    [Fact]
    public void An_old_libstdcxx_is_explained()
    {
        if (!OperatingSystem.IsLinux() || NativeLibraryTests.HostHasTheVersion()) return;
        using var folder = new TemporaryFolder();
        File.Copy(NativeLibraryTests.CachedLibrary, folder["libLibTorchSharp.so"]);
        foreach (string companion in Directory.GetFiles(AppContext.BaseDirectory, "lib*.so*"))
        {
            string link = folder[Path.GetFileName(companion)];
            if (!File.Exists(link)) File.CreateSymbolicLink(link, companion);
        }

        string message = NativeTorch.Explain(folder.Path);
        Assert.Contains("GLIBCXX_3.4.32", message);
        Assert.Contains("newer libstdc++", message);
        Assert.Contains("build the project on this machine", message);
        OneSentence(message);
    }

    /// <summary>Read back from libtorch itself: nothing between its warnings and stderr but this number.</summary>
    [Fact]
    public void Native_code_logs_errors_only()
    {
        TorchRuntime.Initialize();
        IntPtr library = NativeLibrary.Load(QuietLogging.LibraryPath);
        Assert.Equal(QuietLogging.ErrorLevel, Marshal.ReadInt32(NativeLibrary.GetExport(library, "FLAGS_caffe2_log_level")));
    }

    /// <summary>Read from the environment that native code sees.</summary>
    [Fact]
    public void Threads_that_wait_soon_sleep()
    {
        TorchRuntime.Initialize();
        string expected = Environment.GetEnvironmentVariable(PatientThreads.Variable) ?? PatientThreads.Looks;
        if (OperatingSystem.IsLinux() && Environment.GetEnvironmentVariable("OMP_WAIT_POLICY") is null)
            Assert.Equal(expected, Marshal.PtrToStringUTF8(GetVariable(PatientThreads.Variable)));
    }

    [DllImport("libc", EntryPoint = "getenv")]
    private static extern IntPtr GetVariable([MarshalAs(UnmanagedType.LPUTF8Str)] string name);

    private static void OneSentence(string message)
    {
        Assert.DoesNotContain('\n', message);
        Assert.EndsWith(".", message);
    }
}
