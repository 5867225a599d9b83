"""What of a submission is read and run: all that the student wrote, and nothing of the cells that were released."""

import json

import pytest

from course.colab import edition
from course.grading import released, submission
from course.grading.wall import cells
from course.layout import CHAPTERS, STUDENT
from course.notebook import CHECKS, SETUP, Notebook

STUDENTS = Notebook.read(STUDENT / "ex04.ipynb")
[GIVEN_CHECKS] = [cell.source for cell in STUDENTS.code if cell.id == CHECKS]
GIVEN_SETUP = STUDENTS.setup.source
COLABS_SETUP = edition.setup_cell("https://github.com/owner/name")
TOLD = GIVEN_SETUP.replace('source = ""', 'source = "git+https://github.com/owner/name"')
OLDER = GIVEN_CHECKS.replace("otter-grader==", "otter-grader==6.").replace("def test_q1", "def test_q0")


def own(source: str, identity: str = "") -> str:
    """What runs of a cell."""
    return cells.own(source, identity, released.cells())


@pytest.mark.parametrize("identity", ["kept", ""])
@pytest.mark.parametrize(
    ("source", "name"),
    [(GIVEN_SETUP, SETUP), (TOLD, SETUP), (COLABS_SETUP, SETUP), (GIVEN_CHECKS, CHECKS), (OLDER, CHECKS)],
)
def test_a_released_cell_does_not_run_whether_its_id_is_kept_or_lost(source, name, identity):
    assert own(source, identity and name) == ""


@pytest.mark.parametrize("path", sorted(CHAPTERS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_set_up_cell_of_every_chapter_is_released(path):
    assert own(Notebook.read(path).setup.source) == ""


def test_the_cell_with_which_otter_begins_a_solution_does_not_run():
    assert own('# Initialize Otter\nimport otter\ngrader = otter.Notebook("ex06.ipynb")') == ""


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
    assert own(source) == source


@pytest.mark.parametrize("identity", [SETUP, ""])
@pytest.mark.parametrize(
    "mine", ["import numpy as np", "@cache\ndef f(x):\n    return x\n", "x = 1  # mine", "if x: y()"]
)
def test_what_is_added_to_a_released_cell_runs(mine, identity):
    for source in (f"{mine}\n{GIVEN_SETUP}", f"{GIVEN_SETUP}\n{mine}"):
        kept = own(source, identity)
        assert mine.strip() in kept and not {"find_spec", "pip"} & set(kept.replace("(", " ").split())


def test_what_is_added_within_a_released_cell_runs_and_what_is_deleted_from_it_is_not_missed():
    lines = GIVEN_CHECKS.split("\n")
    lines[3:5] = ["import sys; x = 1", "y = 2"]  # in place of two imports, one statement on a released one's line
    assert [line for line in own("\n".join(lines), CHECKS).split("\n") if line and line[0] != "#"] == [
        "import sys; x = 1", "y = 2"]  # fmt: skip


def test_what_released_cells_import_is_there_for_the_students_code():
    scope: dict = {}
    exec(released.imports(), scope)
    assert {"Path", "find_spec", "subprocess", "sys"} <= scope.keys()


def read(tmp_path, content: str | bytes) -> list[tuple[str, str]]:
    """The cells of a file."""
    path = tmp_path / "a.ipynb"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return submission.read(path)


CODE = {"cell_type": "code", "source": "x = 1"}


@pytest.mark.parametrize(
    ("content", "due"),
    [
        (json.dumps({"cells": [CODE]}), [("", "x = 1")]),  # no format, no metadata, no outputs
        ("\ufeff" + json.dumps({"cells": [CODE]}), [("", "x = 1")]),
        (json.dumps({"cells": [{**CODE, "source": ["x = 1\n", "y = 2"], "id": "a"}]}), [("a", "x = 1\ny = 2")]),
        (json.dumps({"cells": [{**CODE, "metadata": {"id": "b"}, "outputs": 3}]}), [("b", "x = 1")]),
        (json.dumps({"cells": [{**CODE, "metadata": []}, {"cell_type": "markdown"}]}), [("", "x = 1")]),
        (json.dumps({"worksheets": [{"cells": [{"cell_type": "code", "input": "x = 1"}]}]}), [("", "x = 1")]),
    ],
)
def test_only_the_sources_of_cells_are_read(tmp_path, content, due):
    assert read(tmp_path, content) == due


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"[" * 100_000, "3", "[]", "{}", '{"cells": 3}', '{"cells": [3]}', '{"cells": []}', "null",
     '{"cells": [{"cell_type": "code", "source": 3}]}', '{"cells": [{"cell_type": "code", "source": " "}]}', '"x"',
     '{"cells": null}', '{"worksheets": 3}', '{"worksheets": [3]}', b'{"cells": "\xe9"}', '{"cells": {"a": 1}}'],
)  # fmt: skip
def test_a_file_that_is_no_notebook_is_refused_in_a_sentence(tmp_path, content):
    with pytest.raises(submission.SubmissionError, match="hand (it )?in"):
        read(tmp_path, content)


def test_a_notebook_says_which_exercise_it_is():
    given = submission.read(STUDENT / "ex04.ipynb")
    assert submission.exercise_of(given) == "ex04"
    assert submission.exercise_of(given[2:], "answer.ipynb") == "ex04"  # without the set-up cells
    bare = [("", "x = 1")]
    assert submission.exercise_of(bare, "doe_101_ex06 (1).ipynb") == "ex06"
    assert submission.exercise_of(bare, "index01") is None
