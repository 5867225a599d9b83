"""How runs are stored: figures with what made them, comparisons run by run, weights in one step."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
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


def compare(
    kind: str,
    names: Iterable[str],
    facts: dict,
    run: Callable[[str, int], dict],
    output: Path | None = None,
    part: str | None = None,
    summarised: bool = False,
) -> dict:
    """The ``facts``, the date, and ``run(name, seed)`` for all names and ``facts["seeds"]``, each marked ``kind``.

    With ``output`` the file is written after every run, and runs that it holds already are not run again; ``part`` is
    the entry of the file that is meant, where it holds several. With ``summarised`` the ``summary`` of all runs is kept
    beside them.
    Raises ValueError where the file holds another comparison.
    """
    stored = json.loads(output.read_text(encoding="utf-8")) if output and output.exists() else {}
    held = stored.get(part) if part else stored
    figures = held or {"date": results.today(), **facts, "runs": []}
    if any(figures.get(name) != value for name, value in facts.items()):
        raise ValueError(f"{output} holds another comparison than this one: name another file, or remove it first.")
    done = {(each[kind], each["seed"]) for each in figures["runs"]}
    for seed in facts["seeds"]:
        for name in names:
            if (name, seed) in done:
                continue
            figures["runs"].append({kind: name, "seed": seed, **run(name, seed)})
            print(f"seed {seed}, {name}: {figures['runs'][-1]}", file=sys.stderr, flush=True)
            if summarised:
                figures["summary"] = summary(kind, figures["runs"])
            if output:
                results.write({**stored, part: figures} if part else figures, output)
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


def parser(description: str, kind: str) -> argparse.ArgumentParser:
    """The options that every comparison has."""
    options = argparse.ArgumentParser(description=description.splitlines()[0])
    options.add_argument("--data", default=DATA[0], help=f"{' or '.join(DATA)} (default: {DATA[0]})")
    options.add_argument("--steps", type=int, default=2000, help="of training for each run (default: 2000)")
    options.add_argument("--seeds", type=int, default=3, help=f"runs of each {kind}, seeds from 0 (default: 3)")
    options.add_argument("--output", type=Path, help="also write the figures to this JSON file, after every run")
    return options


def command(
    options: argparse.ArgumentParser,
    table: Callable[[argparse.Namespace], str],
    arguments: Sequence[str] | None,
) -> int:
    """Print the table that ``options`` ask for; 2, and one sentence, where the command is at fault."""
    chosen = options.parse_args(arguments)
    try:
        if chosen.data not in DATA:
            raise ValueError(f"The comparison has no data set {chosen.data!r}: choose {' or '.join(DATA)}.")
        if chosen.steps < 1 or chosen.seeds < 1:
            raise ValueError(f"A comparison takes at least 1 step and 1 seed, not {chosen.steps} and {chosen.seeds}.")
        print(table(chosen))
    except (ValueError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0
