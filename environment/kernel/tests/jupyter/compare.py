"""What Jupyter kernels can do, asked of the kernels themselves: compare.py KERNEL... prints a table in Markdown.

KERNEL is the name of an installed kernelspec whose language is C# or Python. The first figure that differs from yes and no is the version of the protocol.
"""
import queue
import sys
import time

from jupyter_client.manager import start_new_kernel

PATIENCE = 30  # seconds until no answer is an answer

CODE = {
    "csharp": {
        "declare": "int kept = 5;", "kept": "kept", "busy": "Console.WriteLine(1); while (true) { }", "fails": 'await Task.Delay(200); throw new Exception("x");', "prints": "Console.Write(1);",
        "member": "Console.WriteL", "name": "Console.WriteLine", "invalid": "int x = );", "clear": "clear_output();", "ask": "Console.Write(Console.ReadLine());",
        "displays": 'var shown = display("before"); shown.Update("after");',
    },
    "python": {
        "declare": "kept = 5", "kept": "kept", "busy": "print(1, flush=True)\nwhile True: pass", "fails": "import time; time.sleep(.2); raise Exception('x')", "prints": "print(1)",
        "member": "import os\nos.getcw", "name": "print", "invalid": "x = )", "clear": "from IPython.display import clear_output; clear_output()", "ask": "print(input())",
        "displays": "shown = display('before', display_id=True); shown.update('after')",
    },
}


class Kernel:
    """A running kernel and its questions. Every method named probe_… is a row of the table."""

    def __init__(self, name):
        self.manager, self.client = start_new_kernel(kernel_name=name, startup_timeout=120)
        language = self.manager.kernel_spec.language.lower()
        self.code = CODE["csharp" if language in ("c#", "csharp") else "python"]

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def ask(self, kind, content, channel="shell", timeout=PATIENCE):
        """The content of the reply to a request, or None if there is none."""
        message = self.client.session.msg(kind, content)
        sender = self.client.shell_channel if channel == "shell" else self.client.control_channel
        sender.send(message)
        return self.reply(message["header"]["msg_id"], channel, timeout)

    def reply(self, message, channel="shell", timeout=PATIENCE):
        end = time.monotonic() + timeout
        receive = self.client.get_shell_msg if channel == "shell" else self.client.get_control_msg
        while time.monotonic() < end:
            try:
                reply = receive(timeout=1)
            except queue.Empty:
                continue
            if reply["parent_header"].get("msg_id") == message:
                return reply["content"]
        return None

    def outputs(self, cell, until, timeout=PATIENCE):
        """The outputs of a cell up to the first one of a kind."""
        end, found = time.monotonic() + timeout, []
        while time.monotonic() < end:
            try:
                message = self.client.get_iopub_msg(timeout=1)
            except queue.Empty:
                continue
            if message["parent_header"].get("msg_id") != cell:
                continue
            found.append(message)
            if message["msg_type"] == until or message["content"].get("execution_state") == until:
                break
        return found

    def run(self, code):
        cell = self.client.execute(code)
        outputs = self.outputs(cell, "idle", timeout=PATIENCE)
        self.reply(cell)
        return outputs

    def probe_protocol_version(self):
        return self.ask("kernel_info_request", {})["protocol_version"]

    def probe_answers_while_a_cell_runs(self):
        """kernel_info on the control channel."""
        return self.ask("kernel_info_request", {}, channel="control", timeout=PATIENCE) is not None

    def probe_completion(self):
        return bool((self.ask("complete_request", {"code": self.code["member"], "cursor_pos": len(self.code["member"])}) or {}).get("matches"))

    def probe_inspection(self):
        reply = self.ask("inspect_request", {"code": self.code["name"], "cursor_pos": len(self.code["name"]), "detail_level": 0}, timeout=PATIENCE)
        return bool(reply and reply.get("found"))

    def probe_wrong_code_is_told_from_unfinished_code(self):
        return (self.ask("is_complete_request", {"code": self.code["invalid"]}, timeout=PATIENCE) or {}).get("status") == "invalid"

    def probe_history(self):
        self.run(self.code["declare"])
        reply = self.ask("history_request", {"hist_access_type": "tail", "n": 5, "output": False, "raw": True}, timeout=PATIENCE)
        return any(self.code["declare"] in str(entry) for entry in (reply or {}).get("history", []))

    def probe_displays_that_change(self):
        return any(o["msg_type"] == "update_display_data" for o in self.run(self.code["displays"]))

    def probe_clearing_outputs(self):
        return any(o["msg_type"] == "clear_output" for o in self.run(self.code["clear"]))

    def probe_reading_a_line_asks_the_reader(self):
        cell = self.client.execute(self.code["ask"], allow_stdin=True)
        try:
            asked = self.client.get_stdin_msg(timeout=PATIENCE)["msg_type"] == "input_request"
            self.client.input("answer")
        except queue.Empty:
            asked = False
        return any("answer" in o["content"].get("text", "") for o in self.outputs(cell, "idle", timeout=PATIENCE)) and asked

    def probe_cells_after_an_error_are_left_out(self):
        first = self.client.execute(self.code["fails"])
        second = self.client.execute(self.code["prints"])
        self.reply(first)
        return (self.reply(second) or {}).get("status") == "aborted"

    def probe_interrupt_of_a_busy_loop_keeps_the_variables(self):
        self.run(self.code["declare"])
        cell = self.client.execute(self.code["busy"])
        self.outputs(cell, "stream")
        self.manager.interrupt_kernel()
        if (self.reply(cell, timeout=PATIENCE) or {}).get("status") != "error":
            return False
        for _ in range(5):  # a cell that follows at once may still be left out because of the error
            if any(o["msg_type"] == "execute_result" and o["content"]["data"]["text/plain"] == "5" for o in self.run(self.code["kept"])):
                return True
            time.sleep(.5)
        return False


def main(names):
    kernels = []
    for name in names:
        kernel = Kernel(name)
        try:
            kernels.append({p[6:].replace("_", " "): getattr(kernel, p)() for p in vars(Kernel) if p.startswith("probe_")})
        finally:
            kernel.close()
    print("| | " + " | ".join(names) + " |")
    print("|---" * (len(names) + 1) + "|")
    for row in kernels[0]:
        print(f"| {row} | " + " | ".join({True: "yes", False: "no"}.get(k[row], k[row]) for k in kernels) + " |")


if __name__ == "__main__":
    main(sys.argv[1:])
