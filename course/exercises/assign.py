"""Make the exercises from their sources: the student's notebook, the solution, the autograder.

    python -m course.exercises.assign [--overlay DIR] [--output DIR] [--student DIR] [NN ...]

A source, exercises/src/exNN.md, is a notebook as text with otter-grader's marks. For each this writes
exercises/student/exNN.ipynb, one file that checks itself offline, and below _build/exercises the solution and an
autograder for `make grade` and for Gradescope. The solution must score full marks, and nothing of it, nor of a hidden
test, may stand in the student's notebook: each of them bears a canary that is searched for.

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
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import jupytext
import nbformat
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_raw_cell

from course.layout import ASSIGNED, CHAPTERS, EXERCISES, ROOT, STUDENT
from course.notebook import SETUP, Notebook

CANARY = "instructor only"
OTTER = f"otter-grader=={version('otter-grader')}"  # as locked
CONFIG = """# ASSIGNMENT CONFIG
init_cell: true
export_cell: false
check_all_cell: true
strip_solutions_from_all_cells: true
run_tests: true
tests:
    ok_format: false
overwrite_requirements: true
requirements: [{otter}, ipykernel, torch, torchvision, matplotlib, numpy, scipy, safetensors, pillow]
autograder_files: [{files}]
"""
HIDDEN_TEST = '''\
""" # BEGIN TEST CONFIG
points: {points:g}
hidden: true
""" # END TEST CONFIG
{code}'''
CHECKS = """\
# Set-up, second part: installs the checker where it is missing, and writes the checks to the folder {checks}.
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

if find_spec("otter") is None:  # its dependencies by name: all of them would replace Colab's own ipywidgets
    needed = ["{otter}", "dill", "fica", "wrapt", "python-frontmatter", "ipylab"]
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", *needed], check=False)

Path("{checks}").mkdir(exist_ok=True)
{writes}
try:
    from otter import Notebook
    grader = Notebook(tests_dir="{checks}")
except ImportError:
    class Unchecked:
        def check(self, question=None):
            print("Not checked: otter-grader is missing here. Your answers can still be graded.")
        check_all = check
    grader = Unchecked()
"""


class ExerciseError(Exception):
    """A source that cannot be made into an exercise; the message says why and what to do."""


@dataclass
class Exercise:
    """A source with its constants filled in."""

    name: str
    chapter: str
    minutes: int
    notebook: nbformat.NotebookNode
    questions: dict[str, float] = field(default_factory=dict)  # points of each


def marked(cell, mark: str) -> bool:
    return cell.cell_type == "raw" and re.match(rf"#\s*{mark}\b", cell.source.strip()) is not None


def is_hidden_test(cell) -> bool:
    return cell.cell_type == "code" and "BEGIN TEST CONFIG" in cell.source and "hidden: true" in cell.source


def points_of(cell) -> float:
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
            result.append(new_code_cell(HIDDEN_TEST.format(points=points, code=replaced[question])))
            left.remove(question)
        result.append(cell)
    if left:
        raise ExerciseError(f"the overlay replaces tests of {', '.join(sorted(left))}, which are not there")
    return result


def load(source: Path, overlay: Path | None = None) -> Exercise:
    """Read a source; raises ExerciseError where its parts do not fit together."""
    notebook = jupytext.read(source)
    about = notebook.metadata.get("exercise") or {}
    private: dict = {}
    if overlay and (overlay / f"{source.stem}.yaml").is_file():
        private = yaml.safe_load((overlay / f"{source.stem}.yaml").read_text(encoding="utf-8")) or {}
    unknown = set(private.get("constants", {})) - set(about.get("constants", {}))
    if unknown:
        raise ExerciseError(f"the overlay sets {', '.join(sorted(unknown))}, which the exercise does not have")
    notebook.cells = with_hidden_tests(notebook.cells, private.get("hidden", {}))
    constants = {**about.get("constants", {}), **private.get("constants", {})}
    for cell in notebook.cells:
        cell.source = fill(cell.source, constants)
    exercise = Exercise(source.stem, about["chapter"], about["minutes"], notebook)
    question: dict = {}
    for cell in notebook.cells:
        if marked(cell, "BEGIN QUESTION"):
            question = yaml.safe_load(cell.source)
            if question["name"] in exercise.questions:
                raise ExerciseError(f"two questions are named {question['name']}: give each its own name")
            exercise.questions[question["name"]] = 0
        elif cell.cell_type == "code" and "BEGIN TEST CONFIG" in cell.source:
            exercise.questions[question["name"]] += points_of(cell)
        elif marked(cell, "END QUESTION") and exercise.questions[question["name"]] != question["points"]:
            raise ExerciseError(f"the tests of {question['name']} do not add up to its {question['points']} points")
    unmarked = [each for each in secrets(notebook.cells) if CANARY not in each]
    if unmarked:
        raise ExerciseError(f"a solution or hidden test lacks the words {CANARY!r}: {unmarked[0].strip()[:80]!r}")
    return exercise


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


def setup_of(chapter: str) -> str:
    """The set-up cell of a chapter; it is the same in all."""
    return Notebook.read(CHAPTERS / f"{chapter}.ipynb").setup.source


def one_file(exercise: Exercise, notebook: Notebook) -> None:
    """Turn otter's student notebook into one that carries its public checks, in place."""
    name = exercise.name
    tests = notebook.metadata.get("otter", {}).get("tests", {})
    checks = f"checks_{name}"
    line = 'Path("{}/{}.py").write_text({!r}, encoding="utf-8")'
    writes = "\n".join(line.format(checks, question, text) for question, text in tests.items())
    title, *rest = [cell for cell in notebook.cells if "otter.Notebook(" not in cell.source]
    own = CHECKS.format(otter=OTTER, checks=checks, writes=writes).strip()
    folded = [new_code_cell(setup_of(exercise.chapter)), new_code_cell(own)]
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
    for cell, identity in zip(folded, (SETUP, "checks"), strict=True):
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
    cells = [new_raw_cell(CONFIG.format(otter=OTTER, files=", ".join(files))), *exercise.notebook.cells]
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
