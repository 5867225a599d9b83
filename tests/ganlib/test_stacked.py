"""Modes of colour digits: reading triples, counting them, and the floor of a perfect sampler."""

import math

import pytest
import torch

from ganlib import images, stacked


def test_triples_are_read_from_red_to_blue(monkeypatch, tmp_path):
    monkeypatch.setenv("GANLIB_CACHE", str(tmp_path))
    colour = images.stacked(images.glyphs(n=300), 200, seed=0)
    assert (stacked.classify_triples(colour.floats()) == colour.labels).double().mean() > 0.9


def test_grey_images_hold_no_triple():
    with pytest.raises(ValueError, match=r"shape \(N, 3, H, W\)"):
        stacked.classify_triples(torch.zeros(2, 1, 28, 28))


def test_the_kl_of_known_shares():
    counts = stacked.count_modes(torch.tensor([0, 0, 0, 1]), modes=4)
    assert counts.counts.tolist() == [3, 1, 0, 0]
    assert counts.kl == pytest.approx(0.75 * math.log(3) + 0.25 * math.log(1), abs=1e-12)
    assert (counts.covered(), counts.covered(2)) == (2, 1)


def test_even_samples_score_zero_and_a_collapse_log_k():
    assert stacked.count_modes(torch.arange(1000)).kl == pytest.approx(0, abs=1e-12)
    assert stacked.count_modes(torch.full((50,), 7)).kl == pytest.approx(math.log(1000), abs=1e-12)


@pytest.mark.parametrize("labels", [[], [1000], [-1, 3]])
def test_labels_that_are_no_modes_are_refused(labels):
    with pytest.raises(ValueError, match="from 0 to 999"):
        stacked.count_modes(torch.tensor(labels, dtype=torch.int64))


def test_the_floor_by_hand():
    # two samples of two modes: both in one (KL log 2) or one in each (KL 0), with equal chances
    assert stacked.perfect_kl(2, modes=2) == pytest.approx(math.log(2) / 2, abs=1e-12)
    assert stacked.perfect_kl(1) == pytest.approx(math.log(1000), abs=1e-9)


def test_the_floor_is_what_uniform_samples_score():
    generator = torch.Generator().manual_seed(0)
    scores = [stacked.count_modes(torch.randint(1000, (26_000,), generator=generator)).kl for _ in range(50)]
    assert sum(scores) / 50 == pytest.approx(stacked.perfect_kl(26_000), abs=5e-4)  # four standard errors
    assert stacked.perfect_kl(26_000) == pytest.approx(999 / 52_000, rel=0.01)


def test_a_floor_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least 1 sample"):
        stacked.perfect_kl(0)
