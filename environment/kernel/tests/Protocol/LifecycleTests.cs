using System.Diagnostics;
using System.Net.NetworkInformation;
using System.Text.Json.Nodes;
using Cellar.Protocol;

namespace Cellar.Tests.Protocol;

/// <summary>Kernels begin and end, and leave nothing behind.</summary>
[Collection("kernels")]
public sealed class LifecycleTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Shutdown_is_answered_and_ends_the_process_even_while_a_cell_runs(bool restart)
    {
        using var kernel = new KernelClient();
        kernel.Execute("Console.Write(1)");
        kernel.SendCode("while (true) { }");
        JsonObject reply = kernel.Ask("shutdown_request", new JsonObject { ["restart"] = restart }, kernel.Control);
        Assert.Equal(("ok", restart), (reply["status"]!.ToString(), reply["restart"]!.GetValue<bool>()));
        Assert.True(kernel.Process.WaitForExit(TimeSpan.FromSeconds(20)));
        Assert.Equal(0, kernel.Process.ExitCode);
        AssertNothingIsLeft(kernel);
    }

    private static void AssertNothingIsLeft(KernelClient kernel)
    {
        Assert.Equal(["connection.json", "tmp"], Directory.GetFileSystemEntries(kernel.Folder).Select(Path.GetFileName).Order());
        Assert.Empty(Directory.GetFileSystemEntries(kernel.Temporary));
        ConnectionFile used = kernel.Connection;
        IEnumerable<int> open = IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners().Select(l => l.Port);
        Assert.Empty(open.Intersect([used.ShellPort, used.ControlPort, used.IopubPort, used.StdinPort, used.HeartbeatPort]));
    }

    [Fact]
    public void What_cells_have_used_is_given_back_when_nothing_is_asked_for()
    {
        using var kernel = new KernelClient();
        // The first time it may be the start that is tidied up.
        for (int time = 0; time < 2; time++)
        {
            kernel.Execute("{ var used = new List<byte[]>(); for (int i = 0; i < 6000; i++) { var piece = new byte[20_000]; Array.Fill(piece, (byte)1); used.Add(piece); } }");
            WaitForLess(kernel, 80 << 20);
        }
    }

    /// <summary>As after a training: what native code frees lies between what it still uses.</summary>
    [Fact]
    public void What_native_code_has_freed_is_given_back_when_nothing_is_asked_for()
    {
        using var kernel = new KernelClient();
        for (int time = 0; time < 2; time++)
        {
            kernel.Execute("""
                unsafe
                {
                    var pieces = new void*[5000];
                    for (int i = 0; i < pieces.Length; i++)
                    {
                        pieces[i] = System.Runtime.InteropServices.NativeMemory.Alloc(100_000);
                        new Span<byte>(pieces[i], 100_000).Fill(1);
                    }

                    for (int i = 0; i < pieces.Length; i++) if (i % 50 != 0) System.Runtime.InteropServices.NativeMemory.Free(pieces[i]);
                }
                """);
            WaitForLess(kernel, 300 << 20);
        }
    }

    private static void WaitForLess(KernelClient kernel, long bytes)
    {
        long most = Resident();
        for (var watch = Stopwatch.StartNew(); Resident() > most - bytes; Thread.Sleep(100))
            Assert.True(watch.Elapsed < TimeSpan.FromMinutes(1), $"{most} bytes were in use, and {Resident()} are");

        long Resident()
        {
            kernel.Process.Refresh();
            return kernel.Process.WorkingSet64;
        }
    }

    [Fact]
    public void A_killed_kernel_is_replaced_by_a_fresh_one()
    {
        using (var kernel = new KernelClient())
        {
            kernel.Execute("int lost = 1;");
            kernel.Process.Kill();
            Assert.True(kernel.Process.WaitForExit(TimeSpan.FromSeconds(10)));
        }

        using var next = new KernelClient();
        Assert.Contains("CS0103", next.Execute("lost").Reply["evalue"]!.ToString());
    }

    [Fact]
    public void A_kernel_whose_client_has_died_ends_by_itself()
    {
        using var parent = Process.Start("sleep", "300");
        using var kernel = new KernelClient(parent: $"{parent.Id}");
        kernel.Execute("1");
        parent.Kill();
        parent.WaitForExit();
        Assert.True(kernel.Process.WaitForExit(TimeSpan.FromSeconds(20)));
        AssertNothingIsLeft(kernel);
    }

    [Theory]
    [InlineData("")]
    [InlineData("while (true) { }")]
    public void A_polite_signal_ends_the_process(string running)
    {
        using var kernel = new KernelClient();
        kernel.Execute("1");
        if (running.Length > 0) kernel.SendCode(running);
        using (Process kill = Process.Start("kill", ["-TERM", $"{kernel.Process.Id}"])) kill.WaitForExit();
        Assert.True(kernel.Process.WaitForExit(TimeSpan.FromSeconds(20)), "The kernel has not ended.");
        Assert.Equal(0, kernel.Process.ExitCode);
        AssertNothingIsLeft(kernel);
    }

    [Fact]
    public void Twenty_kernels_start_at_once()
    {
        KernelClient[] kernels = [.. Enumerable.Range(0, 20).Select(_ => new KernelClient())];
        try
        {
            string[] ids = [.. kernels.Select((kernel, i) => kernel.SendCode($"Console.Write({i})"))];
            for (int i = 0; i < kernels.Length; i++)
            {
                Assert.Equal($"{i}", kernels[i].Await(ids[i]).Printed);
                kernels[i].Process.Kill(); // one that has nothing to do warms up its compiler, while others start
            }
        }
        finally
        {
            foreach (KernelClient kernel in kernels) kernel.Dispose();
        }
    }

    [Fact]
    public void A_wrong_connection_file_is_named_with_the_cure()
    {
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.Path, "c.json");
        folder.Write("c.json", "{\"transport\":\"ipc\",\"shell_port\":1,\"control_port\":2,\"iopub_port\":3,\"stdin_port\":4,\"hb_port\":5}");
        Assert.Contains("expected \"tcp\"", Assert.Throws<FormatException>(() => ConnectionFile.Load(path)).Message);
        folder.Write("c.json", "{");
        Assert.Contains(path, Assert.Throws<FormatException>(() => ConnectionFile.Load(path)).Message);
        Assert.Contains("no connection file", Assert.Throws<FileNotFoundException>(() => ConnectionFile.Load(path + "x")).Message);
    }
}
