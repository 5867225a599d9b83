"""The course's recipe for digits, the nets of chapter 10 and Adam, and how the experiments train players by it.

A comparison changes what it compares and keeps the rest: it makes ``players`` and calls ``train``, or ``fit`` where a
run that diverges must end.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler

from ganlib import models, penalties, training

SIZE, WIDTH, LATENT, BATCH = 32, 16, 64, 32
LR, BETAS, DECAY = 2e-3, (0.0, 0.99), 0.998
R1_WEIGHT, R1_EVERY = 0.2, 8  # where a run pays for the discriminator's slope


def generator(channels: int = 1, latent: int = LATENT) -> nn.Sequential:
    """The narrow DCGAN's generator."""
    return models.dcgan_generator(SIZE, channels, WIDTH, latent)


def discriminator(channels: int = 1) -> nn.Sequential:
    """Its discriminator, without normalisation."""
    return models.dcgan_discriminator(SIZE, channels, WIDTH, norm=None)


def r1(weight: float = R1_WEIGHT) -> training.Penalty:
    """R1 at the data, with this weight."""
    return penalties.r1(weight)


def players(
    nets: Sequence[nn.Module] | None = None,
    lr: float | tuple[float, float] = LR,
    betas: tuple[float, float] = BETAS,
) -> training.Players:
    """The generator and the discriminator ``nets``, by default the recipe's, each with its Adam.

    ``lr`` is the learning rate of both, or a pair of rates, the generator's first.
    """
    nets = nets or (generator(), discriminator())
    rates = lr if isinstance(lr, tuple) else (lr, lr)
    return training.Players(*nets, *(training.adam(net, rate, betas) for net, rate in zip(nets, rates, strict=True)))


def fit(
    players: training.Players,
    batches: Iterable,
    steps: int,
    *,
    latent: int = LATENT,
    schedulers: Sequence[LRScheduler] | None = None,
    **settings: Any,
) -> training.History:
    """``training.fit`` with the recipe's latents, its learning rates on half a cosine, and no progress shown.

    ``settings`` are further ones of ``training.fit``. Raises what that raises.
    """
    if schedulers is None:
        schedulers = [CosineAnnealingLR(optimizer, steps) for optimizer in players[2:]]
    settings |= {"latent": latent, "steps": steps, "schedulers": schedulers}
    return training.fit(*players, batches, progress=False, **settings)


def train(
    players: training.Players,
    batches: Iterable,
    steps: int,
    *,
    decay: float = DECAY,
    clock: Callable[[], float] = time.process_time,
    **settings: Any,
) -> tuple[nn.Module, dict]:
    """The averaged generator after ``fit`` with these ``settings``, and what a comparison stores of the training.

    That is its ``seconds`` on the ``clock``, by default the CPU's, and where it diverged, ``diverged_at``, the step;
    the generator is then the last finite one. ``decay`` is that of the average.
    """
    ema = training.EMA(players.generator, decay)
    start, end = clock(), {}
    try:
        fit(players, batches, steps, ema=ema, **settings)
    except training.TrainingDiverged as stopped:
        end = {"diverged_at": len(stopped.history)}
    return ema.model, {"seconds": clock() - start, **end}


@torch.no_grad()
def sample(generator: nn.Module, n: int) -> Tensor:
    """``n`` images from latents of the recipe, made in parts that fit into memory."""
    return torch.cat([generator(z) for z in torch.randn(n, LATENT).split(500)])
