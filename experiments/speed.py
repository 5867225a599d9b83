"""What each change to the training step saves, and how its cost grows: the figures of chapter 17.

    python -m experiments speed [--rounds 5] [--output FILE]

Five changes are measured, each alone, on and off in alternating chunks of steps; CUDA graphs, which need a GPU, against
``torch.compile``, which records them. Then the time and the memory of a step are measured against batch, width, size
and the number of processes. On a CPU with one thread the time is that which the processor worked for this process,
which other programs disturb little; on a GPU, and for the processes, it is the clock's.
"""

import argparse
import copy
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode
from torchvision import transforms

from experiments import recipe, stored
from experiments.bench_rates import InBfloat16
from experiments.plain_baselines import PilDigits
from experiments.stored import ROOT
from ganlib import images, models, penalties, runtime, training

ITSELF = ("-m", "experiments.speed")  # how it starts processes of its own
BASE = {"batch": 32, "width": 16, "size": 32}
GRID = {"batch": (8, 16, 32, 64, 128, 256), "width": (8, 16, 32, 64), "size": (8, 16, 32, 64)}
HELD_OUT = {"batch": 64, "width": 64, "size": 64}  # measured, and no part of any fit
PROCESSES, SHARED_BATCH = (1, 2, 4), 128


Wrap = Callable[[nn.Module], nn.Module]


def as_it_is(net: nn.Module) -> nn.Module:
    return net


class Game:
    """A pair of nets with their optimisers and batches, which can train for some steps."""

    def __init__(self, nets: tuple[nn.Module, nn.Module], batches: Iterator[Tensor], latent: int):
        self.players = (*nets, *(training.adam(net) for net in nets))
        self.batches, self.latent = batches, latent

    def train(self, steps: int, penalty: training.Penalty | None = None) -> None:
        for _ in range(steps):
            real = next(self.batches)
            training.step(*self.players, real, torch.randn(len(real), self.latent, device=real.device), penalty=penalty)


def now(device: torch.device) -> float:
    """Seconds: of the processor's work where that is the device, else of the clock once the GPU is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return time.perf_counter()
    return time.process_time()


def timed(game: Game, steps: int, device: torch.device) -> float:
    """Milliseconds a step."""
    start = now(device)
    game.train(steps)
    return (now(device) - start) / steps * 1000


def loader(data: images.ImageSet, batch: int, device: torch.device) -> Iterator[Tensor]:
    """Batches as most programs read them: one PIL image at a time, through a transform."""
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    while True:
        for real, _ in DataLoader(PilDigits(data, transform), batch_size=batch, shuffle=True, drop_last=True):
            yield real.to(device)


def alone(data: images.ImageSet, device: torch.device, rounds: int) -> dict:
    """Milliseconds a step without and with each change, on the recipe's nets and on the reference net of chapter 10."""
    nets = {
        "recipe": ((recipe.generator(), recipe.discriminator()), recipe.LATENT, recipe.BATCH, 20),
        "dcgan-32": (models.reference("dcgan-32"), 100, 64, 2),
    }
    changes: dict[str, tuple[Wrap, Wrap]] = {  # what a net is without and with the change
        "data in memory": (as_it_is, as_it_is),
        "channels_last": (as_it_is, lambda net: net.to(memory_format=torch.channels_last)),
        "bf16 autocast": (as_it_is, InBfloat16),
        "torch.compile": (as_it_is, torch.compile),
    }
    if device.type == "cuda":
        changes["CUDA graphs"] = (torch.compile, partial(torch.compile, mode="reduce-overhead"))
    figures: dict[str, dict] = {}
    for name, (pair, latent, batch, steps) in nets.items():
        figures[name] = {"batch": batch, "steps a chunk": steps}
        for change, wraps in changes.items():
            fast = data.batches(batch)
            slow = loader(data, batch, device) if change == "data in memory" else fast
            games = {}
            for way, wrap, batches in zip(("off", "on"), wraps, (slow, fast), strict=True):
                games[way] = Game(tuple(wrap(copy.deepcopy(net).to(device)) for net in pair), batches, latent)
            start = time.perf_counter()
            games["on"].train(3)  # compiles, where there is something to compile
            first = time.perf_counter() - start
            took: dict[str, list[float]] = {"off": [], "on": []}
            for way in ["off", "on"] + ["off", "on", "on", "off"] * rounds:  # ABBA, so that a steady drift cancels
                took[way].append(timed(games[way], steps, device))
            took = {way: times[1:] for way, times in took.items()}
            ratios = sorted(off / on for off, on in zip(took["off"], took["on"], strict=True))
            figures[name][change] = {way: median(times) for way, times in took.items()}
            figures[name][change] |= {"times as fast": median(ratios), "chunks": [ratios[0], ratios[-1]]}
            figures[name][change]["seconds of the first steps"] = first
            print(f"{name}, {change}: {figures[name][change]}", file=sys.stderr, flush=True)
    figures["R1 under torch.compile"] = penalty_compiled(data, device)
    return figures


def penalty_compiled(data: images.ImageSet, device: torch.device) -> str:
    """What PyTorch says when a compiled discriminator is to pay for its slope."""
    nets = recipe.generator().to(device), torch.compile(recipe.discriminator().to(device))
    game = Game(nets, data.batches(8), recipe.LATENT)
    try:
        game.train(1, penalties.r1(1.0))
    except (RuntimeError, ValueError) as error:
        return str(error).splitlines()[0]
    return "trains"


def cost_of(batch: int, width: int, size: int, device: torch.device, seconds: float = 2.0) -> dict:
    """Milliseconds, floating-point operations and memory of a step of this size, for a process of its own."""
    runtime.seed_everything(0)
    pair = models.dcgan_generator(size, 1, width, 64), models.dcgan_discriminator(size, 1, width, norm=None)
    real = torch.rand(batch, 1, size, size, device=device) * 2 - 1
    game = Game(tuple(net.to(device) for net in pair), iter(lambda: real, None), 64)
    before = peak_bytes(device)
    with FlopCounterMode(display=False) as counter:
        game.train(1)
    game.train(2)
    one = timed(game, 1, device)
    times = [timed(game, max(1, int(seconds * 200 / one)), device) for _ in range(5)]  # five chunks of a fifth each
    figures = {"batch": batch, "width": width, "size": size, "ms": min(times), "ms of all chunks": times}
    figures |= {"flops": counter.get_total_flops(), "parameters": sum(map(models.parameter_count, pair))}
    peak = max(before, peak_bytes(device))  # Linux adds its cores' counts of pages up late: a peak may seem to fall
    return figures | {"bytes before": before, "bytes at the peak": peak}


def peak_bytes(device: torch.device) -> int:
    """The most memory that this process has held so far: of the GPU where there is one, else of the machine."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if (status := Path("/proc/self/status")).exists():  # Linux, whose getrusage would begin with the parent's peak
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1]) * 1024
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def cost(rounds: int) -> dict:
    """``cost_of`` along each axis of GRID, and at HELD_OUT; each in a process of its own, for the memory's sake."""
    figures: dict[str, list | dict] = {}
    for axis, values in GRID.items():
        figures[axis] = [fresh({**BASE, axis: value}, rounds) for value in values]
    return figures | {"held out": fresh(HELD_OUT, rounds)}


def fresh(setting: dict[str, int], rounds: int) -> dict:
    command = [sys.executable, *ITSELF, "--one", json.dumps(setting), "--rounds", str(rounds)]
    figures = json.loads(subprocess.check_output(command, text=True, cwd=ROOT))
    print(figures, file=sys.stderr, flush=True)
    return figures


def processes() -> list[dict]:
    """A step of a batch of SHARED_BATCH in several CPU processes: the clock's time, and the work of one of them."""
    figures = []
    for number in PROCESSES:
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(number)]
        said = subprocess.check_output([sys.executable, *launcher, *ITSELF, "--share"], text=True, cwd=ROOT)
        figures.append(json.loads(said.splitlines()[-1]))
        print(figures[-1], file=sys.stderr, flush=True)
    return figures


def share(steps: int = 30, chunks: int = 5) -> dict:
    """What one of several processes measures of training on its share of each batch."""
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    torch.set_num_threads(1)  # Accelerate has chosen a number by itself
    runtime.seed_everything(0)
    pair = models.dcgan_generator(32, 1, 16, 64, None), recipe.discriminator()
    players = accelerator.prepare(*pair, *(training.adam(net) for net in pair))
    real = torch.rand(SHARED_BATCH // accelerator.num_processes, 1, 32, 32) * 2 - 1
    times = []
    for chunk in range(chunks + 1):
        start, worked = time.perf_counter(), time.process_time()
        for _ in range(steps):
            training.step(*players, real, torch.randn(len(real), 64), backward=accelerator.backward)
        ended = time.perf_counter(), time.process_time()
        if chunk:  # the first warms up
            times.append(((ended[0] - start) / steps * 1000, (ended[1] - worked) / steps * 1000))
    wall, work = (min(column) for column in zip(*times, strict=True))
    parameters = sum(map(models.parameter_count, pair))
    number = accelerator.num_processes
    if not accelerator.is_main_process:
        return {}
    figures = {"processes": number, "threads of each": torch.get_num_threads(), "parameters": parameters}
    return figures | {"ms by the clock": wall, "ms of work": work}


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=stored.count, default=5, help="of four chunks of steps")


def run(record: stored.Record, rounds: int) -> dict:
    """The figures of all parts."""
    record.device = device = set_up()
    figures = {"data": "glyphs", "load": load()}
    figures["alone"] = alone(images.load("glyphs").resized(recipe.SIZE).to(device), device, rounds)
    return record.keep(figures | {"cost": cost(rounds), "processes": processes()})


def set_up() -> torch.device:
    """One thread, and a compiler that reads nothing that an earlier run has compiled; returns the device."""
    torch.set_num_threads(1)
    os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"
    return runtime.device()


def load() -> float | None:
    """How many programs wanted a processor in the last minute, as the machine tells: near 0 where it was quiet."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def table(figures: dict) -> str:
    """The figures as they are stored."""
    return json.dumps(figures, indent=2, ensure_ascii=False)


def child(arguments: list[str] | None = None) -> int:
    """A process of its own, for ``cost`` or ``processes``: prints its figures as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--one", type=json.loads, help="the setting of a step")
    parser.add_argument("--share", action="store_true", help="as one of several processes")
    chosen = parser.parse_args(arguments)
    device = set_up()
    figures = share() if chosen.share else cost_of(**chosen.one, device=device, seconds=0.4 * chosen.rounds)
    print(json.dumps(figures) if figures else "", end="\n" if figures else "")
    return 0


if __name__ == "__main__":
    sys.exit(child())
