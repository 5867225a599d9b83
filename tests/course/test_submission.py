"""What of a submission is run: all that the student wrote, and nothing of the cells that were released."""

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from course.colab import edition
from course.grading import released, submission
from course.layout import CHAPTERS, STUDENT
from course.notebook import CHECKS, SETUP, Notebook

STUDENTS = Notebook.read(STUDENT / "ex04.ipynb")
[GIVEN_CHECKS] = [cell.source for cell in STUDENTS.code if cell.id == CHECKS]
GIVEN_SETUP = STUDENTS.setup.source
COLABS_SETUP = edition.setup_cell("https://github.com/owner/name")
TOLD = GIVEN_SETUP.replace('source = ""', 'source = "git+https://github.com/owner/name"')
OLDER = GIVEN_CHECKS.replace("otter-grader==", "otter-grader==6.").replace("def test_q1", "def test_q0")


def prepared(source: str, identity: str = "") -> list[str]:
    """The code of one cell as it runs: what is left between the grader's own cells."""
    cell = new_code_cell(source)
    if identity:
        cell.id = identity
    notebook = submission.prepare(Notebook(new_notebook(cells=[cell])), 9, "/grade").notebook
    return [cell.source for cell in notebook.cells[2:-1]]


@pytest.mark.parametrize("identity", ["kept", ""])
@pytest.mark.parametrize(
    ("source", "name"),
    [(GIVEN_SETUP, SETUP), (TOLD, SETUP), (COLABS_SETUP, SETUP), (GIVEN_CHECKS, CHECKS), (OLDER, CHECKS)],
)
def test_a_released_cell_does_not_run_whether_its_id_is_kept_or_lost(source, name, identity):
    assert prepared(source, identity and name) == []


@pytest.mark.parametrize("path", sorted(CHAPTERS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_set_up_cell_of_every_chapter_is_released(path):
    assert prepared(Notebook.read(path).setup.source) == []


def test_the_cell_with_which_otter_begins_a_solution_does_not_run():
    assert prepared('# Initialize Otter\nimport otter\ngrader = otter.Notebook("ex06.ipynb")') == []


@pytest.mark.parametrize(
    "source",
    [
        "# Set-up of my answers\nx = 1",
        "# Initialize Otter\nx = 1",
        "import sys\nfrom pathlib import Path",
        'source = ""',
        "# Set-up\nx = (1",
        "# Set-up\nx = " + " + ".join(["1"] * 1500),
    ],
)
def test_a_cell_with_the_words_of_a_released_one_is_the_students(source):
    assert prepared(source) == [source]


@pytest.mark.parametrize("identity", [SETUP, ""])
@pytest.mark.parametrize(
    "mine", ["import numpy as np", "@cache\ndef f(x):\n    return x\n", "x = 1  # mine", "if x: y()"]
)
def test_what_is_added_to_a_released_cell_runs(mine, identity):
    for source in (f"{mine}\n{GIVEN_SETUP}", f"{GIVEN_SETUP}\n{mine}"):
        [kept] = prepared(source, identity)
        assert mine.strip() in kept and not {"find_spec", "pip"} & set(kept.replace("(", " ").split())


def test_what_is_added_within_a_released_cell_runs_and_what_is_deleted_from_it_is_not_missed():
    lines = GIVEN_CHECKS.split("\n")
    lines[3:5] = ["import sys; x = 1", "y = 2"]  # in place of two imports, one statement on a released one's line
    assert [line for line in prepared("\n".join(lines), CHECKS)[0].split("\n") if line and line[0] != "#"] == [
        "import sys; x = 1", "y = 2"]  # fmt: skip


def test_the_id_of_a_cell_stands_in_its_metadata_where_colab_saved_it():
    cell = new_code_cell("import sys\nx = 1")
    del cell["id"]
    cell.metadata["id"] = CHECKS
    assert released.own(cell) == "x = 1"


def test_what_released_cells_import_is_there_for_the_students_code():
    notebook = submission.prepare(Notebook(new_notebook(cells=[])), 9, "/grade").notebook
    scope: dict = {}
    exec(notebook.cells[1].source, scope)
    assert {"Path", "find_spec", "subprocess", "sys"} <= scope.keys()


def test_what_is_released_is_not_searched_for_means_and_what_is_added_is():
    notebook = Notebook(new_notebook(cells=[new_code_cell(GIVEN_CHECKS), new_code_cell(TOLD)]))
    assert submission.prepare(notebook, 9, "/grade").suspicious == []
    notebook.cells[1].source += "\nfind_spec('otter').loader.load_module()"
    assert submission.prepare(notebook, 9, "/grade").suspicious == ["find_spec"]
