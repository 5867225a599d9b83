"""Modes of colour digits: which of 1,000 triples of digits samples show, and how evenly."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ganlib.features import classify_digits
from ganlib.metrics import kl_to_uniform


class Modes(NamedTuple):
    """How samples spread over modes: samples of each mode (K,), and KL(samples over modes || uniform) in nats."""

    counts: Tensor
    kl: float

    def covered(self, at_least: int = 1) -> int:
        """How many modes received at least so many samples."""
        return int((self.counts >= at_least).sum())


def classify_triples(images: Tensor) -> Tensor:
    """The triple of digits in each colour image, from 0 to 999: int64 (N,), the hundreds read in the red channel.

    ``images`` are floats in [-1, 1] of shape (N, 3, H, W); each channel is read by the digit network.
    """
    if images.dim() != 4 or images.shape[1] != 3:
        raise ValueError(f"Triples are read from images of shape (N, 3, H, W), not {tuple(images.shape)}.")
    digits = classify_digits(images.flatten(0, 1).unsqueeze(1)).argmax(1).view(-1, 3)
    return digits @ torch.tensor([100, 10, 1], device=digits.device)


def count_modes(labels: Tensor, modes: int = 1000) -> Modes:
    """Counts and KL of ``labels`` (N,), each from 0 to ``modes`` - 1.

    The KL is biased upwards: ``perfect_kl`` is what uniform samples score. Source: Srivastava et al. 2017 (VEEGAN).
    """
    if len(labels) == 0 or not 0 <= labels.min() <= labels.max() < modes:
        raise ValueError(f"Labels must be at least one number from 0 to {modes - 1}.")
    counts = torch.bincount(labels, minlength=modes)
    return Modes(counts, kl_to_uniform(counts))


def perfect_kl(n: int, modes: int = 1000) -> float:
    """The expected KL of ``n`` uniform samples over ``modes`` modes, in nats: the floor of every sampler's score.

    The mean over the binomial distribution of one mode's count; about (modes - 1) / (2 n) for n above some 5 a mode.
    """
    if n < 1 or modes < 2:
        raise ValueError(f"A floor takes at least 1 sample and 2 modes, not {n} and {modes}.")
    count = torch.arange(1, n + 1, dtype=torch.float64)
    log_ways = math.lgamma(n + 1) - torch.lgamma(count + 1) - torch.lgamma(n - count + 1)
    chance = (log_ways - count * math.log(modes) + (n - count) * math.log1p(-1 / modes)).exp()
    share = count / n
    return modes * (chance * torch.special.xlogy(share, share * modes)).sum().item()
