"""The recipe: what it trains is a plain loop to the bit, it records a divergence, and every comparison trains by it."""

import ast
import itertools

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR

from course.layout import ROOT
from experiments import recipe
from ganlib import images, losses, runtime, training

STEPS = 5
COMPARISONS = {"ablations", "bench", "conditional", "losses", "modes", "search"}  # stacked trains by losses.train
OTHERS = {  # what else names training.fit, and why
    "recipe.fit": "is what the comparisons call",
    "train.train": "shares latents among processes, and goes on at a constant rate",
    "bench.fit_cost": "times training.fit itself",
    "bench_rates.Game": "times training.fit itself, on the reference nets",
    "train_plane.train": "makes the weights of an explorer, with the explorer's own settings",
    "doctor.watched": "puts a doctor beside each call of a chapter",
}


@pytest.fixture
def batches():
    """Endless batches of glyphs, after the seed: players made next are the same in every call."""
    data = images.glyphs(n=96).resized(32)

    def seeded():
        runtime.seed_everything(3)
        return data.batches(32)

    return seeded


def weights(*nets) -> list[torch.Tensor]:
    return [tensor for net in nets for tensor in net.state_dict().values()]


def same(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return len(one) == len(other) and all(map(torch.equal, one, other))


def spoilt(at: int) -> losses.Game:
    """The non-saturating game, whose generator's loss is NaN at step ``at``."""
    steps = itertools.count(1)

    def generator(fake_logits):
        return losses.non_saturating_generator(fake_logits) * (float("nan") if next(steps) == at else 1)

    return losses.Game(losses.cross_entropy_discriminator, generator)


def test_its_defaults_are_a_plain_loop_to_the_bit(batches):
    shown = batches()
    players = recipe.players()
    averaged, cost = recipe.train(players, shown, STEPS)

    shown = batches()
    nets = recipe.generator(), recipe.discriminator()
    optimizers = [torch.optim.Adam(net.parameters(), 2e-3, (0.0, 0.99), fused=True) for net in nets]
    schedulers = [CosineAnnealingLR(optimizer, STEPS) for optimizer in optimizers]
    ema = training.EMA(nets[0], 0.998)
    for real in itertools.islice(shown, STEPS):
        training.step(*nets, *optimizers, real, torch.randn(32, 64))
        ema.update()
        for scheduler in schedulers:
            scheduler.step()

    assert same(weights(averaged, *players[:2]), weights(ema.model, *nets)) and cost.keys() == {"seconds"}


def test_settings_reach_players_average_and_fit(batches):
    shown = batches()
    players = recipe.players(lr=(1e-3, 4e-3), betas=(0.5, 0.9))
    looks = []
    averaged, _ = recipe.train(players, shown, STEPS, decay=0.0, schedulers=(), callback=looks.append, callback_every=2)
    groups = [optimizer.param_groups[0] for optimizer in players[2:]]
    assert [(group["lr"], group["betas"]) for group in groups] == [(1e-3, (0.5, 0.9)), (4e-3, (0.5, 0.9))]
    assert same(weights(averaged), weights(players.generator)) and looks == [2, 4]


def test_a_divergence_is_recorded_by_train_and_raised_by_fit(batches):
    shown = batches()
    players, clock = recipe.players(), iter((1.0, 3.5))
    averaged, cost = recipe.train(players, shown, STEPS, game=spoilt(3), clock=lambda: next(clock))
    assert cost == {"seconds": 2.5, "diverged_at": 3}
    assert all(tensor.isfinite().all() for tensor in weights(averaged, *players[:2]))
    with pytest.raises(training.TrainingDiverged, match="generator's loss became nan at step 2"):
        recipe.fit(recipe.players(), batches(), STEPS, game=spoilt(2))


def uses(source: str) -> tuple[set[str], set[str]]:
    """The top-level names in a module that use ``training.fit``, and those that call ``recipe.train`` or ``fit``."""
    own, shared = set(), set()
    for top in ast.parse(source).body:
        for node in ast.walk(top):
            if isinstance(node, ast.ImportFrom) and node.module == "ganlib.training":
                own.add("an import")
            if isinstance(node, ast.Attribute) and ast.unparse(node) == "training.fit":
                own.add(getattr(top, "name", "the module"))
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("recipe.train", "recipe.fit"):
                shared.add(getattr(top, "name", "the module"))
    return own, shared


def test_every_comparison_trains_by_the_recipe_and_none_has_a_loop_of_its_own():
    modules = {file.stem: uses(file.read_text(encoding="utf-8")) for file in (ROOT / "experiments").glob("*.py")}
    assert {f"{module}.{name}" for module, (own, _) in modules.items() for name in own} == set(OTHERS)
    assert {module for module, (_, shared) in modules.items() if shared} == COMPARISONS


def test_a_loop_of_its_own_is_seen_however_it_is_named():
    source = "from ganlib.training import fit\ndef a():\n    go = training.fit\nclass B:\n    def b(self):\n"
    source += "        training.fit()\n        recipe.fit()\nrecipe.train()"
    assert uses(source) == ({"an import", "a", "B"}, {"B", "the module"})
