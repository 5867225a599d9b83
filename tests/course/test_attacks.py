"""Honest notebooks that had bad luck lose nothing, and hostile ones gain nothing, leak nothing and leave nothing."""

import csv
import json
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import corpus
import psutil
import pytest

from course.grading import grade, judge, sandbox
from course.layout import ROOT

pytestmark = [
    pytest.mark.skipif(not sandbox.available(), reason="no sandbox here: install bubblewrap"),
    pytest.mark.xdist_group("attacks"),
]
BOUNDS = ["--seconds", "60", "--cell-seconds", "10", "--megabytes", "2500"]  # ample also on a busy machine


def names_of(kind: dict) -> dict[str, str]:
    """The names of cases, by ids that can stand in the name of a file."""
    return {f"{number:03}": name for number, name in enumerate(kind, 1)}


HONEST = {f"h{key}": name for key, name in names_of(corpus.HONEST).items()}
HOSTILE = {f"x{key}": name for key, name in names_of(corpus.HOSTILE).items()}


def write(folder: Path, identity: str, sources: list[str]) -> None:
    """A notebook with some cells of code, and no more of the format than it needs."""
    cells = [{"cell_type": "code", "source": source} for source in sources]
    (folder / f"{identity}.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")


def grade_cases(folder: Path, cases: dict[str, list[str]], workers: int = 2) -> Path:
    """Grade notebooks for the small exercise; the folder of the grades."""
    (folder / "in").mkdir()
    for identity, sources in cases.items():
        write(folder / "in", identity, sources)
    corpus.SUITE.write(folder / "tests/ex04.json")
    words = [
        str(folder / "in"),
        "--tests",
        str(folder / "tests"),
        "--output",
        str(folder / "out"),
        "--exercise",
        "ex04",
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grade, "follows", lambda record: True)  # nothing is run once more: that takes minutes
        assert grade.main([*words, "--workers", str(workers), *BOUNDS]) == 0
    return folder / "out"


def rows(output: Path) -> dict[str, dict]:
    """The table of a graded folder, by id."""
    with (output / "grades.csv").open(newline="", encoding="utf-8") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """All cases graded in one batch, and what of them was still running after it."""
    before = {process.pid for process in psutil.process_iter()}
    cases = {key: corpus.HONEST[name][0] for key, name in HONEST.items()}
    cases |= {key: [corpus.GIVEN, *corpus.HOSTILE[name]] for key, name in HOSTILE.items()}
    output = grade_cases(tmp_path_factory.mktemp("attacks"), cases)
    for _ in range(100):  # what was killed may need a moment to be gone
        now = [each.info["cmdline"] or [] for each in psutil.process_iter(["cmdline"]) if each.pid not in before]
        left = [words for words in now if "course.grading.wall.server" in words]
        if not left:
            break
        time.sleep(0.2)
    return output, left


def test_there_are_enough_of_both_kinds():
    assert len(HONEST) >= 60 and len(HOSTILE) + len(corpus.LIES) >= 60


@pytest.mark.parametrize("key", HONEST, ids=HONEST.values())
def test_an_honest_notebook_loses_nothing(graded, key):
    row = rows(graded[0])[key]
    assert (row["status"], float(row["total"])) == ("graded", corpus.HONEST[HONEST[key]][1]), row


@pytest.mark.parametrize("key", HOSTILE, ids=HOSTILE.values())
def test_a_hostile_notebook_gains_nothing(graded, key):
    row = rows(graded[0])[key]
    assert row["total"] in ("", "0.0"), row


@pytest.fixture(scope="module")
def court():
    """A judge of one notebook that holds every lie, as a function and as a number."""
    lies = [f"def lie_{n}(*a, **k):\n    return {lie}" for n, lie in enumerate(corpus.LIES)]
    values = [f"try:\n    a = []\n    D_{n} = {lie}\nexcept Exception:\n    pass" for n, lie in enumerate(corpus.LIES)]
    made = judge.Judge(
        corpus.SUITE, corpus.cells(corpus.GIVEN, *lies, *values), judge.Bounds(sandbox.Limits(), 60, True)
    )
    made.prepare()
    yield made
    made.close()


@pytest.mark.parametrize("number", range(len(corpus.LIES)), ids=corpus.LIES)
def test_a_lie_for_every_answer_gains_nothing(court, number):
    court.scope |= {name: court._proxy(f"lie_{number}") for name in ("slopes", "step", "make", "penalty")}
    court.scope["D"] = court._value(f"D_{number}")
    assert not [test.code for test in corpus.TESTS if court.test(test).passed]


def test_nothing_of_a_hidden_test_is_on_a_page(graded):
    pages = [path.read_text(encoding="utf-8") for path in (graded[0] / "feedback").glob("*.html")]
    assert len(pages) == len(HONEST) + len(HOSTILE)
    assert not [page for page in pages if corpus.CANARY in page or "test_" in page or "weights after" in page]


def test_nothing_is_left_running(graded):
    assert graded[1] == []


def test_a_second_run_grades_nothing_that_was_graded(graded, monkeypatch):
    folder, ran = graded[0].parent, []
    monkeypatch.setattr(grade.Grader, "trial", lambda *_: None)
    monkeypatch.setattr(grade.Grader, "grade", lambda self, task: ran.append(task.id) or {"status": "error", "most": 1})
    before = rows(graded[0])
    words = [str(folder / "in"), "--tests", str(folder / "tests"), "--output", str(graded[0]), "--exercise", "ex04"]
    assert grade.main([*words, "--workers", "1", *BOUNDS]) == 0
    assert ran == [] and rows(graded[0]) == before


SEARCH = """
import glob, os, re
def searched():
    secret = rb"a sentence of a hidden test t[h]at nobody may read|canary of a value[s]"
    hits = 0
    places = ("/student", "/tmp", "/dev/shm", "/home", "/srv")
    mine = [path for place in places for path in glob.glob(place + "/**", recursive=True)]
    for path in [p for p in mine if os.path.isfile(p) and os.path.getsize(p) < 10**7 and "site-packages" not in p]:
        hits += len(re.findall(secret, open(path, "rb").read()))
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb") as memory:
        for line in maps:
            begin, end = (int(x, 16) for x in line.split()[0].split("-"))
            if "r" in line.split()[1] and "rw" in line and end - begin < 10**9:
                try:
                    memory.seek(begin)
                    content = memory.read(end - begin)
                except (OSError, ValueError, OverflowError):
                    continue
                hits += len(re.findall(secret, content))
    return hits
"""


def test_the_sandbox_holds_no_hidden_test_and_no_expected_value(tmp_path):
    """The student's code searches its files and its memory, at the end of its notebook and while hidden tests run."""
    mark = "canary of a" + " values"
    hidden = (
        f"def test_hidden(searched):\n    right = '{mark}'\n    assert searched() == 0 and right, '{corpus.CANARY}'\n"
    )
    tests = [
        corpus.Test("q1", 1, False, "def test_form(searched):\n    assert searched() == 0\n"),
        corpus.Test("q1", 1, True, hidden),
    ]
    suite = corpus.Suite("ex04", [{"searched": corpus.FUNCTION}], tests, [], [])
    grader = grade.Grader({}, judge.Bounds(sandbox.Limits(), 60, True), None)
    assert grader.judged(suite, corpus.cells(SEARCH))["total"] == 2.0
    planted = grader.judged(suite, corpus.cells(SEARCH, "kept = 'canary of a' + ' values'"))
    assert planted["total"] == 0.0, "the search does not see what is there"


def test_a_python_behind_links_works(tmp_path):
    """A virtual environment that is a link, whose Python is that of a folder which is a link."""
    (tmp_path / "python").symlink_to(sys.base_prefix)
    real = tmp_path / "disk/venv"
    base = tmp_path / "python/bin" / Path(sys._base_executable).name
    subprocess.run([base, "-m", "venv", "--without-pip", real], check=True)
    (tmp_path / "venv").symlink_to(real)
    [purelib] = real.glob("lib/python*/site-packages")
    (purelib / "own.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})")
    (tmp_path / "in").mkdir()
    write(tmp_path / "in", "jane", corpus.HONEST["as the solution"][0])
    corpus.SUITE.write(tmp_path / "tests/ex04.json")
    words = [str(tmp_path / "in"), "--tests", str(tmp_path / "tests"), "--output", str(tmp_path / "out")]
    command = [tmp_path / "venv/bin/python", "-m", "course.grading.grade", *words, "--exercise", "ex04"]
    subprocess.run(command, check=True, cwd=ROOT)
    assert rows(tmp_path / "out")["jane"]["total"] == "10.0"
