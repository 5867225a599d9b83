"""The doctor's record: what it finds in the clinic's cases over seeds, and in the runs of the other chapters.

    python -m experiments doctor [--seeds 5] [--only clinic|chapters] [--output FILE]

The failure clinic is executed with each seed, and its dictionary ``diagnoses`` holds the faults that each case has and
those that the doctor named, its findings. The other chapters are executed as they are, with a doctor beside every
call of ``training.fit``; what it finds there is a false alarm, but for the runs that a chapter makes sick on purpose
and says so.
"""

import argparse
import itertools
import re
import sys
from collections.abc import Iterator

import matplotlib.pyplot as plt
import nbformat
import torch

from experiments import stored
from experiments.stored import ROOT
from ganlib import training
from ganlib.doctor import ENOUGH, Doctor

CLINIC = "14_failure_clinic"
CHAPTERS = ("08_taming_the_critic", "09_mlp_gan", "10_dcgan", "12_losses_on_images", "13_conditional")
SICK = {  # runs that a chapter makes sick on purpose, by their number in it, and the check of the chapter that says so
    ("08_taming_the_critic", 5): "oscillation",  # random weights without a penalty
    ("09_mlp_gan", 2): "discriminator wins",  # "discriminator's loss at the end, beta1 = 0.9"
}
REALS, LOOKS = 256, 20
SHORT = 100  # runs of fewer steps show how something is called, and train nothing


def code_of(chapter: str) -> list[str]:
    """The code cells of a chapter without the set-up, as plain Python."""
    cells = nbformat.read(ROOT / f"chapters/{chapter}.ipynb", as_version=4).cells
    return [re.sub(r"^(\s*)[%!].*", r"\1pass", cell.source, flags=re.M) for cell in cells if cell.cell_type == "code"]


def execute(cells: list[str]) -> dict:
    """Run code cells one after the other, without showing their figures; returns what they defined."""
    plt.switch_backend("agg")
    names = {"__name__": "__main__", "display": lambda *_: None}
    for cell in cells:
        exec(compile(cell, "chapter", "exec"), names)
        plt.close("all")
    return names


def clinic(seed: int) -> dict[str, tuple[set[str], set[str]]]:
    """The faults of each case of the clinic, and the doctor's findings, with ``SEED = seed``."""
    cells = code_of(CLINIC)
    seeded = [re.sub(r"^SEED = \d+", f"SEED = {seed}", cell, flags=re.M) for cell in cells]
    if seed and seeded == cells:
        raise ValueError(f"{CLINIC} has no line `SEED = …`, so it cannot be run with another seed.")
    return execute(seeded)["diagnoses"]


def watched(chapter: str) -> list[dict]:
    """The doctor's findings in each run of ``training.fit`` in a chapter."""
    runs, fit = [], training.fit

    def watching(generator, discriminator, g_optimizer, d_optimizer, batches, *, latent, steps, **options):
        if steps < SHORT or callable(latent):
            return fit(
                generator, discriminator, g_optimizer, d_optimizer, batches, latent=latent, steps=steps, **options
            )
        taken, batches = first_batches(iter(batches))
        real, *given = (torch.cat(part)[:REALS] for part in zip(*taken, strict=True))
        rules = {name: options[name] for name in ("game", "penalty") if name in options}
        doctor = Doctor(generator, discriminator, real, latent, given=given, ema=options.get("ema"), **rules)
        theirs, every = options.pop("callback", None), options.pop("callback_every", 1)

        def both(step: int) -> None:
            if step % max(1, steps // LOOKS) == 0:
                doctor(step)
            if theirs and step % every == 0:
                theirs(step)

        history = fit(
            generator,
            discriminator,
            g_optimizer,
            d_optimizer,
            batches,
            latent=latent,
            steps=steps,
            callback=both,
            **options,
        )
        findings = sorted(finding.name for finding in doctor.findings())
        facts = {"chapter": chapter, "run": len(runs) + 1, "steps": steps, "looks": len(doctor.looks)}
        sick = SICK.get((chapter, facts["run"]))
        runs.append({**facts, "findings": findings, "faults": [sick] if sick else []})
        print(runs[-1], vars(doctor.typical()), file=sys.stderr, flush=True)
        return history

    training.fit = watching
    try:
        execute(code_of(chapter))
    finally:
        training.fit = fit
    return [run for run in runs if run["looks"] >= ENOUGH]


def first_batches(batches: Iterator) -> tuple[list[tuple], Iterator]:
    """Batches enough for a doctor, and an iterator that yields them again."""
    taken, n = [], 0
    while n < REALS:
        taken.append(next(batches))
        first = taken[-1][0] if isinstance(taken[-1], tuple | list) else taken[-1]
        n += len(first)
    tuples = [item if isinstance(item, tuple | list) else (item,) for item in taken]
    return tuples, itertools.chain(taken, batches)


def record(cases: list[tuple[set[str], set[str]]]) -> dict:
    """Precision and recall over runs of (faults, findings), with the counts that they come from."""
    faults, findings = (sum(len(case[at]) for case in cases) for at in (0, 1))
    positives = sum(len(truth & names) for truth, names in cases)
    return {"runs": len(cases), "findings": findings, "faults": faults, "true positives": positives} | {
        "precision": positives / findings if findings else 1.0,
        "recall": positives / faults if faults else 1.0,
    }


def clinic_part(seeds: int) -> dict:
    """The clinic's cases with each seed, and the record over all of them."""
    diagnoses = [clinic(seed) for seed in range(seeds)]
    cases = {
        name: {"faults": sorted(truth), "findings": [sorted(each[name][1]) for each in diagnoses]}
        for name, (truth, _) in diagnoses[0].items()
    }
    for name, case in cases.items():
        print(f"{name}: {', '.join(case['faults']) or 'healthy'}; findings: {case['findings']}")
    counts = record([case for each in diagnoses for case in each.values()])
    return {"seeds": list(range(seeds)), **counts, "cases": cases}


def chapters_part(_: int) -> dict:
    """The runs of the other chapters, and how often the doctor was alarmed."""
    runs = [run for chapter in CHAPTERS for run in watched(chapter)]
    alarms = sum(len(set(run["findings"]) - set(run["faults"])) for run in runs)
    return {"healthy runs": sum(not run["faults"] for run in runs), "false alarms": alarms, "runs": runs}


PARTS = {"clinic": clinic_part, "chapters": chapters_part}


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=stored.count, default=5, help="of the clinic, from 0")
    parser.add_argument("--only", type=stored.one_of("part", PARTS), help=f"one part: {', '.join(PARTS)}")


def run(record: stored.Record, seeds: int, only: str | None) -> dict:
    """The figures of both parts, or of ``only`` one; each is kept as it comes."""
    torch.set_num_threads(1)
    return {name: record.keep(PARTS[name](seeds), name) for name in PARTS if only in (None, name)}


def table(figures: dict) -> str:
    """The counts of each part."""
    lines = []
    for name, part in figures.items():
        counts = {key: value for key, value in part.items() if not isinstance(value, dict | list | str)}
        lines.append(f"{name}: {', '.join(f'{key} {value:g}' for key, value in counts.items())}")
    return "\n".join(lines)
