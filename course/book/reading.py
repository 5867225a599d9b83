"""How long a chapter takes to read: its main line ("core"), and with all that it marks as deeper ("all").

    python -m course.book.reading [NN ...]

The rates are those at which eight of the chapters were read and timed. What the page folds away, the code of set-up,
checks and figures, takes no time; neither does trying things out.
"""

import re
import sys
from typing import NamedTuple

from nbformat import NotebookNode

from course.layout import CHAPTERS
from course.markup import FOLD
from course.notebook import DEEPER, FOLDED, Notebook, tags

WORDS_A_MINUTE = 200
MINUTES_A_DISPLAY = 1.5
SECONDS_A_FORMULA = 2
SECONDS_A_LINE = 4

DISPLAY = re.compile(r"\$\$.+?\$\$(?:[ \t]*\([\w:.-]+\))?", re.DOTALL)
FORMULA = re.compile(r"\$[^$]+\$")
MARKUP = re.compile(r"^:{3,}.*$|^:[\w-]+:.*$|\{[\w:-]+\}`[^`]*`|\]\([^)]*\)", re.MULTILINE)
STATED = re.compile(r"\*\*Time\.\*\* Core: about (?P<core>\d+) minutes; all: about (?P<all>\d+)\b")


class Minutes(NamedTuple):
    """Minutes of reading: the main line, and everything."""

    core: float
    all: float


def minutes_of_prose(text: str) -> float:
    """Minutes for Markdown: displays, formulas in the line, words; what a directive or a role needs does not count."""
    text, displays = DISPLAY.subn(" ", text)
    text, formulas = FORMULA.subn(" ", text)
    words = len(re.findall(r"\w[\w'’.-]*", MARKUP.sub(" x ", text)))
    return words / WORDS_A_MINUTE + displays * MINUTES_A_DISPLAY + formulas * SECONDS_A_FORMULA / 60


def minutes_of_cell(cell: NotebookNode) -> Minutes:
    """Minutes for one cell, of which those of the main line."""
    if cell.cell_type == "code":
        lines = 0 if FOLDED & tags(cell) else len([line for line in cell.source.splitlines() if line.strip()])
        everything = main_line = lines * SECONDS_A_LINE / 60
    else:
        everything, main_line = minutes_of_prose(cell.source), minutes_of_prose(FOLD.sub("", cell.source))
    return Minutes(0 if DEEPER in tags(cell) else main_line, everything)


def minutes(notebook: Notebook) -> Minutes:
    """Minutes for a chapter."""
    return Minutes(*map(sum, zip(*map(minutes_of_cell, notebook.cells), strict=True)))


def stated(notebook: Notebook) -> Minutes | None:
    """The minutes that a chapter's opening promises, or None where it promises none in the words of the contract."""
    match = STATED.search(notebook.prose)
    return Minutes(int(match["core"]), int(match["all"])) if match else None


def main(names: list[str]) -> int:
    """Print a line for each chapter that one of the names begins, or for all."""
    for path in sorted(CHAPTERS.glob("*.ipynb")):
        if path.stem.startswith(tuple(names) or ""):
            notebook = Notebook.read(path)
            measured, said = minutes(notebook), stated(notebook)
            words = f"it states {said.core} and {said.all}" if said else "it states none"
            print(f"{path.stem}: core {measured.core:.0f} minutes, all {measured.all:.0f}; {words}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
