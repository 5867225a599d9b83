"""Divergences and distances of two distributions that are given as probability masses on one grid of the line.

Masses are tensors of shape (..., n), non-negative and with sum 1 over the last axis: a histogram, or a density
tabulated at equal spacing and multiplied by it. Leading axes are broadcast, so that a whole family of distributions is
one call. The first three do not ask how far apart two points lie; the last one does. Where a mass is 0 the gradient of
the first two in it is not defined, and autograd gives NaN.
"""

import math

import torch
from torch import Tensor


def kl(p: Tensor, q: Tensor) -> Tensor:
    """The Kullback-Leibler divergence sum p log(p/q) in nats, shape (...); infinite where q = 0 and p > 0."""
    _check(p, q)
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum(-1)


def jensen_shannon(p: Tensor, q: Tensor) -> Tensor:
    """The mean divergence of both from their mixture, in nats: 0 where they agree, log 2 where they do not overlap.

    Source: Lin 1991, with equal weights.
    """
    _check(p, q)
    both = p + q  # twice the mixture: halving the smallest floats would give 0
    apart = torch.xlogy(p, p) + torch.xlogy(q, q) - torch.xlogy(p, both) - torch.xlogy(q, both)
    return (apart + both * math.log(2)).sum(-1) / 2


def total_variation(p: Tensor, q: Tensor) -> Tensor:
    """The largest difference of probability that any event has: sum |p - q| / 2, between 0 and 1."""
    _check(p, q)
    return (p - q).abs().sum(-1) / 2


def wasserstein1(p: Tensor, q: Tensor, spacing: float) -> Tensor:
    """The Wasserstein-1 distance: the area between the two distribution functions, in the units of ``spacing``.

    Source: Vallender 1974.
    """
    _check(p, q)
    return spacing * (p - q).cumsum(-1).abs().sum(-1)


def _check(p: Tensor, q: Tensor) -> None:
    if p.shape[-1] != q.shape[-1]:
        raise ValueError(
            f"The two distributions must lie on the same grid, but they have {p.shape[-1]} and {q.shape[-1]} masses."
        )
    for each in (p, q):
        total = each.sum(-1)
        if each.min() < 0 or not torch.allclose(total, torch.ones_like(total), atol=1e-4):
            raise ValueError(
                "Masses must not be negative and must sum to 1 over the last axis: multiply a density by the spacing "
                "of its grid, and make the grid wide enough."
            )
