"""A check that cannot fail checks nothing: one formula of each theory chapter is bent, and its check must notice."""

import contextlib
import io
import re
from typing import NamedTuple

import matplotlib
import nbformat
import pytest
import torch

from course.layout import CHAPTERS
from ganlib.checks import CheckFailed


class Bend(NamedTuple):
    """A formula as a chapter writes it, the same with one mistake, and the label of the check that must fail."""

    chapter: str
    right: str
    wrong: str
    label: str


BENDS = [
    # a sign in the gradient of the payoff
    Bend("01", "(1 - D_real).mean() - D_fake.mean()", "(1 - D_real).mean() + D_fake.mean()", "phi_0 after the"),
    # the fakes' term taken for real ones
    Bend("02", "- (1 - D_fake).log().mean()", "- D_fake.log().mean()", "our loss divided by the mean over the joint"),
    Bend("03", "q * logsigmoid(-logit)", "q * logsigmoid(logit)", "V(D*) for N(0,1) and N(2,1), on the grid"),
    # the other player's loss
    Bend("04", "return softplus(-a)", "return softplus(a)", "non-saturating slope at a = -10"),
    # the largest gap of the distribution functions in place of the area between them
    Bend(
        "05", "np.abs(np.cumsum(p) - np.cumsum(q)).sum()", "np.abs(np.cumsum(p) - np.cumsum(q)).max()", "by their CDFs"
    ),
    # a step of twice the size
    Bend("07", "return w + eta * v(w)", "return w + 2 * eta * v(w)", "simultaneous, step size 0.2: spectral radius"),
]


@pytest.fixture(autouse=True)
def settings_of_a_chapter_end_with_it():
    dtype, threads, random = torch.get_default_dtype(), torch.get_num_threads(), torch.get_rng_state()
    with matplotlib.rc_context():
        yield
    torch.set_default_dtype(dtype)
    torch.set_num_threads(threads)
    torch.set_rng_state(random)


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
