"""The course's recipe for digits, as its benchmark and its comparisons train it: the nets of chapter 10 and Adam."""

from torch import nn

from ganlib import models

SIZE, WIDTH, LATENT, BATCH = 32, 16, 64, 32
LR, BETAS, DECAY = 2e-3, (0.0, 0.99), 0.998


def generator(channels: int = 1, latent: int = LATENT) -> nn.Sequential:
    """The narrow DCGAN's generator."""
    return models.dcgan_generator(SIZE, channels, WIDTH, latent)


def discriminator(channels: int = 1) -> nn.Sequential:
    """Its discriminator, without normalisation."""
    return models.dcgan_discriminator(SIZE, channels, WIDTH, norm=None)
