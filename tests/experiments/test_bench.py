"""The benchmark: each part runs at a tiny budget. Its goals need a quiet machine, and stay out of the tests."""

import itertools
import json
import math
import subprocess
import time

import pytest
import torch

from course.layout import ROOT
from experiments import bench, bench_scores, plain_baselines, recipe, registry
from ganlib import images, results

SECONDS = 1


def clock(monkeypatch, step: float = 1.0) -> None:
    """Make every program see a clock on which each look takes ``step`` seconds: no figure is the machine's."""
    now = itertools.count(0, step)
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))


@pytest.fixture
def few_glyphs(monkeypatch):
    """Small sets in place of ``images.load``: 640 glyphs to train on, 128 to test on, never those in a cache folder."""
    sets = {train: images.glyphs(train, n=640 if train else 128) for train in (True, False)}
    monkeypatch.setattr(images, "load", lambda name, train=True: sets[train])
    return sets[True]


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("GANLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GANLIB_DATA", str(tmp_path / "data"))


def test_frechet_scores_every_method_at_each_of_its_budgets(few_glyphs, small_dcgan, monkeypatch):
    clock(monkeypatch, 1 / 16)
    monkeypatch.setattr(bench, "GOAL_AT", 0.5)
    monkeypatch.setattr(bench, "PIECE", 2)
    figures = bench.frechet("glyphs", [0.5, SECONDS], seeds=2, samples=128)
    assert figures["samples"] == 128 and set(figures["runs"]) == {*bench.PLAIN, bench.LIGHTNING, bench.RECIPE}
    for method, runs in figures["runs"].items():
        budgets = [0.5, SECONDS] if method in (*bench.JUDGED, bench.LIGHTNING, bench.RECIPE) else [0.5]
        assert [(run["seed"], run["budget"]) for run in runs] == [(seed, b) for seed in (0, 1) for b in budgets]
        assert all(figures["floor"] < run["frechet"] < math.inf and run["steps"] > 0 for run in runs)
    for method in [*bench.PLAIN, bench.LIGHTNING]:
        runs = figures["runs"][method]
        assert all(run["seconds"] >= run["budget"] and run["mode"] in ("eval", "train") for run in runs)
    assert [goal["at_most"] for goal in figures["goals"]] == [1 / 20, 1 / 20, 1]
    first = {
        method: [run["frechet"] for run in runs if run["budget"] == 0.5] for method, runs in figures["runs"].items()
    }
    expected = [sum(first[bench.RECIPE]) / sum(first[method]) for method in bench.JUDGED]
    assert [goal["measured"] for goal in figures["goals"][:2]] == pytest.approx(expected)
    worst = max(bench.against_the_best(figures["runs"], budget) for budget in (0.5, SECONDS))
    assert figures["goals"][2]["measured"] == worst


def test_the_recipe_is_held_against_the_best_row_of_each_budget():
    scores = {bench.RECIPE: {3: 2, 9: 1.5}, "one": {3: 8, 9: 3}, "other": {3: 4}}  # the other stops early
    runs = {
        method: [{"budget": budget, "frechet": score} for budget, score in of.items()] for method, of in scores.items()
    }
    assert [bench.against_the_best(runs, budget) for budget in (3, 9)] == [1 / 2, 1 / 2]


def test_a_plain_run_goes_on_after_a_look_and_its_clock_stands_still(few_glyphs, monkeypatch):
    now = iter(range(10**6))  # a clock on which each look takes a second
    monkeypatch.setattr(plain_baselines.time, "perf_counter", lambda: next(now))
    seen = []
    for generator, steps, took in plain_baselines.train("mlp", plain_baselines.loader("glyphs", few_glyphs), [3, 6]):
        generator.eval()
        [next(now) for _ in range(100)]  # a long look
        seen.append((generator.training, steps, took))
    assert seen == [(False, 3, 3), (False, 5, 6)]  # of the long look only the reading of the clock counts


def test_the_recipe_stops_within_its_budget_and_its_learning_rate_falls_to_zero(few_glyphs, monkeypatch):
    now = iter(range(10**6))  # a clock on which each look takes a second
    monkeypatch.setattr(bench.time, "perf_counter", lambda: next(now))
    optimizers = []
    make = bench.training.adam
    monkeypatch.setattr(bench.training, "adam", lambda *args: optimizers.append(make(*args)) or optimizers[-1])
    monkeypatch.setattr(bench, "PIECE", 5)
    generator, steps, took = bench.train_recipe(few_glyphs, 60)
    assert steps > 5 and 45 < took <= 60 + 1  # one more look to read the clock
    assert all(optimizer.param_groups[0]["lr"] < 0.2 * bench.LR for optimizer in optimizers)
    assert not generator.training and not any(weight.requires_grad for weight in generator.parameters())


@pytest.mark.parametrize(("padding", "size"), [(0, 28), (2, 32)])
def test_a_plain_loader_serves_the_same_images_as_the_set(few_glyphs, padding, size):
    loader = plain_baselines.loader("glyphs", few_glyphs, padding)
    batch, labels = next(iter(loader))
    assert batch.shape == (64, 1, size, size) and loader.batch_size == 64
    served = plain_baselines.PilDigits(few_glyphs, loader.dataset.transform)
    image, label = served[3]
    inner = image[:, padding : size - padding, padding : size - padding]
    assert torch.allclose(inner, few_glyphs[3:4].floats()[0], atol=1e-6) and label == few_glyphs.labels[3]


def test_mnist_is_found_and_served_as_glyphs_are(few_glyphs, tmp_path):
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    assert not bench.mnist_is_here()
    images_idx = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in few_glyphs.images[:, 0].shape)
    labels_idx = bytes([0, 0, 8, 1]) + len(few_glyphs).to_bytes(4, "big")
    for part in ("train", "t10k"):
        (raw / f"{part}-images-idx3-ubyte").write_bytes(images_idx + few_glyphs.images.numpy().tobytes())
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(labels_idx + bytes(few_glyphs.labels.tolist()))
    assert bench.mnist_is_here()
    real, drawn = (plain_baselines.loader(name, few_glyphs, 2).dataset for name in ("mnist", "glyphs"))
    assert len(real) == len(drawn) and type(real) is not type(drawn)
    assert all(torch.equal(real[i][0], drawn[i][0]) and real[i][1] == drawn[i][1] for i in (0, 99))


def test_fit_cost_times_both_ways_on_the_same_nets(few_glyphs, small_dcgan):
    figures = bench.fit_cost("glyphs", rounds=1, steps=3)
    for milliseconds in figures["milliseconds a step"].values():
        assert set(milliseconds) == {"fit", "bare"} and all(ms > 0 for ms in milliseconds.values())
    ratios = [ms["fit"] / ms["bare"] for ms in figures["milliseconds a step"].values()]
    assert [goal["measured"] for goal in figures["goals"]] == ratios


def test_the_bare_step_does_what_fit_does(few_glyphs):
    def weights(train):
        torch.manual_seed(0)
        generator, discriminator = recipe.generator(), recipe.discriminator()
        optimizers = bench.training.adam(generator), bench.training.adam(discriminator)
        ema, batches = bench.training.EMA(generator), few_glyphs.resized(recipe.SIZE).batches(8)
        train(generator, discriminator, *optimizers, batches, latent=recipe.LATENT, steps=3, ema=ema)
        return torch.cat([tensor.flatten().double() for tensor in ema.model.state_dict().values()])

    assert torch.equal(weights(bench.bare), weights(bench.training.fit))


def test_the_json_tells_how_to_repeat_the_run(tmp_path, monkeypatch, capsys):
    file = tmp_path / "bench.json"
    asked = []
    monkeypatch.setattr(bench.subprocess, "check_output", lambda command, **_: asked.append(command) or "0.05\n")
    code = registry.run("bench", ["--only", "import", "--data", "glyphs", "--output", str(file)])
    figures = json.loads(file.read_text(encoding="utf-8"))["import"]
    assert (
        figures["command"] == "python -m experiments bench --seconds 30 100 300 --data glyphs --only import --seeds 1"
    )
    for field in ("date", "cpu", "cores", "threads", "torch"):
        assert figures[field], field
    assert figures["seconds"] == [0.05] * 5 and figures["median"] == 0.05
    assert str(tmp_path) not in file.read_text() and str(ROOT) not in file.read_text()
    assert code == 0 and "import ganlib.losses" in capsys.readouterr().out
    monkeypatch.undo()
    assert float(subprocess.check_output(asked[0], text=True)) > 0  # what each process is asked for is a number


@pytest.mark.parametrize("measured, code, verdict", [(0.1, 0, "met"), (0.2, 1, "MISSED")])
def test_a_missed_goal_is_shown_and_sets_the_exit_code(tmp_path, monkeypatch, capsys, measured, code, verdict):
    goals = [bench_scores.goal("the claim", measured, 0.1)]
    monkeypatch.setattr(bench, "import_time", lambda: {"seconds": [measured], "best": 0, "median": 0, "goals": goals})
    assert registry.run("bench", ["--only", "import", "--output", str(tmp_path / "bench.json")]) == code
    out = capsys.readouterr().out
    assert out.rstrip().endswith(verdict) and "this runs on glyphs" in out  # no MNIST lies in the test's own folder


def test_a_goal_is_bounded_from_above_or_from_below():
    goals = [bench_scores.goal("small", 2.0, 2.5), bench_scores.goal("large", 2.0, at_least=2.5)]
    assert [(each["met"], results.bound(each)) for each in goals] == [
        (True, "at most 2.500"),
        (False, "at least 2.500"),
    ]


def test_the_table_shows_means_and_ranges():
    runs = [{"seed": 0, "budget": 3, "frechet": 10.0, "mode": "eval", "steps": 5, "seconds": 1.0}]
    runs += [{"seed": 1, "budget": 3, "frechet": 30.0, "mode": "train", "steps": 7, "seconds": 1.0}]
    part = {"data": "glyphs", "samples": 9, "floor": 1, "runs": {bench.RECIPE: runs}, "goals": []}
    row = next(line for line in bench.table({"frechet": part}).splitlines() if bench.RECIPE in line)
    assert row.split()[3:] == ["3", "6", "20.00", "10.00", "to", "30.00", "1.0", "eval,", "train"]
