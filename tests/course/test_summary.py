"""The steps of `make test`, run by stubs: each runs, whatever became of the others, and the last line is the total."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from course.layout import ROOT

SUMMARY = ROOT / "scripts/summary.py"
GOOD = "<testsuite><testcase name='a'/><testcase name='b'/></testsuite>"
BAD = "<testsuites><testsuite><testcase name='a'/><testcase name='b'><failure/></testcase></testsuite></testsuites>"
SKIPPED = "<testsuite><testcase name='c'><skipped message='no Chromium'/></testcase><testcase name='d'/></testsuite>"
STUBS = f"""\
lint:
	@echo linting
good:
	@echo "{GOOD}" > reports/good.xml
bad:
	@echo "{BAD}" > reports/bad.xml; exit 1
skipping:
	@echo "{SKIPPED}" > reports/skipping.xml
dead:
	@exit 2
cut:
	@echo "<testsuite><testcase" > reports/cut.xml; exit 2
crash:
	@echo "{GOOD}" > reports/crash.xml; kill -9 $$$$
slow:
	@touch started; sleep 600
"""

pytestmark = pytest.mark.skipif(os.name == "nt" or not shutil.which("make"), reason="needs make")


def hears_interrupts() -> None:
    """Undo what a shell does to jobs in the background, of which the tests may be one: it has them ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def command(tmp_path):
    (tmp_path / "Makefile").write_text(STUBS)

    def start(*steps: str) -> subprocess.Popen:
        words = [sys.executable, str(SUMMARY), "reports", *steps]
        options = {"cwd": tmp_path, "stdout": subprocess.PIPE, "text": True, "start_new_session": True}
        return subprocess.Popen(words, **options, preexec_fn=hears_interrupts)

    return start


def ended(process: subprocess.Popen) -> tuple[int, list[str]]:
    """The exit status and the lines, without the minutes."""
    said = process.communicate(timeout=300)[0]
    return process.returncode, re.sub(r" in \d+\.\d minutes", "", said).splitlines()


@pytest.mark.parametrize(
    ("steps", "line", "total"),
    [
        (["good"], "  good: passed (2 passed, 0 failed, 0 skipped)", "checks: 2 passed, 0 failed, 0 skipped"),
        (["lint"], "  lint: passed (no tests of its own)", "checks: 0 passed, 0 failed, 0 skipped"),
        (["skipping"], "  skipped c: no Chromium", "checks: 1 passed, 0 failed, 1 skipped"),
        (["bad", "good"], "  good: passed (2 passed, 0 failed, 0 skipped)", "checks: 3 passed, 1 failed, 0 skipped"),
        (["dead", "good"], "  dead: FAILED (no report)", "checks: 2 passed, 1 failed, 0 skipped"),
        (["cut", "good"], "  cut: FAILED (no report)", "checks: 2 passed, 1 failed, 0 skipped"),
        (["crash"], "  crash: FAILED (2 passed, 1 failed, 0 skipped)", "checks: 2 passed, 1 failed, 0 skipped"),
        (["no-such-step"], "  no-such-step: FAILED (no report)", "checks: 0 passed, 1 failed, 0 skipped"),
    ],
)
def test_every_step_runs_and_the_last_line_is_the_total(command, tmp_path, steps, line, total):
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/dead.xml").write_text(GOOD)  # of an earlier run
    status, lines = ended(command(*steps))
    assert lines[-1] == total and status == (" 0 failed" not in total)
    assert line in lines[lines.index("All steps:") :]
    assert [each for each in lines[: lines.index("All steps:")] if each.startswith(f"  {steps[-1]}: ")]  # as it ended
    assert (tmp_path / "reports/total.txt").read_text() == total + "\n"


@pytest.mark.parametrize("interrupt", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_step_and_starts_no_other(command, tmp_path, interrupt):
    process = command("good", "slow", "bad")
    while not (tmp_path / "started").exists():
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, interrupt)  # as Ctrl-C at a terminal reaches every process
    status, lines = ended(process)
    assert status == 130 and lines[-1].startswith("Interrupted in the step slow; the steps before it: checks: 2 passed")
    assert not (tmp_path / "reports/bad.xml").exists() and not (tmp_path / "reports/total.txt").exists()
    with pytest.raises(ProcessLookupError):  # nothing of it is left, once the system has cleared it away
        for _ in range(600):
            os.killpg(process.pid, 0)
            time.sleep(0.1)


def test_make_test_hands_every_step_to_the_summary():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    [steps] = re.findall(r"^STEPS := (.*)$", makefile, re.MULTILINE)
    assert {"lint", "unit", "chapters", "mnist", "pages", "exercise-tests"} <= set(steps.split())
    for step in steps.split():
        recipe = re.search(rf"^{step}: .*\n((?:\t.*\n)+)", makefile, re.MULTILINE)[1]
        assert step == "lint" or f"$(REPORTS)/{step}.xml" in recipe, step
