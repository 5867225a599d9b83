"""The course's recipe for digits, as its benchmark and its comparisons train it: the nets of chapter 10 and Adam."""

import torch
from torch import Tensor, nn

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


@torch.no_grad()
def sample(generator: nn.Module, n: int) -> Tensor:
    """``n`` images from latents of the recipe, made in parts that fit into memory."""
    return torch.cat([generator(z) for z in torch.randn(n, LATENT).split(500)])
