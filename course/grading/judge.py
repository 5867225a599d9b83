"""Judge one submission: its notebook runs behind the wall, and the tests of the exercise run here.

The public tests come first, so that nothing of a hidden one has ever been on the student's side when a message is made
that the student will read.
"""

import ast
import builtins
import contextlib
import inspect
import io
import math
import random
import resource
import signal
import sys
import types
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import torch

from course.exercises.suite import FUNCTION, Suite, Test
from course.grading import sandbox
from course.grading.wall.student import LostError, Student, StudentError
from course.magic import without_magic

MODULES = {"torch": torch, "nn": torch.nn, "math": math}  # what tests ask for by name
MOST_STARTS = 12  # of a notebook that ends its own Python in tests
EXCEPTIONS = {
    name for name, each in vars(builtins).items() if isinstance(each, type) and issubclass(each, BaseException)
} | {"OutOfMemoryError", "UnpicklingError"}
LONGEST = 400  # characters of a message
MEMORY = 8_000_000_000  # bytes of a judge
TIMES = 4  # the CPU time of a notebook is what its judge may take
LONGER = "it ran longer"


class Bounds(NamedTuple):
    """What a submission may use: ``limits`` of all its processes, seconds for each cell and each test."""

    limits: sandbox.Limits
    cell_seconds: float
    walled: bool


class Verdict(NamedTuple):
    """What came of a test: whether it passed, and a sentence for the student."""

    passed: bool
    words: str


class Absent:
    """A name of the notebook that has no value here: a test that wants it fails with the reason."""

    def __init__(self, reason: StudentError):
        self.reason = reason


def needed(suite: Suite) -> list[str | dict[str, str]]:
    """The steps that the tests rest on: the answers and the given cells that make what they ask for."""
    wanted = {name for test in suite.tests for name in _parameters(test.code)}
    kept: list[str | dict[str, str]] = []
    for step in reversed(suite.steps):
        if isinstance(step, dict):
            kept.append({name: kind for name, kind in step.items() if name in wanted})
            continue
        tree = ast.parse(without_magic(step))
        if _bound(tree) & wanted:
            wanted |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
            kept.append(step)
    return kept[::-1]


def _bound(tree: ast.Module) -> set[str]:
    """The names that the code of a cell makes or changes at its top."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(each.asname or each.name).split(".")[0] for each in node.names}
        else:
            names |= {
                each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
            }
    return names


def _parameters(code: str) -> list[str]:
    """The names that the tests in a piece of code ask for, as otter-grader gives them."""
    functions = [node for node in ast.parse(code).body if isinstance(node, ast.FunctionDef)]
    return [each.arg for node in functions for each in node.args.args]


class Judge:
    """The tests of one exercise against one notebook."""

    def __init__(self, suite: Suite, notebook: list[tuple[str, str]], bounds: Bounds):
        self.suite, self.notebook, self.bounds = suite, notebook, bounds
        self.student: Student | None = None
        self.starts = 0
        self.used = 0.0  # seconds of CPU time, of the processes that are gone
        self.limit = ""
        self.unjudged: list[str] = []
        self.module = types.ModuleType("exercise")
        sys.modules["exercise"] = self.module
        self.scope: dict[str, Any] = vars(self.module)

    def start(self) -> Student:
        """The student's process, started again where it is gone; raises LostError where that does not help."""
        if self.student is None:
            if self.starts == MOST_STARTS or self.limit:
                raise LostError(self.limit or "the notebook ended its own Python")
            self.starts += 1
            limits = self.bounds.limits._replace(seconds=self.bounds.limits.seconds - self.used)
            self.student = Student(limits, self.bounds.walled)
            try:
                self.student.begin(self.notebook, self.bounds.cell_seconds)
            except LostError:
                self.close()
                raise
        return self.student

    def close(self) -> None:
        """End the student's process."""
        if self.student is not None:
            self.student.close()
            self.used += self.student.box.used
            self.student = None

    @contextlib.contextmanager
    def session(self) -> Iterator[None]:
        """A fresh copy of the student's process, and the same random numbers at each start."""
        torch.manual_seed(0)
        random.seed(0)
        torch.set_grad_enabled(True)
        try:
            with self.start().session():
                yield
        except LostError as error:
            if LONGER in str(error):
                self.limit = str(error)
            self.close()
            raise StudentError("SystemExit", f"Your notebook was stopped: {error}.") from None

    def prepare(self) -> None:
        """Run the given cells that the tests need, with the student's functions in place of the solution's."""
        for step in needed(self.suite):
            if isinstance(step, dict):
                for name, kind in step.items():
                    self.scope[name] = self._proxy(name) if kind == FUNCTION else self._value(name)
                continue
            names = _bound(ast.parse(without_magic(step)))
            try:
                with _quiet(), bounded(self.bounds.limits.seconds), self.session():
                    exec(compile(without_magic(step), "<given>", "exec"), self.scope)
            except StudentError as error:
                self.scope.update(dict.fromkeys(names, Absent(error)))
            except Exception as error:  # made of the student's values
                self.scope.update(dict.fromkeys(names, Absent(StudentError(type(error).__name__))))

    def _proxy(self, name: str) -> Callable:
        def call(*args: Any, **kwargs: Any) -> Any:
            return self.start().call(name, *args, **kwargs)

        call.__name__ = name
        return call

    def _value(self, name: str) -> Any:
        try:
            with self.session():
                return self.start().value(name)
        except StudentError as error:
            return Absent(error)
        except Exception as error:
            return Absent(StudentError(type(error).__name__))

    def test(self, test: Test) -> Verdict:
        """Run one test."""
        scope: dict[str, Any] = {}
        exec(compile(test.code, "<test>", "exec"), scope)
        [function] = [each for name, each in scope.items() if name.startswith("test_")]
        names = list(inspect.signature(function).parameters)
        try:
            arguments = [self.scope.get(name, MODULES.get(name)) for name in names]
            for each in arguments:
                if isinstance(each, Absent):
                    raise each.reason
            with _quiet(), bounded(self.bounds.limits.seconds), self.session():
                function(*arguments)
        except StudentError as error:
            if error.name == "NetworkError":
                self.unjudged.append(test.question)
            return Verdict(False, student_words(error))
        except AssertionError as error:
            return Verdict(False, shown(str(error)) or "It did not pass.")
        except Exception as error:
            return Verdict(False, f"The check could not use your answer ({type(error).__name__}).")
        return Verdict(True, "")


def student_words(error: StudentError) -> str:
    """A sentence on an error of the student's code; of its own words nothing is told."""
    if str(error) != error.name:
        return shown(str(error))
    if error.name in EXCEPTIONS:
        return f"Your code stopped with {error.name}."
    return "Your code stopped with an error of its own."


def shown(words: str) -> str:
    """A message on one line, of bounded length."""
    line = " ".join("".join(each if each.isprintable() else " " for each in words).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


@contextlib.contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in a test that computes longer than ``seconds`` itself, as with a huge number of steps."""

    def late(*_: Any) -> None:
        raise TimeoutError(f"longer than {seconds:g} s")

    signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()):
        yield


def causes(notebook: list[tuple[str, str]], ended: list[dict]) -> list[str]:
    """A sentence on each cell that an error ended, or that holds a command which is not run."""
    sentences = []
    for number, ((_, source), end) in enumerate(zip(notebook, ended, strict=True), 1):
        first = next((line.strip() for line in source.splitlines() if line.strip()), "")
        cell = f"Code cell {number} ({shown(first)[:60]})"
        if end["error"]:
            error = end["error"] if end["error"] in EXCEPTIONS else "an error of its own"
            sentences.append(f"{cell} stopped with {error}.")
        if end["skipped"]:
            sentences.append(
                f"{cell} holds {shown(', '.join(dict.fromkeys(end['skipped'])))}, which grading does not run."
            )
    return sentences[:20]


def judge(suite: Suite, notebook: list[tuple[str, str]], bounds: Bounds) -> dict:
    """What came of a submission: its status, the points of each question, and what to tell its student."""
    torch.set_num_threads(1)
    court = Judge(suite, notebook, bounds)
    try:
        try:
            cells = causes(notebook, court.start().ended)
        except LostError as error:
            status = "timeout" if LONGER in str(error) else "error"
            return {"status": status, "error": f"the notebook was stopped: {error}"}
        court.prepare()
        verdicts = {}
        for hidden in (False, True):
            for number, test in enumerate(suite.tests):
                if test.hidden is hidden:
                    verdicts[number] = court.test(test)
    finally:
        court.close()
    if court.limit:
        return {"status": "timeout", "error": f"the notebook was stopped: {court.limit}"}
    questions: dict[str, dict[str, Any]] = {}
    for name, most in suite.most.items():
        numbers = [number for number, test in enumerate(suite.tests) if test.question == name]
        points = sum((suite.tests[number].points for number in numbers if verdicts[number].passed), 0.0)
        public = [list(verdicts[number]) for number in numbers if not suite.tests[number].hidden]
        questions[name] = {"points": points, "most": most, "public": public}
    total = sum(each["points"] for each in questions.values())
    if court.unjudged:
        names = ", ".join(dict.fromkeys(court.unjudged))
        reason = f"{names}: a network of the student's own class, look at it; the rest has {total:g} points"
        for name in court.unjudged:
            questions[name]["points"] = None
        return {"status": "review", "error": reason, "questions": questions, "cells": cells}
    return {"status": "graded", "total": total, "questions": questions, "cells": cells}


def report(pipe: Connection, suite: Suite, notebook: list[tuple[str, str]], bounds: Bounds) -> None:
    """Judge in a process of its own, and send what came of it; SIGTERM ends it and what it started."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    own = int(TIMES * bounds.limits.seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (own, own))
    pipe.send(judge(suite, notebook, bounds))
