"""Stored results: figures of runs too long for a page, with the command, the date and the machine that made them."""

import json
from pathlib import Path

FOLDER = Path("results")  # beside the notebook that reads it
FACTS = ("command", "date", "cpu", "threads", "torch", "data", "steps", "samples", "seeds")


def stored(name: str, part: str | None = None) -> dict:
    """The figures in ``results/<name>.json``, or in its entry ``part``; prints what made them.

    Where the file is absent, as in Colab, a sentence says so and the result is an empty dictionary.
    """
    file = FOLDER / f"{name}.json"
    if not file.exists():
        print(f"{file} is not here: the stored results come with a clone of the course. Cells that need it skip it.")
        return {}
    figures = json.loads(file.read_text(encoding="utf-8"))
    figures = figures[part] if part else figures
    for fact in FACTS:
        if fact in figures:
            print(f"{fact}: {figures[fact]}")
    return figures
