"""The stored time of grading says how to measure it anew."""

import json

from course.grading import bench
from ganlib import results


def test_the_stored_command_is_one_that_the_program_understands():
    figures = json.loads((results.FOLDER / "grading.json").read_text(encoding="utf-8"))
    *program, options = figures["command"].partition("course.grading.bench ")
    assert program == ["python -m ", "course.grading.bench "]
    chosen = bench.parse(options.split())
    assert bench.command(chosen) == figures["command"]
    assert (chosen.copies, chosen.workers) == (figures["copies"], figures["workers"])
