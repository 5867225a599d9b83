"""The cells of a student's notebook on the student's side: which of it is the student's own, and how it runs.

This module runs in the sandbox and imports little of the course.
"""

import ast
import asyncio
import inspect
import linecache
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from course.magic import without_magic

CHECK = re.compile(r"grader\.(check|check_all|export)\(")
TIMERS = {"time", "timeit", "prun", "capture", "memit", "mprun"}  # magic commands that run code, and measure it
SILENT = {
    "matplotlib",
    "config",
    "load_ext",
    "reload_ext",
    "autoreload",
    "pip",
    "conda",
    "pinfo",
    "pinfo2",
    "who",
}
LOOK_EVERY = 1.0  # seconds


class Released(NamedTuple):
    """A cell that every student is given: its id, where it has one of its own, and its statements."""

    id: str | None
    statements: frozenset[str]


def tree_of(source: str) -> ast.Module | None:
    """The code of a cell, each magic command in it as ``pass``; None where it is no Python."""
    try:
        return ast.parse(without_magic(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def blank(statement: ast.stmt) -> str:
    """A statement as text that two have in common where only their strings differ; changes the statement."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(statement)


def statements_of(source: str) -> list[tuple[str, set[int]]]:
    """Each statement of a cell, its strings left empty, and the numbers of its lines."""
    tree, statements = tree_of(source), []
    for statement in tree.body if tree else ():
        lines = set(range(statement.lineno, (statement.end_lineno or statement.lineno) + 1))
        try:
            text = blank(statement)
        except RecursionError:  # nested deeper than any that is released
            text = ""
        statements.append((text, lines))
    return statements


def own(source: str, identity: str, released: Sequence[Released]) -> str:
    """A cell without what was released: the statements of a released cell whose id it has, or that it holds whole."""
    statements = statements_of(source)
    texts = {text for text, _ in statements}
    known = [each.statements for each in released if identity == each.id or each.statements <= texts]
    given = texts & frozenset().union(*known)
    if statements and texts == given:
        return ""
    kept = {line for text, lines in statements if text not in given for line in lines}
    left_out = {line for text, lines in statements if text in given for line in lines} - kept
    return "\n".join(line for number, line in enumerate(source.split("\n"), 1) if number not in left_out)


class Shell:
    """What IPython gives to a cell; commands that leave Python are skipped, and said to be."""

    def __init__(self, scope: dict):
        self.user_ns = scope
        self.skipped: list[str] = []

    def run_line_magic(self, name: str, line: str, *_: Any) -> None:
        self._magic(f"%{name}", name, line)

    def run_cell_magic(self, name: str, line: str, cell: str) -> None:
        self._magic(f"%%{name}", name, cell)

    def _magic(self, shown: str, name: str, code: str) -> None:
        if name in TIMERS:
            execute(re.sub(r"^(\s*-\w+(\s+\d+)?)+\s*", "", code), self.user_ns)
        elif name not in SILENT:
            self.skipped.append(shown)

    def system(self, *_: Any) -> list:
        self.skipped.append("!")
        return []

    getoutput = system

    def __getattr__(self, name: str) -> Callable:
        return lambda *_, **__: None


def execute(source: str, scope: dict) -> None:
    """Run the code of a cell, which may await at its top and hold IPython's own commands."""
    if re.search(r"^[ \t]*[%!?]|[?]\s*$|=\s*[%!]", source, re.MULTILINE) or tree_of(source) is None:
        from IPython.core.inputtransformer2 import TransformerManager

        source = TransformerManager().transform_cell(source)
    name = f"<cell {len(linecache.cache)}>"
    linecache.cache[name] = len(source), None, source.splitlines(keepends=True), name  # for those who look at sources
    code = compile(source, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    value = eval(code, scope)
    if inspect.iscoroutine(value):
        asyncio.run(value)


@contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in code that computes longer than ``seconds``, or that long does next to nothing."""
    start = time.process_time()
    looks = [(time.monotonic(), start)]

    def look(*_: Any) -> None:
        now, used = time.monotonic(), time.process_time()
        looks[:] = [*(each for each in looks if now - each[0] <= seconds + LOOK_EVERY), (now, used)]
        if used - start > seconds or (now - looks[0][0] > seconds and used - looks[0][1] < 0.02 * seconds):
            raise TimeoutError(f"it ran longer than {seconds:g} s")

    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, LOOK_EVERY, LOOK_EVERY)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def run(cells: Sequence[tuple[str, str]], released: Sequence[Released], scope: dict, seconds: float) -> list[dict]:
    """Run what is the student's own of each cell, a pair of id and source, as far as it goes.

    Returns for each cell what ended it, the error's name, and which commands were skipped. The checks that students run
    for themselves are not run.
    """
    shell = Shell(scope)
    scope["get_ipython"] = lambda: shell
    scope["display"] = lambda *_, **__: None
    ended = []
    for identity, source in cells:
        shell.skipped, error = [], ""
        try:
            with bounded(seconds):
                code = own(source, identity, released)
                if code.strip() and not (CHECK.search(code) and _only_checks(code)):
                    execute(code, scope)
        except BaseException as caught:  # also SystemExit: one cell's end is not the notebook's
            error = type(caught).__name__
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close("all")
        ended.append({"error": error, "skipped": shell.skipped[:9]})
    return ended


def _only_checks(code: str) -> bool:
    """Whether a cell holds nothing but calls of the checker."""
    tree = tree_of(code)
    return tree is not None and all(
        isinstance(each, ast.Expr) and CHECK.match(ast.unparse(each)) is not None for each in tree.body
    )


class Checker:
    """The ``grader`` of the released cells, for a check that stands among a student's own lines: it checks nothing."""

    def __getattr__(self, name: str) -> Callable:
        return lambda *_, **__: None
