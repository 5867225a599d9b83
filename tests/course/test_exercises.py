"""Every exercise: full marks for the solution, none for the untouched notebook, no secret shown; it runs anywhere."""

import os

import pytest
from helpers import code_after_code
from nbclient import NotebookClient
from nbformat.v4 import new_markdown_cell, new_notebook

from course import repository
from course.colab import edition as colab
from course.exercises import assign as exercises
from course.exercises import links as exercise_links
from course.exercises import source
from course.exercises.suite import Suite
from course.grading import grade, judge, sandbox
from course.layout import ROOT
from course.notebook import CHECKS, SETUP, Notebook

SOURCES = sorted(exercises.EXERCISES.glob("ex*.md"))
FAKE_COLAB = "import sys, types\nsys.modules['google.colab'] = types.ModuleType('google.colab')\n"


# The tests of one exercise go to one process of pytest-xdist (--dist loadgroup), which makes it once.
EACH = [pytest.param(path, id=path.stem, marks=pytest.mark.xdist_group(path.stem)) for path in SOURCES]


@pytest.fixture(scope="module", params=EACH)
def made(request, tmp_path_factory):
    """An exercise as its source makes it; the making itself grades the solution with otter-grader."""
    folder = tmp_path_factory.mktemp(request.param.stem)
    exercise = exercises.build(request.param, folder / "student", folder / "out")
    return exercise, folder


def test_there_are_eight():
    assert [path.stem for path in SOURCES] == [f"ex{number:02}" for number in (2, 3, 4, 5, 6, 8, 9, 10)]


@pytest.mark.skipif(os.name == "nt", reason="grading runs on Linux and macOS")
def test_solution_has_full_marks_and_the_untouched_notebook_none(made):
    exercise, folder = made
    suite = Suite.read(folder / f"out/tests/{exercise.name}.json")
    grader = grade.Grader({}, judge.Bounds(sandbox.Limits(), 60, sandbox.available()), None)
    for notebook, due in (
        (suite.solution, exercise.questions),
        (suite.untouched, dict.fromkeys(exercise.questions, 0)),
    ):
        record = grader.judged(suite, notebook)
        assert record["status"] == "graded", record
        assert {name: each["points"] for name, each in record["questions"].items()} == due, record
    passed = [passed for each in record["questions"].values() for passed, _ in each["public"]]
    assert passed and not any(passed)  # no public check of the untouched notebook passed


def test_the_student_notebook_in_the_repository_is_this_one(made):
    exercise, folder = made
    fresh = (folder / f"student/{exercise.name}.ipynb").read_text(encoding="utf-8")
    kept = (exercises.STUDENT / f"{exercise.name}.ipynb").read_text(encoding="utf-8")
    assert kept == fresh, f"exercises/student/{exercise.name}.ipynb is stale: run `make exercises` and commit it"


def test_the_student_notebook_holds_no_secret(made):
    exercise, folder = made
    text = (folder / f"student/{exercise.name}.ipynb").read_text(encoding="utf-8")
    notebook = Notebook.parse(text)
    assert exercises.leaks(text) == []
    assert all(cell.metadata.keys() <= {"jupyter", "cellView"} for cell in notebook.cells)
    assert notebook.metadata.keys() == {"kernelspec", "language_info"}
    assert not any(cell.get("outputs") or cell.get("attachments") for cell in notebook.cells)
    words = {
        line.strip()
        for cell in exercise.notebook.cells
        if source.is_hidden_test(cell)
        for line in cell.source.splitlines()
    }
    shown = {line.strip() for cell in notebook.cells[4:] for line in cell.source.splitlines()}
    assert not [line for line in words & shown if line.startswith("assert")]


def test_code_is_short_and_prose_stands_between_every_two_cells(made):
    exercise, folder = made
    notebook = Notebook.read(folder / f"student/{exercise.name}.ipynb")
    assert max(len(cell.source.splitlines()) for cell in notebook.code) <= 30 and code_after_code(notebook) == []


def test_the_questions_are_as_promised(made):
    exercise, folder = made
    assert 4 <= len(exercise.questions) <= 6 and sum(exercise.questions.values()) == 20 and 45 <= exercise.minutes <= 90
    tests = Suite.read(folder / f"out/tests/{exercise.name}.json").tests
    for name in exercise.questions:
        assert {test.hidden for test in tests if test.question == name} == {False, True}
    student = (folder / f"student/{exercise.name}.ipynb").read_text(encoding="utf-8")
    assert student.count("<details><summary>Hint") >= len(exercise.questions)
    explained = [cell for cell in exercise.notebook.cells if f"<!-- {source.CANARY} -->" in cell.source]
    assert len(explained) >= len(exercise.questions)


def test_it_checks_itself_in_a_folder_of_its_own_as_in_colab(made, tmp_path):
    exercise, folder = made
    notebook = Notebook.read(folder / f"student/{exercise.name}.ipynb")
    [setup], [checks] = ([cell for cell in notebook.code if cell.id == name] for name in (SETUP, CHECKS))
    setup.source = FAKE_COLAB + setup.source
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    client = NotebookClient(
        notebook.node, timeout=120, allow_errors=True, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute(env=environment)
    said = [
        "\n".join(str(output.get("data", output.get("text", ""))) for output in cell.get("outputs", []))
        for cell in notebook.cells
    ]
    assert not [output for output in setup.outputs + checks.outputs if output.output_type == "error"]
    checked = [text for cell, text in zip(notebook.cells, said, strict=True) if cell.source.startswith("grader.check(")]
    assert len(checked) == len(exercise.questions) and all("results" in text for text in checked)
    assert {path.stem for path in tmp_path.glob("checks_*/*.py")} == set(exercise.questions)


def test_colab_opens_the_exercise_of_the_repository_and_its_chapter_leads_there():
    home = repository.Repository("https://github.com", "owner/name")
    [link] = [each for each in exercise_links.find(exercises.EXERCISES) if each.name == "ex04"]
    notebook = Notebook.read(exercises.STUDENT / "ex04.ipynb")
    assert '@ git+https://github.com/owner/name"' in colab.with_source(notebook, home).cells[1].source
    cells = [new_markdown_cell("Words.\n\n## Exercises\n\n1. *Derive.*")]
    chapter = Notebook(new_notebook(cells=cells))
    exercise_links.offer(chapter, exercise_links.words(link, "[ex04.ipynb](there)", home))
    address = "https://colab.research.google.com/github/owner/name/blob/colab/exercises/ex04.ipynb"
    assert f"Download [ex04.ipynb](there), or [open it in Colab]({address})." in chapter.cells[0].source
    with pytest.raises(ValueError, match="no heading"):
        exercise_links.offer(Notebook(new_notebook()), "")


def test_each_is_offered_by_its_chapter():
    links = exercise_links.find(exercises.EXERCISES)
    assert all(
        (ROOT / f"chapters/{link.chapter}.ipynb").is_file() and link.chapter[:2] == link.name[2:] for link in links
    )
