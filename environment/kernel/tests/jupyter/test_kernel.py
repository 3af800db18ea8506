"""The installed kernel as Jupyter's own Python packages see it: jupyter_kernel_test's suite, and what it leaves out.

Run by Protocol/JupyterTests.cs with JUPYTER_PATH naming the installation: python3 -m unittest test_kernel
"""
import os
import subprocess
import tempfile
import time
import unittest

import jupyter_kernel_test
import nbformat
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

KERNEL = ".net-csharp"


class StandardTests(jupyter_kernel_test.KernelTests):
    """The suite that every kernel is measured by."""

    kernel_name = KERNEL
    language_name = "csharp"
    file_extension = ".cs"
    code_hello_world = 'Console.WriteLine("hello, world");'
    code_stderr = 'Console.Error.WriteLine("oh dear");'
    completion_samples = [{"text": "Console.WriteL", "matches": {"WriteLine"}}, {"text": "#!abo", "matches": {"#!about"}}]
    complete_code_samples = ["1 + 1", "int x = 2;", "#!time\n3"]
    incomplete_code_samples = ["for (int i = 0; i < 3; i++) {", "class C {"]
    invalid_code_samples = ["int x = );"]
    code_generate_error = "throw new InvalidOperationException();"
    code_execute_result = [{"code": "6 * 7", "result": "42"}]
    code_display_data = [
        {"code": 'HTML("<b>bold</b>").Display();', "mime": "text/html"},
        {"code": '"{}".DisplayAs("application/json");', "mime": "application/json"},
    ]
    code_history_pattern = "6 ? 7"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "Console.WriteLine"
    code_clear_output = "clear_output();"


class KernelTests(unittest.TestCase):
    """What the suite leaves out."""

    @classmethod
    def setUpClass(cls):
        cls.manager, cls.client = start_new_kernel(kernel_name=KERNEL)
        # The client asks for the kernel's information again each second while the kernel starts. Replies come in order: after this one, none of those is left.
        cls.client.kernel_info(reply=True, timeout=60)

    @classmethod
    def tearDownClass(cls):
        cls.client.stop_channels()
        cls.manager.shutdown_kernel()

    def run_cell(self, code, **arguments):
        """Executes code; returns the reply and the outputs."""
        outputs = []
        reply = self.client.execute_interactive(code, timeout=60, output_hook=outputs.append, **arguments)
        return reply["content"], outputs

    def printed(self, code, **arguments):
        reply, outputs = self.run_cell(code, **arguments)
        self.assertEqual("ok", reply["status"], reply)
        return "".join(o["content"]["text"] for o in outputs if o["msg_type"] == "stream")

    def test_kernel_info_on_both_channels(self):
        for channel, receive in ((self.client.shell_channel, self.client.get_shell_msg), (self.client.control_channel, self.client.get_control_msg)):
            message = self.client.session.msg("kernel_info_request", {})
            channel.send(message)
            reply = receive(timeout=10)
            self.assertEqual(message["header"]["msg_id"], reply["parent_header"]["msg_id"])
            self.assertEqual("5.4", reply["content"]["protocol_version"])

    def test_one_error_and_the_queue_is_aborted(self):
        first = self.client.execute('await Task.Delay(200); throw new Exception("x");')
        later = [self.client.execute("Console.Write(1);") for _ in range(3)]
        status = {}
        while len(status) < 4:
            reply = self.client.get_shell_msg(timeout=10)
            status[reply["parent_header"]["msg_id"]] = reply["content"]["status"]
        self.assertEqual("error", status[first])
        self.assertEqual(["aborted"] * 3, [status[i] for i in later])
        errors, idle = 0, set()
        while len(idle) < 4:
            message = self.client.get_iopub_msg(timeout=10)
            errors += message["msg_type"] == "error"
            parent = message["parent_header"].get("msg_id")
            if message["content"].get("execution_state") == "idle" and parent in (first, *later):
                idle.add(parent)
        self.assertEqual(1, errors)

    def test_displays_are_updated(self):
        _, outputs = self.run_cell('var shown = display("before"); shown.Update("after");')
        shown = {o["msg_type"]: o["content"] for o in outputs}
        self.assertEqual("before", shown["display_data"]["data"]["text/plain"])
        self.assertEqual("after", shown["update_display_data"]["data"]["text/plain"])
        self.assertEqual(shown["display_data"]["transient"], shown["update_display_data"]["transient"])

    def test_user_expressions(self):
        reply, _ = self.run_cell("int seven = 7;", user_expressions={"good": "seven + 1", "bad": "absent"})
        self.assertEqual("8", reply["user_expressions"]["good"]["data"]["text/plain"])
        self.assertEqual("error", reply["user_expressions"]["bad"]["status"])

    def test_comms_are_listed(self):
        self.client.comm_info()
        reply = self.client.get_shell_msg(timeout=10)
        self.assertEqual(("comm_info_reply", {}), (reply["msg_type"], reply["content"]["comms"]))

    def test_input_is_asked(self):
        prompts = []

        def answer(message):
            prompts.append((message["content"]["prompt"], message["content"]["password"]))
            self.client.input(f"answer {len(prompts)}")

        outputs = []
        self.client.execute_interactive(
            'Console.Write(Console.ReadLine() + "," + input("name?") + "," + password("key?"));',
            allow_stdin=True, stdin_hook=answer, output_hook=outputs.append, timeout=30)
        self.assertEqual([("", False), ("name?", False), ("key?", True)], prompts)
        self.assertIn("answer 1,answer 2,answer 3", "".join(o["content"].get("text", "") for o in outputs))

    def test_interrupts_keep_the_state(self):
        self.run_cell("int kept = 5;")
        for code in ("while (true) { }", "await Task.Delay(60_000);", "Thread.Sleep(60_000);"):
            cell = self.client.execute('Console.WriteLine("go"); ' + code)
            while True:
                message = self.client.get_iopub_msg(timeout=10)
                if message["msg_type"] == "stream" and message["parent_header"]["msg_id"] == cell:
                    break
            self.manager.interrupt_kernel()
            self.assertEqual("error", self.client.get_shell_msg(timeout=10)["content"]["status"])
        self.assertEqual("5", self.printed("Console.Write(kept);"))

    def test_two_hundred_queued_cells(self):
        ids = [self.client.execute(f"Console.Write({i});") for i in range(200)]
        self.assertEqual(ids, [self.client.get_shell_msg(timeout=60)["parent_header"]["msg_id"] for _ in ids])
        text, idle = [], set()
        while len(idle) < len(ids):
            message = self.client.get_iopub_msg(timeout=10)
            parent = message["parent_header"].get("msg_id")
            if message["msg_type"] == "stream":
                text.append((parent, message["content"]["text"]))
            elif message["content"].get("execution_state") == "idle" and parent in ids:
                idle.add(parent)
        self.assertEqual([(cell, str(i)) for i, cell in enumerate(ids)], text)

    def test_large_outputs(self):
        self.assertEqual("".join(f"{i}\n" for i in range(10_000)), self.printed("for (int i = 0; i < 10_000; i++) Console.WriteLine(i);"))
        self.assertEqual(10_000_000, len(self.printed("Console.Write(new string('x', 10_000_000));")))
        _, outputs = self.run_cell("display(HTML(new string('y', 10_000_000)));")
        self.assertEqual(10_000_000, len([o for o in outputs if o["msg_type"] == "display_data"][0]["content"]["data"]["text/html"]))


class LifecycleTests(unittest.TestCase):
    def test_restart_and_shutdown_leave_nothing_behind(self):
        manager, client = start_new_kernel(kernel_name=KERNEL)
        try:
            client.execute_interactive("int gone = 1;", timeout=60)
            manager.restart_kernel()
            client.wait_for_ready(timeout=60)
            reply = client.execute_interactive("gone", timeout=60, output_hook=lambda _: None)
            self.assertIn("CS0103", reply["content"]["evalue"])
            pid = manager.provisioner.pid
            file = manager.connection_file
        finally:
            client.stop_channels()
            manager.shutdown_kernel()
        self.assertFalse(os.path.exists(f"/proc/{pid}"), "The process is still there.")
        self.assertFalse(os.path.exists(file))

    def test_a_killed_kernel_is_noticed_and_replaced(self):
        manager, client = start_new_kernel(kernel_name=KERNEL)
        try:
            os.kill(manager.provisioner.pid, 9)
            for _ in range(100):
                if not manager.is_alive():
                    break
                time.sleep(0.1)
            self.assertFalse(manager.is_alive())
            manager.restart_kernel(now=True)
            client.wait_for_ready(timeout=60)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


class NotebookTests(unittest.TestCase):
    """Programs that run whole notebooks."""

    @staticmethod
    def notebook(*cells):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
        notebook.metadata["kernelspec"] = {"name": KERNEL, "display_name": ".NET (C#)", "language": "C#"}
        return notebook

    def test_nbclient_runs_a_notebook_and_stops_at_an_error(self):
        notebook = self.notebook("int x = 6;", "x * 7", 'throw new Exception("here");', "x = 0;")
        with self.assertRaises(CellExecutionError) as raised:
            NotebookClient(notebook, timeout=60).execute()
        self.assertIn("here", str(raised.exception))
        self.assertEqual("42", notebook.cells[1].outputs[0].data["text/plain"])
        self.assertEqual([], notebook.cells[3].outputs)

    def test_jupyter_execute_and_nbconvert(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "short.ipynb")
            nbformat.write(self.notebook('Console.WriteLine("live");', 'HTML("<i>shown</i>")'), path)
            for command in (["jupyter", "execute", path], ["jupyter", "nbconvert", "--to", "html", "--execute", path]):
                done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=folder)
                self.assertEqual(0, done.returncode, done.stderr)
            with open(os.path.join(folder, "short.html"), encoding="utf-8") as page:
                html = page.read()
            self.assertIn("live", html)
            self.assertIn("<i>shown</i>", html)


if __name__ == "__main__":
    unittest.main()
