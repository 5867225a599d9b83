"""A check that cannot fail checks nothing: one formula of each theory chapter is bent, and its check must notice."""

import contextlib
import io
import re
from pathlib import Path
from typing import NamedTuple

import matplotlib
import nbformat
import pytest

from ganlib.checks import CheckFailed

CHAPTERS = Path(__file__).resolve().parent.parent / "chapters"


class Bend(NamedTuple):
    """A formula as a chapter writes it, the same with one mistake, and the label of the check that must fail."""

    chapter: str
    right: str
    wrong: str
    label: str


BENDS = []


def code_of(chapter: str) -> list[str]:
    """The code cells of a chapter, without the set-up that installs ganlib."""
    notebook = nbformat.read(next(CHAPTERS.glob(f"{chapter}_*.ipynb")), as_version=4)
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"][1:]


def run(cells: list[str]) -> None:
    """Execute cells in one namespace, without drawing and without their printed lines."""
    matplotlib.use("Agg")
    names = {"__name__": "__main__"}
    with contextlib.redirect_stdout(io.StringIO()):
        for number, source in enumerate(cells):
            exec(compile(source, f"cell {number}", "exec"), names)


def through(cells: list[str], label: str) -> list[str]:
    """The cells up to and including the one that holds the check with this label."""
    holds = [number for number, source in enumerate(cells) if label in source]
    assert len(holds) == 1, f"{len(holds)} cells hold the check {label!r}: mend the table of this test"
    return cells[: holds[0] + 1]


@pytest.mark.parametrize("bend", BENDS, ids=lambda bend: f"{bend.chapter}: {bend.label}")
def test_a_bent_formula_fails_its_check(bend):
    cells = through(code_of(bend.chapter), bend.label)
    places = sum(source.count(bend.right) for source in cells)
    assert places == 1, f"{bend.right!r} stands {places} times in chapter {bend.chapter}: mend the table of this test"
    run(cells)  # as it is, every check up to there holds
    with pytest.raises(CheckFailed, match=re.escape(bend.label)):
        run([source.replace(bend.right, bend.wrong) for source in cells])


def test_every_theory_chapter_has_a_bent_formula():
    assert {bend.chapter for bend in BENDS} >= {"01", "02", "03", "04", "05", "07"}
