"""Densities in one and two dimensions whose samples, log-densities and modes are known exactly."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class GaussianMixture:
    """A mixture of equally likely Gaussians, each with covariance sd² I.

    ``means`` is a float tensor of shape (K, d): the modes. ``sd`` is their common standard deviation.
    """

    means: Tensor
    sd: float

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw ``n`` independent samples, shape (n, d), on the device of the means; ``generator`` is of the CPU."""
        which = torch.randint(len(self.means), (n,), generator=generator).to(self.means.device)
        noise = torch.randn(n, self.means.shape[1], generator=generator).to(self.means.device)
        return self.means[which] + self.sd * noise

    def log_prob(self, x: Tensor) -> Tensor:
        """The log-density in nats at points ``x`` of shape (..., d); returns shape (...)."""
        modes, d = self.means.shape
        squares = (x.unsqueeze(-2) - self.means).square().sum(-1)
        log_norm = math.log(modes) + d * math.log(self.sd) + 0.5 * d * math.log(2 * math.pi)
        return torch.logsumexp(-0.5 * squares / self.sd**2, dim=-1) - log_norm

    def std(self) -> float:
        """The standard deviation of one coordinate, averaged over coordinates in the square."""
        return math.sqrt(self.means.var(0, correction=0).mean().item() + self.sd**2)


def gaussian(mean: float = 0.0, sd: float = 1.0) -> GaussianMixture:
    """The normal distribution N(mean, sd²) on the line; samples have shape (n, 1)."""
    return GaussianMixture(torch.tensor([[mean]], dtype=torch.float32), sd)


def ring(modes: int = 8, radius: float = 1.0, sd: float = 0.01) -> GaussianMixture:
    """Gaussians evenly spaced on a circle, the first at angle 0. Source of the defaults: Lin et al. 2018 (PacGAN)."""
    angle = 2 * math.pi * torch.arange(modes) / modes
    return GaussianMixture(radius * torch.stack([angle.cos(), angle.sin()], dim=1), sd)


def grid(side: int = 5, spacing: float = 2.0, sd: float = 0.05) -> GaussianMixture:
    """Gaussians on a square grid centred at 0. Source of the defaults: Lin et al. 2018 (PacGAN)."""
    axis = spacing * (torch.arange(side) - (side - 1) / 2)
    return GaussianMixture(torch.cartesian_prod(axis, axis), sd)
