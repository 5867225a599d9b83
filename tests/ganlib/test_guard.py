"""What stops training, and what it says then and keeps."""

import itertools
import math

import pytest
import torch
from test_training import LATENT, equal, fit, planar, points, state

from ganlib import losses, models, training


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
    assert f"set back to their weights after step {good}, their optimisers too;" in str(stopped.value)
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


def moments(*parts):
    """The numbers in the states of optimisers and schedulers, in order."""
    leaves, _ = torch.utils._pytree.tree_flatten([part.state_dict() for part in parts])
    return [leaf.clone() if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves]


def alike(a, b):
    return len(a) == len(b) and all(
        x.equal(y) if isinstance(x, torch.Tensor) else x == y for x, y in zip(a, b, strict=True)
    )


@pytest.mark.parametrize(("at", "good"), [(57, 0), (130, 100)])
def test_the_optimisers_are_set_back_too_and_go_on_at_a_lower_rate(at, good):
    pair = planar()
    optimizers = [training.adam(net, 1e-3) for net in pair]
    schedulers = [torch.optim.lr_scheduler.CosineAnnealingLR(each, 1000) for each in optimizers]
    parts, kept = [*optimizers, *schedulers], {}
    kept[0] = moments(*parts)
    options = {"latent": LATENT, "progress": False, "schedulers": schedulers}
    note = {"callback": lambda step: kept.update({step: moments(*parts)}), "callback_every": 100}
    with pytest.raises(training.TrainingDiverged):
        training.fit(*pair, *optimizers, points(), steps=200, game=spoilt("discriminator", at), **options, **note)
    assert alike(moments(*parts), kept[good])
    for optimizer in optimizers:
        optimizer.param_groups[0]["lr"] = 1e-4
    history = training.fit(*pair, *optimizers, points(), steps=200, start=good, **options)
    assert history.start == good and len(history) == 200 - good and history.d_loss.isfinite().all()


def test_moments_that_a_nan_reached_do_not_poison_the_next_run():
    """A NaN in the loss leaves Adam's averages NaN for ever: weights set back alone would be ruined at once again."""
    pair = planar()
    optimizers = [training.adam(net, 1e-3) for net in pair]
    options = {"latent": LATENT, "steps": 40, "progress": False}
    with pytest.raises(training.TrainingDiverged):
        training.fit(*pair, *optimizers, points(), game=spoilt("generator", 3), **options)
    history = training.fit(*pair, *optimizers, points(), **options)
    assert all(value.isfinite().all() for value in [history.g_loss, *state(*pair)])


def test_a_resumed_history_knows_where_it_diverged():
    with pytest.raises(training.TrainingDiverged, match="became nan at step 33:") as stopped:
        fit(planar(), steps=50, start=30, game=spoilt("generator", 3))
    assert stopped.value.history.start == 30 and len(stopped.value.history) == 3


def test_a_run_whose_batches_end_in_a_nan_has_diverged():
    with pytest.raises(training.TrainingDiverged, match="became nan at step 3:"):
        fit(planar(), itertools.islice(points(), 4), game=spoilt("generator", 3))


def test_an_average_of_batch_norm_is_set_back_with_its_buffers():
    torch.manual_seed(0)
    pair = models.dcgan_generator(8, 1, 4, LATENT), models.dcgan_discriminator(8, 1, 4)
    ema = training.EMA(pair[0])
    before = state(*pair, ema.model)
    with pytest.raises(training.TrainingDiverged):
        fit(pair, itertools.repeat(torch.zeros(4, 1, 8, 8)), game=spoilt("generator", 3), ema=ema)
    assert equal(before, state(*pair, ema.model))
