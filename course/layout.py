"""Where everything of the course lies, once: the sources, and what is made of them below _build."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

CHAPTERS = ROOT / "chapters"
EXERCISES = ROOT / "exercises/src"  # with solutions and tests
STUDENT = ROOT / "exercises/student"  # what students get

BUILD = ROOT / "_build"
EXECUTED = BUILD / "executed"  # a folder for each data set
BOOK = BUILD / "html"
PAPER = BUILD / "pdf"  # published beside the site, below this name
WHOLE = "the-adversarial-game.pdf"  # the file of the whole book there
COLAB = BUILD / "colab"
ASSIGNED = BUILD / "exercises"  # students' notebooks, solutions, tests and autograders
SOLUTIONS = ASSIGNED / "solution"
GRADES = BUILD / "grades"
