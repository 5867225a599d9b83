"""The toy densities: geometry, samples, and log-densities that integrate to one."""

import math

import pytest
import torch

from ganlib import toy


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("make", [lambda: toy.gaussian(), lambda: toy.gaussian(-1.5, 0.3)])
def test_density_on_the_line_integrates_to_one(make):
    x = torch.linspace(-9, 9, 20_001, dtype=torch.float64)
    total = torch.trapezoid(make().log_prob(x[:, None]).exp(), x)
    assert abs(total - 1) < 1e-6


@pytest.mark.parametrize("make", [lambda: toy.ring(sd=0.1), lambda: toy.ring(3, 2.0, 0.2), lambda: toy.grid(sd=0.2)])
def test_density_in_the_plane_integrates_to_one(make):
    x = torch.linspace(-6, 6, 601, dtype=torch.float64)
    density = make().log_prob(torch.cartesian_prod(x, x)).exp().view(601, 601)
    assert abs(torch.trapezoid(torch.trapezoid(density, x), x) - 1) < 1e-5


def test_log_density_agrees_with_torchs_own_and_keeps_leading_shapes():
    mixture = toy.ring(5, 1.0, 0.3)
    parts = torch.distributions.Independent(torch.distributions.Normal(mixture.means, 0.3), 1)
    same = torch.distributions.MixtureSameFamily(torch.distributions.Categorical(torch.ones(5)), parts)
    x = torch.randn(4, 7, 2, generator=seeded())
    assert mixture.log_prob(x).shape == (4, 7)
    assert torch.allclose(mixture.log_prob(x), same.log_prob(x), atol=1e-5)
    assert mixture.log_prob(torch.tensor([100.0, 0.0])).isfinite()  # where the density itself is 0 in floats


@pytest.mark.parametrize("mixture", [toy.gaussian(2.0, 0.5), toy.ring(), toy.ring(3, sd=0.5), toy.grid()])
def test_samples_have_the_mixtures_moments(mixture):
    n, (k, d) = 40_000, mixture.means.shape
    x = mixture.sample(n, seeded()).double()
    assert x.shape == (n, d)
    spread = mixture.means.double().var(0, correction=0) + mixture.sd**2
    assert mixture.std() == pytest.approx(spread.mean().sqrt().item())
    error = 5 * spread.max().sqrt() / math.sqrt(n)  # five standard errors of a mean
    assert (x.mean(0) - mixture.means.mean(0)).abs().max() < error
    assert (x.var(0) / spread - 1).abs().max() < 5 * math.sqrt(2 / n)

    shares = torch.cdist(x, mixture.means.double()).argmin(1).bincount(minlength=k) / n
    if k == 8 or k == 25:  # modes far apart: each receives its share
        assert (shares * k - 1).abs().max() < 5 * math.sqrt(k / n)


def test_ring_lies_on_its_circle_at_equal_angles_from_zero():
    means = toy.ring(8, 2.0).means
    assert torch.allclose(means.norm(dim=1), torch.full((8,), 2.0))
    angle = torch.atan2(means[:, 1], means[:, 0]) % (2 * math.pi)
    assert torch.allclose(angle % (2 * math.pi), torch.arange(8) * math.pi / 4, atol=1e-6)
    assert means[0].tolist() == [2, 0] and toy.ring().sd == 0.01


def test_grid_is_square_and_centred():
    mixture = toy.grid()
    expected = {(x, y) for x in range(-4, 5, 2) for y in range(-4, 5, 2)}
    assert {tuple(mean) for mean in mixture.means.int().tolist()} == expected and mixture.means.shape == (25, 2)
    assert toy.grid(2, 1.0).means.tolist() == [[-0.5, -0.5], [-0.5, 0.5], [0.5, -0.5], [0.5, 0.5]]
    assert mixture.sd == 0.05


def test_samples_are_decided_by_the_generator_alone():
    mixture = toy.grid()
    before = torch.get_rng_state()
    first = mixture.sample(50, seeded(1))
    assert first.equal(mixture.sample(50, seeded(1))) and not first.equal(mixture.sample(50, seeded(2)))
    assert torch.get_rng_state().equal(before)
    torch.manual_seed(3)
    second = mixture.sample(50)
    torch.manual_seed(3)
    assert second.equal(mixture.sample(50))
