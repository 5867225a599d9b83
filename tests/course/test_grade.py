"""Making and grading a small exercise: what students do by mistake, what they do on purpose, and what it costs them."""

import copy
import csv
import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from course.book import benchmark_page
from course.exercises import assign as exercises
from course.exercises.source import CANARY, ExerciseError, load
from course.grading import bench as bench_grading
from course.grading import feedback, grade, roster, sandbox, submission
from course.layout import ROOT
from course.notebook import Notebook

PILOT = ROOT / "tests/course/pilot_exercise.md"
GOOD = "def slopes(a):\n    return torch.sigmoid(a), 1 - torch.sigmoid(a)"
LIMITS = ["--seconds", "900", "--cell-seconds", "30", "--megabytes", "1500"]  # ample on a busy machine
LOOP = "import time\nwhile True:\n    time.sleep(1)"  # endless, and costs nothing
FORGED = "open('../results/results.json', 'w').write('{}')"

# What does not matter to a right answer, each in a cell of its own.
HARMLESS = [
    "def x(:",
    LOOP,
    "print('x' * 50_000_000)",
    f"open({str(ROOT / 'stolen.txt')!r}, 'w').write('x')",
]
# What each student answers, and cells of their own where they add some: status and points that they get.
STUDENTS = {
    "good": (GOOD, (), "graded", 4),
    "begins an answer like the set-up": (
        f"# Set-up of my answer\nassert Path('.').is_dir() and sys.version_info\n{GOOD}", (), "graded", 4),
    "untouched": ("def slopes(a):\n    ...", (), "graded", 0),
    "half": ("def slopes(a):\n    return a, a", (), "graded", 1),
    "harmless": (GOOD, HARMLESS, "graded", 4),
    "endless loop in the answer": ("def slopes(a):\n" + textwrap.indent(LOOP, "    "), (), "graded", 0),
    "quotes a hidden test": (
        "def slopes(a):\n    raise AssertionError(open('tests/q1.py').read())", (), "graded", 0),
    "reads elsewhere": (f"other = open({str(PILOT)!r}).read()\n{GOOD}", (), "graded", 0),
    "memory": ("hog = [bytearray(10**8) for _ in range(40)]", (), "error", None),
    "fork bomb": (GOOD, ["import os\nwhile True:\n    os.fork()"], "error", None),
    "ends its Python": (GOOD, ["import os\nos._exit(0)"], "error", None),
    "patched torch": ("torch.allclose = lambda *a, **k: True\ndef slopes(a):\n    return a, a", (), "review", None),
    "shadowed torch": (
        "class Loose:\n    zeros, tensor, sigmoid = torch.zeros, torch.tensor, torch.sigmoid\n"
        "    allclose = staticmethod(lambda *a: True)\ntorch = Loose()\ndef slopes(a):\n    return a, a",
        (), "review", None),
    "patched grader": (
        "import otter\notter.test_files.exception_test.test_case.call_func = lambda *a: None", (), "review", None),
    "forged results": (GOOD.replace("1 -", "2 -"), [FORGED], "review", None),
    "hides the name": ("vars(__builtins__)['__imp' + 'ort__']('otter')", (), "review", None),
}  # fmt: skip

needs_sandbox = pytest.mark.skipif(not sandbox.available(), reason="no sandbox here: install bubblewrap")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The pilot, made as exercise 04: the student's notebook and the folder of the autograder."""
    folder = tmp_path_factory.mktemp("made")
    source = folder / "ex04.md"
    source.write_text(PILOT.read_text(encoding="utf-8"), encoding="utf-8")
    exercises.build(source, folder / "student", folder / "out", run=False)
    return Notebook.read(folder / "student/ex04.ipynb"), folder / "out/autograder"


def answered(notebook, answer: str, more: Sequence[str] = ()):
    """A student's notebook with an answer, and more cells before the check."""
    handed_in = copy.deepcopy(notebook)
    [place] = [number for number, cell in enumerate(handed_in.cells) if cell.source.startswith("def slopes")]
    handed_in.cells[place].source = answer
    handed_in.cells[place + 1 : place + 1] = map(new_code_cell, more)
    return handed_in


def rows(output: Path) -> dict[str, dict]:
    with (output / "grades.csv").open(newline="", encoding="utf-8") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def graded(made, tmp_path_factory):
    """A class of students, each of another kind, graded in one batch: the folders of notebooks and of grades."""
    notebook, autograders = made
    folder = tmp_path_factory.mktemp("class")
    for name, (answer, more, _, _) in STUDENTS.items():
        answered(notebook, answer, more).write(folder / f"{name}.ipynb")
    renamed = answered(notebook, GOOD)
    renamed.cells = [cell for cell in renamed.cells if "grader.check" not in cell.source]  # and no checks
    renamed.cells.append(copy.deepcopy(next(cell for cell in renamed.cells if cell.source == GOOD)))  # a copied cell
    renamed.metadata = {}
    nbformat.write(renamed.node, folder / "renamed and copied (1).ipynb")
    inflated = answered(notebook, "def slopes(a):\n    return a, a")
    assert "points=1" in inflated.cells[3].source
    inflated.cells[3].source = inflated.cells[3].source.replace("points=1", "points=300")
    inflated.metadata["otter"] = {"tests": {"q1": "points = 300"}}
    inflated.write(folder / "inflated.ipynb")
    (folder / "no notebook.ipynb").write_text("Dear teacher,")
    (folder / "a zip.zip").write_bytes(b"PK\3\4")
    (folder / "empty.ipynb").write_text("")
    output = tmp_path_factory.mktemp("grades")
    command = [str(folder), "--autograders", str(autograders), "--output", str(output), "--workers", "3", *LIMITS]
    assert grade.main(command) == 0
    return folder, output, command


@needs_sandbox
@pytest.mark.parametrize("student", STUDENTS)
def test_each_student_gets_what_is_due(graded, student):
    row, (_, _, status, points) = rows(graded[1])[student], STUDENTS[student]
    assert (row["status"], row["total"]) == (status, "" if points is None else f"{points:.1f}"), row
    assert row["most"] == "4.0" and (row["error"] == "") == (status == "graded")


@needs_sandbox
def test_renamed_copied_and_without_checks_has_full_marks(graded):
    assert rows(graded[1])["renamed and copied (1)"]["total"] == "4.0"


@needs_sandbox
def test_points_cannot_be_inflated(graded):
    row = rows(graded[1])["inflated"]
    assert (row["status"], row["total"], row["most"]) == ("graded", "1.0", "4.0")


@needs_sandbox
@pytest.mark.parametrize("name", ["no notebook", "a zip", "empty"])
def test_what_is_no_notebook_is_an_error_and_no_zero(graded, name):
    row = rows(graded[1])[name]
    assert (row["status"], row["total"]) == ("error", "") and "not a Jupyter notebook" in row["error"]


@needs_sandbox
def test_nothing_of_a_hidden_test_reaches_a_student_and_nothing_was_written_elsewhere(graded):
    pages = [path.read_text(encoding="utf-8") for path in (graded[1] / "feedback").glob("*.html")]
    assert len(pages) == len(rows(graded[1]))
    assert not [page for page in pages if CANARY in page or "test_hidden" in page or "The first" in page]
    assert not (ROOT / "stolen.txt").exists()


@needs_sandbox
def test_feedback_says_what_is_wrong(graded):
    page = (graded[1] / "feedback" / f"{grade.file_name('untouched')}.html").read_text(encoding="utf-8")
    assert "0 of 4 points" in page and "Your code stopped with TypeError." in page
    assert "1 of 4" in (graded[1] / f"feedback/{grade.file_name('half')}.html").read_text(encoding="utf-8")


@needs_sandbox
def test_a_second_run_grades_only_what_has_changed(graded, made, monkeypatch):
    folder, output, command = graded
    before = (output / "grades.csv").read_bytes()
    ran = []
    monkeypatch.setattr(
        grade.Grader, "grade", lambda self, task: ran.append(task.id) or {"id": task.id, "status": "error"}
    )
    assert grade.main(command) == 0
    assert ran == [] and (output / "grades.csv").read_bytes() == before


@needs_sandbox
def test_the_number_of_workers_changes_nothing(graded, tmp_path):
    folder, output, command = graded
    few = tmp_path / "few"
    few.mkdir()
    for name in ("half", "patched torch"):
        (few / f"{name}.ipynb").write_bytes((folder / f"{name}.ipynb").read_bytes())
    more = ["--output", str(tmp_path / "grades"), "--workers", "1"]
    assert grade.main([str(few), *command[1:], *more]) == 0
    all_rows = rows(output)
    assert rows(tmp_path / "grades") == {name: all_rows[name] for name in ("half", "patched torch")}


def test_faults_of_the_command_are_one_sentence(tmp_path, capsys):
    (tmp_path / "none").mkdir()
    for arguments, sentence in [
        ([str(tmp_path / "absent")], "There is no folder"),
        ([str(tmp_path), "--autograders", str(tmp_path / "none")], "run `make exercises` first"),
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
        super().__init__({}, sandbox.Limits(), 1, False, None)

    def grade(self, task):
        if task.id != "first":
            assert self.stop.wait(60)
            return {"id": task.id, "status": "error", "error": f"the notebook was stopped: {sandbox.STOPPED}"}
        return {"id": task.id, "status": "graded", "total": 1.0, "most": 1.0, "error": "", "questions": {}}


def test_a_notebook_of_another_exercise_earns_nothing(made, tmp_path):
    path = tmp_path / "jane.ipynb"
    made[0].write(path)
    grader = grade.Grader({}, sandbox.Limits(), 1, False, "ex05")
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


def test_what_a_program_says_is_not_read_from_a_place_that_it_can_change(tmp_path):
    (tmp_path / "secret").write_text("secret")
    program = (
        "import os; os.path.exists('said.txt') and os.remove('said.txt'); os.symlink('secret', 'said.txt'); print(1)"
    )
    outcome = sandbox.run([sys.executable, "-c", program], tmp_path, sandbox.Limits(), walled=False)
    assert (outcome.status, outcome.said) == (0, "1\n")


def test_a_spreadsheet_takes_no_id_for_a_formula():
    assert grade.table([{"id": "=1+1", "status": "missing", "total": 0}])[0]["id"] == "'=1+1"


def test_messages_with_numbers_are_told_and_others_are_not():
    [case] = feedback.cases_of(
        "@test_case(points=2, hidden=False)\ndef test_a(f):\n    assert f() > 1, f'It is {f():.2f}, not above 1.'\n"
    )
    said = "❌ Test case failed\nError at line 3 in test q1:\n      assert f() > 1\n{}"
    results = [
        feedback.public_results([(case, feedback.Result(False, said.format(words)))])
        for words in (
            "AssertionError: It is 0.25, not above 1.",
            "AssertionError: It is in hidden, not above 1.",
            "KeyError: 'x'",
        )
    ]
    assert results == [
        [(False, "It is 0.25, not above 1.")], [(False, "Your code stopped with AssertionError.")],
        [(False, "Your code stopped with KeyError.")],
    ]  # fmt: skip


def test_an_error_that_quotes_a_pass_is_none_and_a_hidden_test_is_not_told():
    public, hidden = feedback.Case(1, False, frozenset()), feedback.Case(3, True, frozenset({"Low."}))
    quote = feedback.Result(False, "x\nx\nx\nE: All test cases passed! Test case passed")
    assert feedback.public_results([(public, quote), (hidden, feedback.Result(False, "x\nx\nx\nE: Low."))]) == [
        (False, "Your code stopped with E.")
    ]
    odd = [feedback.Result(False, message) for message in ("", "x", "x\nx\nx\n: y", "x\nx\nx\na b: y")]
    assert [feedback.public_results([(public, each)]) for each in odd] == [[(False, "It did not pass.")]] * 4


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "3",
        '{"q1": []}',
        '{"q1": [[true, ""], [true, ""]]}',
        '{"q1": [3]}',
        '{"q1": [[true]]}',
        "[" * 9999,
    ],
)
def test_results_of_other_tests_or_of_none_are_refused(text):
    with pytest.raises(ValueError):
        feedback.read_results(text, {"q1": [feedback.Case(1, False, frozenset())]})


def test_only_true_is_a_pass():
    case = feedback.Case(1, False, frozenset())
    read = [feedback.read_results(f'{{"q1": [[{value}, ""]]}}', {"q1": [case]}) for value in ("true", "1", '"true"')]
    assert [each["q1"][0][1].passed for each in read] == [True, False, False]


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
    cases = feedback.questions_of(tmp_path / "out/autograder/ex04.zip")["q1"]
    assert [(case.points, case.hidden) for case in cases] == [(1, False), (3, True)]
    assert cases[1].messages == {"Low."}


@pytest.mark.parametrize("words", [{"constants": {"NONE": 1}}, {"hidden": {"q9": "def test_x():\n    pass"}}])
def test_an_overlay_for_what_is_not_there_is_refused(tmp_path, words):
    (tmp_path / "ex04.yaml").write_text(json.dumps(words))
    source = tmp_path / "ex04.md"
    source.write_text(PILOT.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(ExerciseError, match="the overlay"):
        load(source, tmp_path)


@pytest.mark.parametrize(
    ("source", "means"),
    [("import subprocess", {"subprocess"}), ("%run x", {"a magic command"}), ("x = 1\ny = eval_it(x)", set()),
     ("getattr(torch, 'relu')", set()), ("open('results.json')", {submission.PATH}), ("a.eval()\na.modules()", set()),
     ("sys.modules['x']", {"sys.modules"}), ("eval('x')", {"eval"}), ("nn.ReLU(inplace=True)", set())],
)  # fmt: skip
def test_the_search_for_means(source, means):
    assert submission.means(source) == means


def test_how_long_a_class_takes_is_arithmetic():
    figures = {"copies": 200, "workers": 2, "seconds": 960, "points": 20, "cpu": "a CPU", "cores": 2}
    words = benchmark_page.grading_words({**figures, "command": "python bench", "date": "2026-01-01"})
    assert "16.0 minutes with 2 workers, 9.6 seconds of a worker each" in words  # 960 · 2 / 200
    assert "a class of 1,000 takes about 20 minutes on eight such cores" in words  # 1000 · 9.6 / 8 / 60


@needs_sandbox
def test_copies_are_timed_and_graded_alike(made, monkeypatch, tmp_path):
    notebook, autograders = made
    (tmp_path / "solution").mkdir()
    answered(notebook, GOOD).write(tmp_path / "solution/ex04.ipynb")
    monkeypatch.setattr(grade, "AUTOGRADERS", tmp_path / "autograder")
    main = grade.main
    monkeypatch.setattr(grade, "main", lambda words: main([*words, "--autograders", str(autograders)]))
    figures = bench_grading.measure("ex04", 2, 2)
    assert (figures["copies"], figures["workers"], figures["points"]) == (2, 2, 4) and figures["seconds"] > 0
    with pytest.raises(grade.GradeError, match="make exercises"):
        bench_grading.measure("ex05", 2, 2)


def test_without_otter_the_notebook_stays_usable(made, monkeypatch, tmp_path, capsys):
    ran, scope = [], {}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "otter", None)
    monkeypatch.setattr(subprocess, "run", lambda command, **_: ran.append(command))
    exec(made[0].cells[3].source, scope)
    assert "--no-deps" in ran[0] and exercises.OTTER in ran[0]  # as in Colab, whose own packages stay
    scope["grader"].check("q1")
    assert "Not checked" in capsys.readouterr().out


def test_a_notebook_says_which_exercise_it_is(made):
    notebook, bare = made[0], Notebook(nbformat.v4.new_notebook(cells=[new_code_cell("x = 1")]))
    assert submission.exercise_of(notebook) == "ex04"
    notebook = copy.deepcopy(notebook)
    notebook.cells = notebook.cells[4:]  # without the set-up cells
    assert submission.exercise_of(notebook, "answer.ipynb") == "ex04"
    assert (
        submission.exercise_of(bare, "doe_101_ex06 (1).ipynb") == "ex06"
        and submission.exercise_of(bare, "index01") is None
    )


def test_the_student_notebook_is_clean(made):
    notebook, _ = made
    text = notebook.text()
    assert exercises.leaks(text) == [] and "derivative of the softplus" not in text
    assert all(cell.metadata.keys() <= {"jupyter", "cellView"} for cell in notebook.cells)
    assert not any(cell.get("outputs") or cell.get("attachments") for cell in notebook.cells)
    assert re.findall(r'grader\.check\("(\w+)"\)', text.replace("\\", "")) == ["q1"]
