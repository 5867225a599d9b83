"""The experiments by name: how each is called, where its figures are kept, and whether they can be made anew.

An experiment is a module with ``options(parser)``, which declares what it takes, ``run(record, **options)``, which
keeps its figures in the record and returns them, and ``table(figures)``, which shows them. Here alone the command that
repeats an experiment is written.
"""

import argparse
import importlib
import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from experiments.stored import Record
from ganlib import results

NAMES = ("ablations", "bench", "conditional", "doctor", "losses", "modes", "speed", "stacked")
PROGRAM = ("python", "-m", "experiments")


class Parser(argparse.ArgumentParser):
    """A parser that raises ValueError, with one sentence, for a bad argument."""

    def error(self, message: str):
        raise ValueError(f"{self.prog}: {message}.")


def module(name: str) -> ModuleType:
    """The experiment of this name; raises ValueError where there is none."""
    if name not in NAMES:
        raise ValueError(f"There is no experiment {name!r}: choose one of {', '.join(NAMES)}.")
    return importlib.import_module(f"experiments.{name}")


def parser(name: str) -> argparse.ArgumentParser:
    """The options of an experiment, and the file that keeps its figures."""
    experiment = module(name)
    options = Parser(
        prog=shlex.join([*PROGRAM, name]),
        description=experiment.__doc__,
        formatter_class=type(
            "Help", (argparse.RawDescriptionHelpFormatter, argparse.ArgumentDefaultsHelpFormatter), {}
        ),
        allow_abbrev=False,
    )
    experiment.options(options)
    file = results.FOLDER / f"{name}.json"
    options.add_argument("--output", type=Path, default=file, help="the JSON file that keeps the figures")
    return options


def command(name: str, chosen: argparse.Namespace) -> str:
    """The command that repeats an experiment with these options, wherever its figures are kept."""
    words = [*PROGRAM, name]
    for option, value in vars(chosen).items():
        if option != "output" and value is not None:
            values = value if isinstance(value, list) else [value]
            words += [f"--{option}", *(f"{each:g}" if isinstance(each, float) else str(each) for each in values)]
    return shlex.join(words)


def missed(figures: dict) -> bool:
    """Whether the figures, or one of their parts, have a goal that is not met."""
    parts = (figures, *(part for part in figures.values() if isinstance(part, dict)))
    return not all(goal["met"] for part in parts for goal in part.get("goals", []))


def run(name: str, arguments: list[str]) -> int:
    """Run an experiment, keep its figures and print its table; 1 where it misses a goal."""
    chosen = parser(name).parse_args(arguments)
    options = {option: value for option, value in vars(chosen).items() if option != "output"}
    figures = module(name).run(Record(chosen.output, command(name, chosen)), **options)
    print(module(name).table(figures))
    return int(missed(figures))


def commands(figures: dict) -> Iterator[str]:
    """All commands in stored figures, those of their parts too."""
    for key, value in figures.items():
        if isinstance(value, dict):
            yield from commands(value)
        elif key == "command":
            yield value


def fault(stored: str, name: str) -> str | None:
    """Why a command does not repeat the experiment ``name``; None where it does."""
    words = shlex.split(stored)
    if words[: len(PROGRAM) + 1] != [*PROGRAM, name]:
        return f"it does not begin with {shlex.join([*PROGRAM, name])}"
    try:
        again = command(name, parser(name).parse_args(words[len(PROGRAM) + 1 :]))
    except ValueError as error:
        return str(error).rstrip(".")
    return None if again == stored else f"it would be written `{again}`"


def check(folder: Path) -> list[str]:
    """A sentence for every command stored in ``folder`` that its experiment does not understand.

    Files of other programs of the repository are theirs to check.
    """
    faults = []
    for file in sorted(folder.glob("*.json")):
        if file.stem in NAMES:
            stored = list(commands(json.loads(file.read_text(encoding="utf-8"))))
            reasons = [(each, fault(each, file.stem)) for each in stored]
            faults += [f"{file.name}: `{each}` does not make it anew: {why}." for each, why in reasons if why]
            faults += [] if stored else [f"{file.name} does not say which command made it."]
    return faults


def main(arguments: list[str] | None = None) -> int:
    """The command line; 2, and one sentence, where the command is at fault."""
    given = sys.argv[1:] if arguments is None else arguments
    name, *rest = given or ["--help"]
    try:
        if name == "--check":
            faults = check(results.FOLDER)
            print("\n".join(faults) or "Every stored command is one that its experiment understands.")
            return int(bool(faults))
        if name in ("-h", "--help"):
            print(f"Usage: {shlex.join(PROGRAM)} NAME [options], {shlex.join(PROGRAM)} NAME --help or --check\n")
            print("\n".join(f"  {each:12} {(module(each).__doc__ or '').splitlines()[0]}" for each in NAMES))
            return 0
        return run(name, rest)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
