"""The way to the Inception network, walked with a small network in its place: no weights are downloaded."""

import sys

import pytest
import torch

from ganlib import inception, metrics


def grey(n, seed):
    return torch.rand(n, 1, 4, 4, generator=torch.Generator().manual_seed(seed)) ** seed * 2 - 1


@pytest.fixture
def pixels():
    """Registers features that are the pixels of all three channels, as bytes."""
    fidelity = pytest.importorskip("torch_fidelity")
    base = pytest.importorskip("torch_fidelity.feature_extractor_base").FeatureExtractorBase

    class Pixels(base):
        def __init__(self, name, features_list, **kwargs):
            super().__init__(name, features_list)

        @staticmethod
        def get_provided_features_list():
            return ("pixels",)

        @staticmethod
        def get_default_feature_layer_for_metric(metric):
            return "pixels"

        @staticmethod
        def can_be_compiled():
            return False

        @staticmethod
        def get_dummy_input_for_compile():
            return torch.zeros(1, 3, 4, 4, dtype=torch.uint8)

        def forward(self, images):
            assert images.dtype == torch.uint8 and images.shape[1:] == (3, 4, 4)
            return (images.double().flatten(1),)

    fidelity.register_feature_extractor("ganlib-test-pixels", Pixels)
    return {"feature_extractor": "ganlib-test-pixels"}


def test_the_distance_is_that_of_the_features_of_the_bytes(pixels):
    a, b = grey(60, 1), grey(70, 2)
    measured = inception.inception_frechet(a, b, **pixels)
    features = [((images + 1) * 127.5).round().expand(-1, 3, -1, -1).flatten(1) for images in (a, b)]
    assert measured == pytest.approx(metrics.frechet_distance(*features), rel=1e-4) and measured > 100


def test_without_torch_fidelity_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    with pytest.raises(ModuleNotFoundError, match="install the extra 'inception'"):
        inception.inception_frechet(grey(4, 1), grey(4, 2))


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (torch.zeros(1, 1, 4, 4), r"at least 2 images of shape \(N, 1 or 3, H, W\), not \(1, 1, 4, 4\)"),
        (torch.zeros(4, 2, 4, 4), r"not \(4, 2, 4, 4\)"),
        (torch.zeros(4, 4, 4), r"not \(4, 4, 4\)"),
        (torch.full((4, 1, 4, 4), 2.0), r"float images in \[-1, 1\]"),
        (torch.zeros(4, 1, 4, 4, dtype=torch.uint8), r"float images in \[-1, 1\]"),
    ],
)
def test_other_images_are_refused(images, said):
    pytest.importorskip("torch_fidelity")
    with pytest.raises(ValueError, match=said):
        inception.inception_frechet(images, grey(4, 1))
    with pytest.raises(ValueError, match=said):
        inception.inception_frechet(grey(4, 1), images)
