"""Measures of how well samples match data: modes covered, Inception score, distances of features, neighbours."""

from dataclasses import dataclass
from typing import NamedTuple

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
    distance, nearest = _distances(samples, means).min(1)
    good = distance <= sds * mixture.sd
    counts = torch.bincount(nearest[good], minlength=len(means))
    reverse_kl = kl_to_uniform(torch.bincount(nearest, minlength=len(means)))
    return Coverage(counts, good.double().mean().item(), reverse_kl)


def kl_to_uniform(counts: Tensor) -> float:
    """KL(shares || uniform) in nats of the samples that each of K modes received, ``counts`` (K,)."""
    shares = counts.double() / counts.sum()
    return torch.special.xlogy(shares, shares * len(counts)).sum().item()


def inception_score(probabilities: Tensor) -> float:
    """The Inception score exp(E KL(p(y|x) || p(y))) of class ``probabilities`` of shape (N, classes).

    From 1, where every sample gets the same probabilities, to the number of classes. Taken over all N samples at once;
    papers often report the mean over ten parts instead, which is lower. Source: Salimans et al. 2016.
    """
    if probabilities.dim() != 2 or len(probabilities) == 0:
        raise ValueError(f"Probabilities must have shape (N, classes), N > 0, not {tuple(probabilities.shape)}.")
    p = probabilities.double()
    if not ((p >= 0).all() and torch.allclose(p.sum(1), p.new_ones(len(p)), atol=1e-4)):
        raise ValueError("Each row must hold probabilities that sum to 1: apply softmax(1) to logits first.")
    information = torch.special.xlogy(p, p).sum(1).mean() - torch.special.xlogy(p.mean(0), p.mean(0)).sum()
    return information.exp().item()


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
    _check_features(features_a, features_b, at_least=2)
    return frechet_from_moments(*moments(features_a), *moments(features_b))


def digit_frechet(images: Tensor, reference: Tensor) -> float:
    """The Fréchet distance between two sets of digit images, floats in [-1, 1], in features of the digit network."""
    return frechet_distance(digit_features(images), digit_features(reference))


def kernel_distance(features_a: Tensor, features_b: Tensor, batch: int = 1000) -> float:
    """The kernel distance (KID) of two sets of features (N, d), N > 1: squared MMD with the kernel (x·y / d + 1)³.

    Unbiased at every N, and so at times below 0 for equal distributions. Its memory grows as ``batch`` × N.
    Source: Bińkowski et al. 2018, section 4.1; Gretton et al. 2012, equation 3.
    """
    _check_features(features_a, features_b, at_least=2)
    a, b = features_a.double(), features_b.double()
    across = _kernel_sum(a, b, batch) / (len(a) * len(b))
    return (_mean_of_pairs(a, batch) + _mean_of_pairs(b, batch) - 2 * across).item()


class ManifoldScores(NamedTuple):
    """What ``manifold_scores`` returns: four numbers, all but ``density`` in [0, 1]."""

    precision: float
    recall: float
    density: float
    coverage: float


def manifold_scores(real: Tensor, fake: Tensor, k: int = 5, batch: int = 1000) -> ManifoldScores:
    """Precision, recall, density and coverage of features ``real`` (N, d) and ``fake`` (M, d), by k nearest neighbours.

    The ball of a point reaches to the k-th nearest of the other points of its own set, its border included.
    ``precision`` is the share of fakes in some real ball, ``recall`` that of reals in some fake ball, ``density`` the
    mean number of real balls that a fake lies in, over k, and ``coverage`` the share of real balls that hold a fake.
    For equal distributions density is 1 in expectation, and coverage 1 - 2^-k for large N = M.
    Source: Kynkäänniemi et al. 2019 (precision, recall); Naeem et al. 2020 (density, coverage).
    """
    if k < 1:
        raise ValueError(f"A ball must reach to a neighbour: choose k of at least 1, not {k}.")
    _check_features(real, fake, at_least=k + 1)
    real, fake = real.double(), fake.double()
    real_radius, fake_radius = (_kth_distance(features, k, batch) for features in (real, fake))
    recalled, covered, balls = [], [], torch.zeros(len(fake), dtype=torch.int64, device=fake.device)
    for part, radius in zip(real.split(batch), real_radius.split(batch), strict=True):
        distance = _distances(part, fake)
        recalled.append((distance <= fake_radius).any(1))
        covered.append((distance <= radius[:, None]).any(1))
        balls += (distance <= radius[:, None]).sum(0)
    shares = [hits.double().mean().item() for hits in (balls > 0, torch.cat(recalled), balls / k, torch.cat(covered))]
    return ManifoldScores(*shares)


def nearest_neighbours(images: Tensor, bank: Tensor, batch: int = 500) -> tuple[Tensor, Tensor]:
    """For each image the nearest of ``bank`` by Euclidean distance in pixels: distances (N,) and indices (N,)."""
    if images.shape[1:] != bank.shape[1:] or len(bank) == 0:
        shapes = f"{tuple(images.shape)} and {tuple(bank.shape)}"
        raise ValueError(f"Images are sought among images of their own shape, but these have {shapes}.")
    flat = bank.flatten(1)
    indices = torch.cat([torch.cdist(part.flatten(1), flat).argmin(1) for part in images.split(batch)])
    # measured anew, since cdist's matrix products leave a distance of 0.01 between equal images
    return (images.flatten(1) - flat[indices]).norm(dim=1), indices


def _check_features(features_a: Tensor, features_b: Tensor, at_least: int) -> None:
    for features in (features_a, features_b):
        if features.dim() != 2 or len(features) < at_least:
            shape = tuple(features.shape)
            raise ValueError(f"Features must have shape (N, d) with N of at least {at_least}, not {shape}.")
        if not features.isfinite().all():
            raise ValueError("Some features are infinite or not a number: look at the images that they come from.")
    if features_a.shape[1] != features_b.shape[1]:
        widths = f"{features_a.shape[1]} and {features_b.shape[1]}"
        raise ValueError(f"Two sets of features can be compared only at one width, but these have {widths}.")


def _kernel_sum(a: Tensor, b: Tensor, batch: int) -> Tensor:
    return sum((part @ b.T / b.shape[1] + 1).pow(3).sum() for part in a.split(batch))


def _mean_of_pairs(x: Tensor, batch: int) -> Tensor:
    """The kernel's mean over the pairs of two different points."""
    with_itself = (x.square().sum(1) / x.shape[1] + 1).pow(3).sum()
    return (_kernel_sum(x, x, batch) - with_itself) / (len(x) * (len(x) - 1))


def _distances(a: Tensor, b: Tensor) -> Tensor:
    # not by matrix products, whose rounding blurs neighbours that lie far from the origin
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")


def _kth_distance(features: Tensor, k: int, batch: int) -> Tensor:
    # the nearest of all is the point itself
    return torch.cat([_distances(part, features).kthvalue(k + 1, dim=1).values for part in features.split(batch)])


def _sqrt(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    return vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.T


def perfect_high_quality(d: int = 2, sds: float = 3.0) -> float:
    """The share of a d-dimensional Gaussian within ``sds`` standard deviations: what a perfect sampler scores.

    0.9889 for two dimensions and three deviations.
    """
    return torch.special.gammainc(torch.tensor(d / 2).double(), torch.tensor(sds**2 / 2).double()).item()
