"""How long a class takes to grade: copies of an exercise's solution, timed from the first to the last.

python -m course.grading.bench [--copies 200] [--workers N] [--exercise ex06] [--output FILE]
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from course.book.benchmark_page import grading_words
from course.exercises.suite import Suite
from course.grading import grade
from course.layout import ASSIGNED
from ganlib import results

TESTS = ASSIGNED / "tests"


def measure(exercise: str, copies: int, workers: int) -> dict:
    """Grade the copies in a fresh folder; the figures, with how many points each copy has."""
    path = TESTS / f"{exercise}.json"
    if not path.is_file():
        raise grade.GradeError(f"There is no {path}: run `make exercises` first.")
    cells = [{"cell_type": "code", "source": source} for _, source in Suite.read(path).solution]
    with tempfile.TemporaryDirectory() as name:
        folder, output = Path(name) / "class", Path(name) / "grades"
        folder.mkdir()
        for number in range(copies):
            (folder / f"student{number:04}.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
        start = time.perf_counter()
        words = ["--tests", str(TESTS), "--output", str(output), "--workers", str(workers), "--exercise", exercise]
        code = grade.main([str(folder), *words])
        seconds = time.perf_counter() - start
        records = [
            json.loads(path.read_text(encoding="utf-8"))["record"] for path in (output / "records").glob("*.json")
        ]
    totals = {record["total"] for record in records}
    if code or len(records) != copies or len(totals) != 1:
        raise grade.GradeError(f"The copies were not graded alike: {sorted(map(str, totals))}.")
    return {"copies": copies, "workers": workers, "seconds": seconds, "points": totals.pop()}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--exercise", default="ex06")
    parser.add_argument("--copies", type=int, default=200)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--output", type=Path, help="also write the figures to this JSON file")
    return parser.parse_args(arguments)


def command(args: argparse.Namespace) -> str:
    """The command that makes the figures anew."""
    return f"python -m course.grading.bench --copies {args.copies} --workers {args.workers} --exercise {args.exercise}"


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    args = parse(arguments)
    try:
        measured = measure(args.exercise, args.copies, args.workers)
    except grade.GradeError as error:
        print(error, file=sys.stderr)
        return 2
    figures = {"command": command(args), "date": results.today(), **results.machine(), **measured}
    print(grading_words(figures))
    if args.output:
        results.write(figures, args.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
