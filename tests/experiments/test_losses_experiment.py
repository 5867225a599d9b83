"""The comparison of losses: what each row switches, its tiny runs, going on after a stop, and its summary."""

import json

import pytest
import torch
from PIL import Image
from torch import nn

from experiments import losses as compare
from experiments import registry, stacked, stored
from ganlib import images, losses, results


@pytest.fixture(autouse=True)
def few_glyphs(monkeypatch):
    """Small sets in place of ``images.load``, fewer samples, and the number of threads put back."""
    sets = {train: images.glyphs(train, n=128) for train in (True, False)}
    monkeypatch.setattr(images, "load", lambda name, train=True: sets[train])
    monkeypatch.setattr(stacked, "TRIPLES", 64)
    monkeypatch.setattr(stacked, "COUNTED", 100)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_every_loss_trains_and_is_scored(tmp_path):
    output = tmp_path / "losses.json"
    assert registry.run("losses", ["--data", "glyphs", "--steps", "2", "--seeds", "1", "--output", str(output)]) == 0
    figures = json.loads(output.read_text(encoding="utf-8"))
    assert [run["loss"] for run in figures["runs"]] == list(compare.LOSSES)
    assert all(run["frechet"] > figures["floor"]["frechet"] for run in figures["runs"])
    assert figures["samples"] == 128 and figures["threads"] == 1
    with Image.open(tmp_path / "losses.png") as picture:
        assert picture.size == (compare.SHOWN * 32, len(compare.LOSSES) * 32)


def test_both_data_sets_share_a_file_and_a_finished_run_is_not_run_again(tmp_path, monkeypatch, capsys):
    output = tmp_path / "stacked.json"
    arguments = ["stacked", "--data", "glyphs", "--steps", "1", "--seeds", "2", "--output", str(output)]
    on_mnist = ["stacked", "--data", "mnist", *arguments[3:]]
    assert registry.main(arguments) == registry.main(on_mnist) == 0
    before = json.loads(output.read_text(encoding="utf-8"))
    assert [part["data"] for part in before.values()] == list(before) == ["glyphs", "mnist"]
    assert before["glyphs"]["real"]["modes"] > 50
    lost = before["glyphs"]["runs"].pop()  # as if it had been stopped before the last run
    output.write_text(json.dumps(before), encoding="utf-8")
    trained = []
    train = compare.train
    monkeypatch.setattr(compare, "train", lambda loss, *rest: trained.append(loss) or train(loss, *rest))
    assert registry.main(arguments) == 0
    assert trained == [*stacked.LOSSES.values()][-1:]
    again = json.loads(output.read_text(encoding="utf-8"))
    assert again["mnist"] == before["mnist"] and again["glyphs"]["runs"][:-1] == before["glyphs"]["runs"]
    assert again["glyphs"]["runs"][-1] | {"seconds": 0} == lost | {"seconds": 0}
    assert registry.main([*arguments[:3], "--steps", "3", *arguments[5:]]) == 2
    assert "holds another comparison" in capsys.readouterr().err


def test_the_clipped_critic_is_within_its_bound_after_every_step(monkeypatch):
    made, nets = [], compare.nets
    monkeypatch.setattr(compare, "nets", lambda *arguments: made.append(nets(*arguments)) or made[-1])
    for name in ("WGAN, clipped", "hinge"):
        compare.train(compare.LOSSES[name], images.glyphs(n=64).resized(32), 2, seed=0)
    clipped, free = (max(p.abs().max().item() for p in pair[1].parameters()) for pair in made)
    assert clipped == pytest.approx(compare.CLIP) and free > 0.02


def test_spectral_normalisation_is_on_every_layer_of_its_row_alone():
    for name, loss in compare.LOSSES.items():
        _, discriminator = compare.nets(loss)
        layers = [module for module in discriminator.modules() if isinstance(module, nn.Conv2d)]
        assert len(layers) == 4
        assert all(hasattr(layer, "parametrizations") == (name == "SN-hinge") for layer in layers)


@pytest.mark.parametrize(("slope", "expected"), [(1.0, 0.0), (3.0, 40.0)])
def test_the_gradient_penalty_of_a_linear_critic(slope, expected):
    weight = torch.tensor([0.6, 0.8]) * slope
    penalty = compare.gradient_penalty(lambda x: x @ weight)
    real, fake = torch.randn(5, 2), torch.randn(5, 2)
    assert penalty(real, real @ weight, fake, fake @ weight).item() == pytest.approx(expected, abs=1e-4)


def test_r1_and_r2_of_a_linear_critic_and_the_rows_that_have_them_at_every_eighth_step():
    weight = torch.tensor([3.0, 4.0])
    real, fake = torch.randn(5, 2, requires_grad=True), torch.randn(5, 2, requires_grad=True)
    given = real, real @ weight.requires_grad_(), fake, fake @ weight
    assert compare.r1(None)(*given).item() == pytest.approx(0.2 * 25 / 2)
    assert compare.r1_and_r2(None)(*given).item() == pytest.approx(0.2 * 25)
    lazy = {name for name, loss in compare.LOSSES.items() if loss.every == 8}
    assert lazy == {"non-saturating + R1", "relativistic + R1 + R2"}
    assert compare.LOSSES["relativistic + R1 + R2"].game is losses.relativistic


def test_the_summary_of_known_runs():
    runs = [{"loss": "a", "seed": seed, "frechet": score} for seed, score in enumerate((1.0, 2.0, 3.0))]
    figures = stored.summary("loss", [*runs, {"loss": "b", "seed": 0, "frechet": 5.0, "diverged_at": 7}])
    assert figures["a"]["frechet"]["mean"] == 2
    assert figures["a"]["frechet"]["standard_error"] == pytest.approx(1 / 3**0.5)
    assert figures["b"] == {"frechet": {"mean": 5.0, "standard_error": None}}


def test_a_rehearsal_stores_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("GANLIB_REHEARSAL", "2")
    for store in (results.write, stored.save_weights):
        with pytest.raises(ValueError, match="is not written, since this is a rehearsal: unset GANLIB_REHEARSAL"):
            store({}, tmp_path / "results.json")
    assert not [*tmp_path.iterdir()]
