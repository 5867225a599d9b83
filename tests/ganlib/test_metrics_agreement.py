"""The measures against torchmetrics and torch-fidelity on the same features; both are optional extras for the tests."""

import pytest
import torch
from torch import nn

from ganlib import metrics

TOLERANCE = {"rel": 1e-6, "abs": 1e-9}


def features_of(n=300, d=16, seed=0):
    """Features in double precision, all positive and correlated, as those of a network are."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(n, d, dtype=torch.float64, generator=generator)
    return (
        noise @ torch.linspace(-1, 1, d * d, dtype=torch.float64).sin().view(d, d) + 0.2 * noise + 0.1 * seed
    ).relu()


class Given(nn.Module):
    """Hands features through where torchmetrics expects a network."""

    num_features = 16

    def forward(self, features):
        return features


@pytest.mark.filterwarnings("ignore:.*memory footprint", "ignore:std")  # both are of no concern here
class TestTorchmetrics:
    def compared(self, metric, real, fake):
        metric.set_dtype(torch.float64)
        metric.update(real, real=True)
        metric.update(fake, real=False)
        return metric.compute()

    def test_frechet(self):
        fid = pytest.importorskip("torchmetrics.image.fid")
        real, fake = features_of(seed=0), features_of(250, seed=1)
        expected = self.compared(fid.FrechetInceptionDistance(feature=Given(), normalize=True), real, fake)
        assert metrics.frechet_distance(real, fake) == pytest.approx(expected.item(), **TOLERANCE)

    def test_kernel_distance(self):
        kid = pytest.importorskip("torchmetrics.image.kid")
        real, fake = features_of(seed=0), features_of(seed=1)
        metric = kid.KernelInceptionDistance(feature=Given(), subsets=1, subset_size=len(real))
        expected, _ = self.compared(metric, real, fake)
        assert metrics.kernel_distance(real, fake) == pytest.approx(expected.item(), **TOLERANCE)

    def test_inception_score(self):
        inception = pytest.importorskip("torchmetrics.image.inception")
        logits = 3 * features_of(d=16)
        metric = inception.InceptionScore(feature=Given(), splits=1)
        metric.update(logits)
        assert metrics.inception_score(logits.softmax(1)) == pytest.approx(metric.compute()[0].item(), **TOLERANCE)


class TestTorchFidelity:
    def test_frechet(self):
        fid = pytest.importorskip("torch_fidelity.metric_fid")
        real, fake = features_of(seed=0), features_of(250, seed=1)
        statistics = [fid.fid_features_to_statistics(features) for features in (real, fake)]
        expected = fid.fid_statistics_to_metric(*statistics, verbose=False)[fid.KEY_METRIC_FID]
        assert metrics.frechet_distance(real, fake) == pytest.approx(expected, **TOLERANCE)

    def test_kernel_distance(self):
        kid = pytest.importorskip("torch_fidelity.metric_kid")
        real, fake = features_of(seed=0), features_of(seed=1)
        settings = {"kid_subsets": 1, "kid_subset_size": len(real), "verbose": False}
        expected = kid.kid_features_to_metric(real, fake, **settings)[kid.KEY_METRIC_KID_MEAN]
        assert metrics.kernel_distance(real, fake) == pytest.approx(expected, **TOLERANCE)

    def test_inception_score(self):
        isc = pytest.importorskip("torch_fidelity.metric_isc")
        logits = 3 * features_of()
        expected = isc.isc_features_to_metric(logits, splits=1)[isc.KEY_METRIC_ISC_MEAN]
        assert metrics.inception_score(logits.softmax(1)) == pytest.approx(expected, **TOLERANCE)

    @pytest.mark.parametrize("k", [1, 5])
    def test_precision_and_recall(self, k):
        prc = pytest.importorskip("torch_fidelity.metric_prc")
        real, fake = features_of(seed=0), features_of(250, seed=1)
        settings = {"prc_neighborhood": k, "prc_batch_size": 100, "save_cpu_ram": False, "verbose": False}
        expected = prc.prc_features_to_metric(fake, real, **settings)
        scores = metrics.manifold_scores(real, fake, k)
        assert scores.precision == pytest.approx(expected["precision"], abs=1e-6)
        assert scores.recall == pytest.approx(expected["recall"], abs=1e-6)
        assert scores.precision != scores.recall
