"""experiments/speed.py: each part measures what it says. No figure here depends on the speed of the machine."""

import json
import sys

import pytest
import torch

from experiments import recipe, registry
from experiments import speed as measure_speed
from ganlib import images, models, results

CPU = torch.device("cpu")
RESULTS = results.FOLDER / "speed.json"
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no module resource")


@pytest.fixture
def noise(monkeypatch):
    """A small set, small nets, and a compiler that compiles nothing."""
    pixels = torch.randint(256, (80, 1, 28, 28), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    data = images.ImageSet(pixels, torch.zeros(80, dtype=torch.int64), ("noise",))
    monkeypatch.setattr(images, "load", lambda name: data)
    monkeypatch.setattr(recipe, "WIDTH", 2)
    monkeypatch.setattr(models, "reference", lambda name: (recipe.generator(latent=100), recipe.discriminator()))
    monkeypatch.setattr(torch, "compile", lambda net: net)
    return data.resized(recipe.SIZE)


def test_each_change_is_measured_on_and_off(noise):
    figures = measure_speed.alone(noise, CPU, rounds=1)
    assert figures.pop("R1 under torch.compile") == "trains"  # as nothing is compiled here
    assert set(figures) == {"recipe", "dcgan-32"}
    for part in figures.values():
        assert part.pop("batch") in (32, 64) and part.pop("steps a chunk") > 0
        assert list(part) == ["data in memory", "channels_last", "bf16 autocast", "torch.compile"]
        for row in part.values():
            low, high = row["chunks"]
            assert row["off"] > 0 and row["on"] > 0 and low <= row["times as fast"] <= high


def test_the_slow_loader_reads_the_same_pixels(noise):
    batches = measure_speed.loader(noise, 20, CPU)
    seen = torch.cat([next(batches) for _ in range(4)])  # an epoch
    assert torch.allclose(seen.sort(0).values, noise.floats().sort(0).values, atol=1e-6)
    assert next(batches).shape == (20, 1, 32, 32)  # and on into the next


def test_autocast_rounds_the_products_and_nothing_else():
    torch.manual_seed(0)
    net, x = recipe.discriminator(), torch.randn(4, 1, 32, 32)
    rounded = measure_speed.InBfloat16(net)
    assert rounded(x).dtype == torch.float32 and {p.dtype for p in rounded.parameters()} == {torch.float32}
    assert not torch.equal(rounded(x), net(x)) and torch.allclose(rounded(x), net(x), atol=0.02)


def test_a_refusal_of_the_compiler_is_kept_as_its_sentence(noise, monkeypatch):
    def refuse(*_):
        raise RuntimeError("no double backward\nand much more")

    monkeypatch.setattr(measure_speed.penalties, "r1", lambda weight: refuse)
    assert measure_speed.penalty_compiled(noise, CPU) == "no double backward"


@posix
def test_the_cost_of_a_step(monkeypatch):
    small = measure_speed.cost_of(batch=4, width=8, size=16, device=CPU, seconds=0.01)
    large = measure_speed.cost_of(batch=8, width=8, size=16, device=CPU, seconds=0.01)
    assert large["flops"] == 2 * small["flops"] > 0 and small["parameters"] == large["parameters"]
    assert len(small["ms of all chunks"]) == 5 and min(small["ms of all chunks"]) == small["ms"] > 0
    assert 0 < small["bytes before"] <= small["bytes at the peak"]

    asked = []
    monkeypatch.setattr(measure_speed, "fresh", lambda setting, rounds: asked.append(setting) or {"ms": 1})
    figures = measure_speed.cost(3)
    assert {axis: len(figures[axis]) for axis in measure_speed.GRID} == {"batch": 6, "width": 4, "size": 4}
    assert asked[0] == {"batch": 8, "width": 16, "size": 32} and asked[-1] == measure_speed.HELD_OUT


@posix
def test_a_process_of_its_own_measures_one_setting():
    ballast = torch.ones(300_000_000)  # the child must not count what its parent holds
    figures = measure_speed.fresh({"batch": 32, "width": 8, "size": 32}, rounds=1)
    assert (figures["batch"], figures["width"], figures["size"]) == (32, 8, 32) and figures["flops"] > 0
    assert 1e6 < figures["bytes at the peak"] - figures["bytes before"] < ballast.nbytes / 4


def test_all_parts_are_written(tmp_path, noise, monkeypatch, capsys):
    file = tmp_path / "speed.json"
    monkeypatch.setattr(measure_speed, "alone", lambda data, device, rounds: {"recipe": len(data)})
    monkeypatch.setattr(measure_speed, "processes", lambda: [{"processes": 1}])
    monkeypatch.setattr(measure_speed, "cost", lambda rounds: {"held out": rounds})
    assert registry.run("speed", ["--rounds", "2", "--output", str(file)]) == 0
    figures = json.loads(file.read_text())
    assert figures["alone"] == {"recipe": 80} and figures["cost"] == {"held out": 2}
    assert figures["processes"] == [{"processes": 1}] and json.loads(capsys.readouterr().out) == figures
    assert {"command", "date", "cpu", "threads", "torch", "load"} <= set(figures)


def test_the_stored_figures_have_every_part_of_the_program():
    figures = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert {"alone", "cost", "processes"} <= set(figures) and {"command", "date", "cpu", "threads", "torch"} <= set(
        figures
    )
    for axis, values in measure_speed.GRID.items():
        assert [point[axis] for point in figures["cost"][axis]] == list(values)
        assert all(0 < point["bytes before"] < point["bytes at the peak"] for point in figures["cost"][axis])
    assert [row["processes"] for row in figures["processes"]] == list(measure_speed.PROCESSES)
    assert {row["threads of each"] for row in figures["processes"]} == {1}
