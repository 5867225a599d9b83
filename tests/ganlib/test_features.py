"""The digit feature network: its shipped file, its accuracy, its features, and what it refuses."""

import os
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch.nn.functional import pad

from course.layout import ROOT
from ganlib import features, images

SHARED = Path(os.environ.get("GANLIB_DATA") or ROOT.parent / "shared" / "data")  # read before each test
CACHE = os.environ.get("GANLIB_CACHE") or str(ROOT / ".cache/ganlib")
needs_mnist = pytest.mark.skipif(
    not (SHARED / "MNIST" / "raw" / "t10k-images-idx3-ubyte").is_file(),
    reason="no MNIST here: set GANLIB_DATA to a folder that holds MNIST/raw/*-ubyte",
)


@pytest.fixture(scope="module")
def glyphs():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANLIB_CACHE", CACHE)
        return images.glyphs(train=False)


def accuracy(data):
    return (features.classify_digits(data.floats()).argmax(1) == data.labels).double().mean().item()


def test_the_shipped_file_is_small_and_holds_the_network():
    assert features.WEIGHTS.suffix == ".safetensors" and features.WEIGHTS.stat().st_size < 600_000
    with safe_open(features.WEIGHTS, "pt") as file:
        assert set(file.keys()) == set(features.DigitNet().state_dict())


def test_the_network_is_loaded_once_in_evaluation_mode():
    net = features.digit_net()
    assert features.digit_net() is net and not net.training
    assert not any(parameter.requires_grad for parameter in net.parameters())


def test_accuracy_on_glyphs(glyphs):
    assert len(glyphs) == 5000 and accuracy(glyphs) >= 0.99


@needs_mnist
def test_accuracy_on_mnist(monkeypatch):
    monkeypatch.setenv("GANLIB_DATA", str(SHARED))
    mnist = images.mnist(train=False)
    assert len(mnist) == 10_000 and accuracy(mnist) >= 0.99


def test_shapes_and_that_batches_do_not_matter(glyphs):
    digits = glyphs[:70].floats().requires_grad_()
    vectors = features.digit_features(digits)
    assert vectors.shape == (70, features.FEATURES) == (70, 64) and not vectors.requires_grad
    assert torch.allclose(features.digit_features(digits, batch=32), vectors, atol=1e-4)
    classes = features.classify_digits(digits)
    assert classes.shape == (70, 10) and torch.allclose(classes.sum(1), torch.ones(70))
    assert torch.allclose(features.digit_net().head(vectors).softmax(1), classes, atol=1e-5)


def test_the_padding_of_32_pixel_digits_changes_nothing(glyphs):
    digits = glyphs[:50].floats()
    padded = glyphs[:50].resized(32).floats()
    assert padded.shape[-1] == 32 and features.digit_features(padded).equal(features.digit_features(digits))
    assert not features.digit_features(pad(digits[..., :-1], (3, 2, 2, 2), value=-1)).equal(
        features.digit_features(digits)
    )


@pytest.mark.parametrize("size", [24, 64])
def test_other_sizes_are_resampled_to_28(glyphs, size):
    some = glyphs[:500]
    resized = features.classify_digits(some.resized(size).floats()).argmax(1)
    assert (resized == some.labels).double().mean() >= 0.97


@pytest.mark.parametrize("shape", [(2, 3, 28, 28), (2, 784), (1, 28, 28)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError) as refused:
        features.digit_features(torch.zeros(shape))
    assert str(refused.value) == f"Digit features need images of shape (N, 1, H, W), but these have shape {shape}."


@pytest.mark.parametrize(
    ("batch", "kind"),
    [
        (torch.tensor([0.0, 255.0]), "torch.float32 from 0 to 255"),
        (torch.tensor([-1.01, 0.0]), "torch.float32 from -1.01 to 0"),
        (torch.tensor([0, 1], dtype=torch.uint8), "torch.uint8 from 0 to 1"),
        (torch.tensor([0.0, torch.nan]), "torch.float32 from nan to nan"),
    ],
)
def test_other_ranges_are_refused(batch, kind):
    with pytest.raises(ValueError) as refused:
        features.classify_digits(batch.view(2, 1, 1, 1).expand(2, 1, 28, 28))
    said = f"Digit features need float images in [-1, 1], but these are {kind}: scale them first"
    assert str(refused.value).startswith(said)
