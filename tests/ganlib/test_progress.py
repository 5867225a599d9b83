"""The line that counts steps: in a terminal, and where nobody watches."""

import io
import sys

import pytest
from test_guard import spoilt
from test_training import fit, planar

from ganlib import training


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_rewrites_one_line_in_a_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    fit(planar(), steps=250, progress=True)
    shown = sys.stderr.getvalue()
    lines = shown.removesuffix("\n").split("\r")
    assert shown.startswith("\rstep 100 of 250 · discriminator ") and shown.count("\n") == 1 == shown.endswith("\n")
    assert [line.split(" ·")[0] for line in lines[1:]] == ["step 100 of 250", "step 200 of 250", "step 250 of 250"]
    assert len({len(line) for line in lines[1:]}) == 1  # each covers the one before it


def test_progress_ends_its_line_when_training_stops(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with pytest.raises(training.TrainingDiverged):
        fit(planar(), steps=250, progress=True, game=spoilt("generator", 150))
    assert sys.stderr.getvalue().count("\r") == 1 and sys.stderr.getvalue().endswith("\n")


@pytest.mark.parametrize("progress", [True, False])
def test_without_a_terminal_nothing_is_printed(capsys, progress):
    fit(planar(), steps=120, progress=progress)
    assert capsys.readouterr() == ("", "")


def test_progress_off_is_off_in_a_terminal_too(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    fit(planar(), steps=120)
    assert sys.stderr.getvalue() == ""
