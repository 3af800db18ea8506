"""Runs a notebook with nbclient: execute.py KERNELS NOTEBOOK FOLDER EXECUTED. KERNELS is the only folder in which kernels are looked for."""
import contextlib
import os
import signal
import sys

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

kernels, source, folder, executed = sys.argv[1:]
notebook = nbformat.read(source, as_version=4)
for cell in notebook.cells:
    if cell.cell_type == "code":
        cell.outputs, cell.execution_count = [], None
manager = AsyncKernelManager(kernel_name=notebook.metadata.kernelspec.name, kernel_spec_manager=KernelSpecManager(kernel_dirs=[kernels]))
client = NotebookClient(notebook, km=manager, timeout=600, startup_timeout=120, allow_errors=True, resources={"metadata": {"path": folder}})
try:
    client.execute()
finally:
    # The kernelspec starts "dotnet", which starts the tool: who ends the first leaves the second, with this program's output.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(manager.provisioner.pgid, signal.SIGKILL)
nbformat.write(notebook, executed)
