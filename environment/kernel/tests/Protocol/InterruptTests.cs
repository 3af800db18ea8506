using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Cellar.Tests.Protocol;

/// <summary>Interrupts come as a message on the control channel; what earlier cells made survives them.</summary>
[Collection("kernels")]
public sealed class InterruptTests(KernelFixture fixture) : IClassFixture<KernelFixture>
{
    private readonly KernelClient kernel = fixture.Client;

    [Theory]
    [InlineData("while (true) { }")]
    [InlineData("while (true) { try { Thread.Sleep(10); } catch { } }")]
    [InlineData("Thread.Sleep(60_000);")]
    [InlineData("await Task.Delay(60_000);")]
    [InlineData("await Task.Delay(1); while (true) { }")]
    [InlineData("Task.Delay(60_000).Wait();")]
    [InlineData("Console.ReadLine();")]
    public void A_cell_is_stopped_and_the_state_survives(string code)
    {
        kernel.Execute("int kept = 7;");
        string id = kernel.SendCode($"Console.WriteLine(\"go\"); {code}", new JsonObject { ["allow_stdin"] = true });
        Received? output = kernel.Output();
        while (output is not null && output.Type != "stream") output = kernel.Output();
        var watch = Stopwatch.StartNew();
        Assert.Equal("ok", kernel.Ask("interrupt_request", socket: kernel.Control)["status"]!.ToString());
        Execution stopped = kernel.Await(id);
        Assert.Equal("Interrupted", Assert.Single(stopped.Of("error")).Text("ename"));
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 30); // half of what it would take by itself; lab bench kernel measures it
        Assert.Equal("7", kernel.Execute("Console.Write(kept)").Printed);
        kernel.Receive(kernel.Stdin, seconds: 0); // the question that was not answered
    }

    [Fact]
    public void Code_after_an_await_does_not_go_on_after_an_interrupt()
    {
        string id = kernel.SendCode("Console.WriteLine(\"go\"); await Task.Delay(800); Console.WriteLine(\"ghost\");");
        Received? output = kernel.Output();
        while (output is not null && output.Type != "stream") output = kernel.Output();
        kernel.Ask("interrupt_request", socket: kernel.Control);
        kernel.Await(id);
        Assert.Equal("after", kernel.Execute("await Task.Delay(1200); Console.Write(\"after\");").Printed);
    }

    [Fact]
    public void Code_that_was_cut_beside_the_cells_thread_leaves_no_later_cell_deaf_to_interrupts()
    {
        string[] codes = ["async Task Spin() { await Task.Delay(1); Console.WriteLine(\"go\"); while (true) { } }\nSpin().Wait();", "Console.WriteLine(\"go\"); while (true) { }"];
        for (int i = 0; i < 40; i++)
        {
            string id = kernel.SendCode(codes[i % codes.Length]);
            Received? output = kernel.Output();
            while (output is not null && output.Type != "stream") output = kernel.Output();
            kernel.Ask("interrupt_request", socket: kernel.Control);
            Assert.Equal("Interrupted", Assert.Single(kernel.Await(id).Of("error")).Text("ename"));
        }
    }

    /// <summary>Such loops take the console's lock all the time; cut with it in hand, they would take it along, and no later cell could print.</summary>
    [Fact]
    public void Loops_that_print_can_be_stopped_again_and_again()
    {
        for (int i = 0; i < 10; i++)
        {
            string id = kernel.SendCode("while (true) Console.WriteLine(1);");
            Received? output = kernel.Output();
            while (output is not null && output.Type != "stream") output = kernel.Output();
            kernel.Ask("interrupt_request", socket: kernel.Control);
            Assert.Equal("Interrupted", Assert.Single(kernel.Await(id).Of("error")).Text("ename"));
            Assert.Equal("heard", kernel.Execute("Console.Write(\"heard\")").Printed);
        }
    }

    [Fact]
    public void A_training_loop_is_stopped_between_batches_and_the_network_trains_on()
    {
        using var kernel = new KernelClient(argv: KernelClient.InLab);
        Assert.Equal("ok", kernel.Execute("""
            #r "nuget: TorchSharp"
            using TorchSharp;
            var net = torch.nn.Sequential(torch.nn.Linear(16, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1));
            var optimizer = torch.optim.SGD(net.parameters(), 0.001);
            var (x, y) = (torch.randn(32, 16), torch.randn(32, 1));
            int steps = 0;
            float Step()
            {
                using var scope = torch.NewDisposeScope();
                optimizer.zero_grad();
                var loss = torch.nn.functional.mse_loss(net.call(x), y);
                loss.backward();
                optimizer.step();
                steps++;
                return loss.item<float>();
            }
            float before = Step();
            """).Status);
        string id = kernel.SendCode("Console.WriteLine(\"go\"); while (true) Step();");
        Received? output = kernel.Output();
        while (output is not null && output.Type != "stream") output = kernel.Output();
        Thread.Sleep(300);
        kernel.Ask("interrupt_request", socket: kernel.Control);
        Assert.Equal("Interrupted", Assert.Single(kernel.Await(id).Of("error")).Text("ename"));
        Assert.Equal("True True", kernel.Execute("int taken = steps; float after = 0; for (int i = 0; i < 50; i++) after = Step(); Console.Write($\"{taken > 1 && steps == taken + 50} {after < before}\");").Printed);
    }

    [Fact]
    public void Waiting_for_asynchronous_code_does_not_deadlock()
    {
        Assert.Equal("3", kernel.Execute("async Task<int> Slow() { await Task.Delay(20); await Task.Yield(); return 3; }\nConsole.Write(Slow().Result);").Printed);
    }

    [Fact]
    public void Ten_seconds_of_interrupts_every_fifty_milliseconds_do_no_harm()
    {
        kernel.Execute("int survivor = 11;");
        var end = Stopwatch.StartNew();
        string[] codes = ["while (true) { }", "Thread.Sleep(5000);", "await Task.Delay(5000);", "Console.Write(1); 1 + 1"];
        for (int i = 0; end.Elapsed < TimeSpan.FromSeconds(10); i++)
        {
            string id = kernel.SendCode(codes[i % codes.Length], new JsonObject { ["stop_on_error"] = false });
            JsonObject? reply = null;
            while (reply is null)
            {
                kernel.Send(kernel.Control, "interrupt_request", []);
                reply = kernel.Receive(kernel.Shell, seconds: 0.05)?.Content;
                Assert.True(end.Elapsed < TimeSpan.FromSeconds(60), "The kernel is stuck.");
            }

            Assert.Contains(reply["status"]!.ToString(), (string[])["ok", "error"]);
        }

        while (kernel.Receive(kernel.Control, seconds: 0.5) is not null) { }
        Assert.Equal("11", kernel.Execute("Console.Write(survivor)").Printed);
    }
}
