"""The cells that students are given and do not answer: what a submission holds beyond them, and what they import.

A statement counts as released whatever strings stand in it, so that the address to install from, the checks and
otter-grader's version may differ.
"""

import ast
import functools
from typing import NamedTuple

from nbformat import NotebookNode

from course.colab import edition
from course.exercises import assign
from course.layout import CHAPTERS
from course.notebook import CHECKS, SETUP, without_magic

OTTER = 'import otter\ngrader = otter.Notebook("")'  # how otter-grader begins a solution

IMPORTS = (ast.Import, ast.ImportFrom)


class Released(NamedTuple):
    """A released cell: its id, where it has one of its own, and its statements."""

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


@functools.cache
def sources() -> list[tuple[str | None, str]]:
    """The id and the text of every released cell."""
    return [
        (SETUP, assign.setup_of(min(CHAPTERS.glob("*.ipynb")).stem)),
        (SETUP, edition.setup_cell("")),
        (CHECKS, assign.checks_cell("", {"": ""})),
        (None, OTTER),
    ]


@functools.cache
def cells() -> list[Released]:
    """Every released cell."""
    return [Released(name, frozenset(text for text, _ in statements_of(source))) for name, source in sources()]


@functools.cache
def imports() -> str:
    """The imports of the released cells, as lines of code."""
    trees = [tree_of(source) for name, source in sources() if name]
    statements = [statement for tree in trees if tree for statement in tree.body]
    return "\n".join(dict.fromkeys(ast.unparse(each) for each in statements if isinstance(each, IMPORTS)))


def identity(cell: NotebookNode) -> str:
    """The id of a cell, which Colab keeps in its metadata; empty where there is none."""
    return cell.get("id") or str(cell.metadata.get("id", ""))


def own(cell: NotebookNode) -> str:
    """A cell without what was released: the statements of a released cell whose id it has, or that it holds whole."""
    statements = statements_of(cell.source)
    texts = {text for text, _ in statements}
    known = [each.statements for each in cells() if identity(cell) == each.id or each.statements <= texts]
    released = texts & frozenset().union(*known)
    if statements and texts == released:
        return ""
    kept = {line for text, lines in statements if text not in released for line in lines}
    left_out = {line for text, lines in statements if text in released for line in lines} - kept
    return "\n".join(line for number, line in enumerate(cell.source.split("\n"), 1) if number not in left_out)
