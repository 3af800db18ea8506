using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using UnetResnet.Lab.Running;
using UnetResnet.Models.Winograd;

namespace UnetResnet.Tests.Lab;

public class KernelOrderTests
{
    /// <summary>
    /// Kernels that are kept in the order of another size of map are turned round at every call, some by oneDNN's plain code, which takes longer than their convolutions. oneDNN
    /// prints what it does and how.
    /// </summary>
    [Fact]
    public void No_kernel_is_turned_round_by_plain_code()
    {
        if (RuntimeInformation.ProcessArchitecture != System.Runtime.InteropServices.Architecture.X64) return; // libtorch computes without oneDNN there
        string[] arguments = [typeof(NotebookRunner).Assembly.Location, "bench", "infer", "--width", "64", "--side", "128", "--batch", "2", "--rounds", "1", "--only", "infer", "--no-peers"];
        var start = new ProcessStartInfo("dotnet", arguments) { RedirectStandardOutput = true };
        start.Environment["ONEDNN_VERBOSE"] = "profile_exec";
        using Process lab = Process.Start(start)!;
        string[] executed = [.. lab.StandardOutput.ReadToEnd().Split('\n').Where(line => line.Contains(",exec,", StringComparison.Ordinal))];
        lab.WaitForExit();
        Assert.Equal(0, lab.ExitCode);
        // A pass begins with the convolution of the images. Then come the next measurement, or the layer-by-layer pass that counts the step's work.
        bool Begins(string line) => line.Contains("_ic3oc64_", StringComparison.Ordinal);
        int first = Array.FindLastIndex(executed, line => Begins(line) && line.Contains("forward_inference", StringComparison.Ordinal));
        Assert.True(first >= 0);
        string[] last = [.. executed.Skip(first + 1).TakeWhile(line => !Begins(line))];
        // Those of the encoder and of the decoder that are not the kit's own: at this size only few are small enough for products or have enough tiles.
        Assert.InRange(last.Count(line => line.Contains("convolution", StringComparison.Ordinal)), WinogradConvolution.IsAvailable ? 43 : 53, 70);
        // A kernel's last two sizes; the smallest maps are 4 × 4.
        Assert.DoesNotContain(last, line => line.Contains(",reorder,simple", StringComparison.Ordinal) && Regex.IsMatch(line, @",\d+x\d+x(?:1x1|3x3),"));
    }
}
