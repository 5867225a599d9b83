"""The one way to read, ask and write a notebook."""

import pytest
from nbformat import ValidationError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course.layout import ROOT
from course.notebook import SETUP, Notebook, NotebookError
from ganlib import checks


def small() -> Notebook:
    shown = [new_output("stream", text="x"), new_output("display_data", {checks.MEDIA_TYPE: {"label": "two"}})]
    cells = [
        new_markdown_cell("Before.\n\n# A title \n\nWords."),
        new_code_cell("install()", id=SETUP, execution_count=1),
        new_code_cell("1 + 1", execution_count=2, outputs=shown),
        new_code_cell("  "),
    ]
    return Notebook(new_notebook(cells=cells))


def test_what_is_written_is_read_again(tmp_path):
    small().write(tmp_path / "deep/a.ipynb")
    text = (tmp_path / "deep/a.ipynb").read_text(encoding="utf-8")
    assert text.endswith("}\n") and Notebook.read(tmp_path / "deep/a.ipynb").cells == small_with_ids(text).cells


def small_with_ids(text: str) -> Notebook:
    return Notebook.parse(Notebook.parse(text).text())


def test_it_answers_what_the_course_asks():
    notebook = small()
    assert notebook.title == "A title" and notebook.program == "install()\n1 + 1\n  "
    assert notebook.setup is notebook.cells[1] and notebook.checks == [{"label": "two"}]
    assert notebook.was_run and notebook.error is None
    notebook.cells[3].source = "unrun"
    assert not notebook.was_run
    notebook.cells[2].outputs.append(new_output("error", ename="E", evalue=""))
    assert notebook.error == ""


def test_what_is_missing_is_one_sentence(tmp_path):
    bare = Notebook(new_notebook(cells=[new_code_cell("# Set-up")]))
    for asked, sentence in (("setup", "give its first code cell the id 'setup'"), ("title", "has no title")):
        with pytest.raises(NotebookError, match=sentence):
            getattr(bare, asked)
    with pytest.raises(FileNotFoundError, match="There is no notebook"):
        Notebook.read(tmp_path / "absent.ipynb")


NO_NOTEBOOKS = [b"", b"Dear teacher,", b"[]", b"{}", b"7", b"\xff", b"[" * 100_000]
NO_NOTEBOOKS += [b'{"cells": []}', b'{"nbformat": "4"}', b'{"nbformat": 4, "cells": 1}']


@pytest.mark.parametrize("content", NO_NOTEBOOKS)
def test_what_is_no_notebook_is_a_notebook_error(tmp_path, content):
    (tmp_path / "a.ipynb").write_bytes(content)
    with pytest.raises(NotebookError, match="a.ipynb is not a notebook: "):
        Notebook.read(tmp_path / "a.ipynb")


def test_an_invalid_notebook_is_not_written(tmp_path):
    notebook = small()
    del notebook.cells[1]["source"]
    with pytest.raises(ValidationError):
        notebook.write(tmp_path / "a.ipynb")
    assert not list(tmp_path.iterdir())


def test_the_course_reads_and_writes_notebooks_in_one_place():
    calls = ("nbformat.read(", "nbformat.reads(", "nbformat.write(", "nbformat.writes(")
    modules = {path: path.read_text(encoding="utf-8") for path in (ROOT / "course").rglob("*.py")}
    users = {path.name for path, text in modules.items() if any(call in text for call in calls)}
    assert users <= {"notebook.py", "execute.py"}  # execute.py runs where there is no course
