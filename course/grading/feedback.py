"""The page that a student gets back: the points of each question and the public checks, nothing of the hidden tests."""

import ast
import json
import re
import zipfile
from pathlib import Path
from typing import NamedTuple

from course.templates import render

NUMBER = re.compile(r"[-+]?(?:\d[\d,]*\.?\d*(?:e[-+]?\d+)?|\.\d+|nan|inf)")


class Case(NamedTuple):
    """One test of a question: its points, whether it is hidden, and the messages that it may give, numbers as #."""

    points: float
    hidden: bool
    messages: frozenset[str]


class Result(NamedTuple):
    """What came of a test: whether it passed, and what otter-grader says of it."""

    passed: bool
    message: str


def template(node: ast.expr) -> str | None:
    """A message of an assert with its numbers as #; None where it is not plain text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return NUMBER.sub("#", node.value)
    if isinstance(node, ast.JoinedStr):
        parts = [str(part.value) if isinstance(part, ast.Constant) else "#" for part in node.values]
        return NUMBER.sub("#", "".join(parts))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = template(node.left), template(node.right)
        return None if left is None or right is None else left + right
    return None


def cases_of(text: str) -> list[Case]:
    """The tests in one of otter's test files, in order."""
    cases = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            decorators = [each for each in node.decorator_list if isinstance(each, ast.Call)]
            config = {word.arg: ast.literal_eval(word.value) for word in decorators[0].keywords}
            asserts = [each.msg for each in ast.walk(node) if isinstance(each, ast.Assert) and each.msg]
            messages = frozenset(filter(None, map(template, asserts)))
            cases.append(Case(float(config["points"]), bool(config["hidden"]), messages))
    return cases


def questions_of(autograder: Path) -> dict[str, list[Case]]:
    """The tests of each question in an autograder."""
    with zipfile.ZipFile(autograder) as packed:
        names = sorted(name for name in packed.namelist() if re.fullmatch(r"tests/\w+\.py", name))
        return {Path(name).stem: cases_of(packed.read(name).decode()) for name in names}


def read_results(text: str, cases: dict[str, list[Case]]) -> dict[str, list[tuple[Case, Result]]]:
    """Each question's tests with what came of them, as otter_results.py wrote it.

    Raises ValueError for a text that is no such results, or not of these tests.
    """
    try:
        written = json.loads(text)
        pairs = {name: list(zip(each, written[name], strict=True)) for name, each in cases.items()}
        return {
            name: [(case, Result(passed is True, str(message))) for case, (passed, message) in each]
            for name, each in pairs.items()
        }
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"these are not the results of the tests: {error}") from None


def public_results(tests: list[tuple[Case, Result]]) -> list[tuple[bool, str]]:
    """Passed or not, and what to tell, for each public test of a question.

    A message is told only where it is the test's own: what else an error says may come from the student's code, and so
    may quote a hidden test.
    """
    return [
        (result.passed, "" if result.passed else _reason(result.message, case))
        for case, result in tests
        if not case.hidden
    ]


def _reason(message: str, case: Case) -> str:
    """The error that stands in a message of otter-grader below "Error at line …" and the line of the test."""
    kind, _, words = "".join(message.split("\n", 3)[3:]).partition(":")
    if not kind.isidentifier():
        return "It did not pass."
    words = " ".join(words.split())
    own = NUMBER.sub("#", words) in {" ".join(each.split()) for each in case.messages}
    return words if kind == "AssertionError" and own else f"Your code stopped with {kind[:40]}."


def page(record: dict) -> str:
    """The page of one submission as the grader recorded it."""
    return render("grading/feedback.html.jinja", record=record)
