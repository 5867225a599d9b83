"""Images a second: the plain loop, Lightning and ganlib's way on the same nets, and what bfloat16 does to the images.

``experiments.bench`` runs this. All ways take turns in one process, at batches of 64, and load their data themselves.
"""

import itertools
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import mean, median

import torch
from torch import Tensor, nn

from experiments import plain_baselines
from experiments.bench_scores import Scorer, goal
from experiments.plain_baselines import BATCH, LATENT
from ganlib import images, models, runtime, training

NETS = {"net (a), mlp": ("mlp", 28), "net (c), DCGAN-32": ("dcgan-32", 32)}  # the reference pair, the images' size
CHUNK = {"mlp": 80, "dcgan-32": 10}  # steps between two turns, a second or so
JUDGED = {"mlp": 3000, "dcgan-32": 500}  # steps of the runs that bfloat16 is judged by
AT_LEAST, AT_MOST = 2, 1.5  # ganlib's images a second over the plain loop's; bfloat16's Fréchet over float32's
PLAIN, LIGHTNING, MEMORY = "plain loop", "Lightning", "plain loop, data in memory"
FIT, CHANNELS_LAST, BFLOAT16 = "ganlib: fit", "ganlib: fit, channels last", "ganlib: fit, bfloat16"

Way = Callable[[int], float]  # trains for so many steps; returns the seconds that they took


def has_bfloat16() -> bool:
    """Whether this CPU multiplies in bfloat16 by instructions of its own; without them it would only be slower."""
    known = torch.cpu.get_capabilities()
    return any(known.get(name, False) for name in ("amx_bf16", "avx512_bf16"))


class InBfloat16(nn.Module):
    """A network whose convolutions compute in bfloat16; its weights, and what it returns, are float32."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, torch.bfloat16):
            out = self.net(x)
        return out.float()  # the losses are computed from it, outside


@contextmanager
def bfloat16_products(allowed: bool) -> Iterator[None]:
    """Where ``allowed``, let PyTorch multiply float32 matrices in bfloat16: forwards and backwards, without casts."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium" if allowed else before)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


class Game:
    """The reference pair ``net`` as ganlib trains it: batches from memory, ``fit``, and what else is asked for.

    ``bfloat16`` acts on matrix products by PyTorch's setting of their precision. That does not reach convolutions,
    which compute in bfloat16 under autocast.
    """

    def __init__(self, net: str, data: images.ImageSet, channels_last: bool = False, bfloat16: bool = False):
        pair = models.reference(net)
        if channels_last:
            pair = [player.to(memory_format=torch.channels_last) for player in pair]
        self.generator, self.bfloat16 = pair[0], bfloat16
        players = [InBfloat16(player) for player in pair] if bfloat16 and is_convolutional(net) else pair
        self.fitted = *players, *(training.adam(player) for player in players), data.batches(BATCH)

    def train(self, steps: int) -> float:
        start = time.perf_counter()
        with bfloat16_products(self.bfloat16):
            training.fit(*self.fitted, latent=LATENT, steps=steps, progress=False)
        return time.perf_counter() - start


def is_convolutional(net: str) -> bool:
    return any(isinstance(module, nn.Conv2d) for module in models.reference(net)[1].modules())


def plain(net: str, batches: Iterator[Tensor]) -> Way:
    """The loop of ``plain_baselines``."""
    loop = plain_baselines.steps(*models.reference(net), batches)

    def way(steps: int) -> float:
        start = time.perf_counter()
        for _ in itertools.islice(loop, steps):
            pass
        return time.perf_counter() - start

    return way


def ways(net: str, name: str, data: images.ImageSet) -> dict[str, Way]:
    """The ways to train the reference pair ``net``; from the third on, each adds to the one before it."""
    from experiments import lightning_baseline  # some seconds

    size = dict(NETS.values())[net]
    own, shown = data.resized(size), plain_baselines.loader(name, data, (size - data.shape[-1]) // 2)
    module, layout = lightning_baseline.Gan(net), is_convolutional(net)
    trainers = {
        PLAIN: plain(net, plain_baselines.endless(shown)),
        LIGHTNING: lambda steps: lightning_baseline.time_steps(module, shown, steps),
        MEMORY: plain(net, own.batches(BATCH)),
        FIT: Game(net, own).train,
    }
    if layout:
        trainers[CHANNELS_LAST] = Game(net, own, layout).train
    if has_bfloat16():
        trainers[BFLOAT16] = Game(net, own, layout, bfloat16=True).train
    return trainers


def rates(name: str, rounds: int = 6, chunk: dict[str, int] = CHUNK) -> dict:
    """Images a second of each way on each net: medians over chunks, taken there and back, so that a drift cancels."""
    data = images.load(name)
    measured, goals = {}, []
    for label, (net, _) in NETS.items():
        runtime.seed_everything(0)
        trainers, steps = ways(net, name, data), chunk[net]
        took: dict[str, list[float]] = {way: [] for way in trainers}
        for way in [*trainers, *[*trainers, *reversed(trainers)] * rounds]:
            took[way].append(trainers[way](steps))
        per_second = {way: BATCH * steps / median(seconds[1:]) for way, seconds in took.items()}  # the first warms up
        best = list(trainers)[-1]
        goals.append(goal(f"{best} / {PLAIN}, {label}", per_second[best] / per_second[PLAIN], at_least=AT_LEAST))
        measured[label] = per_second
        print(f"  timed {label}: {goals[-1]['measured']:.2f}", file=sys.stderr, flush=True)
    return {"data": name, "batch": BATCH, "chunks": 2 * rounds, "images a second": measured, "goals": goals}


def precision(name: str, seeds: int = 2, samples: int = 10_000, steps: dict[str, int] = JUDGED) -> dict:
    """Fréchet distances after short runs of ganlib's way in float32 and in bfloat16, from the same seeds.

    There are no runs where the CPU has no instructions for bfloat16.
    """
    data, score = images.load(name), Scorer(name, samples)
    runs, goals = {}, []
    for label, (net, size) in NETS.items() if has_bfloat16() else ():
        own, layout = data.resized(size), is_convolutional(net)
        runs[label] = {"steps": steps[net], "float32": [], "bfloat16": []}
        for seed, kind in itertools.product(range(seeds), ("float32", "bfloat16")):
            runtime.seed_everything(seed)
            game = Game(net, own, layout, kind == "bfloat16")
            game.train(steps[net])
            runs[label][kind].append(score.better_mode(game.generator, LATENT)[0])
            print(f"  {label}, {kind}, seed {seed}: {runs[label][kind][-1]:.1f}", file=sys.stderr, flush=True)
        ratio = mean(runs[label]["bfloat16"]) / mean(runs[label]["float32"])
        goals.append(goal(f"Fréchet distance, bfloat16 / float32, {label}", ratio, AT_MOST))
    return {"data": name, "samples": score.n, "runs": runs, "goals": goals}
