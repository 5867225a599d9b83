"""The training step, the loop around it, and the average of weights."""

import pytest
import torch
from torch import nn
from torch.nn.functional import softplus
from torch.utils._python_dispatch import TorchDispatchMode

from ganlib import images, losses, models, penalties, toy, training

LATENT = 3


def players(norm=nn.BatchNorm2d):
    torch.manual_seed(0)
    return models.dcgan_generator(8, 1, 4, LATENT, norm), models.dcgan_discriminator(8, 1, 4, norm)


def planar():
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(LATENT, 8), nn.ReLU(), nn.Linear(8, 2))
    return generator, nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1), nn.Flatten(0))


def points(n=16):
    ring = toy.ring()
    while True:
        yield ring.sample(n)


def fit(pair, batches=None, lr=1e-3, **options):
    optimizers = [training.adam(net, lr) for net in pair]
    options = {"latent": LATENT, "steps": 20, "progress": False} | options
    return training.fit(*pair, *optimizers, points() if batches is None else batches, **options)


def state(*nets):
    return [value.clone() for net in nets for value in net.state_dict().values()]


def curves(history):
    return [history.d_loss, history.g_loss, history.real_logit, history.fake_logit]


def equal(a, b):
    return all(x.equal(y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("name", ["minimax", "relativistic"])
def test_a_step_is_the_bare_step_to_the_bit(name):
    (generator, discriminator), (g, d) = players(), players()
    g_optimizer, d_optimizer = training.adam(generator, 1e-3), training.adam(discriminator, 1e-3)
    g_adam = torch.optim.Adam(g.parameters(), 1e-3, (0.5, 0.999), fused=True)
    d_adam = torch.optim.Adam(d.parameters(), 1e-3, (0.5, 0.999), fused=True)
    for _ in range(3):
        real, z = torch.rand(5, 1, 8, 8) * 2 - 1, torch.randn(5, LATENT)
        measured = training.step(generator, discriminator, g_optimizer, d_optimizer, real, z, getattr(losses, name))

        fake = g(z)
        a, b = d(real), d(fake.detach())
        d_loss = softplus(-a).mean() + softplus(b).mean() if name == "minimax" else softplus(b - a).mean()
        d_adam.zero_grad()
        d_loss.backward()
        d_adam.step()
        g_loss = -softplus(d(fake)).mean() if name == "minimax" else softplus(d(real) - d(fake)).mean()
        g_adam.zero_grad()
        g_loss.backward()
        g_adam.step()

        assert equal(measured, (d_loss, g_loss, a.mean(), b.mean()))
        assert all(m.shape == () and not m.requires_grad for m in measured)
        assert equal(state(generator, discriminator), state(g, d))


@pytest.mark.parametrize(
    ("game", "seen_frozen"),
    [(losses.non_saturating, [False, False, True]), (losses.relativistic, [False, False, True, True])],
)
def test_each_loss_reaches_its_own_player_alone(game, seen_frozen):
    generator, discriminator = players()
    optimizers = [torch.optim.SGD(net.parameters(), lr=0.0) for net in (generator, discriminator)]
    real, z = torch.rand(5, 1, 8, 8) * 2 - 1, torch.randn(5, LATENT)
    forwards, frozen = [], []
    generator.register_forward_hook(lambda *_: forwards.append(1))
    discriminator.register_forward_hook(
        lambda *_: frozen.append(not any(map(requires_grad, discriminator.parameters())))
    )
    training.step(generator, discriminator, *optimizers, real, z, game)
    assert len(forwards) == 1 and frozen == seen_frozen
    assert all(map(requires_grad, discriminator.parameters()))
    g_grads, d_grads = ([p.grad.clone() for p in net.parameters()] for net in (generator, discriminator))

    g, d = players()  # the same weights: the learning rate was 0
    fake = g(z)
    d_loss = game.discriminator(d(real), d(fake))
    assert equal(torch.autograd.grad(d_loss, list(d.parameters())), d_grads)
    g_loss = game.generator(*([d(real)] if game.paired else []), d(g(z)))
    assert equal(torch.autograd.grad(g_loss, list(g.parameters())), g_grads)


@pytest.mark.parametrize("name", [name for name, value in vars(losses).items() if isinstance(value, losses.Game)])
def test_fit_plays_every_game_step_by_step(name):
    game, pair, by_hand = getattr(losses, name), planar(), planar()
    torch.manual_seed(1)
    history = fit(pair, game=game, steps=5)
    torch.manual_seed(1)
    optimizers, batches = [training.adam(net, 1e-3) for net in by_hand], points()
    rows = [training.step(*by_hand, *optimizers, next(batches), torch.randn(16, LATENT), game) for _ in range(5)]
    assert equal(curves(history), torch.tensor(rows).T)
    for net, twin, fresh in zip(pair, by_hand, planar(), strict=True):
        assert equal(state(net), state(twin)) and not equal(state(net), state(fresh))


def requires_grad(parameter):
    return parameter.requires_grad


def test_the_average_equals_its_closed_form():
    model = nn.BatchNorm1d(4)
    for value in (model.weight.data, model.bias.data, model.running_mean, model.running_var):
        value.zero_()
    ema = training.EMA(model)
    model.weight.data.fill_(1), model.bias.data.fill_(-2)
    model.running_mean.fill_(3), model.running_var.fill_(0.5), model.num_batches_tracked.fill_(7)
    for _ in range(1000):
        ema.update()
    share = 1 - 0.999**1000
    assert share == pytest.approx(0.6323046, abs=5e-8)
    for name, target in {"weight": 1, "bias": -2, "running_mean": 3, "running_var": 0.5}.items():
        assert getattr(ema.model, name).tolist() == pytest.approx([share * target] * 4, rel=1e-4)
    assert ema.model.num_batches_tracked == 7
    assert not ema.model.training and not any(map(requires_grad, ema.model.parameters()))
    assert model.training and model.weight.requires_grad and model.weight[0] == 1  # the model itself is left alone


def test_fit_updates_the_average_after_every_step():
    pair = planar()
    ema, by_hand = (training.EMA(pair[0], 0.9) for _ in range(2))
    fit(pair, ema=ema, callback=lambda step: by_hand.update())
    assert equal(state(ema.model), state(by_hand.model)) and not equal(state(ema.model), state(pair[0]))


def test_history_is_what_the_steps_measured():
    history = fit(planar(), steps=7)
    assert len(history) == 7
    for values in curves(history):
        assert values.shape == (7,) and values.dtype == torch.float32 and values.device.type == "cpu"
        assert not values.requires_grad and values.unique().numel() == 7
    pair, batches = planar(), points()
    optimizers = [training.adam(net, 1e-3) for net in pair]
    real = next(batches)
    first = training.step(*pair, *optimizers, real, torch.randn(16, LATENT))
    assert [values[0] for values in curves(history)] == list(first)


def test_one_seed_gives_one_run(monkeypatch, tmp_path):
    monkeypatch.setenv("GANLIB_CACHE", str(tmp_path))
    glyphs = images.glyphs(n=64, size=8)

    def run(seed):
        pair = players()
        torch.manual_seed(seed)
        history = fit(pair, glyphs.batches(16), steps=12)
        return [*curves(history), *state(*pair)]

    assert equal(run(1), run(1)) and not any(a.equal(b) for a, b in zip(run(1)[:4], run(2)[:4], strict=True))


class Reads(TorchDispatchMode):
    """Counts how often a number is read out of a tensor, which on a GPU waits for it: item, tolist, bool, float."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


def test_the_hot_path_reads_no_number_and_moves_nothing(monkeypatch):
    calls = []
    for name in ("item", "tolist", "cpu", "numpy", "__bool__", "__float__"):
        plain = getattr(torch.Tensor, name)
        monkeypatch.setattr(
            torch.Tensor,
            name,
            lambda self, *a, plain=plain, name=name, **k: (calls.append(name), plain(self, *a, **k))[1],
        )

    def counts(steps):
        pair, reads = planar(), Reads()
        ema, before = training.EMA(pair[0]), len(calls)
        with reads:
            fit(pair, steps=steps, ema=ema)
        return reads.count, len(calls) - before

    short, long = counts(5), counts(50)
    assert short == long and min(short) > 0  # those at the end of a run are counted, and no others


def test_schedulers_step_once_a_step_and_callbacks_at_their_cadence():
    pair, seen = planar(), []
    optimizers = [torch.optim.SGD(net.parameters(), lr=1.0) for net in pair]
    schedulers = [torch.optim.lr_scheduler.StepLR(o, 1, gamma=0.5) for o in optimizers]
    options = {"callback": seen.append, "callback_every": 3, "schedulers": schedulers, "progress": False}
    training.fit(*pair, *optimizers, points(), latent=LATENT, steps=10, **options)
    assert seen == [3, 6, 9]
    assert [o.param_groups[0]["lr"] for o in optimizers] == [0.5**10] * 2


def slope(*batch):
    return penalties.r1(0.3)(*batch) + penalties.r2(0.2)(*batch)


def test_a_penalty_joins_the_discriminators_loss_and_no_other():
    (generator, discriminator), (g, d) = planar(), planar()
    rate, real, z = 0.1, next(points()), torch.randn(16, LATENT)
    sgd = [torch.optim.SGD(net.parameters(), rate) for net in (generator, discriminator)]
    measured = training.step(generator, discriminator, *sgd, real, z, penalty=slope)

    seen, made = real.clone().requires_grad_(), g(z).detach().requires_grad_()
    d_loss = losses.cross_entropy_discriminator(d(seen), d(made))
    total = d_loss + slope(seen, d(seen), made, d(made))
    gradients = torch.autograd.grad(total, list(d.parameters()), allow_unused=True, materialize_grads=True)
    for parameter, gradient in zip(d.parameters(), gradients, strict=True):
        parameter.data -= rate * gradient
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(state(discriminator), state(d), strict=True))
    assert torch.allclose(measured[0], d_loss) and not real.requires_grad and real.grad is None
    g_gradients = torch.autograd.grad(losses.non_saturating_generator(d(g(z))), list(g.parameters()))
    for parameter, gradient in zip(g.parameters(), g_gradients, strict=True):
        parameter.data -= rate * gradient
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(state(generator), state(g), strict=True))


def test_fit_applies_the_penalty_at_every_so_many_steps_from_the_first():
    called, now = [], []

    def counted(*batch):
        called.append(len(now))
        return slope(*batch)

    fit(planar(), steps=10, penalty=counted, penalty_every=4, callback=now.append)
    assert called == [0, 4, 8]


def test_a_penalty_that_acts_at_every_fourth_step_is_there_four_times_as_strong():
    lazy = planar()  # which also seeds what fit draws
    fit(lazy, steps=4, penalty=slope, penalty_every=4)
    heavy, strength = planar(), (4, 0, 0, 0)
    fit(heavy, steps=4, penalty=lambda *batch, done: strength[done] * slope(*batch))
    for one, other in zip(lazy, heavy, strict=True):
        assert all(torch.allclose(a, b, atol=1e-7) for a, b in zip(state(one), state(other), strict=True))


def test_a_run_that_goes_on_counts_the_steps_done_before():
    seen = {"callback": [], "penalty": []}
    for start, steps in ((0, 7), (7, 12)):

        def penalty(*_):
            seen["penalty"].append(1)
            return torch.zeros(())

        def note(step):
            seen["callback"].append((step, len(seen["penalty"])))

        history = fit(planar(), steps=steps, start=start, penalty=penalty, penalty_every=3, callback=note)
        assert len(history) == steps - start and history.start == start
    # the penalty acts at steps 1, 4, 7 and 10, whether or not the run was cut in two
    assert seen["callback"] == list(zip(range(1, 13), [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4], strict=True))


@pytest.mark.parametrize(("start", "steps"), [(21, 20), (-1, 20), (0, -1)])
def test_a_run_back_in_time_is_refused(start, steps):
    with pytest.raises(ValueError, match=f"There is nothing to train from step {start} to step {steps}"):
        fit(planar(), steps=steps, start=start)


@pytest.mark.parametrize("steps", [0, 20])
def test_a_script_that_went_on_and_has_nothing_to_do_gets_an_empty_history(steps):
    pair, batches = planar(), iter([1, 2])
    before = state(*pair)
    history = fit(pair, batches, steps=steps, start=steps)
    assert len(history) == 0 and history.start == steps and equal(before, state(*pair))
    assert list(batches) == [1, 2]  # none was taken


def test_a_penalty_with_a_schedule_needs_no_iterator():
    steps = []
    fit(planar(), steps=9, start=2, penalty=penalties.r1(lambda done: steps.append(done) or 0.1), penalty_every=3)
    assert steps == [3, 6]


def requires(pair):
    return [weight.requires_grad for net in pair for weight in net.parameters()]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("where", ["generator", "discriminator"])
def test_an_interrupted_step_leaves_the_players_as_they_were(error, where):
    def interrupt(*_):
        raise error("stop")

    pair = planar()
    pair[1][0].bias.requires_grad_(False)
    before = requires(pair)
    players = training.Players(*pair, *(training.adam(net) for net in pair))
    broken = losses.non_saturating._replace(**{where: interrupt})
    with pytest.raises(error, match="stop"):
        training.step(*players, next(points()), torch.randn(16, LATENT), broken)
    assert requires(pair) == before
    training.step(*players, next(points()), torch.randn(16, LATENT))  # and the same cell goes on
    assert requires(pair) == before


def test_what_was_frozen_on_purpose_stays_so_and_as_it_was():
    pair = planar()
    for net in pair:
        net[0].requires_grad_(False)
    kept, free = state(pair[0][0], pair[1][0]), state(pair[0][2], pair[1][2])
    before = requires(pair)
    fit(pair, steps=3)
    assert requires(pair) == before
    assert equal(kept, state(pair[0][0], pair[1][0]))
    assert not any(a.equal(b) for a, b in zip(free, state(pair[0][2], pair[1][2]), strict=True))


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_whoever_interrupts_a_run_has_its_history(error):
    def interrupt(step):
        if step == 7:
            raise error

    with pytest.raises(error) as stopped:
        fit(planar(), start=3, callback=interrupt)
    history = stopped.value.history
    assert len(history) == 4 and history.start == 3 and all(values.all() for values in curves(history))


def test_players_unpack_into_fit():
    pair = planar()
    players = training.Players(*pair, *(training.adam(net, 1e-3) for net in pair))
    torch.manual_seed(0)
    history = training.fit(*players, points(), latent=LATENT, steps=5, progress=False)
    again = planar()
    torch.manual_seed(0)
    assert equal(curves(history), curves(fit(again, steps=5))) and equal(state(*pair), state(*again))
    assert players.generator is pair[0] and players.d_optimizer is players[3]


@pytest.mark.parametrize("start", [0, 3])
def test_a_rehearsal_trains_the_first_steps_alone_and_passes_over_the_rest(monkeypatch, start):
    short, rehearsed, heard = planar(), planar(), []
    torch.manual_seed(1)
    history = fit(short, start=start, steps=start + 2)
    monkeypatch.setenv("GANLIB_REHEARSAL", "2")
    torch.manual_seed(1)
    full = fit(rehearsed, start=start, steps=250, callback=heard.append, callback_every=50)
    assert equal(state(*rehearsed), state(*short)) and heard == [50, 100, 150, 200, 250]
    assert len(full) == 250 - start and full.d_loss[:2].equal(history.d_loss)
    assert (full.d_loss[2:] == history.d_loss[-1]).all()
    assert len(fit(planar(), start=start, steps=start + 1)) == 1  # a run may be shorter than its rehearsal
    with pytest.raises(ValueError, match=f"The batches ended after step {start + 1} of 250"):
        fit(planar(), iter([torch.randn(16, 2)]), start=start, steps=250)
