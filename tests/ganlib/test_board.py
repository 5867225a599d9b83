"""The board: what it writes is what the players are, and a run with it is the run without, to the bit."""

import io
import sys
import time

import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from test_training import LATENT, equal, planar, players, points, state
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from ganlib import losses, penalties, toy, training
from ganlib.board import Board
from ganlib.guard import untouched
from ganlib.plots import to_pixels


def pictures(n=6):
    torch.manual_seed(3)
    return torch.rand(n, 1, 8, 8) * 2 - 1


def noisy():
    """Players whose forward pass changes everything that it can: BatchNorm, spectral norm, dropout."""
    generator, discriminator = players()
    spectral_norm(discriminator[0])
    return nn.Sequential(generator, nn.Dropout(0.1)), nn.Sequential(nn.Dropout(0.3), discriminator)


def train(pair, real, steps=6, board=None, ema=None, lr=1e-3, **options):
    torch.manual_seed(7)
    batches = (real for _ in range(10_000))
    optimizers = [training.adam(net, lr) for net in pair]
    settings = {"latent": LATENT, "steps": steps, "progress": False, "ema": ema, "callback": board} | options
    return training.fit(*pair, *optimizers, batches, **settings)


def read(folder):
    return EventAccumulator(str(folder), size_guidance={"images": 0, "histograms": 0, "scalars": 0}).Reload()


def scalar(events, name):
    return {event.step: event.value for event in events.Scalars(name)}


def test_a_run_with_a_board_is_the_run_without_to_the_bit(tmp_path):
    real = pictures()

    def run(*folder):
        pair = noisy()
        ema = training.EMA(pair[0], 0.9)
        scores = {"drawn": lambda generator: torch.rand(()) + generator.train()(torch.randn(4, LATENT)).mean()}
        board = Board(*folder, *pair, real, LATENT, ema=ema, scores=scores) if folder else None
        penalty = {"penalty": penalties.r1(1.0), "penalty_every": 2}
        history = train(pair, real, board=board, ema=ema, **penalty)
        if board:
            board.close()
        modes = [module.training for net in (*pair, ema.model) for module in net.modules()]
        return state(*pair, ema.model), [history.d_loss, history.g_loss, torch.rand(3)], modes

    plain, watched = run(), run(tmp_path / "a")
    assert equal(plain[0], watched[0]) and equal(plain[1], watched[1]) and plain[2] == watched[2]
    assert set(plain[2]) == {True, False}  # the players train, the average does not


def test_scalars_are_the_losses_of_the_players_as_they_are(tmp_path):
    generator, discriminator = planar()
    real, z = toy.ring().sample(16), torch.randn(16, LATENT)
    expected = {}

    def look(step):
        board(step)
        with torch.no_grad():
            a, b = discriminator(real), discriminator(generator(z))
        expected[step] = (
            losses.relativistic.discriminator(a, b),
            losses.relativistic.generator(a, b),
            a.mean(),
            b.mean(),
        )

    with Board(tmp_path, generator, discriminator, real, z, game=losses.relativistic) as board:
        train((generator, discriminator), real, board=look, game=losses.relativistic, callback_every=2)
    events = read(tmp_path)
    for at, name in enumerate(("loss/discriminator", "loss/generator", "logit/real", "logit/fake")):
        written = scalar(events, name)
        assert written == pytest.approx({step: row[at].item() for step, row in expected.items()}, rel=1e-6)
        assert list(written) == [2, 4, 6] and len(set(written.values())) == 3
    assert events.Tags()["images"] == []  # points are no images


def test_without_a_random_layer_the_board_sees_what_a_step_measures(tmp_path):
    """On the same batch and latents, before the step's update: the two ways to a loss agree."""
    generator, discriminator = planar()
    real, z = toy.ring().sample(16), torch.randn(16, LATENT)
    with Board(tmp_path, generator, discriminator, real, z) as board:
        board(0)
    optimizers = [training.adam(net, 1e-3) for net in (generator, discriminator)]
    d_loss, _, real_logit, fake_logit = training.step(generator, discriminator, *optimizers, real, z)
    events = read(tmp_path)
    values = [scalar(events, name)[0] for name in ("loss/discriminator", "logit/real", "logit/fake")]
    assert values == pytest.approx([d_loss.item(), real_logit.item(), fake_logit.item()], rel=1e-6)


def test_the_grid_is_the_average_s_images_of_the_same_latents(tmp_path):
    real, pair = pictures(10), players()
    ema = training.EMA(pair[0], 0.9)
    with Board(tmp_path, *pair, real, LATENT, ema=ema, seed=4) as board:
        train(pair, real, board=board, ema=ema)
    made = ema.model(torch.randn(10, LATENT, generator=torch.Generator().manual_seed(4)))
    events = read(tmp_path)
    assert [event.step for event in events.Images("samples")] == [1, 2, 3, 4, 5, 6]
    for name, step, images in (("samples", -1, made), ("real", 0, real)):
        event = events.Images(name)[step]
        assert (event.width, event.height) == (64, 16)  # ten images of 8×8 pixels in rows of eight
        grid = torch.tensor(list(Image.open(io.BytesIO(event.encoded_image_string)).convert("L").tobytes()))
        grid = grid.view(2, 8, 8, 8).transpose(1, 2).reshape(16, 8, 8)  # row, column, height, width
        assert (grid[:10] - to_pixels(images) * 255).abs().max() < 1.01 and (grid[10:] == 0).all()


def test_colour_images_keep_their_channels(tmp_path):
    generator = nn.Sequential(nn.Linear(LATENT, 3), nn.Tanh(), nn.Unflatten(1, (3, 1, 1)), nn.Upsample(scale_factor=4))
    discriminator = nn.Sequential(nn.Flatten(), nn.Linear(48, 1), nn.Flatten(0))
    real = torch.tensor([1.0, -1.0, 0.0]).view(1, 3, 1, 1).expand(2, 3, 4, 4)
    with Board(tmp_path, generator, discriminator, real, LATENT) as board:
        board(1)
    picture = Image.open(io.BytesIO(read(tmp_path).Images("real")[0].encoded_image_string))
    assert picture.mode == "RGB" and picture.size == (8, 4) and picture.getpixel((5, 2))[:2] == (255, 0)


def test_histograms_are_of_all_weights_and_of_the_gradients_of_the_last_step(tmp_path):
    pair, real = planar(), toy.ring().sample(16)
    with Board(tmp_path, *pair, real, LATENT) as board:
        board(0)  # before the first step there are no gradients
        train(pair, real, steps=2, board=board)
    events = read(tmp_path)
    weights = {
        f"{name}/{at}": p for name, net in zip(board.players, pair, strict=True) for at, p in net.named_parameters()
    }
    assert set(events.Tags()["histograms"]) == {*weights, *(f"{name}.grad" for name in weights)}
    for name, weight in weights.items():
        last = events.Histograms(name)[-1].histogram_value
        assert len(events.Histograms(name)) == 3 and last.num == weight.numel()
        assert (last.min, last.max) == pytest.approx((weight.min().item(), weight.max().item()))
        assert last.sum == pytest.approx(weight.sum().item(), abs=1e-4)
        gradients = events.Histograms(f"{name}.grad")
        assert [event.step for event in gradients] == [1, 2]
        assert gradients[-1].histogram_value.max == pytest.approx(weight.grad.max().item())


def test_conditional_players_are_told_the_labels(tmp_path):
    class Told(nn.Module):
        def __init__(self, inputs, outputs):
            super().__init__()
            self.layer = nn.Linear(inputs + 1, outputs)

        def forward(self, x, labels):
            return self.layer(torch.cat([x, labels[:, None].float()], dim=1)).squeeze(1)

    generator, discriminator = Told(LATENT, 2), Told(2, 1)
    real, labels, z = torch.randn(4, 2), torch.arange(4), torch.randn(4, LATENT)
    scores = {"mean": lambda shown: shown(z, labels).mean(), "training": lambda shown: shown.training}
    with Board(tmp_path, generator, discriminator, real, z, given=(labels,), scores=scores) as board:
        board(5)
    events = read(tmp_path)
    assert scalar(events, "logit/fake")[5] == pytest.approx(discriminator(generator(z, labels), labels).mean().item())
    assert scalar(events, "score/mean")[5] == pytest.approx(generator(z, labels).mean().item())
    assert scalar(events, "score/training")[5] == 0 and generator.training


def test_weights_beyond_every_histogram_are_counted_and_do_not_end_the_run(tmp_path):
    pair = planar()
    with torch.no_grad():
        pair[0][0].weight[0, 0], pair[0][0].weight[0, 1], pair[1][0].bias[:] = float("inf"), 1e30, float("nan")
    with Board(tmp_path, *pair, toy.ring().sample(16), LATENT) as board:
        board(1)
    events = read(tmp_path)
    assert scalar(events, "out of range")[1] == 2 + 8
    assert events.Histograms("generator/0.weight")[0].histogram_value.num == 8 * LATENT - 2
    assert "discriminator/0.bias" not in events.Tags()["histograms"]


def test_why_a_run_stopped_stands_on_its_board(tmp_path):
    pair = planar()
    with pytest.raises(training.TrainingDiverged), Board(tmp_path, *pair, next(points()), LATENT) as board:
        train(pair, next(points()), board=board, lr=1e38)
    (event,) = read(tmp_path).Tensors("stopped/text_summary")
    assert event.tensor_proto.string_val[0].startswith(b"TrainingDiverged: The ")


def test_a_run_that_goes_on_replaces_the_later_steps_of_its_folder(tmp_path):
    pair, real = planar(), toy.ring().sample(16)
    with Board(tmp_path, *pair, real, LATENT) as board:
        train(pair, real, steps=6, board=board)
    time.sleep(1.1)  # files are read in the order of their names, which tell the second
    with Board(tmp_path, *pair, real, LATENT, start=4) as board:
        train(pair, real, steps=5, start=4, board=board)
    events = read(tmp_path).Scalars("logit/real")
    assert [event.step for event in events] == [1, 2, 3, 4, 5]


def test_a_folder_with_another_run_is_refused(tmp_path):
    pair, real = planar(), toy.ring().sample(16)
    Board(tmp_path / "deep" / "one", *pair, real, LATENT).close()
    with pytest.raises(ValueError, match="one holds the events of another run.*name another folder"):
        Board(tmp_path / "deep" / "one", *pair, real, LATENT)


def test_latents_must_be_as_many_as_real_samples(tmp_path):
    with pytest.raises(ValueError, match="as many latents as real samples, not 3 for 16"):
        Board(tmp_path, *planar(), toy.ring().sample(16), torch.randn(3, LATENT))
    assert not any(tmp_path.iterdir())


def test_without_tensorboard_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ModuleNotFoundError, match="install the extra 'board' of ganlib"):
        Board(tmp_path, *planar(), toy.ring().sample(16), LATENT)


def test_untouched_sets_back_after_an_error_too():
    net = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout()).train()
    net[1].eval()
    before, random = state(net), torch.get_rng_state()
    with pytest.raises(KeyError), untouched(net):
        net.train()(torch.randn(5, 2))
        net.eval()
        raise KeyError
    assert equal(state(net), before) and torch.get_rng_state().equal(random)
    assert net.training and net[0].training and not net[1].training
