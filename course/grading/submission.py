"""A student's notebook before it is graded: read with care, looked through, and made ready to run.

Tests run in the same Python as the student's code, so code that is bent on it can reach the grader. Two things make
that hard to do unseen: a search for the means, and a guard that compares what graders rely on before and after. What
either finds marks the submission for a person to look at.
"""

import ast
import json
import re
import secrets
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbformat.v4 import new_code_cell

from course.grading import released
from course.notebook import Notebook, NotebookError

LARGEST = 20_000_000  # bytes of a notebook, outputs included
CHECKS = re.compile(r"\bchecks_(ex\d\d)\b")
# What no answer needs and what leads to the grader, to other processes or out of the sandbox: names alone, for a model
# too has `eval`, and names and attributes.
NAMES = {"compile", "eval", "exec", "get_ipython", "modules", "setattr"}
MEANS = {
    "__builtins__", "__class__", "__closure__", "__code__", "__dict__", "__globals__", "__import__", "__subclasses__",
    "_getframe", "builtins", "ctypes", "find_spec", "fork", "gc", "importlib", "inspect", "kill", "multiprocessing",
    "otter", "Popen", "psutil", "ptrace", "settrace", "signal", "socket", "subprocess", "sys.modules", "system",
    "threading",
}  # fmt: skip
PATH = "a path of the grader"
GUARD = """\
def {guard}():
    import builtins, json, math, signal, sys
    import numpy, torch
    from torch.nn import functional

    def classes():
        own = [module for name, module in list(sys.modules.items()) if name.split(".")[0] == "otter"]
        found = {{id(each): each for module in own for each in vars(module).values() if isinstance(each, type)}}
        return [each for each in found.values() if each.__module__.split(".")[0] == "otter"]

    watched = [builtins, math, torch.testing, functional, torch.Tensor, *classes()]
    single = {{torch: "abs all allclose any as_tensor equal isclose isfinite norm tensor autograd".split(),
              numpy: "abs all allclose any array array_equal asarray isclose isfinite".split()}}
    modules = {{"torch": torch, "np": numpy, "numpy": numpy, "math": math, "nn": torch.nn, "F": functional}}

    def seen():
        pairs = [(one, name) for one in watched for name, value in list(vars(one).items()) if callable(value)]
        pairs += [(one, name) for one, names in single.items() for name in names]
        pairs.remove((builtins, "input"))  # the kernel itself sets it anew for each cell
        found = {{}}
        for one, name in pairs:
            value = vars(one).get(name)
            found[one.__name__ + "." + name] = (id(value), id(getattr(value, "__code__", None)))
        return found

    before, shell, write = seen(), get_ipython(), open

    def verify():
        now = seen()
        changed = [name for name, value in before.items() if now.get(name) != value]
        changed += [name for name, true in modules.items() if name in shell.user_ns and shell.user_ns[name] is not true]
        for name in modules.keys() & shell.user_ns.keys():
            shell.user_ns[name] = modules[name]
        with write("{record}", "a") as file:
            file.write(json.dumps(changed[:9]) + "\\n")

    def late(*_):
        raise TimeoutError("a cell ran longer than {seconds} s")

    signal.signal(signal.SIGALRM, late)
    shell.events.register("pre_run_cell", lambda *_: signal.setitimer(signal.ITIMER_REAL, {seconds}, {seconds}))
    shell.events.register("post_run_cell", lambda *_: signal.setitimer(signal.ITIMER_REAL, 0))
    return verify

{guard} = {guard}()
from otter import Notebook as {guard}_notebook
grader = {guard}_notebook(tests_dir="tests")
"""


class SubmissionError(Exception):
    """A file that cannot be graded; the message says why."""


class Prepared(NamedTuple):
    """A notebook ready to run, the name of the file that the guard writes, and what a person should look at."""

    notebook: Notebook
    record: str
    suspicious: list[str]


def read(path: Path) -> Notebook:
    """The notebook at ``path``; raises SubmissionError for what is none."""
    if path.stat().st_size > LARGEST:
        raise SubmissionError(f"the file has {path.stat().st_size / 1e6:.0f} MB: clear the outputs and hand in again")
    try:
        notebook = Notebook.read(path)
        notebook.validate()
    except NotebookError:
        raise SubmissionError("the file is not a Jupyter notebook: save it as .ipynb and hand in again") from None
    except nbformat.ValidationError:
        raise SubmissionError("the notebook is damaged: open and save it in Jupyter, then hand in again") from None
    return notebook


def exercise_of(notebook: Notebook, file_name: str = "") -> str | None:
    """The exercise that the set-up cell names, such as ``ex04``, or the ids of the cells, or the name of the file."""
    ids = " ".join(map(released.identity, notebook.cells))
    places = (
        CHECKS.search(notebook.program),
        re.search(r"\b(ex\d\d)-\d\d\b", ids),
        re.search(r"(?<![a-z])(ex\d\d)(?!\d)", file_name),
    )
    return next((match[1] for match in places if match), None)


def means(source: str) -> set[str]:
    """Which of the means stand in a cell as names, attributes, imports, strings or magic commands."""
    magic = {"a magic command"} if re.search(r"^[ \t]*[%!]", source, re.MULTILINE) else set()
    tree = released.tree_of(source)
    if tree is None:
        return magic
    words = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            words.add(node.id)
        elif isinstance(node, ast.Attribute):
            words |= {node.attr, ast.unparse(node)} - NAMES
        elif isinstance(node, ast.alias):
            words.update(node.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            words.update((node.module or "").split("."))
        elif isinstance(node, ast.Constant) and re.search(r"results\.|/proc|\.pkl", str(node.value)):
            words.add(PATH)
    return magic | words & (NAMES | MEANS | {PATH})


def prepare(notebook: Notebook, seconds: int, home: str) -> Prepared:
    """A copy without outputs, metadata and released cells, with the guard at both ends and before each check.

    ``home`` is the folder, as the notebook sees it, in which the guard keeps its record.
    """
    guard = f"guard_{secrets.token_hex(8)}"
    cells, suspicious = [new_code_cell(released.imports())], set()
    for source in map(released.own, notebook.code):
        if re.fullmatch(r"(\s*grader\.check(_all)?\([^()]*\)\s*)+", source):
            if "check_all" not in source:
                cells.append(new_code_cell(f"{guard}()\n{source}"))
        elif source.strip():
            suspicious |= means(source)
            cells.append(new_code_cell(source))
    record = f"{guard}.record"
    first = new_code_cell(GUARD.format(guard=guard, record=f"{home}/{record}", seconds=seconds))
    ready = nbformat.v4.new_notebook(cells=[first, *cells, new_code_cell(f"{guard}()")])
    ready.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return Prepared(Notebook(ready), record, sorted(suspicious))


def altered(record: str | None) -> list[str]:
    """What the guard saw changed; it must have written at least once, at the end."""
    if not record:
        return ["the grader's last cell, which did not run"]
    try:
        return sorted({name for line in record.splitlines() for name in json.loads(line)})
    except (ValueError, TypeError):
        return ["the grader's own record"]
