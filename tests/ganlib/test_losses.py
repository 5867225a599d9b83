"""The losses: their values, their gradients in a logit, and that they stay finite."""

import math
import subprocess
import sys

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from ganlib import losses

GENERATORS = (losses.minimax_generator, losses.non_saturating_generator)
GAMES = ("minimax", "non_saturating", "least_squares", "hinge", "wasserstein", "relativistic")


def double(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def gradient(loss, *values):
    logits = double(*values)
    return torch.autograd.grad(loss(logits), logits)[0] * len(values)  # of each term, not of their mean


def both(name, real, fake):
    """The losses of the discriminator and of the generator in the game of that name."""
    game = getattr(losses, name)
    return game.discriminator(real, fake), game.generator(*([real] if game.paired else []), fake)


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


def test_the_games_and_the_losses_that_they_share():
    assert losses.minimax == (losses.cross_entropy_discriminator, losses.minimax_generator, False)
    assert losses.non_saturating == (losses.cross_entropy_discriminator, losses.non_saturating_generator, False)
    assert losses.least_squares == (losses.least_squares_discriminator, losses.least_squares_generator, False)
    assert losses.hinge == (losses.hinge_discriminator, losses.hinge_generator, False)
    assert losses.wasserstein == (losses.wasserstein_critic, losses.wasserstein_generator, False)
    assert losses.relativistic == (losses.relativistic_discriminator, losses.relativistic_generator, True)
    assert sorted(GAMES) == sorted(name for name, value in vars(losses).items() if isinstance(value, losses.Game))


def softplus(a):
    return math.log1p(math.exp(a))


REAL, FAKE = (-3.0, 0.5, 2.0), (2.0, -1.5, 0.25)


@pytest.mark.parametrize(
    ("name", "of_d", "of_g"),
    [
        ("least_squares", lambda a, b: ((a - 1) ** 2 + b**2) / 2, lambda a, b: (b - 1) ** 2 / 2),
        ("hinge", lambda a, b: max(0, 1 - a) + max(0, 1 + b), lambda a, b: -b),
        ("wasserstein", lambda a, b: b - a, lambda a, b: -b),
        ("relativistic", lambda a, b: softplus(b - a), lambda a, b: softplus(a - b)),
    ],
)
def test_values_are_the_means_of_the_closed_forms(name, of_d, of_g):
    for value, closed_form in zip(both(name, double(*REAL), double(*FAKE)), (of_d, of_g), strict=True):
        expected = sum(closed_form(a, b) for a, b in zip(REAL, FAKE, strict=True)) / 3
        assert value.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "d_of_real", "d_of_fake", "g_of_fake"),
    [
        ("least_squares", lambda a, b: a - 1, lambda a, b: b, lambda a, b: b - 1),
        ("hinge", lambda a, b: -1.0 * (a < 1), lambda a, b: 1.0 * (b > -1), lambda a, b: -torch.ones(3)),
        ("wasserstein", lambda a, b: -torch.ones(3), lambda a, b: torch.ones(3), lambda a, b: -torch.ones(3)),
        (
            "relativistic",
            lambda a, b: -(b - a).sigmoid(),
            lambda a, b: (b - a).sigmoid(),
            lambda a, b: -(a - b).sigmoid(),
        ),
    ],
)
def test_gradients_in_a_logit_are_the_closed_forms(name, d_of_real, d_of_fake, g_of_fake):
    real, fake = double(*REAL), double(*FAKE)
    d_loss, g_loss = both(name, real, fake)
    gradients = (*torch.autograd.grad(d_loss, (real, fake)), *torch.autograd.grad(g_loss, fake))
    for measured, closed_form in zip(gradients, (d_of_real, d_of_fake, g_of_fake), strict=True):
        assert torch.allclose(3 * measured, closed_form(real, fake).double(), rtol=1e-12, atol=0)


P, Q = (torch.tensor(masses, dtype=torch.float64) for masses in ([0.5, 0.3, 0.2], [0.1, 0.3, 0.6]))


@pytest.mark.parametrize(
    ("name", "best", "minimum"),
    [
        ("minimax", (P / Q).log(), -(P * (P / (P + Q)).log() + Q * (Q / (P + Q)).log()).sum()),
        ("least_squares", P / (P + Q), (P * Q / (P + Q)).sum() / 2),
        ("hinge", (P - Q).sign(), 2 * torch.minimum(P, Q).sum()),
        ("relativistic", (P / Q).log(), None),
    ],
)
def test_the_best_discriminator_of_two_known_distributions(name, best, minimum):
    x = torch.arange(3).repeat_interleave((10 * P).round().long())  # ten samples that are exactly P, ten exactly Q
    y = torch.arange(3).repeat_interleave((10 * Q).round().long())
    pairs = torch.cartesian_prod(x, y).T  # and every pair of them

    def loss(table):
        real, fake = table[pairs]
        return getattr(losses, name).discriminator(real, fake)

    if minimum is not None:
        assert loss(best).item() == pytest.approx(minimum.item(), rel=1e-12)
    for direction in torch.randn(20, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)):
        assert all(loss(best + size * direction) >= loss(best) for size in (-1, -0.1, -0.01, 0.01, 0.1, 1))
    assert loss(best + 0.1 * torch.eye(3, dtype=torch.float64)[0]) > loss(best)


def test_the_relativistic_game_is_symmetric_and_sees_differences_alone(logits):
    real, fake = logits
    d_loss, g_loss = both("relativistic", real, fake)
    assert d_loss == losses.relativistic_generator(fake, real)
    assert (d_loss - g_loss).item() == pytest.approx((fake - real).mean().item(), abs=1e-12)
    shifted = both("relativistic", real + 7, fake + 7)
    assert torch.allclose(torch.stack(shifted), torch.stack([d_loss, g_loss]), rtol=1e-12, atol=0)
    assert [value.item() for value in both("relativistic", real, real)] == pytest.approx([math.log(2)] * 2, abs=1e-15)


@pytest.mark.parametrize("loss", [losses.relativistic_discriminator, losses.relativistic_generator])
@pytest.mark.parametrize("shape", [(5,), (6, 1), (1,), ()])
def test_pairs_of_unequal_shapes_are_named_and_not_broadcast(loss, shape):
    with pytest.raises(ValueError, match=r"^Real and fake are compared in pairs, but their shapes are \(6,\) and "):
        loss(torch.zeros(6), torch.zeros(shape))


@pytest.mark.parametrize("name", GAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("shape", [(6,), (6, 1), (6, 1, 3, 3)])
def test_every_loss_is_a_scalar_of_the_logits_own_dtype(name, dtype, shape):
    real, fake = torch.randn(2, *shape).to(dtype)
    flat = both(name, real.flatten(), fake.flatten())
    for value, expected in zip(both(name, real, fake), flat, strict=True):
        assert value.shape == () and value.dtype == dtype
        assert value.item() == pytest.approx(expected.item(), rel=1e-2 if dtype is torch.bfloat16 else 1e-5)


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
@pytest.mark.parametrize("name", GAMES)
def test_extreme_logits_leave_values_and_gradients_finite(name, a):
    logits = torch.tensor([a], requires_grad=True)  # single precision
    for value in both(name, logits, -logits):
        assert value.isfinite() and torch.autograd.grad(value, logits)[0].isfinite().all()


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_importing_the_losses_adds_nothing_but_ganlib_to_importing_torch():
    code = "import sys, torch; before = set(sys.modules); import ganlib.losses; print(*set(sys.modules) - before)"
    added = python(code).split()
    assert "ganlib.losses" in added and {name.partition(".")[0] for name in added} <= {
        "ganlib",
        *sys.stdlib_module_names,
    }


def test_importing_ganlib_imports_no_torch():
    assert python("import sys, ganlib; print('torch' in sys.modules, ganlib.__version__)").startswith("False")
