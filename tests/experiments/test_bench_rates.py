"""Images a second and bfloat16's share in them, at tiny budgets: the goals need a quiet machine, and stay out."""

import copy
import json
from types import SimpleNamespace

import pytest
import torch

from course.book import benchmark_page
from experiments import bench, bench_rates, lightning_baseline, plain_baselines
from ganlib import images, models, training

TINY = {"mlp": 2, "dcgan-32": 1}
LADDER = [bench_rates.PLAIN, bench_rates.LIGHTNING, bench_rates.MEMORY, bench_rates.FIT]
RATES = {"data": "glyphs", "batch": 64, "chunks": 2, "goals": [bench.goal("twice", 2.5, at_least=2)]}
RATES["images a second"] = {"net": {"plain loop": 400.0, "ganlib: fit": 1000.0}, "other": {"plain loop": 10.0}}


@pytest.fixture
def few_glyphs(monkeypatch, tmp_path):
    """Small sets in place of ``images.load``: 640 glyphs to train on, 128 to test on, never those in a cache folder."""
    monkeypatch.setenv("GANLIB_CACHE", str(tmp_path / "cache"))
    sets = {train: images.glyphs(train, n=640 if train else 128) for train in (True, False)}
    monkeypatch.setattr(images, "load", lambda name, train=True: sets[train])
    return sets[True]


@pytest.mark.parametrize("native", [True, False])
def test_every_way_is_timed_on_both_nets(few_glyphs, small_dcgan, monkeypatch, native):
    monkeypatch.setattr(bench_rates, "has_bfloat16", lambda: native)
    figures = bench_rates.rates("glyphs", rounds=1, chunk=TINY)
    mlp, convolutional = figures["images a second"].values()
    last = [bench_rates.BFLOAT16] if native else []
    assert list(mlp) == [*LADDER, *last]
    assert list(convolutional) == [*LADDER, bench_rates.CHANNELS_LAST, *last]
    assert all(rate > 0 for rates in (mlp, convolutional) for rate in rates.values())
    ratios = [rates[list(rates)[-1]] / rates[bench_rates.PLAIN] for rates in (mlp, convolutional)]
    assert [goal["measured"] for goal in figures["goals"]] == ratios
    assert [goal["at_least"] for goal in figures["goals"]] == [2, 2]


def test_a_rate_is_the_batch_over_the_median_of_the_turns_but_the_first(few_glyphs, monkeypatch):
    turns = iter([100.0, 100.0, 4.0, 1.0, 3.0, 2.0])  # each way warms up; then there and back
    slow = {bench_rates.PLAIN: lambda steps: next(turns), bench_rates.FIT: lambda steps: next(turns)}
    monkeypatch.setattr(bench_rates, "ways", lambda *_: slow)
    monkeypatch.setattr(bench_rates, "NETS", {"net": ("mlp", 28)})
    figures = bench_rates.rates("glyphs", rounds=1, chunk={"mlp": 3})
    rates = figures["images a second"]["net"]
    assert rates == {bench_rates.PLAIN: 64 * 3 / 3, bench_rates.FIT: 64 * 3 / 2}  # medians of 4 and 2, of 1 and 3


@pytest.mark.parametrize("net", ["mlp", "dcgan-32"])
def test_a_game_in_bfloat16_keeps_float32_weights_and_its_setting_to_itself(few_glyphs, small_dcgan, net):
    data = few_glyphs.resized(dict(bench_rates.NETS.values())[net])
    game = bench_rates.Game(net, data, bfloat16=True)
    before = torch.cat([weight.detach().flatten() for weight in game.generator.parameters()])
    assert game.train(1) > 0
    after = torch.cat([weight.detach().flatten() for weight in game.generator.parameters()])
    assert after.dtype == torch.float32 and torch.isfinite(after).all() and not torch.equal(before, after)
    assert torch.get_float32_matmul_precision() == "highest"


def test_gradients_in_bfloat16_are_near_those_in_float32(few_glyphs):
    torch.manual_seed(0)
    real = next(few_glyphs.resized(32).batches(16))
    discriminator = models.reference("dcgan-32")[1]
    gradients = []
    for player in (discriminator, bench_rates.InBfloat16(discriminator)):
        discriminator.zero_grad()
        torch.nn.functional.softplus(-player(real)).mean().backward()
        gradients.append(torch.cat([weight.grad.flatten() for weight in discriminator.parameters()]))
    assert not torch.equal(*gradients)
    assert torch.cosine_similarity(*gradients, dim=0) > 0.99


def test_bfloat16_reaches_convolutions_and_the_losses_stay_in_float32():
    layer = torch.nn.Conv2d(1, 2, 3)
    seen = []
    layer.register_forward_hook(lambda module, given, out: seen.append(out.dtype))
    out = bench_rates.InBfloat16(layer)(torch.randn(2, 1, 4, 4))
    assert seen == [torch.bfloat16] and out.dtype == torch.float32
    out.sum().backward()
    assert layer.weight.grad.dtype == torch.float32


def test_products_in_bfloat16_end_with_their_block():
    with pytest.raises(KeyError), bench_rates.bfloat16_products(True):
        assert torch.get_float32_matmul_precision() == "medium"
        raise KeyError
    assert torch.get_float32_matmul_precision() == "highest"
    with bench_rates.bfloat16_products(False):
        assert torch.get_float32_matmul_precision() == "highest"


def test_both_precisions_are_scored_from_the_same_seeds(few_glyphs, small_dcgan, monkeypatch):
    monkeypatch.setattr(bench_rates, "has_bfloat16", lambda: True)
    figures = bench_rates.precision("glyphs", seeds=2, samples=128, steps=TINY)
    assert figures["samples"] == 128
    for (label, runs), goal in zip(figures["runs"].items(), figures["goals"], strict=True):
        assert len(runs["float32"]) == len(runs["bfloat16"]) == 2 and label in goal["claim"]
        assert goal["measured"] == pytest.approx(sum(runs["bfloat16"]) / sum(runs["float32"]))
        assert 0.5 < goal["measured"] < 2  # after two steps both are noise
    monkeypatch.setattr(bench_rates, "has_bfloat16", lambda: False)
    figures = bench_rates.precision("glyphs", samples=128, steps=TINY)
    assert figures["runs"] == {} and figures["goals"] == []


def test_lightning_is_looked_at_past_each_budget_and_its_clock_stands_still(few_glyphs, monkeypatch):
    now = iter(range(10**6))  # a clock on which each look takes a second
    monkeypatch.setattr(lightning_baseline.time, "perf_counter", lambda: next(now))

    def slow_copy(net):
        [next(now) for _ in range(100)]
        return copy.deepcopy(net)

    monkeypatch.setattr(lightning_baseline, "copy", SimpleNamespace(deepcopy=slow_copy))
    loader = plain_baselines.loader("glyphs", few_glyphs)
    seen = list(lightning_baseline.train("mlp", loader, [3, 13]))  # 13 lies in the second epoch
    assert [(steps, took) for _, steps, took in seen] == [(3, 3), (12, 13)]
    weights = [torch.cat([weight.flatten() for weight in net.parameters()]) for net, _, _ in seen]
    assert not torch.equal(*weights)  # the first look is a copy, which training leaves alone


def test_lightning_trains_both_players_and_leaves_no_files(few_glyphs, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    module = lightning_baseline.Gan("mlp")
    start = {name: weight.detach().clone() for name, weight in module.named_parameters()}
    assert lightning_baseline.time_steps(module, plain_baselines.loader("glyphs", few_glyphs), steps=2) > 0
    assert all(not torch.equal(weight, start[name]) for name, weight in module.named_parameters())
    assert all(weight.requires_grad for weight in module.parameters()) and set(tmp_path.iterdir()) == before


def test_lightning_times_so_many_steps_and_not_the_first(few_glyphs, monkeypatch):
    now = iter(range(10**6))
    monkeypatch.setattr(lightning_baseline.time, "perf_counter", lambda: next(now))
    loader = plain_baselines.loader("glyphs", few_glyphs)
    assert lightning_baseline.time_steps(lightning_baseline.Gan("mlp"), loader, steps=5) == 5


def test_a_step_of_the_plain_loop_moves_both_players(few_glyphs):
    players = models.reference("mlp")
    start = [torch.cat([weight.detach().flatten() for weight in player.parameters()]) for player in players]
    next(plain_baselines.steps(*players, few_glyphs.batches(64)))
    moved = [torch.cat([weight.detach().flatten() for weight in player.parameters()]) for player in players]
    steps = [(now - then).abs().max() for now, then in zip(moved, start, strict=True)]
    assert all(0 < step <= plain_baselines.LR * 1.01 for step in steps)  # Adam's first step is the learning rate


def test_the_tables_show_rates_and_their_ratio():
    precision = {"samples": 9, "goals": [], "runs": {"net": {"steps": 7, "float32": [4.0, 6.0], "bfloat16": [8.0]}}}
    printed = bench.table({"rates": RATES, "precision": precision})
    row = next(line for line in printed.splitlines() if "ganlib: fit" in line)
    assert row.split()[-2:] == ["1,000", "2.50"]
    row = next(line for line in printed.splitlines() if line.startswith("net  "))
    assert row.split() == ["net", "7", "5.0", "8.0", "4.0,", "6.0", "|", "8.0"]
    assert "at least 2.000  met" in printed


def test_the_page_shows_rates_where_they_are_stored(tmp_path):
    facts = {"command": "python -m experiments bench", "date": "2026-01-02", "seeds": [0], "torch": "2.9"}
    facts |= {"cpu": "a CPU", "cores": 2, "threads": 2}
    precision = {"samples": 10_000, "goals": [], "runs": {"net": {"steps": 7, "float32": [4, 6], "bfloat16": [8]}}}
    stored = tmp_path / "bench.json"
    stored.write_text(json.dumps({"rates": facts | RATES, "precision": facts | precision}))
    page = benchmark_page.benchmark_tables(tmp_path, tmp_path)
    assert "| plain loop | 400 (1.00) | 10 (1.00) |" in page and "| ganlib: fit | 1,000 (2.50) |  |" in page
    assert "| twice | 2.500 | at least 2.000 |" in page
    assert "| net | 7 | float32 | 5 | 4, 6 |" in page and "| net | 7 | bfloat16 | 8 | 8 |" in page
    stored.write_text(json.dumps({"precision": facts | precision | {"runs": {}}}))
    assert "no bfloat16 instructions" in benchmark_page.benchmark_tables(tmp_path, tmp_path)
    stored.write_text(json.dumps({}))  # as it was stored before there were rates
    assert "Images a second" not in benchmark_page.benchmark_tables(tmp_path, tmp_path)


def test_fit_without_bfloat16_is_training_fit_itself(few_glyphs):
    torch.manual_seed(0)
    game = bench_rates.Game("mlp", few_glyphs)
    game.train(2)
    torch.manual_seed(0)
    players = models.reference("mlp")
    optimizers = [training.adam(player) for player in players]
    training.fit(*players, *optimizers, few_glyphs.batches(64), latent=100, steps=2, progress=False)
    pairs = zip(game.generator.parameters(), players[0].parameters(), strict=True)
    assert all(torch.equal(ours, own) for ours, own in pairs)
