using System.Text;
using System.Text.Json.Nodes;
using NetMQ;

namespace Cellar.Tests.Protocol;

/// <summary>The messages of protocol 5.4, one by one, against the real kernel process.</summary>
[Collection("kernels")]
public sealed class ProtocolTests(KernelFixture fixture) : IClassFixture<KernelFixture>
{
    private readonly KernelClient kernel = fixture.Client;

    [Fact]
    public void Kernel_info_is_given_on_both_channels()
    {
        foreach (NetMQSocket socket in (NetMQSocket[])[kernel.Shell, kernel.Control])
        {
            JsonObject info = kernel.Ask("kernel_info_request", socket: socket);
            Assert.Equal("ok", info["status"]!.ToString());
            Assert.Equal("5.4", info["protocol_version"]!.ToString());
            Assert.Equal(("csharp", ".cs"), (info["language_info"]!["name"]!.ToString(), info["language_info"]!["file_extension"]!.ToString()));
        }
    }

    [Fact]
    public void A_cell_is_echoed_printed_counted_and_framed_by_busy_and_idle()
    {
        Execution first = kernel.Execute("Console.Write(\"a\"); Console.Error.Write(\"b\"); Console.Write(\"c\");\n6 * 7");
        Assert.Equal(["status", "execute_input", "stream", "stream", "stream", "execute_result", "status"], first.Outputs.Select(o => o.Type));
        Assert.Equal(["a", "b", "c"], first.Of("stream").Select(o => o.Text("text")));
        int count = first.Reply["execution_count"]!.GetValue<int>();
        Assert.Equal(count, first.Of("execute_result").Single().Content["execution_count"]!.GetValue<int>());
        Assert.Equal(count + 1, kernel.Execute("1").Reply["execution_count"]!.GetValue<int>());
    }

    [Fact]
    public void Silent_and_unstored_cells_are_not_counted()
    {
        int count = kernel.Execute("1").Reply["execution_count"]!.GetValue<int>();
        Execution silent = kernel.Execute("Console.Write(1); int fromSilence = 5; 3", new JsonObject { ["silent"] = true });
        Assert.Equal(["status", "status"], silent.Outputs.Select(o => o.Type));
        Assert.Equal("5", kernel.Execute("Console.Write(fromSilence)", new JsonObject { ["store_history"] = false }).Printed);
        Assert.Equal(count + 1, kernel.Execute("2").Reply["execution_count"]!.GetValue<int>());
    }

    [Fact]
    public void User_expressions_are_evaluated_after_the_cell()
    {
        JsonNode values = kernel.Execute("int two = 2;", new JsonObject { ["user_expressions"] = new JsonObject { ["right"] = "$\"is {two + 2}\"", ["wrong"] = "absent" } }).Reply["user_expressions"]!;
        Assert.Equal(("ok", "is 4"), (values["right"]!["status"]!.ToString(), values["right"]!["data"]!["text/plain"]!.ToString()));
        Assert.Equal(("error", "CompilationError"), (values["wrong"]!["status"]!.ToString(), values["wrong"]!["ename"]!.ToString()));
    }

    [Fact]
    public void A_failure_is_one_error_with_the_line_and_a_caret()
    {
        Execution failed = kernel.Execute("int x = 1;\n  x = missing;");
        Received error = Assert.Single(failed.Of("error"));
        Assert.Empty(failed.Of("stream"));
        Assert.Equal("CompilationError", error.Text("ename"));
        Assert.Contains(error.Content["traceback"]!.AsArray(), l => l!.ToString().Contains("(2,7): error CS0103"));
        Assert.Contains(error.Content["traceback"]!.AsArray(), l => l!.ToString().Trim() == "^~~~~~~");
        Assert.Equal(("error", "CompilationError"), (failed.Status, failed.Reply["ename"]!.ToString()));
        Execution thrown = kernel.Execute("throw new FormatException(\"bad\");");
        Assert.Equal("System.FormatException", Assert.Single(thrown.Of("error")).Text("ename"));
        // Cells that fail are counted, whether they were compiled or not.
        int count = failed.Reply["execution_count"]!.GetValue<int>();
        Assert.Equal((count + 1, count + 2), (thrown.Reply["execution_count"]!.GetValue<int>(), kernel.Execute("1").Reply["execution_count"]!.GetValue<int>()));
    }

    [Fact]
    public void A_failure_aborts_the_queue_unless_told_otherwise()
    {
        string[] ids = [.. new[] { "await Task.Delay(200); throw new Exception(\"first\");", "Console.Write(1)", "Console.Write(2)" }.Select(c => kernel.SendCode(c))];
        Assert.Equal(["error", "aborted", "aborted"], ids.Select(id => kernel.Await(id).Status));
        ids = [.. new[] { "await Task.Delay(200); throw new Exception(\"first\");", "Console.Write(1)" }.Select(c => kernel.SendCode(c, new JsonObject { ["stop_on_error"] = false }))];
        Assert.Equal(["error", "ok"], ids.Select(id => kernel.Await(id).Status));
    }

    [Fact]
    public void Displays_are_updated_cleared_and_json_is_json()
    {
        Execution shown = kernel.Execute("var d = display(\"before\"); d.Update(\"after\"); clear_output(true);");
        Received display = shown.Of("display_data").Single(), update = shown.Of("update_display_data").Single();
        Assert.Equal("before", display.Content["data"]!["text/plain"]!.ToString());
        Assert.Equal("after", update.Content["data"]!["text/plain"]!.ToString());
        Assert.Equal(display.Content["transient"]!["display_id"]!.ToString(), update.Content["transient"]!["display_id"]!.ToString());
        Assert.True(shown.Of("clear_output").Single().Content["wait"]!.GetValue<bool>());

        shown = kernel.Execute("record Plot(int Y); Formatter.Register<Plot>(p => $\"{{\\\"y\\\":{p.Y}}}\", \"application/vnd.plot+json\"); display(new Plot(3), \"application/vnd.plot+json\");");
        Assert.Equal(3, shown.Of("display_data").Single().Content["data"]!["application/vnd.plot+json"]!["y"]!.GetValue<int>());
    }

    [Theory]
    [InlineData("1 + 1", "complete")]
    [InlineData("#!time\nint x = 1;", "complete")]
    [InlineData("for (int i = 0; i < 3; i++) {", "incomplete")]
    [InlineData("int x = );", "invalid")]
    public void Completeness_is_told(string code, string status)
    {
        JsonObject reply = kernel.Ask("is_complete_request", new JsonObject { ["code"] = code });
        Assert.Equal(status, reply["status"]!.ToString());
        if (status == "incomplete") Assert.Equal("    ", reply["indent"]!.ToString());
    }

    [Fact]
    public void Names_are_completed_at_a_place_in_code_points()
    {
        kernel.Execute("string counted = \"🙂\";");
        const string code = "var s = \"🙂🙂\"; count";
        JsonObject reply = kernel.Ask("complete_request", new JsonObject { ["code"] = code, ["cursor_pos"] = code.EnumerateRunes().Count() });
        Assert.Equal(("ok", 14, 19), (reply["status"]!.ToString(), reply["cursor_start"]!.GetValue<int>(), reply["cursor_end"]!.GetValue<int>()));
        Assert.Equal("counted", reply["matches"]![0]!.ToString());
        JsonNode type = reply["metadata"]!["_jupyter_types_experimental"]![0]!;
        Assert.Equal(("counted", "instance", 14, 19), (type["text"]!.ToString(), type["type"]!.ToString(), type["start"]!.GetValue<int>(), type["end"]!.GetValue<int>()));
    }

    [Fact]
    public void Names_are_explained_with_their_documentation()
    {
        JsonObject reply = kernel.Ask("inspect_request", new JsonObject { ["code"] = "/*🙂🙂🙂*/ Console.WriteLine(1)", ["cursor_pos"] = 20, ["detail_level"] = 0 });
        Assert.True(reply["found"]!.GetValue<bool>());
        Assert.Contains("void Console.WriteLine(int value)", reply["data"]!["text/plain"]!.ToString());
        Assert.StartsWith("```csharp", reply["data"]!["text/markdown"]!.ToString());
        reply = kernel.Ask("inspect_request", new JsonObject { ["code"] = "unknown", ["cursor_pos"] = 2 });
        Assert.Equal(("ok", false, 0), (reply["status"]!.ToString(), reply["found"]!.GetValue<bool>(), reply["data"]!.AsObject().Count));
    }

    [Fact]
    public void History_has_tail_range_and_search()
    {
        int line = kernel.Execute("\"needle one\"").Reply["execution_count"]!.GetValue<int>();
        kernel.Execute("\"needle two\"");
        JsonArray History(JsonObject content) => kernel.Ask("history_request", content)["history"]!.AsArray();
        JsonArray tail = History(new JsonObject { ["hist_access_type"] = "tail", ["n"] = 2, ["output"] = true });
        Assert.Equal(["needle one", "needle two"], tail.Select(e => e![2]![1]!.ToString()));
        Assert.Equal("\"needle one\"", Assert.Single(History(new JsonObject { ["hist_access_type"] = "range", ["session"] = 0, ["start"] = line, ["stop"] = line + 1 }))![2]!.ToString());
        Assert.Equal(2, History(new JsonObject { ["hist_access_type"] = "search", ["pattern"] = "\"needle*", ["n"] = 9 }).Count);
    }

    [Fact]
    public void Comms_are_closed_politely()
    {
        Assert.Empty(kernel.Ask("comm_info_request")["comms"]!.AsObject());
        string id = kernel.Send(kernel.Shell, "comm_open", new JsonObject { ["comm_id"] = "c1", ["target_name"] = "widget", ["data"] = new JsonObject() });
        Received? close = kernel.Output();
        while (close is not null && (close.Parent != id || close.Type == "status")) close = kernel.Output();
        Assert.Equal(("comm_close", "c1"), (close!.Type, close.Text("comm_id")));
    }

    [Fact]
    public void Input_is_asked_of_the_client()
    {
        string id = kernel.SendCode("var name = Console.ReadLine(); var key = password(\"key?\"); Console.Write(name + key);", new JsonObject { ["allow_stdin"] = true });
        Assert.False(kernel.Receive(kernel.Stdin)!.Content["password"]!.GetValue<bool>());
        kernel.Send(kernel.Stdin, "input_reply", new JsonObject { ["value"] = "Ada " });
        Received question = kernel.Receive(kernel.Stdin)!;
        Assert.Equal(("key?", true, id), (question.Text("prompt"), question.Content["password"]!.GetValue<bool>(), question.Parent));
        kernel.Send(kernel.Stdin, "input_reply", new JsonObject { ["value"] = "123" });
        Assert.Equal("Ada 123", kernel.Await(id).Printed);
        Assert.Contains("allow_stdin", kernel.Execute("input(\"?\")").Reply["evalue"]!.ToString());
    }

    [Fact]
    public void The_heartbeat_echoes()
    {
        kernel.Heartbeat.SendFrame("beat");
        Assert.True(kernel.Heartbeat.TryReceiveFrameString(TimeSpan.FromSeconds(10), out string? echo));
        Assert.Equal("beat", echo);
    }

    [Trait("Category", "Reliability")]
    [Fact]
    public void Malformed_and_wrongly_signed_messages_are_dropped()
    {
        List<byte[]> good = kernel.Frames("execute_request", new JsonObject { ["code"] = "Console.Write(\"hacked\")" });
        List<byte[]> forged = [.. good];
        forged[5] = Encoding.UTF8.GetBytes("{\"code\":\"1\"}");
        List<byte[]> swapped = [good[0], good[1], good[3], good[2], good[4], good[5]];
        List<byte[]>[] bad = [forged, swapped, good[..5], [.. good.Skip(1)], [good[0], [], .. good[2..]], [[]], [[0xff, 0xfe]]];
        foreach (List<byte[]> frames in bad)
        {
            kernel.Shell.SendMultipartBytes(frames);
            kernel.Control.SendMultipartBytes(frames);
        }

        Execution after = kernel.Execute("Console.Write(\"alive\");\n#!about");
        Assert.StartsWith("alive", after.Printed);
        Assert.Contains($"{2 * bad.Length} messages dropped", after.Printed);
        Assert.DoesNotContain("hacked", after.Printed);
    }

    [Trait("Category", "Reliability")]
    [Fact]
    public void Messages_out_of_turn_do_no_harm()
    {
        kernel.Send(kernel.Stdin, "input_reply", new JsonObject { ["value"] = "nobody asked" });
        kernel.Send(kernel.Shell, "comm_msg", new JsonObject { ["comm_id"] = "unknown", ["data"] = new JsonObject() });
        kernel.Send(kernel.Shell, "comm_close", new JsonObject { ["comm_id"] = "unknown", ["data"] = new JsonObject() });
        kernel.Send(kernel.Shell, "execute_reply", new JsonObject { ["status"] = "ok" });
        Assert.Equal("ok", kernel.Ask("interrupt_request", socket: kernel.Control)["status"]!.ToString()); // nothing runs
        Assert.Equal("error", kernel.Ask("bake_request")["status"]!.ToString());
        Assert.Equal("ok", kernel.Ask("execute_request")["status"]!.ToString()); // without code
        Assert.Equal("ok", kernel.Ask("complete_request", new JsonObject { ["code"] = "x", ["cursor_pos"] = -5 })["status"]!.ToString());
        Assert.False(kernel.Ask("inspect_request", new JsonObject { ["code"] = 7, ["cursor_pos"] = "far" })["found"]!.GetValue<bool>());
        List<byte[]> withBuffers = [.. kernel.Frames("execute_request", new JsonObject { ["code"] = "Console.Write(\"buffers\")" }), [1, 2, 3], []];
        kernel.Shell.SendMultipartBytes(withBuffers);
        Assert.Equal("buffers", kernel.Await(JsonNode.Parse(withBuffers[2])!["msg_id"]!.ToString()).Printed);
        string id = kernel.SendCode("Console.Write(Console.ReadLine());", new JsonObject { ["allow_stdin"] = true });
        Assert.Equal("input_request", kernel.Receive(kernel.Stdin)!.Type);
        kernel.Send(kernel.Stdin, "input_reply", new JsonObject { ["value"] = "in turn" });
        Assert.Equal("in turn", kernel.Await(id).Printed);
    }

    [Fact]
    public void Two_hundred_queued_cells_run_in_order()
    {
        string[] ids = [.. Enumerable.Range(0, 200).Select(i => kernel.SendCode($"Console.Write({i})"))];
        for (int i = 0; i < ids.Length; i++) Assert.Equal($"{i}", kernel.Await(ids[i]).Printed);
    }

    [Trait("Category", "Reliability")]
    [Fact]
    public void Ten_megabytes_and_ten_thousand_lines_come_whole()
    {
        Execution lines = kernel.Execute("for (int i = 0; i < 10_000; i++) Console.WriteLine(i);");
        Assert.Equal(string.Concat(Enumerable.Range(0, 10_000).Select(i => $"{i}\n")), lines.Printed);
        Assert.InRange(lines.Of("stream").Count(), 1, 500);
        Assert.Equal(10_000_000, kernel.Execute("Console.Write(new string('x', 10_000_000));").Printed.Length);
        Assert.Equal(10_000_000, kernel.Execute("display(HTML(new string('y', 10_000_000)));").Of("display_data").Single().Content["data"]!["text/html"]!.ToString().Length);
    }

    [Fact]
    public void A_letter_written_in_halves_arrives_whole()
    {
        Assert.Equal("🙂", kernel.Execute("foreach (char c in \"🙂\") { Console.Write(c); Thread.Sleep(60); }").Printed);
    }

    [Fact]
    public void Text_arrives_while_the_cell_runs()
    {
        string id = kernel.SendCode("Console.WriteLine(\"early\"); await Task.Delay(1500);");
        Received? first = kernel.Output();
        while (first is not null && first.Type != "stream") first = kernel.Output();
        Assert.Equal("early\n", first!.Text("text"));
        Assert.Null(kernel.Receive(kernel.Shell, seconds: 0.2)); // not yet answered
        Assert.Equal("ok", kernel.Await(id).Status);
    }
}
