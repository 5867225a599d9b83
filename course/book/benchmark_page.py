"""The tables of the page "Benchmark", from what the benchmarks stored."""

import json
from pathlib import Path
from statistics import mean

import matplotlib.pyplot as plt

from ganlib import plots, results

CURVES = "benchmark.svg"


def benchmark_tables(stored: Path, folder: Path) -> str:
    """Markdown for every stored benchmark, each with what made it; its figure is drawn into ``folder``."""
    parts = []
    for name, section in (("bench.json", speed), ("modes.json", modes)):
        if not (stored / name).is_file():
            parts.append(f"No `{name}` is stored since the recipe last changed: `make bench` measures it.")
            continue
        figures = json.loads((stored / name).read_text(encoding="utf-8"))
        parts.append(section(figures))
        if "frechet" in figures:
            draw_curves(figures["frechet"], folder / CURVES)
    return "\n\n".join(parts)


def draw_curves(part: dict, file: Path) -> None:
    """Fréchet distance against seconds of training, a line for each method, both axes logarithmic."""
    plots.use_style()
    plt.rcParams["svg.hashsalt"] = "benchmark"  # the same file from the same figures
    fig, axis = plt.subplots(figsize=(plots.WIDTH, 4.2))
    for (method, runs), marker in zip(part["runs"].items(), "osD^vP", strict=False):
        budgets = sorted({run["budget"] for run in runs})
        axis.loglog(budgets, [mean_of(runs, budget) for budget in budgets], marker + "-", label=method)
    axis.axhline(part["floor"], color="0.4", linestyle=":", label="training images")
    ticks = sorted({run["budget"] for runs in part["runs"].values() for run in runs})
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.minorticks_off()
    axis.set(xlabel="seconds of training", ylabel="Fréchet distance")
    fig.legend(loc="outside upper center", ncols=2, frameon=False)
    fig.savefig(file, metadata={"Date": None})
    plt.close(fig)


def speed(figures: dict) -> str:
    """Fréchet distance against seconds, images a second, the cost of a step and of an import."""
    text = []
    if part := figures.get("frechet"):
        runs = part["runs"]
        budgets = sorted({run["budget"] for done in runs.values() for run in done})
        cells = {method: [mean_of(done, budget) for budget in budgets] for method, done in runs.items()}
        rows = [[method, *(f"{value:.1f}" if value else "" for value in values)] for method, values in cells.items()]
        text += ["## Fréchet distance against seconds", "", provenance(part), ""]
        text += [
            f"Distance of {part['samples']:,} samples to as many test images of {part['data']}, in the features of the "
            f"digit network; training images score {part['floor']:.2f}. Lower is better.",
            "",
            table(["seconds of training", *(f"{budget:g}" for budget in budgets)], rows),
            "",
            f":::{{figure}} {CURVES}\n:alt: Fréchet distance against seconds of training on logarithmic axes, "
            "a falling line for each method; the course's recipe lies far below the plain nets at every budget.\n\n"
            "Fréchet distance against seconds of training. Each mark of the recipe is a run of its own.\n:::",
            "",
            goals_table(part["goals"]),
        ]
    if part := figures.get("rates"):
        text += ["", *throughput(part)]
    if part := figures.get("precision"):
        text += ["", *both_precisions(part)]
    if part := figures.get("fit"):
        steps = part["milliseconds a step"]
        rows = [[net, *(f"{took[way]:.2f}" for way in ("fit", "bare"))] for net, took in steps.items()]
        text += ["", "## What the loop costs", "", provenance(part), ""]
        text += ["`fit` beside the same step with nothing around it.", ""]
        text += [table(["milliseconds a step", "fit", "bare"], rows)]
    if part := figures.get("import"):
        text += ["", f"`import ganlib.losses` takes {1000 * part['median']:.1f} ms after `import torch` (median)."]
    return "\n".join(text)


def throughput(part: dict) -> list[str]:
    """Images a second of each way on each net, and how many times the plain loop's that is."""
    nets = part["images a second"]
    rows = []
    fullest_first = sorted(nets.values(), key=len, reverse=True)  # its ways stand in the order in which each adds one
    for way in dict.fromkeys(way for rates in fullest_first for way in rates):
        cells = [(rates.get(way), rates["plain loop"]) for rates in nets.values()]
        rows.append([way, *(f"{rate:,.0f} ({rate / plain:.2f})" if rate else "" for rate, plain in cells)])
    said = (
        f"On {part['data']}, batches of {part['batch']}, with the loading of the data; in brackets, how many times the "
        f"plain loop's. All ways took turns in one process: medians of {part['chunks']} turns. Each row after "
        "Lightning's adds something to the row before it."
    )
    table_ = table(["images a second", *nets], rows)
    return ["## Images a second", "", provenance(part), "", said, "", table_, "", goals_table(part["goals"])]


def both_precisions(part: dict) -> list[str]:
    """What bfloat16 does to the Fréchet distance; nothing where the CPU has no such instructions."""
    if not part["runs"]:
        return ["This CPU has no bfloat16 instructions, so all of it is float32."]
    rows = []
    for net, runs in part["runs"].items():
        for kind in ("float32", "bfloat16"):
            each = ", ".join(f"{score:.0f}" for score in runs[kind])
            rows.append([net, f"{runs['steps']:,}", kind, f"{mean(runs[kind]):.0f}", each])
    said = f"What bfloat16 costs: the Fréchet distance of {part['samples']:,} samples after short runs, seed by seed."
    table_ = table(["net", "steps", "precision", "mean", "each seed"], rows)
    return [said, "", table_, "", goals_table(part["goals"])]


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


def goals_table(goals: list[dict]) -> str:
    rows = [[each["claim"], f"{each['measured']:.3f}", results.bound(each)] for each in goals]
    return table(["goal", "measured", "bound"], rows)


def mean_of(runs: list[dict], budget: float) -> float | None:
    scores = [run["frechet"] for run in runs if run["budget"] == budget]
    return mean(scores) if scores else None


def provenance(figures: dict) -> str:
    seeds = f"; seeds: {', '.join(map(str, figures['seeds']))}" if "seeds" in figures else ""
    machine = f"{figures['cpu']}, {figures['cores']} cores, {figures['threads']} threads, PyTorch {figures['torch']}"
    return f"Made by `{figures['command']}` on {figures['date']} ({machine}{seeds})."


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, [":--", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def grading_words(figures: dict) -> str:
    """What `python -m course.grading.bench` measured, and what it says of a class of 1,000 on eight cores."""
    each = figures["seconds"] * figures["workers"] / figures["copies"]
    minutes = 1000 * each / 8 / 60
    return (
        f"Measured by `{figures['command']}` on {figures['date']} ({figures['cpu']}, {figures['cores']} cores): "
        f"{figures['copies']} copies of a solution took {figures['seconds'] / 60:.1f} minutes "
        f"with {figures['workers']} workers, {each:.1f} seconds of a worker each. "
        "Python and PyTorch start anew for every one. "
        f"All copies had {figures['points']:g} points. "
        f"So a class of 1,000 takes about {minutes:.0f} minutes on eight such cores."
    )
