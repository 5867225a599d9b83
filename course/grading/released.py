"""The cells that students are given and do not answer: their statements, and what they import.

A statement counts as released whatever strings stand in it, so that the address to install from, the checks and
otter-grader's version may differ.
"""

import ast
import functools

from course.colab import edition
from course.exercises import assign
from course.grading.wall.cells import Released, statements_of, tree_of
from course.layout import CHAPTERS
from course.notebook import CHECKS, SETUP

OTTER = 'import otter\ngrader = otter.Notebook("")'  # how otter-grader begins a solution

IMPORTS = (ast.Import, ast.ImportFrom)


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
