"""What comes into a run: any iterable of batches, again and again, and what is said of one that does not fit."""

import itertools
import re
import warnings

import pytest
import torch
from test_training import LATENT, curves, equal, fit, planar, players, points, state
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from ganlib import conditional, images, models, training
from ganlib.intake import supply
from ganlib.players import Players


@pytest.fixture(autouse=True)
def no_warning_goes_unseen():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def grey(low, high, channels=1, n=4):
    return torch.linspace(low, high, n * channels * 64).view(n, channels, 8, 8)


class Bounded(nn.Module):
    """A generator of 8×8 images that ends in ``end``, a function."""

    def __init__(self, end=None, channels=1):
        super().__init__()
        self.linear, self.end, self.shape = nn.Linear(LATENT, 64 * channels), end, (channels, 8, 8)

    def forward(self, z):
        made = self.linear(z) if self.end is None else self.end(self.linear(z))
        return made.view(-1, *self.shape).float()


def flat(channels=1):
    return nn.Sequential(nn.Flatten(), nn.Linear(64 * channels, 1))


@pytest.mark.parametrize(("low", "high"), [(0, 255), (-1, 1.01), (-1.5, 0)])
@pytest.mark.parametrize("make", [lambda: players()[0], lambda: Bounded(torch.tanh)])
def test_data_that_a_tanh_cannot_make_are_refused(make, low, high):
    said = re.escape(f"The data run from {low:.3g} to {high:.3g}, but a generator that ends in tanh makes values in [")
    with pytest.raises(ValueError, match=said):
        fit((make(), players()[1]), itertools.repeat(grey(low, high)))


def test_data_that_a_sigmoid_cannot_make_are_refused():
    with pytest.raises(ValueError, match=r"but a generator that ends in a sigmoid makes values in \[0, 1\]"):
        fit((Bounded(torch.sigmoid), flat()), itertools.repeat(grey(-1, 1)))
    assert len(fit((Bounded(torch.sigmoid), flat()), itertools.repeat(grey(0, 1)), steps=2)) == 2


@pytest.mark.parametrize(("low", "high"), [(0, 255), (-3, 3), (0, 1)])
def test_a_generator_without_a_bound_trains_on_any_range(low, high):
    assert len(fit((Bounded(), flat()), itertools.repeat(grey(low, high)), steps=2)) == 2


def test_images_in_0_to_1_before_a_tanh_are_warned_of_once():
    with pytest.warns(UserWarning, match=r"^The images lie in \[0, 1\], but the generator ends in tanh") as said:
        fit(players(), itertools.repeat(grey(0, 1)), steps=3)
    assert len(said) == 1 and said[0].filename.endswith("test_training.py")  # fit's caller
    fit(players(), itertools.repeat(grey(-1, 0)), steps=2)  # dark ones are not


@pytest.mark.parametrize(
    ("batch", "said"),
    [
        (grey(-1, 1).where(grey(-1, 1) < 0.9, torch.nan), "There are NaN among the data"),
        (grey(-1, 1).where(grey(-1, 1) < 0.9, torch.inf), "There are infinite values among the data"),
        (grey(0, 255).to(torch.uint8), r"The batches hold torch\.uint8: pass floats"),
        ({"image": grey(-1, 1)}, "A batch must be a tensor of samples, .* but this is a dict"),
        (grey(-1, 1, channels=3), r"makes samples of shape \(1, 8, 8\), but the data have shape \(3, 8, 8\)"),
        (torch.zeros(4, 1, 16, 16), r"makes samples of shape \(1, 8, 8\), but the data have shape \(1, 16, 16\)"),
        (grey(-1, 1, n=1), "A batch of one leaves BatchNorm no spread"),
    ],
)
def test_a_batch_that_cannot_be_trained_on_is_one_sentence_and_nothing_has_moved(batch, said):
    pair = players()
    before = state(*pair)
    with pytest.raises(ValueError, match=said) as refused:
        fit(pair, itertools.repeat(batch))
    assert str(refused.value).count(". ") == 0 and equal(before, state(*pair))


class Answers(nn.Module):
    """A player that returns something else than one tensor."""

    def __init__(self, player):
        super().__init__()
        self.player = player

    def forward(self, x):
        made = self.player(x)
        return made, made


@pytest.mark.parametrize(
    ("wrap", "options", "said"),
    [
        (lambda g, d: (g, Answers(d)), {}, "The discriminator returns a tuple, but must return one tensor: .* logits"),
        (lambda g, d: (Answers(g), d), {}, "The generator returns a tuple, but must return one tensor: .* samples"),
        (lambda g, d: (g, d), {"latent": 7}, r"The generator does not take latents of shape \(16, 7\): "),
        (lambda g, d: (g, nn.Sequential(nn.Linear(5, 1))), {}, r"discriminator does not take samples of shape \(16, 2"),
    ],
)
def test_a_player_that_does_not_fit_is_named(wrap, options, said):
    pair = wrap(*planar())
    before = state(*pair)
    with pytest.raises(ValueError, match=said):
        fit(pair, **options)
    assert equal(before, state(*pair))


def test_the_probe_leaves_no_trace():
    """A run whose first batch is looked at is the run of bare steps, to the bit, with BatchNorm and dropout."""

    def dropping():
        generator, discriminator = players()
        return generator, nn.Sequential(nn.Dropout(0.5), *discriminator)

    pair, by_hand, batch = dropping(), dropping(), grey(-1, 1)
    torch.manual_seed(1)
    history = fit(pair, itertools.repeat(batch), steps=3)
    torch.manual_seed(1)
    game = Players(*by_hand, *(training.adam(net, 1e-3) for net in by_hand))
    rows = [training.step(*game, batch, torch.randn(4, LATENT)) for _ in range(3)]
    assert equal(curves(history), torch.tensor(rows).T) and equal(state(*pair), state(*by_hand))


def labelled(n=10):
    ten = images.ImageSet(torch.full((n, 1, 8, 8), 9, dtype=torch.uint8), torch.arange(n) % 3, ("a", "b", "c"))
    return ten


@pytest.mark.parametrize("data", [labelled(), TensorDataset(labelled().floats(), labelled().labels)])
def test_an_ordinary_labelled_loader_trains_players_that_take_no_labels(data):
    history = fit(players(), DataLoader(data, batch_size=4, shuffle=True), steps=7)  # more than two of its epochs
    assert len(history) == 7 and history.d_loss.isfinite().all()


def test_players_that_take_labels_get_them_and_those_of_conditional_insist():
    generator = conditional.ConditionalGenerator(models.dcgan_generator(8, 1, 4, LATENT + 3), conditional.OneHot(3))
    pair, heard = (generator, conditional.ProjectionDiscriminator(players()[1], 3)), []
    hook = generator.register_forward_pre_hook(lambda _, inputs: heard.append(inputs[1]))
    fit(pair, DataLoader(labelled(), batch_size=5), steps=3)
    assert [labels.tolist() for labels in heard[1:]] == [[0, 1, 2, 0, 1], [2, 0, 1, 2, 0], [0, 1, 2, 0, 1]]
    hook.remove()
    with pytest.raises(ValueError, match="^This player needs the class of each sample"):
        fit(pair, itertools.repeat(grey(-1, 1)))


def test_one_player_that_takes_labels_is_refused():
    generator = conditional.ConditionalGenerator(nn.Linear(LATENT + 3, 64), conditional.OneHot(3))
    with pytest.raises(ValueError, match="and the discriminator alone takes no such argument"):
        fit((generator, flat()), DataLoader(labelled(), batch_size=5))


def test_what_can_be_iterated_again_begins_again_and_is_taken_one_batch_a_step():
    taken = []

    class Loader:
        def __iter__(self):
            for number in range(3):
                taken.append(number)
                yield torch.full((16, 2), float(number))

    now = []
    fit(planar(), Loader(), steps=8, callback=lambda step: now.append(len(taken)))
    assert taken == [0, 1, 2, 0, 1, 2, 0, 1] and now == list(range(1, 9))


@pytest.mark.parametrize("empty", [[], iter([]), DataLoader(TensorDataset(torch.zeros(3, 2)), 4, drop_last=True)])
def test_no_batches_at_all_is_one_sentence(empty):
    with pytest.raises(ValueError, match="^There are no batches to train on: pass an iterator without end"):
        fit(planar(), empty)


@pytest.mark.parametrize("data", [labelled(), torch.zeros(4, 1, 8, 8)])
def test_samples_that_are_no_batches_are_named(data):
    with pytest.raises(ValueError, match="holds samples and no batches: pass an iterator .* or a DataLoader of it"):
        fit(players(), data)


def test_an_iterator_that_ends_loses_nothing():
    pair, kept = planar(), []
    with pytest.raises(training.TrainingEnded, match="^The batches ended after step 4 of 20: pass an") as ended:
        fit(pair, itertools.islice(points(), 4), callback=lambda step: kept.append(state(*pair)))
    assert isinstance(ended.value, ValueError) and len(ended.value.history) == 4
    assert equal(state(*pair), kept[-1]) and ended.value.history.d_loss.all()
    resumed = fit(pair, start=4)
    assert resumed.start == 4 and len(resumed) == 16


def test_a_rest_of_one_sample_is_passed_over_where_it_cannot_be_normalised():
    sizes = []
    pair = players()
    pair[0].register_forward_hook(lambda *seen: sizes.append(len(seen[2])))
    fit(pair, DataLoader(labelled(9), batch_size=4), steps=5)
    assert sizes[1:] == [4] * 5
    pair, sizes = players(norm=None), []
    pair[0].register_forward_hook(lambda *seen: sizes.append(len(seen[2])))
    fit(pair, DataLoader(labelled(9), batch_size=4), steps=5)
    assert sizes[1:] == [4, 4, 1, 4, 4]


def test_batches_move_to_the_players_device():
    pair = [conditional.ConditionalGenerator(nn.Linear(LATENT + 3, 2), conditional.OneHot(3)), Heard()]
    there = Players(*(net.to("meta") for net in pair), None, None)
    real, (labels,) = next(supply([(torch.zeros(4, 2), torch.zeros(4).long())], there))
    assert real.device.type == labels.device.type == "meta"
    batch = torch.zeros(16, 2)
    assert next(supply([batch], Players(*planar(), None, None)))[0] is batch  # and else are left alone


class Heard(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 1)

    def forward(self, x, labels):
        return self.linear(x)
