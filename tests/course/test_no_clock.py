"""No test asserts a time or a rate: on a busy machine such a test fails though the code is right.

What is measured belongs to `make bench`. A test may look at a clock while it waits, and may put a clock of its own in
the place of a program's.
"""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent
CLOCKS = {
    "perf_counter",
    "perf_counter_ns",
    "process_time",
    "monotonic",
    "thread_time",
    "time_ns",
    "timeit",
    "st_mtime",
}
IN_THE_PAGE = ("performance.now", "performance.getEntries", "first-contentful-paint", "Date.now")
FIGURES = {"seconds", "cpu_seconds", "took", "elapsed", "milliseconds", "ms", "fps", "frames", "rate", "rates"}
OTHERS = {"test_no_clock.py"}


def is_clock(node: ast.AST) -> bool:
    """Whether an expression looks at a clock, here, in a program that a test starts, or in a page."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return any(words in node.value for words in (*(f"{name}()" for name in CLOCKS), *IN_THE_PAGE))
    if isinstance(node, ast.Attribute):
        return node.attr in CLOCKS or (node.attr == "time" and ast.unparse(node.value) == "time")
    return isinstance(node, ast.Name) and node.id in CLOCKS


def names_in(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def tells_time(node: ast.AST, timed: set[str]) -> bool:
    return bool(names_in(node) & timed) or any(is_clock(part) for part in ast.walk(node))


def timed_names(function: ast.AST) -> set[str]:
    """The names that hold what a clock said, or what was computed from it."""
    timed: set[str] = set()
    while True:
        derived = set(timed)
        for node in ast.walk(function):
            if isinstance(node, ast.Assign | ast.AugAssign | ast.NamedExpr) and tells_time(node.value, timed):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                derived |= {name for target in targets for name in names_in(target)}
            call = node.func if isinstance(node, ast.Call) else None
            if isinstance(call, ast.Attribute) and call.attr in ("append", "extend", "add"):
                derived |= names_in(call.value) if any(tells_time(each, timed) for each in node.args) else set()
        if derived == timed:
            return timed
        timed = derived


def bounds_a_figure(node: ast.AST) -> bool:
    """Whether a comparison holds something that is named like a time or a rate against a number other than 0."""
    for compare in (part for part in ast.walk(node) if isinstance(part, ast.Compare)):
        if not all(isinstance(each, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for each in compare.ops):
            continue
        sides = [compare.left, *compare.comparators]
        numbers = [side.value for side in sides if isinstance(side, ast.Constant)]
        words = {part.attr for side in sides for part in ast.walk(side) if isinstance(part, ast.Attribute)}
        words |= {str(part.value) for side in sides for part in ast.walk(side) if isinstance(part, ast.Constant)}
        if any(number != 0 for number in numbers) and (words | names_in(compare)) & FIGURES:
            return True
    return False


def asserted(function: ast.AST) -> list[ast.AST]:
    """What decides whether a test passes: what it asserts, and the conditions under which it fails or raises."""
    bounds: list[ast.AST] = [node.test for node in ast.walk(function) if isinstance(node, ast.Assert)]
    for node in ast.walk(function):
        if isinstance(node, ast.If):
            ends = [part for each in (*node.body, *node.orelse) for part in ast.walk(each)]
            if any(
                isinstance(part, ast.Raise) or (isinstance(part, ast.Attribute) and part.attr == "fail")
                for part in ends
            ):
                bounds.append(node.test)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.fail":
            bounds += node.args  # as in: it took so long
    return bounds


def has_its_own_clock(function: ast.AST) -> bool:
    """Whether a test puts a clock of its own in place: its figures are then the same on every machine."""
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    sets = [node for node in calls if isinstance(node.func, ast.Attribute) and node.func.attr == "setattr"]
    return any(isinstance(word, ast.Constant) and word.value in CLOCKS for call in sets for word in call.args)


def faults(source: str) -> list[str]:
    """The tests and helpers of a file that assert on a clock."""
    names = []
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef) or has_its_own_clock(function):
            continue
        timed = timed_names(function)
        if any(tells_time(test, timed) or bounds_a_figure(test) for test in asserted(function)):
            names.append(function.name)
    return names


@pytest.mark.parametrize("path", sorted(set(TESTS.rglob("test_*.py"))), ids=lambda path: path.stem)
def test_no_test_asserts_on_a_clock(path):
    if path.name not in OTHERS:
        assert faults(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "body",
    [
        "start = time.perf_counter(); work(); assert time.perf_counter() - start < 10",
        "start = process_time(); work(); took = process_time() - start; ratio = took / 3; assert ratio < 2, ratio",
        "took = time.time() - path.stat().st_mtime; assert took < 30",
        "assert 0 < kept.metadata.seconds < 100",
        "assert all(ms < 10_000 for ms in figures.values())",
        "assert figures['frames'] > 30",
        "code = 't = perf_counter(); print(perf_counter() - t)'; assert float(python(code)) < 0.1",
        "took = []\n    took.append(page.evaluate('performance.now()'))\n    if min(took) > 3: pytest.fail('slow')",
        "took = time.monotonic() - start\n    pytest.fail(f'after {took} s')",
    ],
)
def test_an_assertion_on_a_clock_is_found(body):
    assert faults(f"def test_it():\n    {body}\n") == ["test_it"]


@pytest.mark.parametrize(
    "body",
    [
        "end = time.monotonic() + 600\n    while time.monotonic() < end: time.sleep(1)\n    assert done()",
        "monkeypatch.setattr(program.time, 'perf_counter', lambda: next(now)); took = program.run(); assert took < 5",
        "assert run['seconds'] > 0 and run['steps'] == 5",
        "assert figures['command'] == 'python bench.py --seconds 30'",
    ],
)
def test_waiting_and_a_clock_of_the_test_are_allowed(body):
    assert faults(f"def test_it():\n    {body}\n") == []
