"""Batches that can say where they are and go on from there; what they yield is tested in test_images.py."""

import itertools

import pytest
import torch

from ganlib.batches import Batches, to_floats

PIXELS = torch.arange(10, dtype=torch.uint8).view(10, 1, 1, 1).expand(10, 1, 2, 2)
LABELS = torch.arange(10)


def batches(n=10, size=3, seed=None, **options):
    own = None if seed is None else torch.Generator().manual_seed(seed)
    return Batches(PIXELS[:n], LABELS[:n], size, own, with_labels=True, **options)


def take(iterator, n):
    return [labels.tolist() for _, labels in itertools.islice(iterator, n)]


def test_floats_span_the_range():
    assert to_floats(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [-1, 1]


@pytest.mark.parametrize("before", range(8))
def test_they_go_on_with_the_very_batch_that_came_next(before):
    first = batches(seed=1)
    take(first, before)
    state = first.state_dict()
    expected = take(first, 9)
    second = batches(seed=2)
    take(second, 5)
    second.load_state_dict(state)
    assert take(second, 9) == expected


def test_without_a_generator_of_their_own_the_global_one_shuffles():
    first = batches()
    torch.manual_seed(3)
    take(first, 2)
    state, drawn = first.state_dict(), torch.get_rng_state()
    expected = take(first, 9)
    torch.set_rng_state(drawn)
    second = batches()
    second.load_state_dict(state)
    assert take(second, 9) == expected


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (batches(n=9, seed=1), "3 of 9 images, but the stored ones 3 of 10"),
        (batches(size=4, seed=1), "4 of 10 images, but the stored ones 3 of 10"),
        (batches(), "only one of these batches"),
    ],
)
def test_another_set_size_or_generator_is_refused(other, words):
    first = batches(seed=1)
    next(first)
    with pytest.raises(ValueError, match=words):
        other.load_state_dict(first.state_dict())
