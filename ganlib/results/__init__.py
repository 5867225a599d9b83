"""Stored results: figures of runs too long for a page, with the command, the date and the machine that made them."""

import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import torch

from ganlib import files, runtime

FOLDER = Path(__file__).parent
FACTS = ("command", "date", "cpu", "threads", "torch", "data", "steps", "samples", "seeds")


def stored(name: str, part: str | None = None) -> dict:
    """The figures that ganlib ships as ``results/<name>.json``, or their entry ``part``; prints what made them."""
    file = FOLDER / f"{name}.json"
    if not file.exists():
        there = ", ".join(sorted(path.stem for path in FOLDER.glob("*.json")))
        raise FileNotFoundError(f"No results are stored as {name!r}: there are {there}.")
    figures = json.loads(file.read_text(encoding="utf-8"))
    figures = figures[part] if part else figures
    for fact in FACTS:
        if fact in figures:
            print(f"{fact}: {figures[fact]}")
    return figures


def machine(device: torch.device | None = None) -> dict:
    """What figures are measured on: processor, threads and PyTorch; the GPU too where ``device`` is one."""
    cpuinfo = Path("/proc/cpuinfo")
    names = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    named = [line.split(":", 1)[1].strip() for line in names if line.startswith("model name")]
    cpu = named[0] if named else platform.processor() or platform.machine()
    gpu = {"gpu": torch.cuda.get_device_name(device)} if device is not None and device.type == "cuda" else {}
    return {"cpu": cpu, "cores": os.cpu_count(), "threads": torch.get_num_threads(), **gpu, "torch": torch.__version__}


def today() -> str:
    """The date of a measurement, by universal time."""
    return datetime.now(UTC).date().isoformat()


def keep(file: Path, content: bytes) -> None:
    """Write a result whole; raises ValueError in a rehearsal, whose figures are of nets that were hardly trained."""
    if runtime.rehearsed_steps():
        raise ValueError(f"{file} is not written, since this is a rehearsal: unset GANLIB_REHEARSAL to store results.")
    files.write(file, content)


def write(figures: dict, file: Path) -> None:
    """Write figures as JSON, as ``keep`` does."""
    keep(file, (json.dumps(figures, indent=2, ensure_ascii=False) + "\n").encode())


def bound(goal: dict) -> str:
    """The bound of a stored goal in words."""
    return f"at most {goal['at_most']:.3f}" if "at_most" in goal else f"at least {goal['at_least']:.3f}"
