"""The source of an exercise, exercises/src/exNN.md: its front matter, its questions and its cells.

A source is a notebook as text with otter-grader's marks. Its front matter says the chapter, the minutes and the
constants, which stand in the text as ``{{NAME}}``.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import jupytext
import nbformat
import yaml
from nbformat.v4 import new_code_cell

from course.notebook import Notebook

CANARY = "instructor only"


class ExerciseError(Exception):
    """A source that cannot be made into an exercise; the message says why and what to do."""


@dataclass
class Exercise:
    """A source with its constants filled in."""

    name: str
    chapter: str
    title: str
    minutes: int
    notebook: nbformat.NotebookNode
    questions: dict[str, float]  # points of each


def marked(cell, mark: str) -> bool:
    """Whether a cell is one of otter-grader's marks, such as ``BEGIN QUESTION``."""
    return cell.cell_type == "raw" and re.match(rf"#\s*{mark}\b", cell.source.strip()) is not None


def is_test(cell) -> bool:
    """Whether a cell is a test of a question."""
    return cell.cell_type == "code" and "BEGIN TEST CONFIG" in cell.source


def is_hidden_test(cell) -> bool:
    """Whether a cell is a test that the student's notebook does not show."""
    return is_test(cell) and "hidden: true" in cell.source


def starts_otter(cell) -> bool:
    """Whether a cell is the one that otter-grader puts first, which makes its ``grader``."""
    return cell.cell_type == "code" and "otter.Notebook(" in cell.source


def points_of(cell) -> float:
    """The points of a test; raises ExerciseError for one that says none."""
    match = re.search(r"^points:\s*([\d.]+)\s*$", cell.source, re.MULTILINE)
    if not match:
        raise ExerciseError(f"a test has no points: {cell.source.strip()[:80]!r}")
    return float(match[1])


def fill(text: str, constants: dict) -> str:
    """The text with every ``{{NAME}}`` replaced by its constant."""

    def value(match: re.Match) -> str:
        if match[1] not in constants:
            raise ExerciseError(f"the constant {match[1]} has no value: give it one under `constants`")
        return str(constants[match[1]])

    return re.sub(r"\{\{(\w+)\}\}", value, text)


def hidden_test(points: float, code: str) -> str:
    """The source of a hidden test, as otter-grader reads it."""
    return f'""" # BEGIN TEST CONFIG\npoints: {points:g}\nhidden: true\n""" # END TEST CONFIG\n{code}'


def with_hidden_tests(cells: list, replaced: dict[str, str]) -> list:
    """The cells with the hidden tests of some questions replaced by one each, for the same points."""
    question, points, result, left = "", 0.0, [], set(replaced)
    for cell in cells:
        if marked(cell, "BEGIN QUESTION"):
            question, points = yaml.safe_load(cell.source)["name"], 0.0
        if question in replaced and is_hidden_test(cell):
            points += points_of(cell)
            continue
        if question in replaced and marked(cell, "END TESTS") and question in left:
            result.append(new_code_cell(hidden_test(points, replaced[question])))
            left.remove(question)
        result.append(cell)
    if left:
        raise ExerciseError(f"the overlay replaces tests of {', '.join(sorted(left))}, which are not there")
    return result


def questions_of(cells: list) -> dict[str, float]:
    """The points of each question; raises ExerciseError where its tests do not add up to them."""
    questions: dict[str, float] = {}
    question: dict = {}
    for cell in cells:
        if marked(cell, "BEGIN QUESTION"):
            question = yaml.safe_load(cell.source)
            if question["name"] in questions:
                raise ExerciseError(f"two questions are named {question['name']}: give each its own name")
            questions[question["name"]] = 0
        elif is_test(cell):
            questions[question["name"]] += points_of(cell)
        elif marked(cell, "END QUESTION") and questions[question["name"]] != question["points"]:
            raise ExerciseError(f"the tests of {question['name']} do not add up to its {question['points']} points")
    return questions


def overlay_of(source: Path, folder: Path | None) -> dict:
    """What a private folder replaces of a source, as its file exNN.yaml says."""
    path = folder / f"{source.stem}.yaml" if folder else None
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {} if path and path.is_file() else {}


def load(source: Path, overlay: Path | None = None) -> Exercise:
    """Read a source; raises ExerciseError where its parts do not fit together."""
    notebook = jupytext.read(source)
    about, private = notebook.metadata.get("exercise") or {}, overlay_of(source, overlay)
    if missing := [name for name in ("chapter", "minutes") if name not in about]:
        raise ExerciseError(f"its front matter has no {missing[0]}: give it one under `exercise`")
    if unknown := set(private.get("constants", {})) - set(about.get("constants", {})):
        raise ExerciseError(f"the overlay sets {', '.join(sorted(unknown))}, which the exercise does not have")
    notebook.cells = with_hidden_tests(notebook.cells, private.get("hidden", {}))
    constants = {**about.get("constants", {}), **private.get("constants", {})}
    for cell in notebook.cells:
        cell.source = fill(cell.source, constants)
    title = re.search(r"^# Exercise \d+: (.+)$", Notebook(notebook).prose, re.MULTILINE)
    if title is None:
        raise ExerciseError("it has no title: head its text '# Exercise N: …'")
    unmarked = [each for each in secrets(notebook.cells) if CANARY not in each]
    if unmarked:
        raise ExerciseError(f"a solution or hidden test lacks the words {CANARY!r}: {unmarked[0].strip()[:80]!r}")
    return Exercise(source.stem, about["chapter"], title[1], about["minutes"], notebook, questions_of(notebook.cells))


def secrets(cells: list) -> list[str]:
    """What a student must not see: whole solution cells, pieces of cells, hidden tests."""
    pieces: list[str] = []
    block: list[str] | None = None
    for cell in cells:
        if marked(cell, "BEGIN SOLUTION"):
            block = []
        elif marked(cell, "END SOLUTION"):
            pieces.append("\n".join(block or []))
            block = None
        elif block is not None:
            block.append(cell.source)
        elif is_hidden_test(cell):
            pieces.append(cell.source)
        else:
            pieces += re.findall(r"#\s*BEGIN SOLUTION.*?#\s*END SOLUTION", cell.source, re.DOTALL)
    return pieces
