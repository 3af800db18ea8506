using System.Runtime.InteropServices;
using System.Text;
using SkiaSharp;
using TorchSharp;
using UnetResnet.Lab.Results;
using UnetResnet.Runtime;
using UnetResnet.Weights;

namespace UnetResnet.Lab.Doctor;

/// <summary>The checks of <c>lab doctor</c>, each a function of its own, in the order they are shown.</summary>
internal static class MachineChecks
{
    /// <summary>Runs all checks. A check that itself goes wrong is a finding too.</summary>
    /// <param name="root">The repository, or null outside of one.</param>
    public static IReadOnlyList<Finding> All(string? root) =>
    [
        Guarded(".NET SDK", Sdk),
        Guarded("system", () => new Finding("system", Health.Ok, $"{Machine.Current.System}, .NET {Machine.Current.DotNet}")),
        Guarded("libstdc++", StandardLibrary),
        Guarded("libtorch", Torch),
        Guarded("processor", Cores),
        Guarded("memory", Memory),
        Guarded("GPU", Gpu),
        Guarded("pictures", Pictures),
        Guarded("data", () => Files(root, "data", "data/brain-mri", "*.png", "lab data brain-mri")),
        Guarded("weights", () => Files(root, "weights", "data/weights", "*.safetensors", "lab pretrain")),
        Guarded("ImageNet", ImageNet),
        Guarded("notebooks", () => Files(root, "notebooks", "notebooks", "*.ipynb", null)),
        Guarded("Jupyter", Jupyter),
    ];

    private static Finding Guarded(string subject, Func<Finding> check)
    {
        try
        {
            return check();
        }
        catch (Exception e)
        {
            return new Finding(subject, Health.Failure, $"{e.GetType().Name}: {e.Message.Split('\n')[0]}", "This check itself failed; the message says why.");
        }
    }

    private static Finding Sdk()
    {
        string? version = Machine.Output("dotnet", "--version");
        if (version is null) return new Finding(".NET SDK", Health.Failure, "not found on the PATH", "Install the .NET 10 SDK: https://dot.net");
        return int.TryParse(version.Split('.')[0], out int major) && major >= 10
            ? new Finding(".NET SDK", Health.Ok, version)
            : new Finding(".NET SDK", Health.Failure, version, "Install the .NET 10 SDK: https://dot.net");
    }

    /// <summary>TorchSharp's native library asks for a symbol version of GCC 13; on older hosts the build relaxes that need in its own copy.</summary>
    private static Finding StandardLibrary()
    {
        const string wanted = "GLIBCXX_3.4.32";
        if (!OperatingSystem.IsLinux()) return new Finding("libstdc++", Health.Ok, "not needed on this system");

        NativeLibrary.TryLoad("libstdc++.so.6", out _); // so that the map of this process's files tells where it lies
        string? path = File.ReadLines("/proc/self/maps").Select(l => l.IndexOf('/') is var i and >= 0 ? l[i..] : "")
            .FirstOrDefault(p => Path.GetFileName(p).StartsWith("libstdc++.so", StringComparison.Ordinal));
        if (path is null) return new Finding("libstdc++", Health.Failure, "libstdc++.so.6 cannot be loaded", "Install it: apt-get install libstdc++6");
        return File.ReadAllBytes(path).AsSpan().IndexOf(Encoding.ASCII.GetBytes(wanted + "\0")) >= 0
            ? new Finding("libstdc++", Health.Ok, $"has {wanted}")
            : new Finding("libstdc++", Health.Ok, $"older than {wanted}; the build relaxes that need in its own copy of TorchSharp");
    }

    private static Finding Torch()
    {
        try
        {
            RuntimeStamp stamp = TorchRuntime.Initialize();
            using torch.Tensor sum = torch.ones(3, 4).sum();
            return sum.item<float>() == 12
                ? new Finding("libtorch", Health.Ok, $"{stamp.LibTorch}, {stamp.Threads} threads")
                : new Finding("libtorch", Health.Failure, "adds wrongly: 12 ones do not give 12", "Delete artifacts/ and build again.");
        }
        catch (TorchLoadException e)
        {
            string[] causeAndCure = e.Message.Split(": ", 2);
            return new Finding("libtorch", Health.Failure, causeAndCure[0], causeAndCure.Length > 1 ? causeAndCure[1] : null);
        }
    }

    private static Finding Cores()
    {
        string detail = $"{Machine.Current.Cpu}, {Machine.Current.Cores} cores";
        return Machine.Current.Cores >= 2
            ? new Finding("processor", Health.Ok, detail)
            : new Finding("processor", Health.Warning, detail, "The notebooks' times are for two cores: expect twice as long.");
    }

    private static Finding Memory()
    {
        double gibibytes = Machine.Current.MemoryBytes / (double)(1 << 30);
        return gibibytes switch
        {
            >= 3.5 => new Finding("memory", Health.Ok, $"{gibibytes:0.0} GiB"),
            >= 2 => new Finding("memory", Health.Warning, $"{gibibytes:0.0} GiB", "The notebooks take up to 3 GiB: close other programs, or raise the container's limit."),
            _ => new Finding("memory", Health.Failure, $"{gibibytes:0.0} GiB", "The notebooks take up to 3 GiB: raise the container's limit."),
        };
    }

    private static Finding Gpu()
    {
        if (torch.cuda.is_available()) return new Finding("GPU", Health.Ok, $"{torch.cuda.device_count()} CUDA device(s)");
        bool driver = Machine.Output("nvidia-smi", "-L") is { Length: > 0 };
        return driver
            ? new Finding("GPU", Health.Warning, "an NVIDIA GPU is there, but this build has no CUDA", "Build with -p:Torch=cuda.")
            : new Finding("GPU", Health.Ok, "none; nothing here needs one");
    }

    private static Finding Pictures()
    {
        using var bitmap = new SKBitmap(4, 4);
        using SKData png = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        int families = SKFontManager.Default.FontFamilyCount;
        return new Finding("pictures", Health.Ok, $"SkiaSharp draws; {(families == 0 ? "no system fonts, none needed" : $"{families} font families")}");
    }

    private static Finding Files(string? root, string subject, string folder, string pattern, string? command)
    {
        if (root is null) return new Finding(subject, Health.Warning, "outside the repository", "Start lab from inside the repository.");
        string path = Path.Combine(root, folder);
        int count = Directory.Exists(path) ? Directory.EnumerateFiles(path, pattern, SearchOption.AllDirectories).Count() : 0;
        return count > 0
            ? new Finding(subject, Health.Ok, $"{count} files in {folder}")
            : new Finding(subject, Health.Failure, $"no {pattern} in {folder}", $"Restore them: git checkout -- {folder}" + (command is null ? "" : $"; or make them anew: {command}"));
    }

    private static Finding ImageNet()
    {
        string path = PretrainedWeights.ImageNet.PathIn();
        if (!File.Exists(path)) return new Finding("ImageNet", Health.Ok, $"no weights in {WeightsCache.Folder}; only the preset full needs them: lab weights download");
        return PretrainedWeights.ImageNet.IsIntact(path)
            ? new Finding("ImageNet", Health.Ok, $"weights at {path}")
            : new Finding("ImageNet", Health.Warning, $"another or a damaged file at {path}", "Replace it: lab weights download");
    }

    private static Finding Jupyter()
    {
        string? version = Machine.Output("jupyter", "--version")?.Split('\n')[0];
        return version is null
            ? new Finding("Jupyter", Health.Ok, "not installed; `lab run` and VS Code do without")
            : new Finding("Jupyter", Health.Ok, version);
    }
}
