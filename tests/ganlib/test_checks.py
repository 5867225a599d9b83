"""The checks of the prose's numbers: what passes, what fails, and the line that each prints."""

import math

import numpy as np
import pytest
import torch

from ganlib import checks


@pytest.mark.filterwarnings("error")  # also of a tensor that requires a gradient
@pytest.mark.parametrize(
    ("check", "arguments", "line"),
    [
        (checks.close, (1.5, 1.25, 0.25), "✓ it: 1.5 (1.25 ± 0.25)"),  # the border belongs to it
        (checks.close, (1.0, 1.25, 0.25), "✓ it: 1 (1.25 ± 0.25)"),
        (checks.close, (3576704, 3576704, 0), "✓ it: 3,576,704 (3,576,704 exactly)"),
        (checks.close, (torch.tensor(0.5, requires_grad=True), 0.5, 1e-6), "✓ it: 0.5 (0.5 ± 1e-06)"),
        (checks.at_least, (2, 2), "✓ it: 2 (at least 2)"),
        (checks.at_least, (math.pi, 3), "✓ it: 3.141593 (at least 3)"),
        (checks.at_most, (2, 2), "✓ it: 2 (at most 2)"),
        (checks.at_most, (-math.inf, 0.5), "✓ it: -inf (at most 0.5)"),
        (checks.holds, (True,), "✓ it: yes"),
        (checks.holds, (torch.tensor([2.0]).isfinite(),), "✓ it: yes"),
        (checks.holds, (np.float64(2) > 1,), "✓ it: yes"),
    ],
)
def test_what_holds_prints_one_line(capsys, check, arguments, line):
    check("it", *arguments)
    assert capsys.readouterr() == (line + "\n", "")


@pytest.mark.parametrize(
    ("check", "arguments", "line"),
    [
        (checks.close, (1.501, 1.25, 0.25), "✗ it: 1.501 (1.25 ± 0.25)"),
        (checks.close, (0.999, 1.25, 0.25), "✗ it: 0.999 (1.25 ± 0.25)"),
        (checks.close, (3576705, 3576704, 0), "✗ it: 3,576,705 (3,576,704 exactly)"),
        (checks.close, (0.1 + 0.2, 0.3, 0), "✗ it: 0.3 (0.3 exactly)"),
        (checks.close, (math.nan, 1, 10), "✗ it: nan (1 ± 10)"),
        (checks.close, (math.inf, 1, 10), "✗ it: inf (1 ± 10)"),
        (checks.at_least, (1.999, 2), "✗ it: 1.999 (at least 2)"),
        (checks.at_least, (math.nan, 2), "✗ it: nan (at least 2)"),
        (checks.at_most, (2.001, 2), "✗ it: 2.001 (at most 2)"),
        (checks.at_most, (math.nan, 2), "✗ it: nan (at most 2)"),
        (checks.holds, (False,), "✗ it: no"),
        (checks.holds, (torch.tensor(2.0).isinf(),), "✗ it: no"),
    ],
)
def test_what_fails_raises_with_the_line_and_prints_nothing(capsys, check, arguments, line):
    with pytest.raises(checks.CheckFailed) as failed:
        check("it", *arguments)
    assert str(failed.value) == line and isinstance(failed.value, AssertionError)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("condition", [1, 0.0, None, "yes", [True], torch.ones(1), torch.ones(2) > 0, np.ones(2) > 0])
def test_what_is_neither_true_nor_false_is_refused_and_no_verdict(capsys, condition):
    with pytest.raises(TypeError, match="needs one condition that is true or false, but got .*: compare it with"):
        checks.holds("it", condition)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("measured", [1.25, 7, math.nan])
def test_in_a_rehearsal_a_check_says_so_and_gives_no_verdict(monkeypatch, capsys, measured):
    monkeypatch.setenv("GANLIB_REHEARSAL", "2")
    checks.close("it", measured, 1.25, 0.25)
    checks.holds("so", False)
    line = f"· it: {measured:g} (1.25 ± 0.25) in a rehearsal\n· so: no in a rehearsal\n"
    assert capsys.readouterr().out == line
