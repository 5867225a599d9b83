"""Colour glyphs: three digits an image, 1,000 labels, the same every time."""

import pytest
import torch

from ganlib import features, images
from ganlib.images import ImageSet


@pytest.fixture(autouse=True)
def few_glyphs(monkeypatch, tmp_path):
    """A cache folder of its own, and small sets behind the colour glyphs."""
    monkeypatch.setenv("GANLIB_CACHE", str(tmp_path / "cache"))
    drawn = images.glyphs
    monkeypatch.setattr(images, "glyphs", lambda train=True, size=28: drawn(train, n=400, size=size))


def test_each_channel_is_a_glyph_and_the_label_reads_the_three():
    colour, base = images.colour_glyphs(n=50), images.glyphs()
    assert colour.shape == (3, 28, 28) and len(colour) == 50
    assert colour.names[7] == "007" and len(colour.names) == 1000
    pool = {image.numpy().tobytes(): int(label) for image, label in zip(base.images, base.labels, strict=True)}
    for image, label in zip(colour.images, colour.labels, strict=True):
        assert [pool[channel.numpy().tobytes()] for channel in image] == [int(d) for d in colour.names[label]]


def test_the_digit_network_reads_the_channels():
    colour = images.colour_glyphs(n=100)
    red = features.classify_digits(colour.floats()[:, :1]).argmax(1)
    assert (red == colour.labels // 100).double().mean() > 0.95


def test_the_same_arguments_give_the_same_set_and_no_global_generator_moves():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    first = images.colour_glyphs(n=30)
    assert torch.rand(1).equal(expected)
    assert first.images.equal(images.colour_glyphs(n=30).images)
    assert first.images.equal(images.colour_glyphs(n=30, seed=0).images)
    assert not first.labels.equal(images.colour_glyphs(n=30, seed=5).labels)


def test_digits_are_drawn_independently():
    labels = images.colour_glyphs(n=4000).labels
    digits = torch.stack([labels // 100, labels // 10 % 10, labels % 10]).double()
    assert (digits.corrcoef() - torch.eye(3)).abs().max() < 0.06  # four standard errors
    assert len(labels.unique()) > 950  # 4 a mode: some 18 modes stay empty


def test_training_and_test_parts_sizes_and_loading_by_name():
    train, test = images.load("colour_glyphs"), images.load("colour_glyphs", train=False)
    assert len(train) == 20_000 and len(test) == 5_000
    assert not train.images[:100].equal(test.images[:100])
    assert images.colour_glyphs(n=5, size=32).shape == (3, 32, 32)


def test_other_images_cannot_be_stacked():
    with pytest.raises(ValueError, match="n of at least 1"):
        images.colour_glyphs(n=0)
    colour = images.colour_glyphs(n=4)
    with pytest.raises(ValueError, match="one channel"):
        images.stacked(colour, 4, seed=0)
    clothes = ImageSet(colour.images[:, :1], colour.labels % 10, images.CLOTHES)
    with pytest.raises(ValueError, match="needs digits"):
        images.stacked(clothes, 4, seed=0)
