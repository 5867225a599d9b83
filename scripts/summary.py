"""Run the steps of `make test`, each as `make STEP`, and sum them up: all of them run, also after one has failed.

    python scripts/summary.py FOLDER STEP [STEP ...]

A step may leave a JUnit report, FOLDER/STEP.xml. As a step ends, one line says how it ended and how long it took; the
last line is the total, which FOLDER/total.txt keeps too. The exit status is 0 only if every step passed.
"""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

PATIENCE = 5  # seconds in which a step that is told to end may end by itself


class Step(NamedTuple):
    """How a step ended: its tests by outcome, what was skipped and why, and its minutes."""

    name: str
    passed: int
    failed: int
    skips: list[str]
    reported: bool
    minutes: float

    @property
    def line(self) -> str:
        outcome = "FAILED" if self.failed else "passed"
        counts = f"{self.passed} passed, {self.failed} failed, {len(self.skips)} skipped"
        reported = counts if self.reported else "no report" if self.failed else "no tests of its own"
        return f"  {self.name}: {outcome} in {self.minutes:.1f} minutes ({reported})"


def read_report(path: Path) -> tuple[int, int, list[str]] | None:
    """The numbers of passed and failed tests in a JUnit report and what it skipped; None where there is no report."""
    try:
        cases = list(ElementTree.parse(path).iter("testcase"))
    except (FileNotFoundError, ElementTree.ParseError):
        return None
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = [case for case in cases if case not in failed and case.find("skipped") is not None]
    skips = [f"  skipped {case.get('name')}: {case.find('skipped').get('message')}" for case in skipped]
    return len(cases) - len(failed) - len(skipped), len(failed), skips


def judge(name: str, status: int, report: Path, minutes: float) -> Step:
    """A step that died counts as failed, whatever tests it reported, if any."""
    counts = read_report(report)
    passed, failed, skips = counts or (0, 0, [])
    if status and not failed:
        failed = 1
    return Step(name, passed, failed, skips, counts is not None, minutes)


def end(process: subprocess.Popen) -> None:
    """See that an interrupted step ends: Ctrl-C reached it as well; one that stays is told to end, then killed."""
    for tell in (lambda: None, process.terminate, process.kill):
        tell()
        try:
            process.wait(PATIENCE)
            return
        except subprocess.TimeoutExpired:
            continue


def run(make: list[str], name: str, folder: Path) -> Step:
    """Run one step to its end and print its line."""
    start = time.monotonic()
    process = subprocess.Popen([*make, name])
    try:
        status = process.wait()
    except KeyboardInterrupt:
        end(process)
        raise
    step = judge(name, status, folder / f"{name}.xml", (time.monotonic() - start) / 60)
    print(step.line, flush=True)
    return step


def total(steps: list[Step]) -> str:
    counts = sum(step.passed for step in steps), sum(step.failed for step in steps)
    return f"checks: {counts[0]} passed, {counts[1]} failed, {sum(len(step.skips) for step in steps)} skipped"


def interrupt(*_) -> None:
    raise KeyboardInterrupt


def main(arguments: list[str]) -> int:
    if len(arguments) < 2:
        print("Name the folder of the reports and the steps: python scripts/summary.py FOLDER STEP [STEP ...]")
        return 2
    folder, steps = Path(arguments[0]), []
    shutil.rmtree(folder, ignore_errors=True)  # an old report must not speak for a step that dies
    folder.mkdir(parents=True)
    signal.signal(signal.SIGTERM, interrupt)
    make = [*shlex.split(os.environ.get("MAKE", "make")), "--no-print-directory"]
    try:
        for name in arguments[1:]:
            steps.append(run(make, name, folder))
    except KeyboardInterrupt:
        print(f"\nInterrupted in the step {name}; the steps before it: {total(steps)}")
        return 130
    print("\nAll steps:", *(step.line for step in steps), *(skip for step in steps for skip in step.skips), sep="\n")
    print(closing := total(steps), flush=True)
    (folder / "total.txt").write_text(closing + "\n", encoding="utf-8")
    return int(any(step.failed for step in steps))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
