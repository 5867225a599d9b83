"""The tests of an exercise as the grader runs them: its given cells, the names that students answer, and its tests.

Beside them stand two notebooks whose points are known, the solution and the one that students are given.
"""

import ast
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from course.exercises.source import Exercise, is_test, marked
from course.magic import without_magic
from course.notebook import Notebook
from ganlib import files

VERSION = 1
FUNCTION, VALUE = "function", "value"


class SuiteError(Exception):
    """A file that holds no tests of an exercise; the message says what to do."""


@dataclass
class Test:
    """A test of a question: its points, whether students see it, and its code."""

    question: str
    points: float
    hidden: bool
    code: str


@dataclass
class Suite:
    """What the grader knows of an exercise.

    ``steps`` are its cells in order: the code of a given cell, or for an answer the kind of each name in it.
    ``solution`` and ``untouched`` are pairs of a cell's id and its code.
    """

    name: str
    steps: list[str | dict[str, str]]
    tests: list[Test]
    solution: list[tuple[str, str]]
    untouched: list[tuple[str, str]]

    @property
    def most(self) -> dict[str, float]:
        """The points of each question."""
        names = dict.fromkeys(test.question for test in self.tests)
        return {name: sum(test.points for test in self.tests if test.question == name) for name in names}

    @property
    def answers(self) -> dict[str, str]:
        """The kind of each name that students answer."""
        return {name: kind for step in self.steps if isinstance(step, dict) for name, kind in step.items()}

    def write(self, path: Path) -> None:
        """Write the suite, the whole file or nothing."""
        files.write(path, json.dumps({"version": VERSION, **asdict(self)}, indent=1).encode())

    @classmethod
    def read(cls, path: Path) -> "Suite":
        """The suite in a file; raises SuiteError for one that holds none of this version."""
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            if stored.pop("version") != VERSION:
                raise ValueError
            return cls(**{**stored, "tests": [Test(**each) for each in stored["tests"]]})
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            raise SuiteError(f"{path} holds no tests of this version: run `make exercises` again.") from None


def assigned(code: str) -> dict[str, str]:
    """The kind of each name that a cell assigns at its top."""
    kinds: dict[str, str] = {}
    for node in ast.parse(without_magic(code)).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            kinds[node.name] = FUNCTION
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = {each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)}
            kinds |= dict.fromkeys(names, VALUE)
    return kinds


def of(exercise: Exercise, solution: Notebook, untouched: Notebook) -> Suite:
    """The suite of an exercise, with the notebooks that were made of it."""
    steps: list[str | dict[str, str]] = []
    tests: list[Test] = []
    question, answering = "", False
    for cell in exercise.notebook.cells:
        if marked(cell, "BEGIN QUESTION"):
            question = yaml.safe_load(cell.source)["name"]
        elif marked(cell, "BEGIN SOLUTION") or marked(cell, "END SOLUTION"):
            answering = marked(cell, "BEGIN SOLUTION")
        elif is_test(cell):
            tests.append(_test(question, cell.source))
        elif cell.cell_type == "code":
            steps.append(assigned(cell.source) if answering else cell.source)
    return Suite(exercise.name, steps, tests, cells_of(solution), cells_of(untouched))


def cells_of(notebook: Notebook) -> list[tuple[str, str]]:
    """The id and the code of each code cell."""
    return [(cell.get("id", ""), cell.source) for cell in notebook.code]


def _test(question: str, source: str) -> Test:
    about, code = re.split(r'^""" # END TEST CONFIG$', source, maxsplit=1, flags=re.MULTILINE)
    config = yaml.safe_load(about.split("BEGIN TEST CONFIG", 1)[1])
    return Test(question, float(config["points"]), bool(config.get("hidden", False)), code.lstrip("\n"))
