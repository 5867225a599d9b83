"""A pytest plugin that keeps what nbval executes: a notebook whose every cell passed is written with its outputs.

nbval runs the cells and judges them. This plugin passes the kernel's messages on to nbclient's own bookkeeping, so that
updated displays, cleared outputs and the state of widgets are kept as JupyterLab shows them. A notebook is not kept
where a caption has no figure. A line tells when a notebook begins and ends, instead of pytest's dots. `execute.py`
loads the plugin.
"""

import copy
import json
import re
import time
from pathlib import Path

import psutil
import pytest
from ipykernel.ipkernel import IPythonKernel
from nbclient import NotebookClient

from course.notebook import Notebook


def pytest_addoption(parser):
    group = parser.getgroup("keep", "keep the notebooks that nbval executes")
    group.addoption("--keep-in", help="the folder that receives the executed notebooks")
    group.addoption("--keep-facts", default="{}", help="JSON: for each notebook's name, what its metadata is to say")


def pytest_configure(config):
    if not hasattr(config, "workerinput"):  # where xdist shares the work out, one process alone tells
        facts = json.loads(config.option.keep_facts)
        config.pluginmanager.register(Progress({name: known["cells"] for name, known in facts.items()}))


class Progress:
    """Tells which notebook runs, how many are done and for how long each ran."""

    def __init__(self, cells: dict[str, int]):
        self.left = dict(cells)
        self.started: dict[str, float] = {}
        self.failed: set[str] = set()
        self.start, self.total = time.perf_counter(), len(cells)

    def done(self) -> str:
        done = self.total - len(self.left)
        return f"{done} of {self.total} chapters done after {time.perf_counter() - self.start:.0f} s"

    def pytest_runtest_logstart(self, nodeid):
        name = notebook_of(nodeid)
        if name in self.left and name not in self.started:
            self.started[name] = time.perf_counter()
            print(f"{name} runs ({self.done()})", flush=True)

    def pytest_runtest_logreport(self, report):
        name = notebook_of(report.nodeid)
        if report.failed:
            self.failed.add(name)
        if report.when != "teardown" or name not in self.left:
            return
        self.left[name] -= 1
        if not self.left[name]:
            del self.left[name]
            took = time.perf_counter() - self.started[name]
            outcome = "FAILED" if name in self.failed else "ran"
            print(f"{name} {outcome} in {took:.0f} s ({self.done()})", flush=True)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report):
        """pytest's own counts, without a dot or a letter for each cell."""
        if report.skipped or report.when == "call":
            return report.outcome, "", ""


def notebook_of(nodeid: str) -> str:
    return Path(nodeid.partition("::")[0]).stem


def without_figure(notebook: Notebook) -> list[str]:
    """The captions that do not stand below a code cell which shows an image."""
    wrong, before = [], None
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.source.lstrip().startswith(":::{caption}"):
            outputs: list = before.get("outputs", []) if before else []
            if not any(kind.startswith("image/") for output in outputs for kind in output.get("data", {})):
                wrong.append(cell.source.split()[1])
        before = cell
    return wrong


class Recording:
    """One notebook while nbval executes it: a copy that receives the outputs, and which cells have passed."""

    def __init__(self, file):
        self.file = file
        self.started = time.perf_counter()
        self.notebook = Notebook(copy.deepcopy(file.nb))
        self.code_cells = [index for index, cell in enumerate(self.notebook.cells) if cell.cell_type == "code"]
        self.client = NotebookClient(self.notebook.node)
        self.execution: str | None = None
        self.cell_index: int | None = None
        self.passed = 0
        self.failed = False
        self.read_message = file.get_kernel_message
        file.get_kernel_message = self.get_kernel_message

    def get_kernel_message(self, *args, **kwargs):
        """nbval's own reading of a message, which is recorded on its way where it belongs to the cell that runs."""
        message = self.read_message(*args, **kwargs)
        kind, parent = message["msg_type"], message["parent_header"].get("msg_id")
        if kind == "execute_input":
            self.execution = parent
        own = parent == self.execution and kind not in ("execute_input", "execute_reply", "status")
        if own and self.cell_index is not None:
            self.client.process_message(message, self.notebook.cells[self.cell_index], self.cell_index)
        return message

    def start(self, cell_number: int) -> None:
        self.execution, self.cell_index = None, self.code_cells[cell_number]
        self.client.clear_before_next_output = False
        self.client.kc = self.file.kernel.kc

    def write(self, folder: Path, facts: dict) -> None:
        """Write the executed notebook in one step, so that a reader never meets half of it."""
        if wrong := without_figure(self.notebook):
            raise AssertionError(f"no figure was drawn above the caption {', '.join(wrong)}: the chapter is not kept")
        for count, index in enumerate(self.code_cells, start=1):
            cell = self.notebook.cells[index]
            cell.execution_count, cell.outputs = count, join_streams(cell.outputs)
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = count
        self.client.set_widgets_metadata()
        used = psutil.Process(self.file.kernel.km.provisioner.pid).cpu_times()
        seconds = {"seconds": time.perf_counter() - self.started, "cpu_seconds": used.user + used.system}
        self.notebook.metadata.language_info = IPythonKernel.language_info
        self.notebook.metadata.ganlib = facts | {name: round(value, 1) for name, value in seconds.items()}
        self.notebook.write(folder / self.file.path.name)


def join_streams(outputs: list) -> list:
    """Join neighbouring pieces of one stream, and let a carriage return overwrite its line as in a terminal."""
    joined: list = []
    for output in outputs:
        if joined and output.output_type == joined[-1].output_type == "stream" and output.name == joined[-1].name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    for output in joined:
        if output.output_type == "stream":
            output.text = re.sub(r"^.*\r(?=[^\n])", "", output.text, flags=re.MULTILINE)
    return joined


RECORDINGS = pytest.StashKey[Recording]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Before the kernel starts for a notebook's first cell, start its recording; after a failed cell, skip the rest."""
    if hasattr(item.parent, "nb"):
        if RECORDINGS not in item.parent.stash:
            item.parent.stash[RECORDINGS] = Recording(item.parent)
        if item.parent.stash[RECORDINGS].failed:
            pytest.skip("an earlier cell of this notebook failed")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Record a cell while it runs; after a notebook's last cell, keep the notebook."""
    recording = item.parent.stash.get(RECORDINGS, None)
    if recording is None:
        return (yield)
    recording.start(item.cell_num)
    try:
        result = yield
    except BaseException:
        recording.failed = True
        raise
    recording.passed += 1
    if recording.passed == len(recording.code_cells):
        facts = json.loads(item.config.option.keep_facts)
        recording.write(Path(item.config.option.keep_in), facts.get(item.path.stem, {}))
    return result
