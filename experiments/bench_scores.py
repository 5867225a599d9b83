"""What the parts of ``experiments/bench.py`` share: samples, their Fréchet distance, and goals."""

import math

import torch
from torch import nn

from ganlib import features, images, metrics


class Scorer:
    """The Fréchet distance of images to ``n`` test images of a data set, in the features of the digit network."""

    def __init__(self, name: str, n: int = 10_000):
        test = images.load(name, train=False)
        self.n = min(n, len(test))
        self.features = features.digit_features(test[: self.n].floats())

    def __call__(self, pictures: torch.Tensor) -> float:
        return metrics.frechet_distance(features.digit_features(pictures), self.features)

    def better_mode(self, generator: nn.Module, latent: int) -> tuple[float, str]:
        """The distance of ``n`` samples, drawn in evaluation and in training mode: the smaller one and its mode."""
        modes = ("eval", "train")
        return min((self(sample(generator, self.n, latent, mode == "train")), mode) for mode in modes)


@torch.no_grad()
def sample(generator: nn.Module, n: int, latent: int, train: bool = False) -> torch.Tensor:
    """``n`` images, made in evaluation mode or, with ``train``, with BatchNorm's statistics of batches of 64."""
    generator.train(train)
    return torch.cat([generator(torch.randn(64, latent)) for _ in range(math.ceil(n / 64))])[:n]


def goal(claim: str, measured: float, at_most: float | None = None, at_least: float | None = None) -> dict:
    """A claim, the figure for it, its bound, which is the one that is given, and whether it holds."""
    met = measured <= at_most if at_least is None else measured >= at_least
    bound = {"at_most": at_most} if at_least is None else {"at_least": at_least}
    return {"claim": claim, "measured": measured, **bound, "met": met}
