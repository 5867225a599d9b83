"""Making a small exercise, and the batch: its command, records, table and pages."""

import copy
import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from course.book import benchmark_page
from course.exercises import assign as exercises
from course.exercises.source import CANARY, ExerciseError, load
from course.exercises.suite import Suite
from course.grading import bench as bench_grading
from course.grading import feedback, grade, judge, roster, sandbox
from course.layout import ROOT
from course.notebook import Notebook

PILOT = ROOT / "tests/course/pilot_exercise.md"
GOOD = "def slopes(a):\n    return torch.sigmoid(a), 1 - torch.sigmoid(a)"
HALF = "def slopes(a):\n    return a, a"
BOUNDS = judge.Bounds(sandbox.Limits(), 60, sandbox.available())

needs_sandbox = pytest.mark.skipif(not sandbox.available(), reason="no sandbox here: install bubblewrap")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The pilot, made as exercise 04: the student's notebook and the folder of the tests."""
    folder = tmp_path_factory.mktemp("made")
    source = folder / "ex04.md"
    source.write_text(PILOT.read_text(encoding="utf-8"), encoding="utf-8")
    exercises.build(source, folder / "student", folder / "out", run=False)
    return Notebook.read(folder / "student/ex04.ipynb"), folder / "out/tests"


def answered(notebook, answer: str):
    """A student's notebook with an answer."""
    handed_in = copy.deepcopy(notebook)
    [place] = [number for number, cell in enumerate(handed_in.cells) if cell.source.startswith("def slopes")]
    handed_in.cells[place].source = answer
    return handed_in


def rows(output: Path) -> dict[str, dict]:
    with (output / "grades.csv").open(newline="", encoding="utf-8") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def graded(made, tmp_path_factory):
    """A small class, graded in one batch: the folders of notebooks and of grades, and the command."""
    notebook, tests = made
    folder = tmp_path_factory.mktemp("class")
    for name, answer in (("good", GOOD), ("untouched", "def slopes(a):\n    ..."), ("half", HALF)):
        answered(notebook, answer).write(folder / f"{name}.ipynb")
    inflated = answered(notebook, HALF)
    assert "points=1" in inflated.cells[3].source
    inflated.cells[3].source = inflated.cells[3].source.replace("points=1", "points=300")
    inflated.metadata["otter"] = {"tests": {"q1": "points = 300"}}
    inflated.write(folder / "inflated.ipynb")
    (folder / "no notebook.ipynb").write_text("Dear teacher,")
    (folder / "a zip.zip").write_bytes(b"PK\3\4")
    (folder / "empty.ipynb").write_text("")
    (folder / "no code.ipynb").write_text('{"cells": [{"cell_type": "markdown", "source": "x"}]}')
    output = tmp_path_factory.mktemp("grades")
    walls = [] if sandbox.available() else ["--no-sandbox"]
    command = [str(folder), "--tests", str(tests), "--output", str(output), "--workers", "2", *walls]
    assert grade.main(command) == 0
    return folder, output, command


@pytest.mark.parametrize(("student", "points"), [("good", 4), ("untouched", 0), ("half", 1), ("inflated", 1)])
def test_each_student_gets_what_is_due(graded, student, points):
    row = rows(graded[1])[student]
    assert (row["status"], float(row["total"]), row["most"], row["error"]) == ("graded", points, "4.0", "")


@pytest.mark.parametrize(
    ("name", "words"),
    [("no notebook", "not a Jupyter"), ("a zip", "not a Jupyter"), ("empty", "not a Jupyter"), ("no code", "no code")],
)
def test_what_is_no_notebook_is_an_error_and_no_zero(graded, name, words):
    row = rows(graded[1])[name]
    assert (row["status"], row["total"]) == ("error", "") and words in row["error"]


def test_nothing_of_a_hidden_test_reaches_a_student(graded):
    pages = [path.read_text(encoding="utf-8") for path in (graded[1] / "feedback").glob("*.html")]
    assert len(pages) == len(rows(graded[1]))
    assert not [page for page in pages if CANARY in page or "test_hidden" in page or "The first" in page]


def test_feedback_says_what_is_wrong(graded):
    page = (graded[1] / "feedback" / f"{grade.file_name('untouched')}.html").read_text(encoding="utf-8")
    assert "0 of 4 points" in page and "The check could not use your answer (TypeError)." in page
    assert "1 of 4" in (graded[1] / f"feedback/{grade.file_name('half')}.html").read_text(encoding="utf-8")


def test_a_second_run_grades_only_what_has_changed(graded, monkeypatch):
    folder, output, command = graded
    before = (output / "grades.csv").read_bytes()
    ran: list[str] = []
    monkeypatch.setattr(grade.Grader, "trial", lambda *_: None)
    monkeypatch.setattr(
        grade.Grader,
        "grade",
        lambda self, task: ran.append(task.id) or {"id": task.id, "status": "error", "most": None},
    )
    assert grade.main(command) == 0
    assert ran == [] and (output / "grades.csv").read_bytes() == before


def test_shards_divide_a_class_and_their_tables_are_the_whole(graded, tmp_path, monkeypatch):
    folder, output, command = graded
    monkeypatch.setattr(grade.Grader, "trial", lambda *_: None)
    for part in (1, 2):
        assert grade.main([*command, "--shard", f"{part}/2"]) == 0
    parts = [(output / f"grades-{part}-of-2.csv").read_text(encoding="utf-8").splitlines() for part in (1, 2)]
    whole = (output / "grades.csv").read_text(encoding="utf-8").splitlines()
    assert sorted(parts[0][1:] + parts[1][1:]) == sorted(whole[1:]) and min(map(len, parts)) > 1
    for words in ("0/2", "3/2", "a/2", "1", "1/²"):
        with pytest.raises(SystemExit):
            grade.parse([*command, "--shard", words])


def test_a_machine_on_which_the_solution_fails_grades_nothing(graded, made, tmp_path, capsys):
    suite = Suite.read(made[1] / "ex04.json")
    suite.solution = suite.untouched
    suite.write(tmp_path / "tests/ex04.json")
    words = [*graded[2], "--tests", str(tmp_path / "tests"), "--output", str(tmp_path / "out")]
    assert grade.main(words) == 2 and not (tmp_path / "out").exists()
    said = capsys.readouterr().err
    assert "The solution notebook of ex04 fails here" in said and said.count("\n") == 1


def test_faults_of_the_command_are_one_sentence(tmp_path, capsys):
    (tmp_path / "none").mkdir()
    for arguments, sentence in [
        ([str(tmp_path / "absent")], "There is no folder"),
        ([str(tmp_path), "--tests", str(tmp_path / "none")], "run `make exercises` first"),
    ]:
        assert grade.main(arguments) == 2
        said = capsys.readouterr().err
        assert sentence in said and said.count("\n") == 1


def test_names_of_files_are_safe_and_differ():
    names = ["../../etc/passwd", ".._.._etc_passwd", "a b", "a_b", "é", "x" * 300, "字" * 83, "", ".", "\udcff"]
    names += [grade.file_name("a b")]
    made = [grade.file_name(name) for name in names]
    assert len(set(made)) == len(names)
    assert all(re.fullmatch(r"[\w.-]{1,80}", each, re.ASCII) and not each.startswith(".") for each in made)


@pytest.mark.parametrize("text", ["", "[]", "3", "{}", '{"key": "k"}', '{"key": "other", "record": {}}', "[" * 9999])
def test_a_record_that_is_none_is_made_anew(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    assert grade.held(tmp_path / "a.json", "k") is None


class Pace(grade.Grader):
    """A grader whose first submission is done at once, while the second waits until grading is stopped."""

    def __init__(self):
        super().__init__({}, BOUNDS, None)

    def grade(self, task):
        if task.id != "first":
            assert self.stop.wait(60)
            return {"id": task.id, "status": "stopped", "most": 1.0, "error": "the same command goes on"}
        return {"id": task.id, "status": "graded", "total": 1.0, "most": 1.0, "error": "", "questions": {}}


def test_a_notebook_of_another_exercise_earns_nothing(made, tmp_path):
    path = tmp_path / "jane.ipynb"
    made[0].write(path)
    grader = grade.Grader({}, BOUNDS, "ex05")
    record = grader.grade(roster.Task("jane", path))
    assert record["status"] == "error" and "it is ex04, and ex05 is graded" in record["error"]


def test_ctrl_c_ends_what_runs_and_the_table_is_written(tmp_path, monkeypatch):
    tasks = [roster.Task(name, tmp_path / name) for name in ("first", "second", "third")]
    for task in tasks:
        task.path.write_text("x")

    def interrupted(waiting):
        yield waiting[0].result()
        raise KeyboardInterrupt

    monkeypatch.setattr(grade, "as_completed", interrupted)
    records = grade.grade_all(tasks, Pace(), tmp_path / "out", workers=2)
    assert [record["status"] for record in records] == ["graded", "stopped", "stopped"]
    grade.save(records, tmp_path / "out")
    table = rows(tmp_path / "out")
    assert table["first"]["total"] == "1.0" and "the same command goes on" in table["second"]["error"]
    assert len(list((tmp_path / "out/records").iterdir())) == 1 == len(list((tmp_path / "out/feedback").iterdir()))


def test_a_file_that_cannot_be_read_ends_nothing(tmp_path):
    tasks = [roster.Task("gone", tmp_path / "gone"), roster.Task("first", tmp_path / "first")]
    (tmp_path / "first").write_text("x")
    gone, first = grade.grade_all(tasks, Pace(), tmp_path / "out", workers=1)
    assert (gone["status"], first["status"]) == ("error", "graded") and "FileNotFoundError" in gone["error"]


@pytest.mark.parametrize(
    ("status", "most", "kept"),
    [
        ("graded", 4.0, True),
        ("review", 4.0, True),
        ("error", None, True),
        ("error", 4.0, False),
        ("timeout", 4.0, False),
    ],
)
def test_only_what_follows_from_the_file_is_kept(status, most, kept):
    assert grade.follows({"status": status, "most": most}) is kept


def test_a_spreadsheet_takes_no_id_for_a_formula():
    assert grade.table([{"id": "=1+1", "status": "missing", "total": 0}])[0]["id"] == "'=1+1"


def changed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("# BEGIN SOLUTION\n    # instructor only", "# BEGIN SOLUTOIN\n    # instructor only", "misspelt|refused"),
        ("hidden: true", "hidden: false", "misspelt"),
        ("    # instructor only\n", "", "lacks the words"),
        ("points: 3", "points: 2", "do not add up to its 4 points"),
        ("{{LOGIT}}", "{{LOGITS}}", "LOGITS has no value"),
    ],
)
def test_a_faulty_source_is_refused(tmp_path, old, new, sentence):
    source = tmp_path / "ex04.md"
    source.write_text(changed(PILOT.read_text(encoding="utf-8"), old, new), encoding="utf-8")
    with pytest.raises(ExerciseError, match=sentence):
        exercises.build(source, tmp_path / "student", tmp_path / "out", run=False)
    assert not (tmp_path / "student").exists()


def test_a_wrong_solution_is_refused(tmp_path):
    source = tmp_path / "ex04.md"
    wrong = changed(PILOT.read_text(encoding="utf-8"), "return torch.sigmoid(a), 1", "return torch.tanh(a), 1")
    source.write_text(wrong, encoding="utf-8")
    with pytest.raises(ExerciseError, match="otter-grader refused it"):
        exercises.build(source, tmp_path / "student", tmp_path / "out")


def test_an_overlay_replaces_constants_and_hidden_tests(tmp_path):
    (tmp_path / "ex04.md").write_text(PILOT.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "mine").mkdir()
    own = (
        'def test_mine(slopes, torch):\n    """instructor only"""\n    assert slopes(torch.ones(1))[0] > 0.7, "Low."\n'
    )
    (tmp_path / "mine/ex04.yaml").write_text(json.dumps({"constants": {"LOGIT": -7}, "hidden": {"q1": own}}))
    exercises.build(tmp_path / "ex04.md", tmp_path / "student", tmp_path / "out", tmp_path / "mine")
    assert "At -7 the first" in (tmp_path / "student/ex04.ipynb").read_text(encoding="utf-8")
    tests = Suite.read(tmp_path / "out/tests/ex04.json").tests
    assert [(test.points, test.hidden) for test in tests] == [(1, False), (3, True)]
    assert '"Low."' in tests[1].code


@pytest.mark.parametrize("words", [{"constants": {"NONE": 1}}, {"hidden": {"q9": "def test_x():\n    pass"}}])
def test_an_overlay_for_what_is_not_there_is_refused(tmp_path, words):
    (tmp_path / "ex04.yaml").write_text(json.dumps(words))
    source = tmp_path / "ex04.md"
    source.write_text(PILOT.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(ExerciseError, match="the overlay"):
        load(source, tmp_path)


def test_how_long_a_class_takes_is_arithmetic():
    figures = {"copies": 200, "workers": 2, "seconds": 960, "points": 20, "cpu": "a CPU", "cores": 2}
    words = benchmark_page.grading_words({**figures, "command": "python bench", "date": "2026-01-01"})
    assert "16.0 minutes with 2 workers, 9.6 seconds of a worker each" in words  # 960 · 2 / 200
    assert "a class of 1,000 takes about 20 minutes on eight such cores" in words  # 1000 · 9.6 / 8 / 60


def test_without_otter_the_notebook_stays_usable(made, monkeypatch, tmp_path, capsys):
    ran, scope = [], {}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "otter", None)
    monkeypatch.setattr(subprocess, "run", lambda command, **_: ran.append(command))
    exec(made[0].cells[3].source, scope)
    assert "--no-deps" in ran[0] and exercises.OTTER in ran[0]  # as in Colab, whose own packages stay
    scope["grader"].check("q1")
    assert "Not checked" in capsys.readouterr().out


def test_the_student_notebook_is_clean(made):
    notebook, _ = made
    text = notebook.text()
    assert exercises.leaks(text) == [] and "derivative of the softplus" not in text
    assert all(cell.metadata.keys() <= {"jupyter", "cellView"} for cell in notebook.cells)
    assert not any(cell.get("outputs") or cell.get("attachments") for cell in notebook.cells)
    assert re.findall(r'grader\.check\("(\w+)"\)', text.replace("\\", "")) == ["q1"]


@needs_sandbox
def test_copies_are_timed_and_graded_alike(made, monkeypatch, tmp_path):
    monkeypatch.setattr(bench_grading, "TESTS", made[1])
    figures = bench_grading.measure("ex04", 2, 2)
    assert (figures["copies"], figures["workers"], figures["points"]) == (2, 2, 4) and figures["seconds"] > 0
    with pytest.raises(grade.GradeError, match="make exercises"):
        bench_grading.measure("ex05", 2, 2)


def test_a_page_says_cells_first_and_quotes_nothing_as_markup():
    record = {"id": "<b>", "exercise": "ex04", "status": "graded", "total": 1.0, "most": 4.0, "error": ""}
    questions = {"q1": {"points": 1.0, "most": 4.0, "public": [[False, "At 0 it is <3>."], [True, ""]]}}
    page = feedback.page({**record, "questions": questions, "cells": ["Code cell 2 (x = y) stopped with NameError."]})
    assert page.index("stopped with NameError") < page.index("not passed: At 0 it is &lt;3&gt;.<br>passed")
    assert "<b>" not in page
