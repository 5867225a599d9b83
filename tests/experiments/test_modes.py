"""The benchmark of modes: every run at a tiny budget, the goals judged in both directions, the figures repeatable."""

import json
import math

import pytest
import torch

from experiments import modes as bench_modes
from experiments import registry


@pytest.fixture(autouse=True)
def short_runs(monkeypatch):
    threads = torch.get_num_threads()
    short = {name: trial._replace(steps=4) for name, trial in bench_modes.TRIALS.items()}
    monkeypatch.setattr(bench_modes, "TRIALS", short)
    monkeypatch.setattr(bench_modes, "METHOD_STEPS", 4)
    yield
    torch.set_num_threads(threads)


def test_the_weight_falls_geometrically_over_the_first_half():
    weights = [bench_modes.falling(0.1, 0.001, 100)(done) for done in range(100)]
    assert weights[0] == 0.1 and weights[25] == pytest.approx(0.01)
    assert weights[50:] == pytest.approx([0.001] * 50)


def test_every_run_is_scored_and_told_with_what_repeats_it(tmp_path, capsys):
    file = tmp_path / "modes.json"
    assert registry.run("modes", ["--seeds", "1", "--output", str(file)]) == 1  # four steps reach no goal
    figures = json.loads(file.read_text(encoding="utf-8"))
    assert figures["command"] == "python -m experiments modes --seeds 1" and figures["threads"] == 1
    runs = [run for part in ("runs", "methods") for runs in figures[part].values() for run in runs]
    assert len(runs) == 13 and all(0 <= run["high quality"] <= 1 and not run["diverged"] for run in runs)
    assert all(math.isfinite(run["reverse KL"]) and run["CPU-seconds"] > 0 for run in runs)
    out = capsys.readouterr().out
    assert "relativistic + R1 + R2, lazy" in out and "MISSED" in out


def test_clipping_and_spectral_normalisation_reach_the_discriminator():
    clipped = bench_modes.train(bench_modes.toy.ring(), seed=0, steps=2, clip=0.0)
    assert clipped["modes"] == 0
    layer = bench_modes.mlp(2, 1, torch.nn.ReLU(), lambda *sizes: bench_modes.spectral_norm(torch.nn.Linear(*sizes)))
    assert sum(hasattr(part, "parametrizations") for part in layer) == 4


@pytest.mark.parametrize("score, met", [(1.0, [True] * 4), (0.0, [False, False, True, True])])
def test_goals_are_judged_in_their_direction(score, met):
    run = {"seed": 0, "modes by 20": 8 * score, "high quality": score, "reverse KL": 0.0, "CPU-seconds": 1.0}
    judged = bench_modes.goals("ring of 8", bench_modes.TRIALS["ring of 8"], run)
    assert [goal["met"] for goal in judged] == met
