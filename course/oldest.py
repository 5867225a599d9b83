"""Run the tests of ganlib with the oldest packages that pyproject.toml promises.

    python -m course.oldest [--series .*] [--python PYTHON] [argument of pytest ...]

The packages lie in an environment of their own, made at the first run. ``--series .*`` takes the newest bug fixes of
each oldest release: on many machines with Windows torch 2.4.0 does not load, and 2.4.1 does.
"""

import argparse
import os
import subprocess
import sys
import tomllib

from course.environments import EnvironmentMissing, environment, find_python, python_of
from course.layout import ROOT

EXTRAS = ("board",)  # of ganlib, whose modules are tested too
TOOLS = ("pytest", "scipy", "nbformat")  # what the tests need besides


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def pins(series: str = "") -> list[str]:
    """The lower bounds of ganlib's dependencies, those of ``EXTRAS`` too, as exact pins."""
    bounds = project()["dependencies"] + [
        each for extra in EXTRAS for each in project()["optional-dependencies"][extra]
    ]
    return [bound.replace(">=", "==") + series for bound in bounds]


def tests() -> list[str]:
    """The tests of each module of ganlib; those of explorers and extras need more packages."""
    modules = sorted((ROOT / "ganlib").glob("[a-z]*.py"))
    return [f"tests/ganlib/test_{module.name}" for module in modules]


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status of pytest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", default="", help="what follows each lower bound, such as .*")
    parser.add_argument("--python", help="a Python of the oldest version (default: the one that runs, or on the path)")
    args, more = parser.parse_known_args(arguments)
    try:
        python = find_python(project()["requires-python"].removeprefix(">="), args.python)
        folder = environment("oldest", [*pins(args.series), *TOOLS], python)
    except EnvironmentMissing as error:
        print(error, file=sys.stderr)
        return 2
    command = [str(python_of(folder)), "-m", "pytest", "-q", *tests(), *more]
    return subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}).returncode


if __name__ == "__main__":
    sys.exit(main())
