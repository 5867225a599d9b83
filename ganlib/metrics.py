"""Measures of how well samples match data: modes covered, Fréchet distance, nearest neighbours."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ganlib.features import digit_features
from ganlib.toy import GaussianMixture


@dataclass(frozen=True)
class Coverage:
    """How samples fall on the modes of a mixture.

    ``counts`` holds the high-quality samples of each mode, shape (K,): those within three standard deviations of it.
    ``high_quality`` is their share of all samples. ``reverse_kl`` is KL(samples over modes || uniform), in nats, with
    every sample counted for its nearest mode.
    """

    counts: Tensor
    high_quality: float
    reverse_kl: float

    def modes(self, at_least: int = 1) -> int:
        """How many modes received at least so many high-quality samples."""
        return int((self.counts >= at_least).sum())


def mode_coverage(samples: Tensor, mixture: GaussianMixture, sds: float = 3.0) -> Coverage:
    """Count how ``samples`` of shape (N, d) cover the modes of ``mixture``.

    A sample is of high quality where its distance to the nearest mode is at most ``sds`` standard deviations.
    Source: Srivastava et al. 2017 (VEEGAN); Lin et al. 2018 (PacGAN).
    """
    means = mixture.means.to(samples)
    if samples.dim() != 2 or samples.shape[1] != means.shape[1] or len(samples) == 0:
        raise ValueError(f"Samples must have shape (N, {means.shape[1]}) with N > 0, not {tuple(samples.shape)}.")
    # not by matrix products, whose rounding would move samples across the border
    distance, nearest = torch.cdist(samples, means, compute_mode="donot_use_mm_for_euclid_dist").min(1)
    good = distance <= sds * mixture.sd
    counts = torch.bincount(nearest[good], minlength=len(means))
    shares = torch.bincount(nearest, minlength=len(means)).double() / len(samples)
    reverse_kl = torch.special.xlogy(shares, shares * len(means)).sum()
    return Coverage(counts, good.double().mean().item(), reverse_kl.item())


def moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (d,) and unbiased covariance (d, d) of ``features`` of shape (N, d), in double precision."""
    features = features.double()
    return features.mean(0), torch.atleast_2d(features.T.cov())


def frechet_from_moments(mean_a: Tensor, cov_a: Tensor, mean_b: Tensor, cov_b: Tensor) -> float:
    """The squared Fréchet distance of two Gaussians: |mu_a - mu_b|² + tr(A + B - 2 (A B)^(1/2)).

    The trace of the root is taken as that of (A^(1/2) B A^(1/2))^(1/2), which is symmetric, so that rounding cannot
    make it complex. Source: Dowson and Landau 1982; Heusel et al. 2017.
    """
    root = _sqrt(cov_a)
    cross = torch.linalg.eigvalsh(root @ cov_b @ root).clamp(min=0).sqrt().sum()
    return ((mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * cross).item()


def frechet_distance(features_a: Tensor, features_b: Tensor) -> float:
    """The Fréchet distance between Gaussians fitted to two sets of features, each of shape (N, d) with N > 1.

    Computed from N samples it is biased upwards: two sets are comparable only at the same N.
    """
    for features in (features_a, features_b):
        if features.dim() != 2 or len(features) < 2:
            raise ValueError(f"Features must have shape (N, d) with N of at least 2, not {tuple(features.shape)}.")
    if features_a.shape[1] != features_b.shape[1]:
        widths = f"{features_a.shape[1]} and {features_b.shape[1]}"
        raise ValueError(f"Two sets of features can be compared only at one width, but these have {widths}.")
    return frechet_from_moments(*moments(features_a), *moments(features_b))


def digit_frechet(images: Tensor, reference: Tensor) -> float:
    """The Fréchet distance between two sets of digit images, floats in [-1, 1], in features of the digit network."""
    return frechet_distance(digit_features(images), digit_features(reference))


def nearest_neighbours(images: Tensor, bank: Tensor, batch: int = 500) -> tuple[Tensor, Tensor]:
    """For each image the nearest of ``bank`` by Euclidean distance in pixels: distances (N,) and indices (N,)."""
    if images.shape[1:] != bank.shape[1:] or len(bank) == 0:
        shapes = f"{tuple(images.shape)} and {tuple(bank.shape)}"
        raise ValueError(f"Images are sought among images of their own shape, but these have {shapes}.")
    flat = bank.flatten(1)
    indices = torch.cat([torch.cdist(part.flatten(1), flat).argmin(1) for part in images.split(batch)])
    # measured anew, since cdist's matrix products leave a distance of 0.01 between equal images
    return (images.flatten(1) - flat[indices]).norm(dim=1), indices


def _sqrt(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    return vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.T


def perfect_high_quality(d: int = 2, sds: float = 3.0) -> float:
    """The share of a d-dimensional Gaussian within ``sds`` standard deviations: what a perfect sampler scores.

    0.9889 for two dimensions and three deviations.
    """
    return torch.special.gammainc(torch.tensor(d / 2).double(), torch.tensor(sds**2 / 2).double()).item()
