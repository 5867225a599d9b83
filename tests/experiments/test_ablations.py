"""The ablations: what each variant changes, the small functions that make the change, tiny runs, and the summary."""

import json

import pytest
import torch
from torch import nn

from experiments import ablations, registry, stored
from ganlib import images, losses, training

FACTORS = [
    {"lr_d", "lr_g"}, {"beta1"}, {"batch"}, {"decay"}, {"targets"}, {"clip"}, {"schedule"}, {"dropout"}, {"d_norm"},
    {"g_norm"}, {"spectral"}, {"r1"}, {"width"}, {"perceptrons"}, {"images"}, {"other_seed"},
]  # fmt: skip


@pytest.fixture(autouse=True)
def few_glyphs(monkeypatch):
    """A small set in place of ``images.load``, and the number of threads put back."""
    few = images.glyphs(n=768)
    monkeypatch.setattr(images, "load", lambda name, train=True: few)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_a_variant_changes_one_factor_and_no_two_are_the_same():
    base = ablations.VARIANTS["baseline"]
    assert base == ablations.Setting()
    for name, setting in ablations.VARIANTS.items():
        changed = {field for field in base._fields if getattr(setting, field) != getattr(base, field)}
        assert any(changed <= factor for factor in FACTORS), f"{name} changes {changed}"
    assert len(set(ablations.VARIANTS.values())) == len(ablations.VARIANTS)


def test_every_variant_trains_and_is_scored_and_a_finished_run_is_not_run_again(tmp_path, monkeypatch, capsys):
    output = tmp_path / "ablations.json"
    arguments = ["--data", "glyphs", "--steps", "4", "--seeds", "1", "--output", str(output)]
    assert registry.run("ablations", arguments) == 0
    figures = json.loads(output.read_text(encoding="utf-8"))
    assert [run["variant"] for run in figures["runs"]] == list(ablations.VARIANTS)
    assert figures["samples"] == 128 and figures["threads"] == 1
    for run in figures["runs"]:
        assert run["frechet"] > figures["floor"] and "diverged_at" not in run
        assert 0 <= run["seen_called_real"] <= 1 and run["sharpness"] > 0
    before = output.read_text(encoding="utf-8")
    monkeypatch.setattr(ablations, "train", lambda *_: pytest.fail("a finished run was run again"))
    assert registry.run("ablations", arguments) == 0 and output.read_text(encoding="utf-8") == before
    assert registry.main(["ablations", *arguments[:2], "--steps", "3", *arguments[4:]]) == 2
    assert "holds another comparison" in capsys.readouterr().err


def test_no_run_sees_the_held_out_images(tmp_path, monkeypatch):
    class Seen(Exception):
        pass

    def train(setting, data, *_):
        raise Seen(data)

    monkeypatch.setattr(ablations, "train", train)
    with pytest.raises(Seen) as seen:
        ablations.run(stored.Record(tmp_path / "ablations.json", "a command"), "glyphs", 1, 1)
    every = images.load("glyphs").resized(ablations.SIZE)
    assert torch.equal(seen.value.args[0].images, every.images[:640]) and len(every) == 768


def test_a_larger_batch_makes_as_many_images_in_fewer_steps(monkeypatch):
    asked = {}
    monkeypatch.setattr(training, "fit", lambda *_, steps, ema, **__: asked.update(steps=steps, ema=ema))
    data = images.load("glyphs").resized(ablations.SIZE)
    for batch, steps, decay in ((8, 400, 0.99**0.25), (32, 100, 0.99), (128, 25, 0.99**4)):
        ablations.train(ablations.Setting(batch=batch), data, 100, 0)
        assert asked["steps"] == steps and asked["ema"].decay == pytest.approx(decay)


def test_the_smoothed_loss_is_the_plain_one_at_hard_targets_and_least_at_the_mean_target():
    real, fake = torch.randn(2, 50, dtype=torch.float64)
    plain = losses.cross_entropy_discriminator(real, fake)
    assert ablations.cross_entropy(1.0, 0.0).discriminator(real, fake).item() == pytest.approx(plain.item())
    soft = ablations.cross_entropy(0.9, 0.1).discriminator
    logits = torch.linspace(-4, 4, 8001, dtype=torch.float64)
    best = min(logits, key=lambda a: soft(a.view(1), torch.tensor([-9.0])))
    assert best.item() == pytest.approx(torch.tensor(0.9).logit().item(), abs=1e-3)
    best = min(logits, key=lambda a: soft(torch.tensor([9.0]), a.view(1)))
    assert best.item() == pytest.approx(torch.tensor(0.1).logit().item(), abs=1e-3)


@pytest.mark.parametrize(("bound", "expected"), [(None, 50.0), (1.0, 1.0)])
def test_gradients_are_clipped_before_the_step_where_the_setting_asks(bound, expected):
    net = nn.Linear(2, 1, bias=False)
    optimizer = ablations.players((net, nn.Linear(1, 1)), ablations.Setting(clip=bound)).g_optimizer
    (net(torch.tensor([[30.0, 40.0]])).sum()).backward()
    optimizer.step()
    assert net.weight.grad.norm().item() == pytest.approx(expected, rel=1e-4)
    assert (net.weight.grad[0, 1] / net.weight.grad[0, 0]).item() == pytest.approx(4 / 3)


def test_what_each_setting_builds():
    def kinds(**changes):
        generator, discriminator = ablations.nets(ablations.Setting(**changes))
        assert discriminator(generator(torch.randn(4, 64))).shape == (4,)
        return [[type(module) for module in net.modules()] for net in (generator, discriminator)]

    generator, discriminator = kinds()
    assert nn.BatchNorm2d in generator and not {nn.BatchNorm2d, nn.GroupNorm, nn.Dropout} & set(discriminator)
    assert nn.GroupNorm in kinds(g_norm=ablations.group_norm)[0]
    assert kinds(dropout=0.3)[1].count(nn.Dropout) == discriminator.count(nn.LeakyReLU)
    _, normed = ablations.nets(ablations.Setting(spectral=True))
    convolutions = [module for module in normed.modules() if isinstance(module, nn.Conv2d)]
    assert len(convolutions) == 3 and all(hasattr(module, "parametrizations") for module in convolutions)
    assert nn.Conv2d not in kinds(perceptrons=True)[1]


def test_the_two_measures_of_known_pictures():
    steps = torch.arange(4.0).repeat(2, 1, 4, 1)  # grows by 1 from left to right, and not downwards
    assert ablations.sharpness(steps) == 0.5 and ablations.sharpness(3 * steps) == 1.5
    share = ablations.called_real(nn.Dropout(0.5), torch.tensor([-1.0, 0.0, 1.0, 2.0]))
    assert share == 0.5
