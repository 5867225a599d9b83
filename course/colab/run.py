"""Run the Colab edition top to bottom where things are as in Colab: its packages are there, ganlib is not.

    python -m course.colab.run [--edition DIR] [--python PYTHON] [notebook ...]

Each notebook gets an environment of its own, an empty folder to run in and a fake google.colab, and installs ganlib by
its own set-up cell; only git is told to fetch this clone instead of the address. The environment shows the packages
that runtime.txt pins, which are installed once; the notebook may install more, and must not move these. An exercise
runs with the answers of its solution, which `make exercises` makes, and must pass its own checks.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.metadata import distributions
from pathlib import Path

from course.colab import pins
from course.environments import EnvironmentMissing, environment, find_python, packages_of, python_of
from course.exercises.source import starts_otter
from course.layout import COLAB, ROOT, SOLUTIONS
from course.notebook import CHECKS, SETUP, Notebook

NEEDED = ("pyproject.toml", "README.md", "LICENSE", "ganlib")  # what pip installs ganlib from
EXECUTE = Path(__file__).with_name("execute.py")
FAKE = Path(__file__).with_name("fake_output.py")


class ColabError(Exception):
    """A notebook does not do in Colab what it should; the message says what."""


def link_packages(source: Path, target: Path) -> None:
    """Link all packages of ``source``, but ganlib, into the folder of packages ``target``."""
    for path in source.iterdir():
        if "ganlib" not in path.name and path.suffix != ".pth" and not (target / path.name).exists():
            (target / path.name).symlink_to(path, target_is_directory=path.is_dir())


def make_environment(folder: Path, python: Path) -> None:
    """An environment with the packages of ``python``'s own but ganlib, in which google.colab is loaded as in Colab."""
    subprocess.run([python, "-m", "venv", "--without-pip", folder], check=True)
    packages = packages_of(folder)
    link_packages(packages_of(python.parent.parent), packages)
    colab = folder / "fake/google/colab"
    colab.mkdir(parents=True)
    (colab / "__init__.py").touch()
    shutil.copy2(FAKE, colab / "output.py")
    (packages / "colab.pth").write_text(f"{folder / 'fake'}\nimport google.colab.output\n")


def make_repository(folder: Path) -> None:
    """A git repository of the working tree's ganlib, for pip to install from."""
    folder.mkdir()
    for name in NEEDED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, folder / name)
    git = [
        "git",
        "-C",
        str(folder),
        "-c",
        "user.name=test",
        "-c",
        "user.email=test@localhost",
        "-c",
        "commit.gpgsign=false",
    ]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "ganlib"]):
        subprocess.run([*git, *words], check=True)


def settings(folder: Path, address: str, offline: bool) -> dict[str, str]:
    """The variables that a notebook runs with: none of Python or ganlib from outside, git redirected."""
    dropped: tuple[str, ...] = ("PYTHON", "GANLIB_DATA", "GANLIB_DIGITS", "GANLIB_PROFILE", "GANLIB_REHEARSAL")
    dropped += ("PIP_",) if offline else ()
    kept = {name: text for name, text in os.environ.items() if not name.startswith(dropped)}
    redirected = {"KEY_0": f"url.{(folder / 'repository').as_uri()}.insteadOf", "VALUE_0": address, "COUNT": "1"}
    kept |= {f"GIT_CONFIG_{name}": text for name, text in redirected.items()}
    kept |= {"PYTHONNOUSERSITE": "1", "PIP_NO_CACHE_DIR": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    if offline:  # what is there must do, in the build too: "no" is how this variable asks for no isolation
        kept |= {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "no"}
    return kept


def address_in(notebook: Notebook) -> str:
    """The repository that the set-up cell installs ganlib from."""
    if match := re.search(r'%pip install .*@ git\+([^"\s{]+)', notebook.setup.source):
        return match[1]
    raise ColabError("its set-up cell names no repository: make the edition with GITHUB_REPOSITORY=owner/name")


def answered(exercise: Notebook, solution: Notebook) -> Notebook:
    """An exercise with the code of its solution in the place of what students are to fill in."""
    own = [cell for cell in exercise.code if cell.id not in (SETUP, CHECKS)]
    answers = [cell for cell in solution.code if not starts_otter(cell)]
    for cell, answer in zip(own, answers, strict=True):
        cell.source = answer.source
    return exercise


def ready(path: Path) -> Notebook:
    """The notebook as it is run: a chapter as it is, an exercise with its answers."""
    notebook = Notebook.read(path)
    if not any(cell.id == CHECKS for cell in notebook.code):
        return notebook
    if not (SOLUTIONS / path.name).is_file():
        raise ColabError("it has no answers here: run `make exercises` first, which makes its solution")
    return answered(notebook, Notebook.read(SOLUTIONS / path.name))


def run(path: Path, python: Path, offline: bool = False) -> float:
    """Run one notebook of the edition beside the packages of ``python``; returns seconds, raises a ``ColabError``."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        notebook = ready(path)
        notebook.write(folder / path.name)
        variables = settings(folder, address_in(notebook), offline)
        make_environment(folder / "environment", python)
        make_repository(folder / "repository")
        (folder / "content").mkdir()
        mine, content = str(python_of(folder / "environment")), folder / "content"
        before = listed(folder / "environment")
        start = time.perf_counter()
        command = [mine, "-P", str(EXECUTE), str(folder / path.name)]
        ran = subprocess.run(command, capture_output=True, text=True, cwd=content, env=variables)
        seconds = time.perf_counter() - start
        if ran.returncode:
            raise ColabError("it failed: " + (ran.stderr.strip().splitlines() or ["no message"])[-1])
        moved = before - listed(folder / "environment")
        if moved:
            raise ColabError(f"it replaced {', '.join(sorted(moved))}")
        asked = [mine, "-c", "import ganlib; print(ganlib.__file__)"]
        place = subprocess.check_output(asked, text=True, cwd=content, env=variables).strip()
        if not Path(place).is_relative_to(folder.resolve()):
            raise ColabError(f"it used the ganlib at {place}, not the one that it installs")
    return seconds


def listed(environment: Path) -> set[str]:
    """The packages of an environment, each as a pin."""
    return {f"{each.name}=={each.version}" for each in distributions(path=[str(packages_of(environment))])}


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="names or their beginnings, such as 06 or ex04 (default: all)")
    parser.add_argument("--edition", type=Path, default=COLAB, help="the folder that the edition was written to")
    parser.add_argument("--python", help=f"a Python {pins.python()} (default: the one on the path)")
    parser.add_argument("--here", action="store_true", help="take the packages of the Python that runs this, offline")
    args = parser.parse_args(arguments)
    wanted = tuple(args.names) or ("",)
    paths = [path for path in sorted(args.edition.rglob("*.ipynb")) if path.name.startswith(wanted)]
    failed = 0
    try:
        python = Path(sys.executable)
        if not args.here:
            python = python_of(environment("colab", pins.pins(), find_python(pins.python(), args.python)))
    except EnvironmentMissing as error:
        print(error, file=sys.stderr)
        return 2
    for path in paths:
        try:
            print(f"{path.stem}: ran in {run(path, python, args.here):.0f} s", flush=True)
        except ColabError as error:
            failed += 1
            print(f"{path.stem}: {error}", flush=True)
    if not paths:
        print(f"No notebook in {args.edition} was asked for: run `make colab`, or name other chapters.")
    return int(failed > 0 or not paths)


if __name__ == "__main__":
    sys.exit(main())
