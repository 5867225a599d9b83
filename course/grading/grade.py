"""Grade a folder of submitted notebooks: a table of points, and a feedback page for each student.

    python -m course.grading.grade SUBMISSIONS [--roster roster.csv] [--workers N] [--shard K/N] [--output DIR]

Each notebook runs in a sandbox of its own, and the tests run outside it. Before the first, the solution must get full
marks here and the notebook that students are given none. A run that was stopped goes on where it was: what is recorded
for the same notebook and the same tests is not graded again. Writes grades.csv, a page for each student below feedback/
and a record of each submission below records/.
"""

import argparse
import csv
import functools
import hashlib
import io
import json
import multiprocessing
import os
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from course.exercises.suite import Suite, SuiteError
from course.grading import feedback, judge, sandbox, submission
from course.grading.roster import RosterError, Task, assigned, find_tasks, read_roster, unread
from course.layout import ASSIGNED, GRADES
from ganlib import files

VERSION = 3  # of the records
STOPPED = "grading was stopped"
LATEST = 10  # times the seconds of a notebook is what its judge may take by the clock
PROCESSES = multiprocessing.get_context("forkserver")  # a judge starts as a copy of one that has imported torch
PROCESSES.set_forkserver_preload(["course.grading.judge", "torch._dynamo", "matplotlib.pyplot"])
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet computes
COLUMNS = ("id", "exercise", "status", "total", "most", "error")


class GradeError(Exception):
    """The batch cannot be graded; the message says why and what to do."""


@dataclass
class Grader:
    """How submissions are graded: the tests of each exercise, bounds, and whether in a sandbox."""

    suites: dict[str, Suite]
    bounds: judge.Bounds
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
        return hashlib.sha256(f"{VERSION} {self.bounds} {self.usual} {self.suites}".encode()).hexdigest()

    def exercise_of(self, task: Task) -> str | None:
        """The exercise of a submission that can be read, where its tests are here."""
        try:
            exercise = submission.exercise_of(submission.read(task.path), task.path.name) or self.usual
        except (submission.SubmissionError, OSError):
            return None
        return exercise if exercise in self.suites and self.usual in (None, exercise) else None

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
        if exercise not in self.suites:
            named = f"there are no tests of {exercise}" if exercise else "it does not say which exercise it is"
            return {**record, "error": f"{named}: make them with `make exercises`, or give --exercise"}
        suite = self.suites[exercise]
        return {**record, "most": sum(suite.most.values()), **self.judged(suite, notebook)}

    def judged(self, suite: Suite, notebook: list[tuple[str, str]]) -> dict:
        """What a judge in a process of its own makes of a notebook."""
        here, there = PROCESSES.Pipe(duplex=False)
        process = PROCESSES.Process(target=judge.report, args=(there, suite, notebook, self.bounds))
        process.start()
        there.close()
        latest = time.monotonic() + LATEST * self.bounds.limits.seconds
        try:
            while not here.poll(sandbox.LOOK_EVERY):
                if time.monotonic() > latest:
                    return {"status": "timeout", "error": "the tests did not come to an end with its answers"}
                if self.stop.is_set():
                    return {"status": "stopped", "error": f"{STOPPED}: the same command goes on"}
            return here.recv()
        except EOFError:
            return {"status": "error", "error": "the grader failed on it: look at the notebook before anyone runs it"}
        finally:
            end(process)
            here.close()

    def trial(self, exercises: Iterable[str], workers: int) -> None:
        """Raise GradeError unless each solution gets full marks here, and the notebook that students are given none."""
        pairs = [(self.suites[name], kind) for name in sorted(exercises) for kind in ("solution", "untouched")]
        with ThreadPoolExecutor(workers) as pool:
            came = list(pool.map(lambda pair: self.judged(pair[0], getattr(pair[0], pair[1])), pairs))
        for (suite, kind), record in zip(pairs, came, strict=True):
            due = sum(suite.most.values()) if kind == "solution" else 0.0
            if record.get("total") != due:
                got = record["error"] if "error" in record else f"it gets {record['total']:g} points, not {due:g}"
                raise GradeError(f"The {kind} notebook of {suite.name} fails here, so nothing was graded: {got}.")


def end(process: multiprocessing.process.BaseProcess) -> None:
    """Have a judge end what it started, and itself."""
    process.terminate()
    process.join(10)
    if process.is_alive():
        process.kill()
        process.join()


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


FINAL = ("graded", "review")  # what follows from the notebook and the tests alone


def follows(record: dict) -> bool:
    """Whether a record follows from the file and the tests alone, so that it need not be made again."""
    return record["status"] in FINAL or (record["status"] == "error" and record.get("most", 0) is None)


def grade_all(tasks: list[Task], grader: Grader, output: Path, workers: int) -> list[dict]:
    """The record of every task, in the order of the tasks; each is written as soon as it is there.

    What was stopped by a limit is run once more, alone, at the end. Ctrl-C ends what runs; the records of what had been
    graded are returned, and those of the rest say so.
    """

    def one(task: Task) -> dict:
        path = output / f"records/{file_name(task.id)}.json"
        try:
            key = grader.key(task)
            record = held(path, key)
            if record is None and not grader.stop.is_set():
                record = grader.grade(task)
                if follows(record):
                    files.write(path, json.dumps({"key": key, "record": record}, indent=1).encode())
        except Exception as error:  # a student's file can fail; the batch never does
            return unread(task.id, "error", f"the grader failed on it ({type(error).__name__}: {error})")
        return record or unread(task.id, "stopped", f"{STOPPED}: the same command goes on")

    with ThreadPoolExecutor(workers) as pool:
        waiting = [pool.submit(one, task) for task in tasks]
        try:
            for _ in tqdm(as_completed(waiting), total=len(waiting), unit="notebook", disable=None):
                pass
        except KeyboardInterrupt:
            grader.stop.set()
    records = [each.result() for each in waiting]
    try:
        for number, task in enumerate(tasks):
            if not follows(records[number]) and workers > 1 and not grader.stop.is_set():
                records[number] = one(task)
    except KeyboardInterrupt:
        grader.stop.set()
    return records


def table(records: list[dict]) -> list[dict]:
    """The rows of grades.csv; a cell that a spreadsheet would take for a formula begins with an apostrophe."""
    rows = []
    for record in sorted(records, key=lambda each: each["id"]):
        row = {name: record.get(name) for name in COLUMNS}
        row |= {name: question["points"] for name, question in record.get("questions", {}).items()}
        rows.append({name: f"'{value}" if str(value).startswith(FORMULA) else value for name, value in row.items()})
    return rows


def save(records: list[dict], output: Path, name: str = "grades.csv") -> None:
    """Write the table and the feedback pages."""
    rows = table(records)
    questions = sorted({name for row in rows for name in row} - set(COLUMNS), key=lambda name: (len(name), name))
    text = io.StringIO()
    writer = csv.DictWriter(text, [*COLUMNS[:3], *questions, *COLUMNS[3:]], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    files.write(output / name, text.getvalue().encode())
    for record in records:
        if record["status"] not in ("missing", "stopped"):
            shown = feedback.page({"exercise": None, **record})
            files.write(output / f"feedback/{file_name(record['id'])}.html", shown.encode())


def shard_of(words: str) -> tuple[int, int]:
    """The part and the number of parts of ``3/8``."""
    part, _, parts = words.partition("/")
    if not (part.isascii() and part.isdigit() and parts.isascii() and parts.isdigit() and 1 <= int(part) <= int(parts)):
        raise argparse.ArgumentTypeError(f"{words!r} is no part such as 3/8")
    return int(part), int(parts)


def in_shard(task: Task, part: int, parts: int) -> bool:
    """Whether a submission belongs to a part; every machine divides them alike."""
    digest = hashlib.sha256(task.id.encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") % parts == part - 1


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options of the command line."""
    usual = sandbox.Limits()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("submissions", type=Path, help="the folder of notebooks")
    parser.add_argument("--roster", type=Path, help="a CSV file with a column id: who is to hand in")
    parser.add_argument("--exercise", help="such as ex04: what is graded, and no other")
    parser.add_argument("--tests", type=Path, default=ASSIGNED / "tests", help="what `make exercises` made")
    parser.add_argument("--output", type=Path, default=GRADES, help="where the grades go")
    parser.add_argument("--shard", type=shard_of, help="such as 3/8: grade this part, other machines the others")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="how many run at once")
    parser.add_argument("--seconds", type=float, default=usual.seconds, help="of CPU time for each notebook")
    parser.add_argument("--cell-seconds", type=int, default=60, help="for each cell and each call")
    parser.add_argument("--megabytes", type=int, default=usual.megabytes, help="of memory for each notebook")
    parser.add_argument("--no-sandbox", action="store_true", help="use the bounds alone, on a machine to throw away")
    return parser.parse_args(arguments)


def grader_of(args: argparse.Namespace) -> Grader:
    """The grader that the options ask for; raises GradeError where there can be none."""
    if not args.submissions.is_dir():
        raise GradeError(f"There is no folder {args.submissions}: name the one with the notebooks.")
    suites = {path.stem: Suite.read(path) for path in sorted(args.tests.glob("ex*.json"))}
    if not suites:
        raise GradeError(f"There are no tests in {args.tests}: run `make exercises` first.")
    if args.exercise and args.exercise not in suites:
        raise GradeError(f"There are no tests of {args.exercise} in {args.tests}: name one of {', '.join(suites)}.")
    if args.roster and not args.roster.is_file():
        raise GradeError(f"There is no roster {args.roster}: name the CSV file, or leave it out.")
    if os.name == "nt":
        raise GradeError("Grading runs on Linux, or on macOS with --no-sandbox: use such a machine, or Gradescope.")
    if not args.no_sandbox and not sandbox.available():
        raise GradeError(
            "There is no sandbox here: grade on Linux with bubblewrap (a package of Debian and Ubuntu), or give "
            "--no-sandbox on a machine that you can throw away."
        )
    limits = sandbox.Limits(seconds=args.seconds, megabytes=args.megabytes, idle=1.5 * args.cell_seconds)
    return Grader(suites, judge.Bounds(limits, args.cell_seconds, not args.no_sandbox), args.exercise)


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status: 0 also where a student's file failed, 130 after Ctrl-C."""
    args, name = parse(arguments), "grades.csv"
    workers = max(1, args.workers)
    try:
        grader = grader_of(args)
        tasks, known = assigned(find_tasks(args.submissions), read_roster(args.roster) if args.roster else None)
        if args.shard:
            part, parts = args.shard
            tasks, known = [task for task in tasks if in_shard(task, part, parts)], []
            name = f"grades-{part}-of-{parts}.csv"
        grader.trial({args.exercise} if args.exercise else set(filter(None, map(grader.exercise_of, tasks))), workers)
    except (GradeError, RosterError, SuiteError) as error:
        print(error, file=sys.stderr)
        return 2
    args.output.mkdir(parents=True, exist_ok=True)
    records = [*grade_all(tasks, grader, args.output, workers), *known]
    save(records, args.output, name)
    counts = Counter(record["status"] for record in records)
    said = ", ".join(f"{count} {status}" for status, count in sorted(counts.items())) or "no notebooks"
    print(f"{said}: {args.output / name}")
    return 130 if grader.stop.is_set() else 0


if __name__ == "__main__":
    sys.exit(main())
