"""What a look measures, on cases with a known answer, and that a look leaves no trace."""

import math

import pytest
import torch
from test_training import LATENT, equal, fit, planar, players, state
from torch import nn

from ganlib import doctor, losses, models, training, vitals

N = 200


class Plays(nn.Module):
    """A player that answers every batch by a function, with one weight so that it can have a gradient."""

    def __init__(self, answer):
        super().__init__()
        self.answer, self.weight = answer, nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return self.answer(x)


def seen(fake, score, real=None, z=None, **options):
    """A look at a generator that returns ``fake`` and a discriminator that scores points by ``score``."""
    real = torch.randn(N, 2) if real is None else real
    generator, discriminator = Plays(lambda _: fake), Plays(score)
    return vitals.look(1, generator, discriminator, generator, real, torch.zeros(N, 1), **options)[0]


def test_a_discriminator_that_is_right_in_all():
    real, fake = torch.randn(N, 2).abs(), -torch.randn(N, 2).abs()
    look = seen(fake, lambda x: 20 * x.sum(1).sign(), real)
    assert (look.accuracy, look.order) == (1, 1) and look.gap == pytest.approx(40)
    assert look.logits == (-20, 20) and look.fakes[1] <= 0 <= look.reals[0]
    assert look.d_loss == pytest.approx(2 * math.exp(-20), rel=1e-3) and look.g_loss == pytest.approx(20)
    assert look.slope == pytest.approx(1)
    assert seen(fake, lambda x: 20 * x.sum(1).sign(), real, game=losses.minimax).slope == pytest.approx(math.exp(-20))


def test_an_undecided_discriminator_and_equal_distributions():
    torch.manual_seed(0)
    look = seen(torch.randn(N, 2), lambda x: 0 * x[:, 0])
    assert (look.accuracy, look.order, look.gap, look.slope) == (0, 0, 0, 0.5)
    assert look.d_loss == pytest.approx(math.log(4)) and look.g_loss == pytest.approx(math.log(2))
    assert look.diversity == pytest.approx(1, abs=0.15) and look.cells == pytest.approx(1, abs=0.25)


def test_collapsed_fakes():
    look = seen(torch.randn(N, 2) / 100, lambda x: x[:, 0])
    assert look.diversity < 0.02 and look.cells < 0.1


def test_drift_and_stale_statistics_are_in_units_of_the_datas_spread():
    torch.manual_seed(0)
    real, fake = torch.randn(4000, 2) * 3, torch.zeros(4000, 2)
    spread = 3 * math.sqrt(math.pi / 2)  # the mean length of a normal vector of two dimensions
    generator, sampled = Plays(lambda _: fake + 5), Plays(lambda _: fake - 1)
    options = {"real": real, "z": torch.zeros(4000, 1), "before": torch.tensor([5.0, 1.0])}
    look, mean = vitals.look(1, generator, Plays(lambda x: x[:, 0]), sampled, **options)
    assert mean.tolist() == [5, 5]
    assert look.drift == pytest.approx(4 / spread, rel=0.05)
    assert look.stale == pytest.approx(math.hypot(6, 6) / spread, rel=0.05)


def test_the_gradients_are_those_that_the_last_step_left():
    pair = planar()
    fit(pair, steps=3)
    look, _ = vitals.look(3, *pair, pair[0], torch.randn(64, 2), torch.randn(64, LATENT))
    for norm, net in ((look.g_gradient, pair[0]), (look.d_gradient, pair[1])):
        assert norm == pytest.approx(torch.cat([p.grad.flatten() for p in net.parameters()]).norm().item(), rel=1e-5)


def test_only_a_discriminator_with_batch_statistics_minds_its_company():
    real = torch.randn(64, 1, 16, 16).clamp(-1, 1)
    for norm, minds in ((None, False), (nn.BatchNorm2d, True)):
        pair = models.dcgan_generator(16, 1, 4, LATENT), models.dcgan_discriminator(16, 1, 4, norm)
        look, _ = vitals.look(1, *pair, pair[0], real, torch.randn(64, LATENT))
        assert (look.company > 0.01) == minds


@pytest.mark.parametrize("where", ["fakes", "logits", "gradient"])
def test_what_is_not_finite_is_noticed(where):
    pair = planar()
    fit(pair, steps=2)
    assert vitals.look(2, *pair, pair[0], torch.randn(64, 2), torch.randn(64, LATENT))[0].finite
    with torch.no_grad():
        weight = pair[1 if where == "logits" else 0][-2 if where == "logits" else 0].weight
        (weight.grad if where == "gradient" else weight)[0, 0] = math.nan
    assert not vitals.look(2, *pair, pair[0], torch.randn(64, 2), torch.randn(64, LATENT))[0].finite


@pytest.mark.parametrize("averaged", [False, True])
@pytest.mark.parametrize("game", [losses.non_saturating, losses.relativistic])
def test_a_watched_run_is_the_same_to_the_bit(game, averaged):
    def run(watched):
        pair = players()
        pair[0].append(nn.Dropout(0.1))  # which draws random numbers
        batches = iter(lambda: torch.rand(64, 1, 8, 8) * 2 - 1, None)
        ema = training.EMA(pair[0], 0.9)
        real = torch.linspace(-1, 1, 64 * 64).view(64, 1, 8, 8)
        watch = doctor.Doctor(*pair, real, LATENT, game=game, average=ema.model if averaged else None)
        history = fit(pair, batches, steps=12, ema=ema, game=game, callback=watch if watched else None)
        assert len(watch.looks) == (12 if watched else 0) and pair[0].training
        return [*state(*pair, ema.model), history.d_loss, torch.rand(1)]

    assert equal(run(True), run(False))
