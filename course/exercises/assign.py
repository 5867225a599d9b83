"""Make the exercises from their sources: the student's notebook, the solution, the autograder.

    python -m course.exercises.assign [--overlay DIR] [--output DIR] [--student DIR] [NN ...]

A source, exercises/src/exNN.md, is a notebook as text with otter-grader's marks. For each this writes
exercises/student/exNN.ipynb, one file that checks itself offline, and below _build/exercises the solution, the tests
for `make grade` and an autograder for Gradescope. The solution must score full marks, and nothing of it, nor of a
hidden test, may stand in the student's notebook: each of them bears a canary that is searched for.

With an overlay, a private folder of files exNN.yaml, constants and hidden tests are replaced. Then the student's
notebooks go below the output folder too, never into the repository.
"""

import argparse
import contextlib
import io
import re
import shutil
import sys
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path

import nbformat
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_raw_cell

from course.exercises import suite
from course.exercises.source import CANARY, Exercise, ExerciseError, load, starts_otter
from course.layout import ASSIGNED, CHAPTERS, EXERCISES, ROOT, STUDENT
from course.notebook import CHECKS, SETUP, Notebook
from course.templates import render

OTTER = f"otter-grader=={version('otter-grader')}"  # as locked
CONFIG = {
    "init_cell": True,
    "export_cell": False,
    "check_all_cell": True,
    "strip_solutions_from_all_cells": True,
    "run_tests": True,
    "tests": {"ok_format": False},
    "overwrite_requirements": True,
    "requirements": [OTTER, *"ipykernel torch torchvision matplotlib numpy scipy safetensors pillow".split()],
}


def setup_of(chapter: str) -> str:
    """The set-up cell of a chapter; it is the same in all."""
    return Notebook.read(CHAPTERS / f"{chapter}.ipynb").setup.source


def checks_cell(name: str, tests: dict[str, str]) -> str:
    """The cell that installs the checker where it is missing and writes the public checks of an exercise."""
    return render("exercises/checks.py.jinja", folder=f"checks_{name}", otter=OTTER, tests=tests)


def one_file(exercise: Exercise, notebook: Notebook) -> None:
    """Turn otter's student notebook into one that carries its public checks, in place."""
    name = exercise.name
    tests = notebook.metadata.get("otter", {}).get("tests", {})
    title, *rest = [cell for cell in notebook.cells if not starts_otter(cell)]
    folded = [new_code_cell(setup_of(exercise.chapter)), new_code_cell(checks_cell(name, tests))]
    words = "The next cell holds the public checks of every question, so that this file needs no other."
    cells = [title, folded[0], new_markdown_cell(words), folded[1], new_markdown_cell("Then the imports.")]
    for cell in rest:
        if match := re.match(r'grader\.check\("q(\d+)"\)', cell.source):
            cells.append(new_markdown_cell(f"Check Question {match[1]}, as often as you like."))
        cells.append(cell)
    for number, cell in enumerate(cells):
        cell.id, cell.metadata = f"{name}-{number:02}", {}
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    for cell, identity in zip(folded, (SETUP, CHECKS), strict=True):
        cell.id, cell.metadata = identity, {"jupyter": {"source_hidden": True}, "cellView": "form"}
    notebook.cells = cells
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    notebook.node.nbformat, notebook.node.nbformat_minor = 4, 5


def leaks(text: str) -> list[str]:
    """The marks of a solution or a hidden test that stand in a text."""
    return [mark for mark in (CANARY, "BEGIN SOLUTION", "END SOLUTION", "BEGIN TEST", "hidden=True") if mark in text]


def assign(exercise: Exercise, folder: Path, run: bool) -> None:
    """Let otter-grader write its notebooks and the autograder to ``folder``; with ``run`` it grades the solution."""
    from otter.assign import main as otter_assign

    shutil.copytree(ROOT / "ganlib", folder / "ganlib", ignore=shutil.ignore_patterns("__pycache__"))
    files = sorted(path.relative_to(folder).as_posix() for path in (folder / "ganlib").rglob("*") if path.is_file())
    config = yaml.safe_dump({**CONFIG, "autograder_files": files})
    cells = [new_raw_cell(f"# ASSIGNMENT CONFIG\n{config}"), *exercise.notebook.cells]
    master = folder / f"{exercise.name}.ipynb"
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": exercise.notebook.metadata.kernelspec})
    Notebook(notebook).write(master)
    said = io.StringIO()
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(said):
            warnings.simplefilter("ignore")
            otter_assign(str(master), str(folder / "made"), no_pdfs=True, no_run_tests=not run)
    except Exception as error:
        raise ExerciseError(f"otter-grader refused it: {error} {said.getvalue().strip()}") from error


def build(source: Path, student: Path, output: Path, overlay: Path | None = None, run: bool = True) -> Exercise:
    """Make one exercise; raises ExerciseError, and then writes nothing."""
    exercise = load(source, overlay)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        assign(exercise, folder, run)
        notebook = Notebook.read(folder / f"made/student/{exercise.name}.ipynb")
        one_file(exercise, notebook)
        if secret := leaks(notebook.text()):
            raise ExerciseError(f"the student's notebook would show {secret[0]!r}: look for a misspelt mark")
        notebook.write(student / f"{exercise.name}.ipynb")
        for target in (output / "solution", output / "autograder"):
            target.mkdir(parents=True, exist_ok=True)
        shutil.copy2(folder / f"made/autograder/{exercise.name}.ipynb", output / "solution")
        [grader] = (folder / "made/autograder").glob("*.zip")
        shutil.copy2(grader, output / f"autograder/{exercise.name}.zip")
        solution = Notebook.read(output / f"solution/{exercise.name}.ipynb")
        suite.of(exercise, solution, notebook).write(output / f"tests/{exercise.name}.json")
    return exercise


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("numbers", nargs="*", help="the exercises to make, such as 04 (default: all)")
    parser.add_argument("--overlay", type=Path, help="a private folder of constants and hidden tests")
    parser.add_argument("--output", type=Path, default=ASSIGNED, help="where solutions and autograders go")
    parser.add_argument("--student", type=Path, help="where the students' notebooks go")
    parser.add_argument("--quick", action="store_true", help="do not grade the solutions")
    args = parser.parse_args(arguments)
    student = args.student or (args.output / "student" if args.overlay else STUDENT)
    sources = [path for path in sorted(EXERCISES.glob("ex*.md")) if not args.numbers or path.stem[2:] in args.numbers]
    if not sources or (args.overlay and not args.overlay.is_dir()):
        missing = args.overlay if sources else f"exercise {' '.join(args.numbers)} in {EXERCISES}"
        print(f"There is no {missing}: name one that is there.", file=sys.stderr)
        return 2
    for source in sources:
        try:
            exercise = build(source, student, args.output, args.overlay, run=not args.quick)
        except ExerciseError as error:
            print(f"{source.name}: {error}.", file=sys.stderr)
            return 1
        print(f"{exercise.name}: {len(exercise.questions)} questions, {sum(exercise.questions.values()):g} points")
    print(f"Students' notebooks are in {student}, solutions and autograders in {args.output}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
