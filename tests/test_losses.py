"""The losses: their values, their gradients in a logit, and that they stay finite."""

import math
import subprocess
import sys

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from ganlib import losses

GENERATORS = (losses.minimax_generator, losses.non_saturating_generator)


def double(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def gradient(loss, *values):
    logits = double(*values)
    return torch.autograd.grad(loss(logits), logits)[0] * len(values)  # of each term, not of their mean


@pytest.fixture
def logits():
    return 4 * torch.randn(2, 3, 50, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_they_are_torchs_binary_cross_entropy(logits):
    real, fake = logits
    one, zero = torch.ones_like(real), torch.zeros_like(real)
    expected = bce(real, one) + bce(fake, zero)
    assert torch.allclose(losses.cross_entropy_discriminator(real, fake), expected, rtol=0, atol=1e-9)
    assert torch.allclose(losses.non_saturating_generator(fake), bce(fake, one), rtol=0, atol=1e-9)
    assert torch.allclose(losses.minimax_generator(fake), -bce(fake, zero), rtol=0, atol=1e-9)
    for loss in (losses.cross_entropy_discriminator(real, fake), *(g(fake) for g in GENERATORS)):
        assert loss.shape == () and loss.dtype == torch.float64


def test_unequal_batches_each_count_by_their_own_mean(logits):
    real, fake = logits[0].flatten(), logits[1, 0, :7]
    expected = bce(real, torch.ones_like(real)) + bce(fake, torch.zeros_like(fake))
    assert torch.allclose(losses.cross_entropy_discriminator(real, fake), expected, rtol=0, atol=1e-9)


def test_values_where_the_players_are_equal():
    undecided = double(0.0, 0.0)
    assert losses.cross_entropy_discriminator(undecided, undecided).item() == pytest.approx(2 * math.log(2), abs=1e-15)
    assert losses.minimax_generator(undecided).item() == pytest.approx(-math.log(2), abs=1e-15)
    assert losses.non_saturating_generator(undecided).item() == pytest.approx(math.log(2), abs=1e-15)


def test_the_games_share_a_discriminator_and_differ_in_the_generator():
    assert losses.minimax == (losses.cross_entropy_discriminator, losses.minimax_generator)
    assert losses.non_saturating == (losses.cross_entropy_discriminator, losses.non_saturating_generator)


def test_gradients_of_the_generators_in_a_logit():
    a = torch.linspace(-15, 15, 61, dtype=torch.float64)
    assert torch.allclose(gradient(losses.minimax_generator, *a), -a.sigmoid(), rtol=1e-9, atol=0)
    assert torch.allclose(gradient(losses.non_saturating_generator, *a), a.sigmoid() - 1, rtol=1e-9, atol=1e-16)


def test_the_discriminators_gradients_in_its_logits():
    real, fake = double(-3.0, 0.5), double(2.0, -1.0)
    of_real, of_fake = torch.autograd.grad(losses.cross_entropy_discriminator(real, fake), (real, fake))
    assert torch.allclose(2 * of_real, real.sigmoid() - 1) and torch.allclose(2 * of_fake, fake.sigmoid())


@pytest.mark.parametrize(
    ("a", "saturated", "alive", "ratio"), [(-10, 4.53979e-5, 0.9999546, 22026.47), (-5, 0.0066929, 0.9933071, 148.41)]
)
def test_minimax_saturates_where_the_discriminator_is_sure(a, saturated, alive, ratio):
    small, large = (-gradient(loss, a).item() for loss in GENERATORS)
    assert small == pytest.approx(saturated, rel=1e-5) and large == pytest.approx(alive, abs=5e-8)
    assert large / small == pytest.approx(math.exp(-a), rel=1e-9) and large / small == pytest.approx(ratio, abs=0.005)


@pytest.mark.parametrize("a", [-1e4, 1e4])
@pytest.mark.parametrize("loss", [*GENERATORS, lambda a: losses.cross_entropy_discriminator(a, -a)])
def test_extreme_logits_leave_values_and_gradients_finite(loss, a):
    logits = torch.tensor([a], requires_grad=True)  # single precision
    value = loss(logits)
    assert value.isfinite() and torch.autograd.grad(value, logits)[0].isfinite().all()


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_importing_the_losses_adds_little_to_importing_torch():
    timed = "import time, torch; t = time.perf_counter(); import ganlib.losses; print(time.perf_counter() - t)"
    assert min(float(python(timed)) for _ in range(3)) <= 0.1


def test_importing_ganlib_imports_no_torch():
    assert python("import sys, ganlib; print('torch' in sys.modules, ganlib.__version__)").startswith("False")
