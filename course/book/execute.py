"""Execute the chapters with nbval, each once, and keep what they put out for the book.

    python -m course.book.execute [--digits glyphs|mnist | --rehearse] [--force] [--jobs N] [--report FILE] [NN ...]

An executed chapter lies in `_build/executed/<digits>/`. It is up to date while what its outputs depend on is unchanged:
its code, ganlib, the stored results, the locked packages, Python and the settings. Words may change without a new run.

`--rehearse` runs the full profile, which is made for a GPU, far enough to see that its code works: each run of
`training.fit` trains for two steps, and no check gives a verdict. What it puts out lies in
`_build/executed/rehearsal/`, and becomes no page. A chapter that never asks for the profile has one alone, and its
ordinary run has shown its code.
"""

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from course.book import dependencies
from course.layout import ROOT
from course.notebook import DEEPER, FOLDED, Notebook, NotebookError, tags

CELL_TIMEOUT = 600  # seconds
REHEARSAL = "rehearsal"  # stands in the place of the digits' name
REHEARSED_STEPS = 2
# Variables of the shell that would change what a chapter computes or draws, or what pytest does.
CLEARED = (
    *("PYTHONHOME", "PYTHONSTARTUP", "PYTHONOPTIMIZE", "PYTHONWARNINGS", "PYTHONINSPECT", "PYTHONPLATLIBDIR"),
    *("MPLBACKEND", "MATPLOTLIBRC", "PYTEST_ADDOPTS", "PYTEST_PLUGINS"),
)


def uses_digits(notebook: Notebook) -> bool:
    """Whether a chapter computes on the digits that `GANLIB_DIGITS` chooses."""
    return "digits(" in notebook.program


def has_full_profile(notebook: Notebook) -> bool:
    """Whether the code of a chapter differs between the profiles."""
    return any(call in notebook.program for call in ("runtime.pick(", "runtime.profile("))


def settings(digits: str) -> dict:
    """The settings that change what a chapter computes, as the environment of its kernel has them."""
    if digits == REHEARSAL:
        return settings("glyphs") | {"GANLIB_PROFILE": "full", "GANLIB_REHEARSAL": str(REHEARSED_STEPS)}
    return {
        "GANLIB_DIGITS": digits,
        "GANLIB_PROFILE": os.environ.get("GANLIB_PROFILE") or "quick",
        "GANLIB_DEVICE": os.environ.get("GANLIB_DEVICE", ""),
        "GANLIB_REHEARSAL": "",  # or checks would give no verdict
    }


def used_files(notebook: Notebook, root: Path) -> list[Path]:
    """The files that a chapter's outputs depend on: what it takes from ganlib, the lock and the recorder."""
    modules = dependencies.used(notebook.program, root / "ganlib")
    return [*modules, root / "requirements.lock", ROOT / "course/book/nbval_keep.py"]


def key(notebook: Notebook, digits: str, root: Path = ROOT) -> str:
    """A SHA-256 of all that a chapter's outputs depend on; two equal keys mean that no new run is needed."""
    code = [[cell.source, sorted(tags(cell) - FOLDED - {DEEPER})] for cell in notebook.code]
    machine = [platform.python_version(), platform.system(), platform.machine()]
    total = hashlib.sha256(json.dumps([code, settings(digits), machine], sort_keys=True).encode())
    for path in used_files(notebook, root):
        total.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def is_current(kept: Path, wanted: str) -> bool:
    """Whether `kept` holds an executed chapter with the key that is wanted."""
    try:
        return Notebook.read(kept).metadata["ganlib"]["key"] == wanted
    except (FileNotFoundError, KeyError, NotebookError):
        return False


def renew_words(kept: Path, notebook: Notebook) -> None:
    """Bring an executed chapter's prose and cell metadata up to its source; its code and outputs are current."""
    executed = Notebook.read(kept)
    for cell, old in zip(notebook.code, executed.code, strict=True):
        cell.outputs, cell.execution_count = old.outputs, old.execution_count
    if notebook.cells != executed.cells:
        notebook.metadata = executed.metadata
        notebook.write(kept)


def chosen(names: list[str], root: Path) -> dict[str, Path]:
    """The chapters to execute by name: all, or those that the names (such as `06` or `06_training_loop`) begin."""
    chapters = {path.stem: path for path in sorted((root / "chapters").glob("*.ipynb"))}
    for name in names:
        if not any(chapter.startswith(Path(name).stem) for chapter in chapters):
            raise FileNotFoundError(f"No chapter begins with {name!r}: choose from {', '.join(chapters) or 'none'}.")
    starts = tuple(Path(name).stem for name in names) or ("",)
    return {name: path for name, path in chapters.items() if name.startswith(starts)}


def run_nbval(chapters: dict[str, Path], facts: dict[str, dict], digits: str, kept_in: Path, jobs, report, root) -> int:
    """Run nbval over `chapters`, `jobs` at a time, and return pytest's exit code; `facts` go into what is kept."""
    cores = os.cpu_count() or 1
    workers = max(1, min(jobs or cores, len(chapters)))
    threads = str(max(1, cores // workers))
    parallel = f"-n {workers} --dist loadscope" if workers > 1 else "-p no:xdist"
    options = "-o addopts= -o console_output_style=classic -q --tb=short -p no:cacheprovider".split()
    options += ["-p", "course.book.nbval_keep", *parallel.split()]
    options += ["--nbval-lax", "--nbval-current-env", f"--nbval-cell-timeout={CELL_TIMEOUT}", f"--rootdir={root}"]
    options += [f"--keep-in={kept_in}", f"--keep-facts={json.dumps(facts)}"]
    options += [f"--junitxml={report}"] if report else []
    command = [sys.executable, "-m", "pytest", *options, *map(str, chapters.values())]
    environment = {name: value for name, value in os.environ.items() if name not in CLEARED}
    environment |= settings(digits) | {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    if data := os.environ.get("GANLIB_DATA"):
        environment["GANLIB_DATA"] = os.path.abspath(os.path.expanduser(data))  # the kernel runs in another folder
    environment["PYTHONPATH"] = str(ROOT)  # this tree's ganlib alone
    return subprocess.run(command, env=environment, cwd=root).returncode


def execute(names=(), digits="glyphs", force=False, jobs=0, report: Path | None = None, root: Path = ROOT) -> int:
    """Execute what is not up to date, say what was done, and return 0 only if every chosen chapter is kept."""
    kept_in = root / "_build" / "executed" / digits
    chapters = chosen(names, root)
    notebooks = {name: Notebook.read(path) for name, path in chapters.items()}
    chosen_by: dict[str, Callable[[Notebook], bool]] = {"glyphs": bool, REHEARSAL: has_full_profile}
    concerns = chosen_by.get(digits, uses_digits)
    notebooks = {name: notebook for name, notebook in notebooks.items() if concerns(notebook)}
    keys = {name: key(notebook, digits, root) for name, notebook in notebooks.items()}
    stale = {}
    for name, notebook in notebooks.items():
        kept = kept_in / chapters[name].name
        if not force and is_current(kept, keys[name]):
            renew_words(kept, notebook)
            print(f"{name} ({digits}): up to date")
        else:
            kept.unlink(missing_ok=True)
            stale[name] = chapters[name]
    if not stale:
        print(f"execute: {len(notebooks)} chapters ({digits}) are up to date, none had to run")
        return 0
    print(f"Executing ({digits}): {', '.join(stale)}", flush=True)
    cells = {name: len(notebooks[name].code) for name in stale}
    facts = {name: {"key": keys[name], "digits": digits, "cells": cells[name]} for name in stale}
    code = run_nbval(stale, facts, digits, kept_in, jobs, report, root)
    failed = [name for name in stale if not is_current(kept_in / f"{name}.ipynb", keys[name])]
    for name in stale:
        if name not in failed:
            took = Notebook.read(kept_in / f"{name}.ipynb").metadata["ganlib"]
            print(f"{name} ({digits}): {took['seconds']:.1f} s, {took['cpu_seconds']:.1f} CPU-seconds")
    if failed:
        print(f"execute: not every cell passed in {', '.join(failed)}")
    return code or int(bool(failed))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapters", nargs="*", help="names or their beginnings, such as 06 (default: all)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--digits", choices=("glyphs", "mnist"), default="glyphs", help="what digits() returns")
    what.add_argument(
        "--rehearse",
        action="store_const",
        const=REHEARSAL,
        dest="digits",
        help="the full profile, two steps a run and no verdict of checks",
    )
    parser.add_argument("--force", action="store_true", help="execute also what is up to date")
    parser.add_argument("--jobs", type=int, default=0, help="chapters at a time (default: one a core)")
    parser.add_argument("--report", type=Path, help="write a JUnit report of the cells that ran to this file")
    args = parser.parse_args()
    try:
        return execute(args.chapters, args.digits, args.force, args.jobs, args.report)
    except (FileNotFoundError, NotebookError) as error:
        print(error)
        return 2


if __name__ == "__main__":
    sys.exit(main())
