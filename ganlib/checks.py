"""Checks of what the prose states: each prints one line with what was measured, and raises if it fails.

In a notebook each check also leaves a record beside its line, under the media type ``MEDIA_TYPE``; the book
collects these records from the executed chapters. In a rehearsal a line gives no verdict, and leaves no record.
"""

import math
import sys

from ganlib import runtime

MEDIA_TYPE = "application/vnd.ganlib.check+json"


class CheckFailed(AssertionError):
    """A measured number does not support the claim that is made of it."""


def close(label: str, measured, expected, tol: float) -> None:
    """Check that ``measured`` lies within ``tol`` (absolute) of ``expected``; ``tol=0`` asks for equality."""
    measured, expected = _number(measured), _number(expected)
    claim = f"{_show(expected)} exactly" if tol == 0 else f"{_show(expected)} ± {tol:g}"
    _report(label, measured, claim, abs(measured - expected) <= tol, relation="close", expected=expected, tol=tol)


def at_least(label: str, measured, bound) -> None:
    """Check that ``measured`` is at least ``bound``."""
    measured, bound = _number(measured), _number(bound)
    _report(label, measured, f"at least {_show(bound)}", measured >= bound, relation="at_least", expected=bound)


def at_most(label: str, measured, bound) -> None:
    """Check that ``measured`` is at most ``bound``."""
    measured, bound = _number(measured), _number(bound)
    _report(label, measured, f"at most {_show(bound)}", measured <= bound, relation="at_most", expected=bound)


def holds(label: str, condition) -> None:
    """Check that ``condition`` is true: a bool, or a tensor or an array of one bool.

    Raises TypeError for anything else: a number is compared with its bound by the other checks, which print both.
    """
    truth = _truth(condition)
    _print(f"{label}: {'yes' if truth else 'no'}", truth, label=label, relation="holds", measured=truth, expected=True)


def _truth(value) -> bool:
    single = value.item() if math.prod(getattr(value, "shape", [0])) == 1 else value
    if not isinstance(single, bool):
        raise TypeError(
            f"checks.holds needs one condition that is true or false, but got {value!r}: compare it with something, or "
            "use close, at_least or at_most."
        )
    return single


def _number(value) -> float:
    return float(value.detach() if hasattr(value, "detach") else value)


def _show(number: float) -> str:
    if math.isfinite(number) and number == int(number):
        return f"{int(number):,}"
    return f"{number:.7g}"


def _report(label, measured, claim, passed, **record) -> None:
    _print(f"{label}: {_show(measured)} ({claim})", passed, label=label, measured=measured, **record)


def _print(line, passed, *, label, relation, measured, expected, tol=None) -> None:
    if runtime.rehearsed_steps():
        print(f"· {line} in a rehearsal")
        return
    if not passed:
        raise CheckFailed(f"✗ {line}")
    line = f"✓ {line}"
    record = {"label": label, "relation": relation, "measured": measured, "expected": expected, "tol": tol}
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None and hasattr(shell, "kernel"):
        from IPython.display import display

        display({"text/plain": line, MEDIA_TYPE: record}, raw=True)
    else:
        print(line)
