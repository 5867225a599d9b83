"""What is wrong with players before the first step, and which of them listen to labels."""

import copy

import pytest
import torch
from test_training import LATENT, fit, planar, points, state
from torch import nn

from ganlib import training
from ganlib.players import Players, check_players, frozen, listen


def made(pair=None, *owners):
    """Players whose optimisers are of ``owners``, or of the two networks themselves."""
    pair = pair or planar()
    return Players(*pair, *(torch.optim.SGD(owner.parameters(), 0.1) for owner in owners or pair))


def swapped():
    pair = planar()
    return made(pair, *reversed(pair))


def twice(at):
    pair = planar()
    return made(pair, pair[at], pair[at])


def foreign(at):
    pair, owners = planar(), list(planar())
    owners[1 - at] = pair[1 - at]
    return made(pair, *owners)


def replaced(at):
    players = made()
    players[at][2] = nn.Linear(*reversed(players[at][2].weight.shape))
    return players


def with_weights_of_both():
    pair = planar()
    return made(pair, pair[0], nn.ModuleList(pair))


FAULTS = [
    (swapped, "The generator's optimiser holds weights of the other player"),
    (lambda: twice(0), "The discriminator's optimiser holds weights of the other player"),
    (lambda: twice(1), "The generator's optimiser holds weights of the other player"),
    (lambda: foreign(0), r"The generator's optimiser does not hold 4 of its 4 weights, such as 0\.weight"),
    (lambda: foreign(1), r"The discriminator's optimiser does not hold 4 of its 4 weights, such as 0\.weight"),
    (lambda: replaced(0), r"The generator's optimiser does not hold 2 of its 4 weights, such as 2\.weight"),
    (lambda: replaced(1), r"The discriminator's optimiser does not hold 2 of its 4 weights, such as 2\.weight"),
    (with_weights_of_both, "The discriminator's optimiser holds weights of the other player"),
    (lambda: made((planar()[0].eval(), planar()[1])), "The generator is in evaluation mode: call generator.train()"),
    (lambda: made((planar()[0], planar()[1].eval())), "The discriminator is in evaluation mode"),
    (lambda: made((planar()[0], planar()[1].requires_grad_(False))), "The discriminator has no weight that requires"),
    (lambda: made((planar()[0].to("meta"), planar()[1])), "The generator is on meta, but the discriminator on cpu"),
]


@pytest.mark.parametrize(("make", "said"), FAULTS)
def test_what_would_train_nothing_is_refused_before_the_first_step(make, said):
    players, untouched = make(), points()
    before = state(*players[:2]) if "meta" not in said else []
    with pytest.raises(ValueError, match=f"^{said}") as refused:
        training.fit(*players, untouched, latent=LATENT, steps=5, progress=False)
    assert str(refused.value).count(". ") == 0 and str(refused.value).endswith(".")
    assert all(a.equal(b) for a, b in zip(before, state(*players[:2]), strict="meta" not in said))


def test_parts_frozen_on_purpose_and_weights_beside_the_players_are_legal():
    generator, discriminator = planar()
    generator[0].requires_grad_(False)
    head = nn.Linear(2, 3)
    g_optimizer = torch.optim.SGD([*generator[2].parameters(), *head.parameters()], 0.1)
    check_players(Players(generator, discriminator, g_optimizer, training.adam(discriminator)))


def test_weights_that_both_players_share_are_legal():
    generator, discriminator = planar()
    discriminator[0].bias = generator[0].bias
    check_players(made((generator, discriminator)))


def test_an_average_of_another_network_is_refused():
    pair = planar()
    with pytest.raises(ValueError, match="^The average is of another network"):
        fit(pair, ema=training.EMA(planar()[0]))
    ema = training.EMA(pair[0])
    pair[0][2] = nn.Linear(8, 2)
    with pytest.raises(ValueError, match="^The average is of another network"):
        fit(pair, ema=ema)
    assert len(fit(pair, ema=training.EMA(pair[0]))) == 20


def test_a_scheduler_of_another_optimiser_is_refused():
    pair = planar()
    stale = torch.optim.lr_scheduler.StepLR(training.adam(pair[0]), 1)  # fit gets new optimisers
    with pytest.raises(ValueError, match="^A StepLR follows another optimiser: "):
        fit(pair, schedulers=[stale])


@pytest.mark.parametrize("name", ["penalty_every", "callback_every"])
def test_a_cadence_below_one_is_refused(name):
    with pytest.raises(ValueError, match="can be less than 1"):
        fit(planar(), **{name: 0})


@pytest.mark.parametrize("error", [None, RuntimeError, KeyboardInterrupt])
def test_frozen_is_undone_to_the_very_state_before(error):
    net = planar()[1]
    net[0].bias.requires_grad_(False)
    before = [weight.requires_grad for weight in net.parameters()]
    try:
        with frozen(net):
            assert not any(weight.requires_grad for weight in net.parameters())
            if error:
                raise error
    except BaseException as caught:
        assert isinstance(caught, error)
    assert [weight.requires_grad for weight in net.parameters()] == before == [True, False, True, True]


class Told(nn.Module):
    def forward(self, x, labels=None):
        return x


class Two(nn.Module):
    def forward(self, x, labels, weights):
        return x


class Wrapper(nn.Module):
    """What libraries for many devices put round a network."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, *args, **kwargs):
        return self.module(*args, **kwargs)


def pair_of(generator, discriminator):
    return Players(generator, discriminator, None, None)


def test_players_listen_where_both_take_what_is_given():
    plain = nn.Identity()
    assert listen(pair_of(Told(), Told()), 1) and listen(pair_of(Two(), Two()), 2)
    assert not listen(pair_of(plain, plain), 1)
    assert not listen(pair_of(Told(), Told()), 2)
    assert listen(pair_of(Wrapper(Told()), Told()), 1) and not listen(pair_of(Wrapper(plain), plain), 1)
    compiled = torch.compile(copy.deepcopy(plain), backend="eager")
    assert not listen(pair_of(compiled, plain), 1)


@pytest.mark.parametrize(("pair", "deaf"), [((Told(), nn.Identity()), "dis"), ((nn.Identity(), Told()), "gen")])
def test_labels_for_one_player_alone_are_refused(pair, deaf):
    with pytest.raises(ValueError, match=f"such as labels, and the {deaf}.* alone takes no such argument: "):
        listen(pair_of(*pair), 1)
