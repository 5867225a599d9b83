"""How runs are stored: figures with what made them, comparisons run by run, weights in one step."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import mean, stdev

import torch
from safetensors.torch import save

from ganlib import results

ROOT = Path(__file__).resolve().parent.parent
DATA = ("mnist", "glyphs")


def save_weights(tensors: dict[str, torch.Tensor], file: Path) -> None:
    """Write weights as safetensors in one step, so that a reader never meets half of them."""
    results.keep(file, save({name: tensor.contiguous() for name, tensor in tensors.items()}))
    print(f"wrote {file} ({file.stat().st_size / 1000:.1f} kB)")


class Record:
    """A file of figures, each part of it, or all of it, beside the command, the date and the machine that made it.

    ``device`` is named where an experiment computes on one that is not the CPU.
    Raises ValueError where the file cannot be read.
    """

    def __init__(self, file: Path, command: str):
        self.file, self.command = file, command
        self.device: torch.device | None = None
        try:
            self.held = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        except ValueError:
            raise ValueError(
                f"{file} holds no figures that can be read: name another file, or remove it first."
            ) from None

    def made(self) -> dict:
        """What makes the figures: command, date and machine."""
        return {"command": self.command, "date": results.today(), **results.machine(self.device)}

    def keep(self, figures: dict, part: str | None = None) -> dict:
        """Write the figures beside what made them, as the file or as its ``part``; the other parts stay."""
        whole = self.made() | figures
        self.held = {**self.held, part: whole} if part else whole
        results.write(self.held, self.file)
        return whole


def compare(
    kind: str,
    names: Iterable[str],
    facts: dict,
    run: Callable[[str, int], dict],
    record: Record,
    part: str | None = None,
    summarised: bool = False,
) -> dict:
    """The ``facts``, and ``run(name, seed)`` for all names and ``facts["seeds"]``, each marked ``kind``.

    The record is written after every run, and runs that it holds already are not run again; ``part`` is the entry of
    its file that is meant, where it holds several. With ``summarised`` the ``summary`` of all runs is kept beside them.
    Raises ValueError where the file holds another comparison.
    """
    made = record.made()
    figures = (record.held.get(part) if part else record.held) or {**made, **facts, "runs": []}
    if any(figures.get(name) != value for name, value in {**made, **facts}.items() if name != "date"):
        raise ValueError(
            f"{record.file} holds another comparison than this one: name another file, or remove it first."
        )
    done = {(each[kind], each["seed"]) for each in figures["runs"]}
    for seed in facts["seeds"]:
        for name in names:
            if (name, seed) in done:
                continue
            figures["runs"].append({kind: name, "seed": seed, **run(name, seed)})
            print(f"seed {seed}, {name}: {figures['runs'][-1]}", file=sys.stderr, flush=True)
            if summarised:
                figures["summary"] = summary(kind, figures["runs"])
            record.keep(figures, part)
    return figures


def summary(kind: str, runs: list[dict]) -> dict:
    """Mean, and standard error of the mean, of each figure over the seeds, for each run's name under ``kind``."""
    figures: dict[str, dict] = {}
    for name in dict.fromkeys(run[kind] for run in runs):
        mine = [run for run in runs if run[kind] == name]
        for figure in mine[0].keys() - {kind, "seed", "diverged_at"}:
            values = [run[figure] for run in mine]
            error = stdev(values) / len(values) ** 0.5 if len(values) > 1 else None
            figures.setdefault(name, {})[figure] = {"mean": mean(values), "standard_error": error}
    return figures


def options(parser: argparse.ArgumentParser, kind: str, steps: int = 2000) -> None:
    """The options that every comparison has."""
    parser.add_argument("--data", type=one_of("data set", DATA), default=DATA[0], help=f"{' or '.join(DATA)}")
    parser.add_argument("--steps", type=count, default=steps, help="of training for each run")
    parser.add_argument("--seeds", type=count, default=3, help=f"runs of each {kind}, seeds from 0")


def one_of(what: str, names: Iterable[str]) -> Callable[[str], str]:
    """The type of an option that takes one of these names."""

    def known(name: str) -> str:
        if name not in names:
            raise argparse.ArgumentTypeError(f"there is no {what} {name!r}, choose {', '.join(names)}")
        return name

    return known


def count(text: str) -> int:
    """The type of an option that takes a whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"takes a whole number of at least 1, not {text!r}")
    return int(text)
