"""The divergences of two distributions on a grid: closed forms, SciPy's values, and what is not a distribution."""

import math

import pytest
import torch

from ganlib.divergences import jensen_shannon, kl, total_variation, wasserstein1

SPACING = 0.002


def w1(p, q):
    return wasserstein1(p, q, 1.0)


ALL = (kl, jensen_shannon, total_variation, w1)


def gaussian(mean, sd=1.0):
    grid = torch.arange(-10, 12, SPACING, dtype=torch.float64)
    return (-((grid - mean) ** 2) / (2 * sd**2)).exp() / (sd * math.sqrt(2 * math.pi)) * SPACING


def histograms(*shape):
    weights = torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    weights = weights * (weights > 0.3)  # with empty bins
    return weights / weights.sum(-1, keepdim=True)


def dirac(place, n=5):
    return torch.eye(n, dtype=torch.float64)[place]


def test_two_unit_gaussians_two_apart():
    p, q = gaussian(0), gaussian(2)
    assert kl(p, q).item() == pytest.approx(2, abs=1e-9)
    assert jensen_shannon(p, q).item() == pytest.approx(0.3368308, abs=5e-8)
    assert total_variation(p, q).item() == pytest.approx(math.erf(1 / math.sqrt(2)), abs=1e-6)
    assert math.erf(1 / math.sqrt(2)) == pytest.approx(0.6826895, abs=5e-8)
    assert wasserstein1(p, q, SPACING).item() == pytest.approx(2, abs=1e-9)


def test_the_direction_of_kl():
    narrow, wide = gaussian(0, 0.5), gaussian(1, 1)
    assert kl(narrow, wide).item() == pytest.approx(math.log(2) + 1.25 / 2 - 1 / 2, abs=1e-9)
    assert kl(wide, narrow).item() == pytest.approx(-math.log(2) + 2 / 0.5 - 1 / 2, abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_they_agree_with_scipy(seed):
    stats, spatial = pytest.importorskip("scipy.stats"), pytest.importorskip("scipy.spatial.distance")
    p, q = histograms(3, 2, 12)[seed]
    full = (q + 0.01) / (q + 0.01).sum()
    assert (p == 0).any() and (q == 0).any()
    grid = 3 + 0.25 * torch.arange(12)
    assert kl(p, full).item() == pytest.approx(stats.entropy(p, full), rel=1e-9)
    assert jensen_shannon(p, q).item() == pytest.approx(spatial.jensenshannon(p, q) ** 2, rel=1e-9)
    assert wasserstein1(p, q, 0.25).item() == pytest.approx(stats.wasserstein_distance(grid, grid, p, q), rel=1e-9)


def test_empty_bins():
    p, q = (torch.tensor(v, dtype=torch.float64) for v in ([0.5, 0.5, 0.0, 0.0], [0.25, 0.5, 0.25, 0.0]))
    assert kl(p, q).item() == pytest.approx(math.log(2) / 2, abs=1e-15)  # 0 log 0 and 0 log(0/q) count 0
    assert kl(q, p) == math.inf
    assert jensen_shannon(p, q).isfinite() and total_variation(p, q).item() == 0.25


def test_only_wasserstein_sees_how_far_apart_two_diracs_lie():
    for t in range(1, 5):
        assert kl(dirac(0), dirac(t)) == math.inf
        assert jensen_shannon(dirac(0), dirac(t)).item() == pytest.approx(math.log(2), abs=1e-15)
        assert total_variation(dirac(0), dirac(t)) == 1
        assert wasserstein1(dirac(0), dirac(t), 0.5) == t / 2
        assert wasserstein1(dirac(t), dirac(0), 0.5) == t / 2
    for divergence in ALL:
        assert divergence(dirac(2), dirac(2)) == 0


@pytest.mark.parametrize("divergence", ALL)
def test_leading_axes_are_broadcast(divergence):
    p, q = histograms(4, 1, 6), histograms(2, 3, 6)[1] + 0.01
    q = q / q.sum(-1, keepdim=True)
    values = divergence(p, q)
    assert values.shape == (4, 3) and values.unique().numel() == 12 and values.dtype == torch.float64
    for i in range(4):
        for j in range(3):
            assert values[i, j].item() == pytest.approx(divergence(p[i, 0], q[j]).item(), rel=1e-12)


@pytest.mark.parametrize("divergence", ALL)
@pytest.mark.parametrize(
    "wrong", [[0.5, 0.25, 0.2], [0.5, 0.25, 0.2501 + 2e-4], [1.2, -0.2, 0.0], [math.nan, 0.5, 0.5], [2.0, 3.0, 4.0]]
)
def test_what_is_no_distribution_is_named(divergence, wrong):
    right, wrong = torch.tensor([0.2, 0.3, 0.5]), torch.tensor([[0.2, 0.3, 0.5], wrong])
    for pair in ((right, wrong), (wrong, right)):
        with pytest.raises(ValueError, match="^Masses must not be negative and must sum to 1 over the last axis: "):
            divergence(*pair)


def test_a_density_needs_its_spacing_and_a_grid_that_holds_its_tails():
    p = gaussian(0)
    with pytest.raises(ValueError, match="multiply a density by the spacing"):
        kl(p / SPACING, gaussian(2) / SPACING)
    grid = torch.arange(-10, 12, SPACING)
    assert kl(p[grid.abs() < 4], p[grid.abs() < 4]) == 0  # 0.00006 of the mass is cut off
    with pytest.raises(ValueError, match="make the grid wide enough"):
        kl(p[grid.abs() < 3], p[grid.abs() < 3])  # and here 0.0027


@pytest.mark.parametrize("divergence", ALL)
def test_single_precision_is_kept_and_is_enough(divergence):
    p, q = gaussian(0), gaussian(2)
    value = divergence(p.float(), q.float())
    assert value.dtype == torch.float32 and value.item() == pytest.approx(divergence(p, q).item(), rel=1e-4)


@pytest.mark.parametrize("distance", [kl, total_variation])
def test_masses_on_different_grids_are_refused(distance):
    for short in (1, 2):  # a single mass would be broadcast
        with pytest.raises(ValueError, match=f"same grid, but they have {short} and 3 masses"):
            distance(torch.full((short,), 1 / short), torch.full((3,), 1 / 3))


def test_the_smallest_masses_do_not_make_the_jensen_shannon_divergence_infinite():
    p, q = (torch.tensor(masses, dtype=torch.float64) for masses in ([1, 5e-324, 0], [0, 0, 1]))
    assert jensen_shannon(p, q).item() == pytest.approx(math.log(2), abs=1e-12)
