"""Whose a file is, as learning platforms name it, and rosters as spreadsheets save them."""

import os
import sys

import pytest

from course.grading import roster

IDS = ["101", "102", "s1234567", "0042", "josé", "jane-doe", "12", "12-3"]
LAYOUTS = {  # a file, and whose it is
    "101.ipynb": "101",
    "ex04_102.ipynb": "102",
    "ex04-101.ipynb": "101",
    "101 (1).ipynb": "101",
    "Exercise 4 (102) final.ipynb": "102",
    "S1234567.ipynb": "s1234567",
    "ex04_S1234567_v2.ipynb": "s1234567",
    "42.ipynb": "0042",
    "ex04_42.ipynb": "0042",
    "jose\u0301.ipynb": "josé",
    "ex04_JOSÉ.ipynb": "josé",
    "jane-doe.ipynb": "jane-doe",
    "ex04_jane-doe.ipynb": "jane-doe",
    "12.ipynb": "12",
    "ex04_12-3.ipynb": "12-3",
    "roeann_101_9001_ex04_102.ipynb": "101",
    "roeann_LATE_101_9001_ex04.ipynb": "101",
    "janedoe_102_9_my_work_101.ipynb": "102",
    "Max Roe_102_assignsubmission_file_/ex04.ipynb": "102",
    "Max Roe_102_assignsubmission_file/101.ipynb": "102",
    "Max Roe_102_file_/ex04.ipynb": "102",
    "Homework 4_s1234567_attempt_2026-10-01-10-00-00_ex04.ipynb": "s1234567",
    "101/ex04.ipynb": "101",
    "101/deep/er/ex04.ipynb": "101",
}
NOBODY = {  # a file, and what is said of it
    "103.ipynb": "nobody on the roster",
    "1010.ipynb": "nobody on the roster",
    "x101.ipynb": "nobody on the roster",
    "ex04.ipynb": "nobody on the roster",
    "101_102.ipynb": "several ids, 101 and 102",
    "roeann_999_9001_ex04_102.ipynb": "nobody on the roster",
    "Max Roe_999_assignsubmission_file_/102.ipynb": "nobody on the roster",
}


def handed_in(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")
    return roster.find_tasks(folder)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_file_finds_its_student(tmp_path, name):
    ready, known = roster.assigned(handed_in(tmp_path, name), IDS)
    assert [(task.id, task.path) for task in ready] == [(LAYOUTS[name], tmp_path / name)]
    assert {record["total"] for record in known} == {0} and len(known) == len(IDS) - 1


@pytest.mark.parametrize("name", NOBODY)
def test_a_file_of_nobody_gives_nobody_a_zero(tmp_path, name):
    ready, known = roster.assigned(handed_in(tmp_path, name), IDS)
    assert ready == [] and NOBODY[name] in known[0]["error"]
    missing = [record for record in known if record["status"] == "missing"]
    assert len(missing) == len(IDS) and {record["total"] for record in missing} == {None}
    assert all("1 of the files belong to nobody yet" in record["error"] for record in missing)


def test_zeros_are_dropped_only_where_it_is_clear_whose_they_are(tmp_path):
    ready, known = roster.assigned(handed_in(tmp_path, "7.ipynb"), ["07", "007"])
    assert ready == [] and known[0]["status"] == "error"
    ready, _ = roster.assigned(handed_in(tmp_path, "7.ipynb"), ["7", "007"])
    assert [task.id for task in ready] == ["7"]


def test_the_one_notebook_among_several_files_counts(tmp_path):
    tasks = handed_in(
        tmp_path, "roe_101_9001_ex04.ipynb", "roe_101_9002_figure.pdf", "Max_102_file_/a.ipynb", "Max_102_file_/b.pdf"
    )
    ready, known = roster.assigned(tasks, ["101", "102"])
    assert [(task.id, task.path.name) for task in ready] == [("101", "roe_101_9001_ex04.ipynb"), ("102", "a.ipynb")]
    assert known == []
    assert [task.id for task in tasks][0] == "Max_102_file_"


def test_two_notebooks_of_one_student_are_for_a_person(tmp_path):
    ready, [record] = roster.assigned(handed_in(tmp_path, "a_101.ipynb", "b_101.ipynb"), ["101"])
    assert ready == [] and (record["id"], record["total"]) == ("101", None) and "keep the one" in record["error"]


def test_without_a_roster_the_names_are_the_ids_and_differ(tmp_path):
    tasks = handed_in(tmp_path, "a.ipynb", "a.txt", "b/c.ipynb", "d/e.ipynb", "d/f.ipynb", ".ipynb_checkpoints/a.ipynb")
    assert sorted(task.id for task in tasks) == ["a", "a.txt", "b", "d/e", "d/f"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_are_refused_and_not_followed(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/102.ipynb").write_text("{}")
    subs = tmp_path / "subs"
    subs.mkdir()
    (subs / "101.ipynb").symlink_to(tmp_path / "out/102.ipynb")
    (subs / "102").symlink_to(tmp_path / "out")
    for ids in (None, ["101", "102"]):
        ready, known = roster.assigned(roster.find_tasks(subs), ids)
        errors = [record for record in known if record["status"] == "error"]
        assert ready == [] and len(errors) == 2 and all("is a link" in record["error"] for record in errors)


@pytest.mark.skipif(sys.platform == "win32", reason="no such files there")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "101.ipynb")
    ready, known = roster.assigned(roster.find_tasks(tmp_path), None)
    assert ready == [] and "no plain file" in known[0]["error"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems want names in Unicode")
def test_a_name_of_any_bytes_is_a_name(tmp_path):
    with open(os.path.join(os.fsencode(tmp_path), b"\xd5\xc5_101.ipynb"), "w") as file:  # GBK, after unzipping
        file.write("{}")
    [task] = roster.find_tasks(tmp_path)
    task.id.encode()
    ready, _ = roster.assigned([task], ["101"])
    assert [each.id for each in ready] == ["101"]


PEOPLE = "id,name\n101,Ann\n102,José\n"
ROSTERS = {
    "UTF-8": PEOPLE.encode(),
    "UTF-8 with a byte mark": PEOPLE.encode("utf-8-sig"),
    "UTF-16": PEOPLE.encode("utf-16"),
    "UTF-16, tabs, as Excel saves Unicode text": PEOPLE.replace(",", "\t").encode("utf-16"),
    "a code page, where the ids are plain": PEOPLE.encode("cp1252"),
    "semicolons": PEOPLE.replace(",", ";").encode(),
    "semicolons and Excel's own line": ("sep=;\r\n" + PEOPLE.replace(",", ";").replace("\n", "\r\n")).encode(),
    "ID": PEOPLE.replace("id", "ID").encode(),
    "spaces and quotes": PEOPLE.replace("id,", '" Id ",').replace("101", '" 101 "').encode(),
    "another order": b"name,id\nAnn,101\nBea,102\n",
    "a comma in a name": b'id,name\n101,"Roe, Ann"\n102,Bea\n',
    "lines of a Mac": PEOPLE.replace("\n", "\r").encode(),
    "lines without an id": b"name,id\nPoints possible,\nAnn,101\n\nBea,102\n",
    "semicolons, commas in the header": b"id;name, first\n101;Ann\n102;Bea\n",
}
REFUSED = {
    "no column": (b"name\na\n", "has no column 'id'"),
    "empty": (b"", "has no column 'id'"),
    "two columns": (b"id,ID\n1,2\n", "more than one column 'id'"),
    "twice": (b"id\n7\n7\n", "lists 7 twice"),
    "twice but for the case": (b"id\ns7\nS7\n", "lists S7 twice"),
    "an open quote": (b'id,name\n101,"Ann\n102,Bea\n', "close its quotes"),
    "a quote that swallows a student": (b'id,name\n101,"Ann\n102,Bea"\n', "close its quotes"),
    "rounded by a spreadsheet": (b"id\n1.23E+10\n", "has rounded"),
    "a spreadsheet": (b"PK\x03\x04....", "is a spreadsheet"),
    "an old spreadsheet": (b"\xd0\xcf\x11\xe0....", "is a spreadsheet"),
    "letters of an unnamed code page in an id": ("id\njosé\n".encode("cp1252"), "code page"),
    "UTF-16 without its mark": ("id\n101\n".encode("utf-16-le"), "is no text"),
    "half a letter": ("id\n101\n".encode("utf-16")[:-1], "cut off"),
}


@pytest.mark.parametrize("kind", ROSTERS)
def test_rosters_are_read_as_spreadsheets_save_them(tmp_path, kind):
    (tmp_path / "r.csv").write_bytes(ROSTERS[kind])
    assert roster.read_roster(tmp_path / "r.csv") == ["101", "102"]


@pytest.mark.parametrize("kind", REFUSED)
def test_a_roster_that_may_be_misread_is_refused_in_one_sentence(tmp_path, kind):
    content, words = REFUSED[kind]
    (tmp_path / "r.csv").write_bytes(content)
    with pytest.raises(roster.RosterError, match=words) as error:
        roster.read_roster(tmp_path / "r.csv")
    assert "\n" not in str(error.value) and "r.csv" in str(error.value)
