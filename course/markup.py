"""What a chapter's own marks mean, for all that read a chapter: the pages, Colab's edition, the reading time.

Tags on cells: ``setup``, ``figure`` and ``check`` fold the code of a cell. A run of cells with the tag ``deeper`` is
one fold, and begins with the line HOW; within one cell, a drop-down does the same. A caption is a directive at the
beginning of the cell after its figure. A question is a directive with choices, one of them right, and the answer:

    :::{question} Predict: which of the three starts finds the wide bell?
    * [ ] All three.
    * [x] The one that starts at 2.

    The answer, in any Markdown.
    :::
"""

import re
from typing import NamedTuple

from course.notebook import CHECK, DEEPER, FIGURE, SETUP, Notebook, tags

CAPTION = re.compile(
    r"\A\s*:::\{caption\}[ \t]+(?P<name>\S+)[ \t]*\n:alt:[ \t]*(?P<alt>\S[^\n]*)\n(?P<caption>.+?)\n:::[ \t]*(?:\n|\Z)",
    re.DOTALL,
)

PROMPTS = {SETUP: "Set-up and imports", FIGURE: "Code of this figure", CHECK: "Code of these checks"}
HOW = "**Deeper: what is inside.**"
TITLE = re.compile(r"\A\s*\*\*Deeper: (?P<title>[^\n]+?)\.?\*\*[ \t]*(?:\n|\Z)")
FOLD = re.compile(r"^(?P<fence>:{3,})\{dropdown\}[ \t]*Deeper:[^\n]*\n.*?^(?P=fence)[ \t]*$", re.DOTALL | re.MULTILINE)
CHOICE = re.compile(r"\* \[(?P<mark>[ x])\] (?P<words>\S.*)")


def deeper_runs(notebook: Notebook) -> list[tuple[int, int, str]]:
    """The runs of cells that go deeper: where each begins and ends, and its title, which is empty where none stands."""
    runs: list[tuple[int, int, str]] = []
    before = False
    for at, cell in enumerate(notebook.cells):
        deeper = DEEPER in tags(cell)
        title = TITLE.match(cell.source) if deeper and cell.cell_type == "markdown" else None
        if deeper and (title or not before):
            runs.append((at, at + 1, title["title"] if title else ""))
        elif deeper:
            runs[-1] = (runs[-1][0], at + 1, runs[-1][2])
        before = deeper
    return runs


class QuestionError(Exception):
    """A question is not of the form that it should have; the message says what to do."""


class Question(NamedTuple):
    """The choices as pairs of words and whether they are right, and the lines of the answer."""

    choices: list[tuple[str, bool]]
    answer: list[str]


def parse_question(lines: list[str]) -> Question:
    """The parts of a question, from the lines below its first; raises QuestionError."""
    lines = list(lines)
    while lines and not lines[0].strip():
        del lines[0]
    end = next((at for at, line in enumerate(lines) if not line.strip()), len(lines))
    joined = re.sub(r"\n[ \t]+", " ", "\n".join(lines[:end])).splitlines()
    marks = [CHOICE.fullmatch(line.rstrip()) for line in joined]
    if len(marks) < 2 or None in marks:
        raise QuestionError("a question begins with at least two choices: lines '* [ ] words', then an empty line")
    choices = [(mark["words"], mark["mark"] == "x") for mark in marks if mark]
    if sum(right for _, right in choices) != 1:
        raise QuestionError("a question has one right choice: mark it as '* [x] words', and no other")
    answer = lines[end:]
    if not "".join(answer).strip():
        raise QuestionError("a question needs its answer: write it below the choices, after an empty line")
    return Question(choices, answer)
