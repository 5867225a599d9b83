"""Grade a folder of submitted notebooks: a table of points, and a feedback page for each student.

    python -m course.grading.grade SUBMISSIONS [--roster roster.csv] [--workers N] [--output DIR] [--autograders DIR]

Each notebook runs in a sandbox of its own, without network and with bounds. A run that was stopped goes on where it
was: what is recorded for the same notebook and the same autograder is not graded again. Writes grades.csv, a page for
each student below feedback/ and a record of each submission below records/.
"""

import argparse
import csv
import functools
import hashlib
import io
import json
import os
import re
import shutil
import sys
import tempfile
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from course.grading import feedback, sandbox, submission
from course.grading.roster import RosterError, Task, assigned, find_tasks, read_roster, unread
from course.layout import AUTOGRADERS, GRADES
from ganlib import files

VERSION = 2  # of the records
OTTER = Path(__file__).with_name("otter_results.py")
FORMULA = ("=", "+", "-", "@", "\t")  # what a spreadsheet computes
COLUMNS = ("id", "exercise", "status", "total", "most", "error")


class GradeError(Exception):
    """The batch cannot be graded; the message says why and what to do."""


@dataclass
class Grader:
    """How submissions are graded: autograders by exercise, bounds, and whether in a sandbox."""

    autograders: dict[str, Path]
    limits: sandbox.Limits
    cell_seconds: int
    walled: bool
    usual: str | None  # the exercise that is graded; where none is named, each notebook says which it is
    stop: threading.Event = field(default_factory=threading.Event)  # set where what runs is to end

    def key(self, task: Task) -> str:
        """What a record depends on: a change of any of it has the submission graded again."""
        with task.path.open("rb") as file:  # no more of it than can be a notebook
            content = file.read(submission.LARGEST + 1)
        facts = f"{self._way} {os.fsencode(task.path.name)!r} {task.path.stat().st_size} "
        return hashlib.sha256(facts.encode() + content).hexdigest()

    @functools.cached_property
    def _way(self) -> str:
        digest = hashlib.sha256(f"{VERSION} {self.limits} {self.cell_seconds} {self.walled} {self.usual}".encode())
        for path in self.autograders.values():
            digest.update(path.read_bytes())
        return digest.hexdigest()

    def grade(self, task: Task) -> dict:
        """The record of a submission; whatever is wrong with it is said in the record."""
        record = {"id": task.id, "exercise": None, "status": "error", "total": None, "most": None, "error": ""}
        try:
            notebook = submission.read(task.path)
        except (submission.SubmissionError, OSError) as error:
            return {**record, "error": str(error)}
        record["exercise"] = exercise = submission.exercise_of(notebook, task.path.name) or self.usual
        if self.usual and exercise != self.usual:
            return {**record, "error": f"it is {exercise}, and {self.usual} is graded: hand in the right notebook"}
        if exercise not in self.autograders:
            named = f"there is no autograder for {exercise}" if exercise else "it does not say which exercise it is"
            return {**record, "error": f"{named}: make it with `make exercises`, or give --exercise"}
        return self._run(notebook, exercise, record)

    def _run(self, notebook, exercise: str, record: dict) -> dict:
        cases = feedback.questions_of(self.autograders[exercise])
        most = {name: sum(case.points for case in each) for name, each in cases.items()}
        record["most"] = sum(most.values())
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            ready = submission.prepare(notebook, self.cell_seconds, "/grade" if self.walled else name)
            ready.notebook.write(folder / f"{exercise}.ipynb")
            shutil.copy2(self.autograders[exercise], folder / "autograder.zip")
            program = [sys.executable, "-P", "-c", OTTER.read_text(encoding="utf-8")]
            command = [*program, f"{exercise}.ipynb", "autograder.zip", "results.json"]
            outcome = sandbox.run(command, folder, self.limits, self.walled, self.stop)
            results, seen = _small(folder / "results.json"), _small(folder / ready.record)
        if outcome.limit:
            status = "timeout" if "longer" in outcome.limit else "error"
            return {**record, "status": status, "error": f"the notebook was stopped: {outcome.limit}"}
        try:
            if outcome.status:
                raise ValueError("what stands in the file is not the grader's")
            tests = feedback.read_results(results or "", cases)
        except ValueError:
            return {**record, "error": _why(outcome.said)}
        score = {name: sum((case.points for case, test in each if test.passed), 0.0) for name, each in tests.items()}
        altered = submission.altered(seen)
        reasons = [f"it uses {', '.join(ready.suspicious)}"] * bool(ready.suspicious)
        reasons += [f"it changed {', '.join(altered)}"] * bool(altered)
        questions = {
            each: {
                "points": None if reasons else score[each],
                "most": most[each],
                "public": feedback.public_results(tests[each]),
            }
            for each in most
        }
        if reasons:
            reason = f"{' and '.join(reasons)}: look at the notebook before you give {sum(score.values()):g} points"
            return {**record, "status": "review", "error": reason, "questions": questions}
        return {**record, "status": "graded", "total": sum(score.values()), "questions": questions}


def _small(path: Path, most: int = 5_000_000) -> str | None:
    """The text of a small plain file that the sandbox may have written."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size > most:
        return None
    return path.read_text(encoding="utf-8", errors="replace")


def _why(said: str) -> str:
    if "DeadKernelError" in said or "Kernel died" in said:
        return "the notebook ended its own Python: run it from top to bottom in a fresh kernel"
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return f"otter-grader gave no results ({lines[-1][:150] if lines else 'it said nothing'})"


def file_name(identity: str) -> str:
    """A name for files from an id: readable, in ASCII, and by its hash never two alike."""
    plain = re.sub(r"[^\w.-]+", "_", identity, flags=re.ASCII).strip("._")[:60]
    return f"{plain or 'id'}-{hashlib.sha256(identity.encode(errors='surrogateescape')).hexdigest()[:12]}"


def held(path: Path, key: str) -> dict | None:
    """The record of an earlier run, where it was made from the same notebook in the same way."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return stored["record"] if stored["key"] == key else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def grade_all(tasks: list[Task], grader: Grader, output: Path, workers: int) -> list[dict]:
    """The record of every task, in the order of the tasks; each is written as soon as it is there.

    Ctrl-C ends what runs; the records of what had been graded are returned, and those of the rest say so.
    """

    def one(task: Task) -> dict:
        path = output / f"records/{file_name(task.id)}.json"
        try:
            key = grader.key(task)
            record = held(path, key)
            if record is None and not grader.stop.is_set():
                record = grader.grade(task)
                if not grader.stop.is_set():
                    files.write(path, json.dumps({"key": key, "record": record}, indent=1).encode())
        except Exception as error:  # a student's file can fail; the batch never does
            return unread(task.id, "error", f"the grader failed on it ({type(error).__name__}: {error})")
        if record is None or grader.stop.is_set() and record.get("error", "").endswith(sandbox.STOPPED):
            return unread(task.id, "stopped", f"{sandbox.STOPPED}: the same command goes on")
        return record

    with ThreadPoolExecutor(workers) as pool:
        waiting = [pool.submit(one, task) for task in tasks]
        try:
            for _ in tqdm(as_completed(waiting), total=len(waiting), unit="notebook", disable=None):
                pass
        except KeyboardInterrupt:
            grader.stop.set()
    return [each.result() for each in waiting]


def table(records: list[dict]) -> list[dict]:
    """The rows of grades.csv; a cell that a spreadsheet would take for a formula begins with an apostrophe."""
    rows = []
    for record in sorted(records, key=lambda each: each["id"]):
        row = {name: record.get(name) for name in COLUMNS}
        row |= {name: question["points"] for name, question in record.get("questions", {}).items()}
        rows.append({name: f"'{value}" if str(value).startswith(FORMULA) else value for name, value in row.items()})
    return rows


def save(records: list[dict], output: Path) -> None:
    """Write grades.csv and the feedback pages."""
    rows = table(records)
    questions = sorted({name for row in rows for name in row} - set(COLUMNS), key=lambda name: (len(name), name))
    text = io.StringIO()
    writer = csv.DictWriter(text, [*COLUMNS[:3], *questions, *COLUMNS[3:]], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    files.write(output / "grades.csv", text.getvalue().encode())
    for record in records:
        if record["status"] not in ("missing", "stopped"):
            shown = feedback.page({"exercise": None, **record})
            files.write(output / f"feedback/{file_name(record['id'])}.html", shown.encode())


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status: 0 also where a student's file failed, 130 after Ctrl-C."""
    usual = sandbox.Limits()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("submissions", type=Path, help="the folder of notebooks")
    parser.add_argument("--roster", type=Path, help="a CSV file with a column id: who is to hand in")
    parser.add_argument("--exercise", help="such as ex04: what is graded, and no other")
    parser.add_argument("--autograders", type=Path, default=AUTOGRADERS, help="what `make exercises` made")
    parser.add_argument("--output", type=Path, default=GRADES, help="where the grades go")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="how many run at once")
    parser.add_argument("--seconds", type=float, default=usual.seconds, help="for each notebook")
    parser.add_argument("--cell-seconds", type=int, default=60, help="for each cell")
    parser.add_argument("--megabytes", type=int, default=usual.megabytes, help="of memory for each notebook")
    parser.add_argument("--no-sandbox", action="store_true", help="use the bounds alone, on a machine to throw away")
    args = parser.parse_args(arguments)
    try:
        if not args.submissions.is_dir():
            raise GradeError(f"There is no folder {args.submissions}: name the one with the notebooks.")
        autograders = {path.stem: path for path in sorted(args.autograders.glob("ex*.zip"))}
        if not autograders:
            raise GradeError(f"There are no autograders in {args.autograders}: run `make exercises` first.")
        if args.roster and not args.roster.is_file():
            raise GradeError(f"There is no roster {args.roster}: name the CSV file, or leave it out.")
        if os.name == "nt":
            raise GradeError("Grading runs on Linux, or on macOS with --no-sandbox: use such a machine, or Gradescope.")
        if not args.no_sandbox and not sandbox.available():
            raise GradeError(
                "There is no sandbox here: grade on Linux with bubblewrap (a package of Debian and Ubuntu), or give "
                "--no-sandbox on a machine that you can throw away."
            )
        tasks, known = assigned(find_tasks(args.submissions), read_roster(args.roster) if args.roster else None)
    except (GradeError, RosterError) as error:
        print(error, file=sys.stderr)
        return 2
    limits = sandbox.Limits(seconds=args.seconds, megabytes=args.megabytes)
    grader = Grader(autograders, limits, args.cell_seconds, not args.no_sandbox, args.exercise)
    args.output.mkdir(parents=True, exist_ok=True)
    records = [*grade_all(tasks, grader, args.output, max(1, args.workers)), *known]
    save(records, args.output)
    counts = Counter(record["status"] for record in records)
    said = ", ".join(f"{count} {status}" for status, count in sorted(counts.items())) or "no notebooks"
    print(f"{said}: {args.output / 'grades.csv'}")
    return 130 if grader.stop.is_set() else 0


if __name__ == "__main__":
    sys.exit(main())
