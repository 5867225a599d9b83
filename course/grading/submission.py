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
GUARD = Path(__file__).with_name("guard.py")


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
    lines = [
        GUARD.read_text(encoding="utf-8"),
        f"{guard} = guard({f'{home}/{record}'!r}, {seconds})",
        "del guard",
        f"from otter import Notebook as {guard}_notebook",
        f"grader = {guard}_notebook(tests_dir='tests')",
    ]
    first = new_code_cell("\n".join(lines))
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
