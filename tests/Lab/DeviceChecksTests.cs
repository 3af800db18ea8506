using UnetResnet.Lab.Commands;
using UnetResnet.Lab.Doctor;
using UnetResnet.Runtime;

namespace UnetResnet.Tests.Lab;

/// <summary><c>lab doctor --gpu</c> without a GPU: every check on the CPU, and what is said where there is none.</summary>
public class DeviceChecksTests
{
    [Fact]
    public void Every_check_passes_on_the_CPU_and_the_page_names_each()
    {
        (int code, string text, string error) = CommandRun.Of(DoctorCommand.Create(), "--gpu", "--device", "cpu");
        Assert.True(code == 0, text + error);
        string[] lines = text.TrimEnd().Split('\n');
        Assert.Equal(15, lines.Length);
        Assert.All(lines[..^1], line => Assert.StartsWith("pass  ", line));
        Assert.Equal("All 14 checks pass on cpu.", lines[^1].TrimEnd());
        string page = File.ReadAllText(Path.Combine(Directory.GetParent(BundledFiles.Root)!.FullName, "docs", "gpu.md"));
        Assert.All(lines[..^1], line => Assert.Contains($"| {line[6..24].TrimEnd()} |", page));
    }

    [Fact]
    public void Without_a_GPU_a_sentence_says_what_to_install()
    {
        if (TorchSharp.torch.cuda_is_available()) return;
        (int code, string text, string error) = CommandRun.Of(DoctorCommand.Create(), "--gpu");
        Assert.Equal((3, ""), (code, text));
        Assert.Contains("-p:Torch=cuda", error);
        Assert.Contains("driver", error);
        Assert.Single(error.TrimEnd().Split('\n'));
        (code, _, error) = CommandRun.Of(DoctorCommand.Create(), "--device", "cpu");
        Assert.Equal(1, code);
        Assert.Contains("--gpu", error);
    }

    /// <summary>A device without kernels for anything: every check that computes must say so, and none may stop the others.</summary>
    [Fact]
    public void On_a_device_that_cannot_compute_the_checks_fail_one_by_one()
    {
        DeviceLine[] lines = [.. new DeviceChecks(TorchSharp.torch.META).Run()];
        Assert.Equal(14, lines.Length);
        Assert.Equal(["tensor round trip", "forward pass", "training step", "freezing modes", "recalibration", "folding", "diagnosis", "save and load", "speed"],
            lines.Where(l => !l.Passed && l.Check != "memory returned").Select(l => l.Check));
        Assert.All(lines.Where(l => !l.Passed), line => Assert.StartsWith("FAIL  ", line.ToString()));
    }
}
