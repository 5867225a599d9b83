"""The comparison of conditional GANs: every method runs at a tiny budget, and the file says how to repeat it."""

import json

import pytest
import torch

from experiments import conditional as compare
from experiments import registry
from ganlib import images


@pytest.fixture(autouse=True)
def few_glyphs(monkeypatch, tmp_path):
    """Small sets in place of ``images.load``: 320 glyphs to train on, 100 to test on, never those in a cache folder."""
    monkeypatch.setenv("GANLIB_CACHE", str(tmp_path / "cache"))
    sets = {part: images.glyphs(part, n=320 if part else 100) for part in (True, False)}
    monkeypatch.setattr(images, "load", lambda name, train=True: sets[train])


def test_every_method_is_trained_and_measured(tmp_path):
    file = tmp_path / "conditional.json"
    assert registry.run("conditional", ["--data", "glyphs", "--steps", "2", "--seeds", "1", "--output", str(file)]) == 0
    figures = json.loads(file.read_text(encoding="utf-8"))
    assert [run["method"] for run in figures["runs"]] == list(compare.METHODS)
    for run in figures["runs"]:
        assert run["frechet"] > 0 and run["spread"] >= 0 and run["seconds"] > 0
        assert ("accuracy" in run) is (run["method"] != "unconditional") and 0 <= run.get("accuracy", 0) <= 1
    assert figures["command"] == "python -m experiments conditional --data glyphs --steps 2 --seeds 1"
    assert str(tmp_path) not in file.read_text(encoding="utf-8")
    lines = compare.table(figures).splitlines()
    assert [line.split()[0] for line in lines[2:]] == list(compare.METHODS)


def test_a_second_call_goes_on_where_the_first_stopped(tmp_path, monkeypatch):
    file = tmp_path / "conditional.json"
    arguments = ["--data", "glyphs", "--steps", "1", "--seeds", "1", "--output", str(file)]
    train, trained = compare.train, []

    def stop_at_the_third(method, *rest):
        trained.append(method)
        if len(trained) == 3:
            raise KeyboardInterrupt
        return train(method, *rest)

    monkeypatch.setattr(compare, "train", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        registry.run("conditional", arguments)
    assert registry.run("conditional", arguments) == 0
    figures = json.loads(file.read_text(encoding="utf-8"))
    assert trained == [*compare.METHODS[:3], *compare.METHODS[2:]]
    assert [run["method"] for run in figures["runs"]] == list(compare.METHODS)


def test_the_same_seed_gives_the_same_figures():
    def once():
        data, test = images.load("glyphs"), images.load("glyphs", train=False)
        generator, _ = compare.train("projection", data.resized(compare.recipe.SIZE), steps=2, seed=3)
        return compare.measure(generator, "projection", test.labels, compare.features.digit_features(test.floats()))

    assert once() == once()


def test_real_images_measure_perfect():
    class Copier(torch.nn.Module):  # hands out real images of the labels asked for
        def forward(self, z, labels):
            return test.floats()[: len(labels)]

    test = images.load("glyphs", train=False)
    reference = compare.features.digit_features(test.floats())
    taken = compare.features.classify_digits(test.floats()).argmax(1)
    scores = compare.measure(Copier(), "projection", taken, reference)
    assert scores["accuracy"] == 1 and scores["spread"] == pytest.approx(1)
    assert scores["frechet"] == pytest.approx(0, abs=1e-3)


def test_a_file_of_another_comparison_is_not_overwritten(tmp_path, capsys):
    file = tmp_path / "conditional.json"
    arguments = ["conditional", "--data", "glyphs", "--steps", "1", "--seeds", "1", "--output", str(file)]
    assert registry.main(arguments) == 0
    before = file.read_text(encoding="utf-8")
    assert registry.main([*arguments[:3], "--steps", "2", *arguments[5:]]) == 2
    assert "holds another comparison" in capsys.readouterr().err
    assert file.read_text(encoding="utf-8") == before
