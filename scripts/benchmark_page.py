"""The tables of the page "Benchmark", from what the benchmarks left in chapters/results."""

import json
from pathlib import Path
from statistics import mean


def benchmark_tables(results: Path) -> str:
    """Markdown for every stored benchmark, each with the command, the machine and the date that made it."""
    parts = []
    for name, section in (("bench.json", speed), ("modes.json", modes)):
        if (results / name).is_file():
            parts.append(section(json.loads((results / name).read_text(encoding="utf-8"))))
        else:
            parts.append(f"No `{name}` is stored since the recipe last changed: `make bench` measures it.")
    return "\n\n".join(parts)


def speed(figures: dict) -> str:
    """Fréchet distance against seconds, the cost of a step and of an import."""
    text = []
    if part := figures.get("frechet"):
        runs = part["runs"]
        budgets = sorted({run["budget"] for done in runs.values() for run in done})
        cells = {method: [mean_of(done, budget) for budget in budgets] for method, done in runs.items()}
        rows = [[method, *(f"{value:.1f}" if value else "" for value in values)] for method, values in cells.items()]
        text += ["## Fréchet distance against seconds", "", provenance(figures), ""]
        text += [
            f"Distance of {part['samples']:,} samples to as many test images of {part['data']}, in the features of the "
            f"digit network; training images score {part['floor']:.2f}. Lower is better.",
            "",
            table(["seconds of training", *(f"{budget:g}" for budget in budgets)], rows),
            "",
            table(["goal", "measured", "at most"], [goal_row(each) for each in part["goals"]]),
        ]
    if part := figures.get("fit"):
        steps = part["milliseconds a step"]
        rows = [[net, *(f"{took[way]:.2f}" for way in ("fit", "bare"))] for net, took in steps.items()]
        text += ["", "## What the loop costs", "", "`fit` beside the same step with nothing around it.", ""]
        text += [table(["milliseconds a step", "fit", "bare"], rows)]
    if part := figures.get("import"):
        text += ["", f"`import ganlib.losses` takes {1000 * part['median']:.1f} ms after `import torch` (median)."]
    return "\n".join(text)


def modes(figures: dict) -> str:
    """Modes covered on the ring and the grid, a row a seed."""
    columns = ["modes", "modes by 20", "high quality", "reverse KL", "CPU-seconds"]
    rows = [
        [name, str(run["seed"]), *(shown(column, run[column]) for column in columns)]
        for name, runs in figures["runs"].items()
        for run in runs
    ]
    text = ["## Modes covered", "", provenance(figures), ""]
    return "\n".join([*text, table(["data", "seed", *columns], rows)])


def shown(column: str, value: float) -> str:
    formats = {"high quality": "{:.1%}", "reverse KL": "{:.4f}", "CPU-seconds": "{:.0f}"}
    return formats.get(column, "{}").format(value)


def goal_row(goal: dict) -> list[str]:
    return [f"{goal['claim']}", f"{goal['measured']:.3f}", f"{goal['at_most']:.3f}"]


def mean_of(runs: list[dict], budget: float) -> float | None:
    scores = [run["frechet"] for run in runs if run["budget"] == budget]
    return mean(scores) if scores else None


def provenance(figures: dict) -> str:
    seeds = ", ".join(map(str, figures["seeds"]))
    machine = f"{figures['cpu']}, {figures['cores']} cores, {figures['threads']} threads, PyTorch {figures['torch']}"
    return f"Made by `{figures['command']}` on {figures['date']} ({machine}; seeds: {seeds})."


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, [":--", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
