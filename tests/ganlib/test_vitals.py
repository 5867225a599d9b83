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


def measured(fake, score, real=None, z=None, **options):
    """A look at a generator that returns ``fake`` and a discriminator that scores points by ``score``."""
    real = torch.randn(N, 2) if real is None else real
    generator, discriminator = Plays(lambda _: fake), Plays(score)
    return vitals.look(1, generator, discriminator, generator, real, torch.zeros(N, 1), **options)[0]


def test_a_discriminator_that_is_right_in_all():
    real, fake = torch.randn(N, 2).abs(), -torch.randn(N, 2).abs()
    look = measured(fake, lambda x: 20 * x.sum(1).sign(), real)
    assert (look.accuracy, look.auc) == (1, 1) and look.logit_gap == pytest.approx(40)
    assert look.logit_range == (-20, 20) and look.fake_range[1] <= 0 <= look.real_range[0]
    assert look.d_loss == pytest.approx(2 * math.exp(-20), rel=1e-3) and look.g_loss == pytest.approx(20)
    assert look.gradient_magnitude == pytest.approx(1)
    sure = measured(fake, lambda x: 20 * x.sum(1).sign(), real, game=losses.minimax)
    assert sure.gradient_magnitude == pytest.approx(math.exp(-20))


def test_the_auc_is_the_area_under_the_roc_curve():
    classification = pytest.importorskip("torchmetrics.functional.classification")
    torch.manual_seed(0)
    real, fake = torch.randint(-3, 5, (90,)) / 8, torch.randint(-4, 4, (70,)) / 8  # with many ties
    labels = torch.cat([torch.ones(90, dtype=torch.int64), torch.zeros(70, dtype=torch.int64)])
    area = classification.binary_auroc(torch.cat([real, fake]).sigmoid(), labels)
    assert vitals.auc(real, fake) == pytest.approx(area.item(), abs=1e-6) and 0.5 < area < 0.9
    assert vitals.auc(-real, -fake) == pytest.approx(1 - area.item(), abs=1e-6)


def test_an_undecided_discriminator_and_equal_distributions():
    torch.manual_seed(0)
    look = measured(torch.randn(N, 2), lambda x: 0 * x[:, 0])
    assert (look.accuracy, look.auc, look.logit_gap, look.gradient_magnitude) == (0, 0.5, 0, 0.5)
    assert look.d_loss == pytest.approx(math.log(4)) and look.g_loss == pytest.approx(math.log(2))
    assert look.diversity == pytest.approx(1, abs=0.15) and look.nn_coverage == pytest.approx(1, abs=0.25)


def test_collapsed_fakes():
    look = measured(torch.randn(N, 2) / 100, lambda x: x[:, 0])
    assert look.diversity < 0.02 and look.nn_coverage < 0.1


def test_drift_and_stale_statistics_are_in_units_of_the_datas_spread():
    torch.manual_seed(0)
    real, fake = torch.randn(4000, 2) * 3, torch.zeros(4000, 2)
    spread = 3 * math.sqrt(math.pi / 2)  # the mean length of a normal vector of two dimensions
    generator, sampled = Plays(lambda _: fake + 5), Plays(lambda _: fake - 1)
    options = {"real": real, "z": torch.zeros(4000, 1), "before": torch.tensor([5.0, 1.0])}
    look, mean = vitals.look(1, generator, Plays(lambda x: x[:, 0]), sampled, **options)
    assert mean.tolist() == [5, 5]
    assert look.drift == pytest.approx(4 / spread, rel=0.05)
    assert look.train_eval_gap == pytest.approx(math.hypot(6, 6) / spread, rel=0.05)


def test_the_gradients_are_those_that_the_last_step_left():
    pair = planar()
    fit(pair, steps=3)
    look, _ = vitals.look(3, *pair, pair[0], torch.randn(64, 2), torch.randn(64, LATENT))
    for norm, net in ((look.g_gradient_norm, pair[0]), (look.d_gradient_norm, pair[1])):
        assert norm == pytest.approx(torch.cat([p.grad.flatten() for p in net.parameters()]).norm().item(), rel=1e-5)


def test_only_a_discriminator_with_batch_statistics_depends_on_its_batch():
    real = torch.randn(64, 1, 16, 16).clamp(-1, 1)
    for norm, depends in ((None, False), (nn.BatchNorm2d, True)):
        pair = models.dcgan_generator(16, 1, 4, LATENT), models.dcgan_discriminator(16, 1, 4, norm)
        look, _ = vitals.look(1, *pair, pair[0], real, torch.randn(64, LATENT))
        assert (look.batch_dependence > 0.01) == depends


@pytest.mark.parametrize("where", ["fakes", "logits", "gradient"])
def test_what_is_not_finite_is_noticed(where):
    pair = planar()
    fit(pair, steps=2)
    assert vitals.look(2, *pair, pair[0], torch.randn(64, 2), torch.randn(64, LATENT))[0].finite
    with torch.no_grad():
        weight = pair[1 if where == "logits" else 0][-2 if where == "logits" else 0].weight
        (weight.grad if where == "gradient" else weight)[0, 0] = math.nan
    assert not vitals.look(2, *pair, pair[0], torch.randn(64, 2), torch.randn(64, LATENT))[0].finite


@pytest.mark.parametrize("with_ema", [False, True])
@pytest.mark.parametrize("game", [losses.non_saturating, losses.relativistic])
def test_a_watched_run_is_the_same_to_the_bit(game, with_ema):
    def run(watched):
        pair = players()
        pair[0].append(nn.Dropout(0.1))  # which draws random numbers
        batches = iter(lambda: torch.rand(64, 1, 8, 8) * 2 - 1, None)
        ema = training.EMA(pair[0], 0.9)
        real = torch.linspace(-1, 1, 64 * 64).view(64, 1, 8, 8)
        watch = doctor.Doctor(*pair, real, LATENT, game=game, ema=ema if with_ema else None)
        history = fit(pair, batches, steps=12, ema=ema, game=game, callback=watch if watched else None)
        assert len(watch.looks) == (12 if watched else 0) and pair[0].training
        return [*state(*pair, ema.model), history.d_loss, torch.rand(1)]

    assert equal(run(True), run(False))
