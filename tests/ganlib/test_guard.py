"""What stops training, and what it says then and keeps."""

import itertools
import math
import re

import pytest
import torch
from test_training import equal, fit, planar, players, points, state

from ganlib import losses, training


@pytest.mark.parametrize(("low", "high"), [(0, 255), (-1, 1.01), (-1.5, 0)])
def test_images_out_of_range_are_refused(low, high):
    batch = torch.linspace(low, high, 256).view(4, 1, 8, 8)
    with pytest.raises(ValueError, match=re.escape(f"The images run from {low:.3g} to {high:.3g}, but")):
        fit(players(), itertools.repeat(batch))


def test_a_batch_of_one_is_refused_only_with_batch_norm():
    one = itertools.repeat(torch.zeros(1, 1, 8, 8))
    with pytest.raises(ValueError, match="A batch of one leaves BatchNorm no spread"):
        fit(players(), one)
    assert len(fit(players(norm=None), one, steps=2)) == 2


@pytest.mark.parametrize(("n", "said"), [(0, "There are no batches"), (4, "The batches ended after step 4 of 20")])
def test_batches_that_end_are_no_quiet_success(n, said):
    with pytest.raises(ValueError, match=said + ".*: pass an iterator without end"):
        fit(planar(), itertools.islice(points(), n) if n else iter([]))


def spoilt(player, at):
    """The non-saturating game, whose loss for ``player`` is NaN at step ``at``."""
    calls = itertools.count(1)

    def spoil(*logits):
        loss = getattr(losses.non_saturating, player)(*logits)
        return loss * math.nan if next(calls) == at else loss

    return losses.non_saturating._replace(**{player: spoil})


@pytest.mark.parametrize("player", ["discriminator", "generator"])
@pytest.mark.parametrize(("at", "good"), [(1, 0), (57, 0), (100, 0), (101, 100), (230, 200), (250, 200)])
def test_nan_stops_names_step_and_player_and_restores_the_last_good_weights(player, at, good):
    pair = planar()
    ema = training.EMA(pair[0])
    kept = {0: state(*pair, ema.model)}
    with pytest.raises(training.TrainingDiverged) as stopped:
        note = {"callback": lambda step: kept.update({step: state(*pair, ema.model)}), "callback_every": 100}
        fit(pair, steps=250, game=spoilt(player, at), ema=ema, **note)
    assert f"The {player}'s loss became nan at step {at}: training stopped" in str(stopped.value)
    assert f"set back to their weights after step {good};" in str(stopped.value)
    assert equal(state(*pair, ema.model), kept[good]) and all(value.isfinite().all() for value in kept[good])
    history = stopped.value.history
    assert len(history) == at and history.d_loss[:-1].isfinite().all()
    assert not getattr(history, f"{player[0]}_loss")[-1].isfinite()


def test_a_last_step_that_ruins_the_weights_is_no_quiet_success():
    pair = planar()
    before = state(*pair)
    game = losses.non_saturating._replace(generator=lambda a: (a - a.detach()).abs().sqrt().mean())  # slope 0/0 at 0
    with pytest.raises(training.TrainingDiverged, match="The generator's weights were no longer finite after step 1:"):
        fit(pair, steps=1, game=game)
    assert equal(state(*pair), before)
