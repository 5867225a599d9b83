"""A GAN trained by PyTorch Lightning, as its own example writes one: a further row of ``experiments/bench.py``.

Importing this module imports pytorch_lightning, which takes some seconds; so it is imported where it is used.
"""

import copy
import logging
import time
import warnings
from collections.abc import Iterator, Sequence

import pytorch_lightning as lightning
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce
from torch.utils.data import DataLoader

from experiments.plain_baselines import LATENT, LR
from ganlib import models

logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)  # it tells what devices there are at each training


class Gan(lightning.LightningModule):
    """Manual optimisation with both optimisers toggled, the generator first, as in Lightning's example of a GAN.

    Adam has that example's settings. Source: ``examples/pytorch/domain_templates/generative_adversarial_net.py`` of
    Lightning's repository.
    """

    def __init__(self, net: str):
        super().__init__()
        self.automatic_optimization = False
        self.generator, self.discriminator = models.reference(net)

    def forward(self, z: Tensor) -> Tensor:
        return self.generator(z)

    def training_step(self, batch: tuple[Tensor, Tensor]) -> None:
        images, _ = batch
        g_optimizer, d_optimizer = self.optimizers()
        z = torch.randn(len(images), LATENT).type_as(images)
        real_labels, fake_labels = torch.ones(len(images)), torch.zeros(len(images))

        self.toggle_optimizer(g_optimizer)
        g_loss = bce(self.discriminator(self(z)), real_labels)
        g_optimizer.zero_grad()
        self.manual_backward(g_loss)
        g_optimizer.step()
        self.untoggle_optimizer(g_optimizer)

        self.toggle_optimizer(d_optimizer)
        fake_loss = bce(self.discriminator(self(z).detach()), fake_labels)
        d_loss = (bce(self.discriminator(images), real_labels) + fake_loss) / 2
        d_optimizer.zero_grad()
        self.manual_backward(d_loss)
        d_optimizer.step()
        self.untoggle_optimizer(d_optimizer)
        self.log_dict({"g_loss": g_loss, "d_loss": d_loss})

    def configure_optimizers(self) -> tuple[torch.optim.Adam, torch.optim.Adam]:
        players = self.generator, self.discriminator
        return tuple(torch.optim.Adam(player.parameters(), lr=LR, betas=(0.5, 0.999)) for player in players)


class Looks(lightning.Callback):
    """Keeps a copy of the generator past each of the rising ``budgets``, in seconds, and ends the training after.

    The clock starts with the training and stands still while a copy is made.
    """

    def __init__(self, budgets: Sequence[float]):
        self.left, self.seen, self.steps = list(budgets), [], 0

    def on_train_start(self, trainer: lightning.Trainer, module: Gan) -> None:
        self.start = time.perf_counter()

    def on_train_batch_end(self, trainer: lightning.Trainer, module: Gan, *_) -> None:
        self.steps += 1
        elapsed = time.perf_counter() - self.start
        if self.left and elapsed >= self.left[0]:
            paused = time.perf_counter()
            self.seen.append((copy.deepcopy(module.generator), self.steps, elapsed))
            self.left = self.left[1:]
            trainer.should_stop = not self.left
            self.start += time.perf_counter() - paused


class Clock(lightning.Callback):
    """The seconds of each step but the first, with the loading of its batch."""

    def __init__(self):
        self.ends: list[float] = []

    def on_train_batch_end(self, *_) -> None:
        self.ends.append(time.perf_counter())

    @property
    def seconds(self) -> float:
        return self.ends[-1] - self.ends[0]


def train(net: str, batches: DataLoader, budgets: Sequence[float]) -> Iterator[tuple[nn.Module, int, float]]:
    """Train the reference pair ``net`` past each of the rising ``budgets``: generator, steps, seconds used."""
    looks = Looks(budgets)
    _fit(Gan(net), batches, looks, max_epochs=-1)
    yield from looks.seen


def time_steps(module: Gan, batches: DataLoader, steps: int) -> float:
    """Seconds that ``steps`` steps take, once the first has set everything up."""
    clock = Clock()
    _fit(module, batches, clock, max_epochs=1, limit_train_batches=steps + 1)
    return clock.seconds


def _fit(module: Gan, batches: DataLoader, callback: lightning.Callback, **settings) -> None:
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about loaders without workers, which the other loops do without too
        trainer = lightning.Trainer(accelerator="cpu", devices=1, callbacks=[callback], **quiet, **settings)
        trainer.fit(module, batches)
