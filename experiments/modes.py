"""How many modes the recipe of the chapter on critics covers, on the ring of 8 and the grid of 25, and at what cost.

    python -m experiments modes [--seeds 3] [--output FILE]

The recipe is trained once a seed on each data set, and other critics on the ring, all for the same number of steps.
Everything runs on one thread. The exit status is 1 where a goal is missed.
"""

import argparse
import functools
import math
import sys
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm
from torch.optim.lr_scheduler import CosineAnnealingLR

from experiments import recipe, stored
from ganlib import losses, metrics, penalties, runtime, toy, training

LATENT, WIDTH, BATCH, SAMPLES = 2, 128, 128, 2500
LR, BETAS = 1e-3, (0.0, 0.99)
METHOD_STEPS = 2000


class Trial(NamedTuple):
    """A data set, the length of its run, the weights that the penalty falls between, and the goals of the run."""

    data: toy.GaussianMixture
    steps: int
    gamma: tuple[float, float]
    decay: float
    modes: int
    high_quality: float
    reverse_kl: float
    seconds: float


TRIALS = {
    "ring of 8": Trial(toy.ring(), 5000, (0.1, 0.001), 0.995, 8, 0.93, 0.01, 40),
    "grid of 25": Trial(toy.grid(), 9000, (0.1, 0.001), 0.995, 25, 0.90, 0.02, 70),
}


def falling(start: float, end: float, steps: int) -> Callable[[int], float]:
    """The penalty's weight at each step: from ``start`` to ``end`` geometrically by half the run, then constant."""
    return lambda done: start * (end / start) ** min(2 * done / steps, 1)


def mlp(inputs: int, outputs: int, activation: nn.Module, layer: Callable[..., nn.Module] = nn.Linear) -> nn.Sequential:
    """Three hidden layers."""
    sizes = [inputs, WIDTH, WIDTH, WIDTH]
    hidden = [part for a, b in zip(sizes, sizes[1:], strict=False) for part in (layer(a, b), activation)]
    return nn.Sequential(*hidden, layer(WIDTH, outputs))


def train(
    data: toy.GaussianMixture,
    seed: int,
    steps: int,
    decay: float = 0.995,
    game: losses.Game = losses.relativistic,
    penalty: Callable[[nn.Module], training.Penalty] | None = None,
    every: int = 1,
    layer: Callable[..., nn.Module] = nn.Linear,
    clip: float | None = None,
) -> dict:
    """Train once and score 2,500 samples of the averaged generator; the seconds are those of training, on the CPU."""
    runtime.seed_everything(seed)
    scale = data.std()
    generator = mlp(LATENT, 2, nn.ReLU())
    discriminator = nn.Sequential(mlp(2, 1, nn.LeakyReLU(0.2), layer), nn.Flatten(0))
    players = recipe.players((generator, discriminator), LR, BETAS)
    if clip is not None:
        weights = list(discriminator.parameters())
        players.d_optimizer.register_step_post_hook(lambda *_: [weight.data.clamp_(-clip, clip) for weight in weights])
    ema, cost = recipe.train(
        players,
        iter(lambda: data.sample(BATCH) / scale, None),
        steps,
        decay=decay,
        latent=LATENT,
        schedulers=[CosineAnnealingLR(optimizer, steps, 0.02 * LR) for optimizer in players[2:]],
        game=game,
        penalty=penalty and penalty(discriminator),
        penalty_every=every,
    )
    with torch.no_grad():
        coverage = metrics.mode_coverage(ema(torch.randn(SAMPLES, LATENT)) * scale, data)
    scores = {"modes": coverage.modes(), "modes by 20": coverage.modes(20), "high quality": coverage.high_quality}
    scores |= {"reverse KL": coverage.reverse_kl, "CPU-seconds": cost["seconds"], "diverged": "diverged_at" in cost}
    return {"seed": seed, **scores}


def train_recipe(trial: Trial, seed: int) -> dict:
    """The recipe on one data set."""
    penalty = penalties.r1_and_r2(falling(*trial.gamma, trial.steps))
    return train(trial.data, seed, trial.steps, trial.decay, penalty=lambda _: penalty)


def goals(name: str, trial: Trial, run: dict) -> list[dict]:
    """What one run promises, and whether it kept it."""
    asked = [("modes by 20", trial.modes, 1), ("high quality", trial.high_quality, 1)]
    asked += [("reverse KL", trial.reverse_kl, -1), ("CPU-seconds", trial.seconds, -1)]
    return [
        {
            "claim": f"{name}, seed {run['seed']}: {what} {'at least' if sign > 0 else 'at most'} {bound:g}",
            "measured": run[what],
            "met": math.isfinite(run[what]) and sign * run[what] >= sign * bound,
        }
        for what, bound, sign in asked
    ]


def methods() -> dict[str, Callable[[int], dict]]:
    """Critics for one comparison: each on the ring, with the recipe's networks, optimiser and number of steps."""
    ring, steps = TRIALS["ring of 8"], METHOD_STEPS
    run = functools.partial(train, ring.data, steps=steps)
    weight = falling(*ring.gamma, steps)
    at_real, at_both = (lambda _: penalties.r1(weight)), (lambda _: penalties.r1_and_r2(weight))
    between = functools.partial(penalties.gradient_penalty, 1.0)
    plain, paired, scores = losses.non_saturating, losses.relativistic, losses.wasserstein
    return {
        "non-saturating": lambda seed: run(seed=seed, game=plain),
        "Wasserstein, clipped at 0.01": lambda seed: run(seed=seed, game=scores, clip=0.01),
        "Wasserstein, clipped at 0.1": lambda seed: run(seed=seed, game=scores, clip=0.1),
        "Wasserstein + gradient penalty": lambda seed: run(seed=seed, game=scores, penalty=between),
        "hinge + spectral norm": lambda seed: run(
            seed=seed, game=losses.hinge, layer=lambda *sizes: spectral_norm(nn.Linear(*sizes))
        ),
        "non-saturating + R1": lambda seed: run(seed=seed, game=plain, penalty=at_real),
        "non-saturating + R1 + R2": lambda seed: run(seed=seed, game=plain, penalty=at_both),
        "relativistic": lambda seed: run(seed=seed, game=paired),
        "relativistic + R1": lambda seed: run(seed=seed, game=paired, penalty=at_real),
        "relativistic + R1 + R2": lambda seed: run(seed=seed, game=paired, penalty=at_both),
        "relativistic + R1 + R2, lazy": lambda seed: run(seed=seed, game=paired, penalty=at_both, every=16),
    }


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=stored.count, default=3, help="runs of each kind, seeds from 0")


def run(record: stored.Record, seeds: int) -> dict:
    """All runs and goals."""
    torch.set_num_threads(1)  # products of matrices this small gain nothing from a second thread
    figures: dict = {"seeds": list(range(seeds)), "samples": SAMPLES, "runs": {}, "goals": []}
    for name, trial in TRIALS.items():
        figures["runs"][name] = [report(name, train_recipe(trial, seed)) for seed in range(seeds)]
        figures["goals"] += [goal for each in figures["runs"][name] for goal in goals(name, trial, each)]
    figures["method steps"] = METHOD_STEPS
    figures["methods"] = {name: [report(name, once(seed)) for seed in range(seeds)] for name, once in methods().items()}
    return record.keep(figures)


def report(name: str, run: dict) -> dict:
    """Say on the way what one run scored, and hand it on."""
    print(f"  {name}, seed {run['seed']}: {line(run)}", file=sys.stderr, flush=True)
    return run


def line(run: dict) -> str:
    scores = f"{run['modes']:3}{run['modes by 20']:6}{run['high quality']:8.3f}{run['reverse KL']:9.4f}"
    return f"{scores}{run['CPU-seconds']:8.1f}" + ("  diverged" if run["diverged"] else "")


def table(figures: dict) -> str:
    """The runs as text, then the goals."""
    lines = []
    for part in ("runs", "methods"):
        lines += ["", f"{'':32}{'seed':>5}{'modes':>6}{'by 20':>6}{'HQ':>8}{'rev. KL':>9}{'CPU-s':>8}"]
        lines += [f"{n:32}{run['seed']:5}   {line(run)}" for n, runs in figures[part].items() for run in runs]
    for each in figures["goals"]:
        lines += [f"{each['claim']:52}{each['measured']:9.4g}  {'met' if each['met'] else 'MISSED'}"]
    return "\n".join(lines)
