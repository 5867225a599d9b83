"""The measures: known values, other ways to the same number, and what they refuse."""

import math

import pytest
import torch

from ganlib import features, metrics, toy


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def double(values):
    return torch.tensor(values, dtype=torch.float64)


def random_moments(d, rank, seed):
    factor = torch.randn(d, rank, dtype=torch.float64, generator=seeded(seed))
    return torch.randn(d, dtype=torch.float64, generator=seeded(seed + 100)), factor @ factor.T


def test_known_distances_of_gaussians():
    zero = torch.zeros(2, dtype=torch.float64)
    on_the_line = metrics.frechet_from_moments(double([0.0]), double([[1.0]]), double([1.0]), double([[4.0]]))
    assert on_the_line == pytest.approx(2, abs=1e-12)
    slanted = metrics.frechet_from_moments(zero, double([[2.0, -1.0], [-1.0, 2.0]]), zero, torch.eye(2).double())
    assert slanted == pytest.approx(4 - 2 * math.sqrt(3), abs=1e-12) == pytest.approx(0.5358984, abs=5e-8)


@pytest.mark.parametrize("seed", range(3))
def test_frechet_agrees_with_scipys_matrix_root(seed):
    linalg = pytest.importorskip("scipy.linalg")
    (mean_a, a), (mean_b, b) = random_moments(7, 9, seed), random_moments(7, 9, seed + 10)
    root = torch.from_numpy(linalg.sqrtm((a @ b).numpy()).real)
    expected = (mean_a - mean_b).square().sum() + a.trace() + b.trace() - 2 * root.trace()
    assert metrics.frechet_from_moments(mean_a, a, mean_b, b) == pytest.approx(expected.item(), rel=1e-9)


@pytest.mark.parametrize("rank", [1, 3, 8])
def test_frechet_is_symmetric_and_zero_of_equals_also_for_singular_covariances(rank):
    a, b = random_moments(8, rank, 0), random_moments(8, 8, 1)
    there, back = metrics.frechet_from_moments(*a, *b), metrics.frechet_from_moments(*b, *a)
    assert there > 1 and there == pytest.approx(back, rel=1e-6)
    assert metrics.frechet_from_moments(*a, *a) == pytest.approx(0, abs=1e-5)


def test_frechet_of_singular_diagonals_is_known():
    mean = torch.zeros(3, dtype=torch.float64)
    flat, other = torch.diag(double([4.0, 1.0, 0.0])), torch.diag(double([1.0, 0.0, 9.0]))
    assert metrics.frechet_from_moments(mean, flat, mean, other) == pytest.approx(1 + 1 + 9, abs=1e-6)


def test_moments_and_distance_of_samples():
    a = torch.randn(200, 5, generator=seeded())
    mean, cov = metrics.moments(a)
    centred = a.double() - a.double().mean(0)
    assert mean.dtype == cov.dtype == torch.float64 and torch.allclose(mean, a.double().mean(0))
    assert torch.allclose(cov, centred.T @ centred / 199)
    assert metrics.frechet_distance(a, a + 2) == pytest.approx(5 * 2**2, rel=1e-5)
    assert metrics.frechet_distance(a, a[:3]) > 0  # fewer samples than dimensions: a singular covariance


def test_one_feature_is_enough():
    a = torch.randn(100, 1, generator=seeded()).double()
    expected = (1 - 3) ** 2 * a.var().item() + 9 * 0 + (2 * a.mean().item()) ** 2
    assert metrics.frechet_distance(a, 3 * a) == pytest.approx(expected, rel=1e-9)


def test_digit_frechet_is_the_distance_of_the_features():
    a, b = (torch.rand(20, 1, 28, 28, generator=seeded(seed)) * 2 - 1 for seed in (1, 2))
    expected = metrics.frechet_distance(features.digit_features(a), features.digit_features(b / 2))
    assert metrics.digit_frechet(a, b / 2) == pytest.approx(expected) and expected > 0.01


def test_known_inception_scores():
    ten = torch.eye(10).repeat(5, 1)
    assert metrics.inception_score(ten) == pytest.approx(10, abs=1e-9)
    assert metrics.inception_score(ten[ten[:, :3].any(1)]) == pytest.approx(3, abs=1e-9)
    assert metrics.inception_score(ten[:1].expand(50, 10)) == pytest.approx(1, abs=1e-9)
    assert metrics.inception_score(torch.full((50, 10), 0.1)) == pytest.approx(1, abs=1e-6)
    unsure = torch.tensor([[0.9, 0.1], [0.1, 0.9]])
    entropy = -0.9 * math.log(0.9) - 0.1 * math.log(0.1)
    assert metrics.inception_score(unsure) == pytest.approx(2 * math.exp(-entropy), rel=1e-6)


def test_logits_are_no_probabilities():
    for wrong in (torch.randn(5, 10, generator=seeded()), torch.ones(5, 10), torch.tensor([[1.5, -0.5]])):
        with pytest.raises(ValueError, match=r"sum to 1: apply softmax\(1\)"):
            metrics.inception_score(wrong)


@pytest.mark.parametrize("batch", [1000, 7])
def test_kernel_distance_by_its_definition(batch):
    a, b = (torch.randn(n, 3, generator=seeded(n)).double() + n / 20 for n in (12, 20))
    kernel = [[((x @ y / 3 + 1) ** 3).item() for y in torch.cat([a, b])] for x in torch.cat([a, b])]
    first, second = range(12), range(12, 32)
    within = sum(
        sum(kernel[i][j] for i in part for j in part if i != j) / (len(part) * (len(part) - 1))
        for part in (first, second)
    )
    expected = within - 2 * sum(kernel[i][j] for i in first for j in second) / (12 * 20)
    assert metrics.kernel_distance(a, b, batch) == pytest.approx(expected, rel=1e-9)


def test_kernel_distance_is_unbiased_where_the_frechet_distance_is_not():
    draws = [
        (torch.randn(20, 4, generator=generator), torch.randn(20, 4, generator=generator))
        for generator in [seeded()] * 400
    ]
    scores = double([metrics.kernel_distance(a, b) for a, b in draws])
    assert abs(scores.mean()) < 3 * scores.std() / 20 and scores.min() < 0
    assert min(metrics.frechet_distance(a, b) for a, b in draws) > 0.1


def test_kernel_distance_sees_the_third_moment():
    symmetric, skewed = (
        double([[-1.0], [1.0]]).repeat(500, 1),
        double([[2.0], [-0.5], [-0.5], [-0.5], [-0.5]]).repeat(200, 1),
    )
    assert metrics.frechet_distance(symmetric, skewed) == pytest.approx(0, abs=1e-9)
    assert metrics.kernel_distance(symmetric, skewed) == pytest.approx(1.5**2, abs=0.05)  # up to terms of order 1/N


def test_equal_distributions_have_known_density_and_coverage():
    n, repeats = 200, 60
    for k, d in ((5, 2), (3, 16)):
        generator = seeded(d)
        scores = [metrics.manifold_scores(*torch.randn(2, n, d, generator=generator), k) for _ in range(repeats)]
        density, coverage = (double([getattr(score, name) for score in scores]) for name in ("density", "coverage"))
        expected = 1 - math.prod((n - i) / (2 * n - i) for i in range(1, k + 1))
        assert abs(density.mean() - 1) < 4 * density.std() / math.sqrt(repeats) < 0.1
        assert abs(coverage.mean() - expected) < 4 * coverage.std() / math.sqrt(repeats) < 0.015


def test_coverage_of_a_large_sample_against_itself():
    scores = metrics.manifold_scores(*torch.randn(2, 2000, 8, generator=seeded()), k=5)
    assert scores.coverage == pytest.approx(0.969, abs=0.01)


@pytest.mark.parametrize("batch", [1000, 2])
def test_manifold_scores_by_hand(batch):
    # with k = 1 the real balls reach 1, 1 and 8, and the fake ones 1, 1 and 18
    real, fake = double([[0.0], [1.0], [9.0]]), double([[1.5], [0.5], [-18.5]])
    measured = metrics.manifold_scores(real, fake, 1, batch)
    assert measured == pytest.approx((2 / 3, 2 / 3, (2 + 2 + 0) / 3, 1))
    assert metrics.manifold_scores(real, fake + 0.75, 1, batch) == pytest.approx((2 / 3, 2 / 3, 3 / 3, 2 / 3))


def test_a_copy_lies_on_the_border_of_a_ball_of_radius_zero():
    collapsed = 3 + torch.rand(1, 64, generator=seeded()).expand(40, 64) * 7
    assert metrics.manifold_scores(collapsed, collapsed.clone()) == (1, 1, 40 / 5, 1)


def test_neighbours_far_from_the_origin_are_the_same():
    real, fake = torch.randn(2, 80, 3, generator=seeded()).double()
    assert metrics.manifold_scores(real + 1e7, fake + 1e7) == metrics.manifold_scores(real, fake)


def test_precision_and_recall_change_places_with_the_sets():
    real, fake = torch.randn(80, 3, generator=seeded()), 0.3 * torch.randn(90, 3, generator=seeded(1))
    there, back = metrics.manifold_scores(real, fake), metrics.manifold_scores(fake, real)
    assert there.precision == back.recall > 0.95 and there.recall == back.precision < 0.8
    assert there.density > 1.1 and there.coverage < 0.9


@pytest.mark.parametrize("measure", [metrics.frechet_distance, metrics.kernel_distance, metrics.manifold_scores])
def test_features_that_are_no_numbers_are_refused(measure):
    broken = torch.randn(9, 4, generator=seeded())
    broken[3, 2] = math.nan
    with pytest.raises(ValueError, match="infinite or not a number"):
        measure(torch.randn(9, 4, generator=seeded()), broken)


@pytest.mark.parametrize("mixture", [toy.ring(), toy.grid()])
def test_exact_samples_cover_every_mode(mixture):
    n, k = 40_000, len(mixture.means)
    coverage = metrics.mode_coverage(mixture.sample(n, seeded()), mixture)
    assert coverage.counts.shape == (k,) and coverage.modes() == k == coverage.modes(n // k // 2)
    share = 1 - math.exp(-4.5)
    assert abs(coverage.high_quality - share) < 4 * math.sqrt(share * (1 - share) / n)
    assert coverage.counts.sum() == round(coverage.high_quality * n)
    assert 0 <= coverage.reverse_kl < 5 * k / (2 * n)  # (k - 1) / 2n is expected of n exact samples


def test_samples_of_one_mode_are_a_collapse():
    ring = toy.ring()
    coverage = metrics.mode_coverage(ring.means[[2]].expand(100, 2), ring)
    assert coverage.modes() == 1 and coverage.counts.tolist() == [0, 0, 100, 0, 0, 0, 0, 0]
    assert coverage.high_quality == 1 and coverage.reverse_kl == pytest.approx(math.log(8), abs=1e-12)


def test_poor_samples_count_for_no_mode_but_for_the_divergence():
    ring = toy.ring()
    coverage = metrics.mode_coverage(torch.cat([ring.means, 1.5 * ring.means[:4]]), ring)
    assert coverage.counts.tolist() == [1] * 8 and coverage.high_quality == pytest.approx(8 / 12)
    shares = [2 / 12] * 4 + [1 / 12] * 4
    assert coverage.reverse_kl == pytest.approx(sum(p * math.log(8 * p) for p in shares), abs=1e-12)
    assert coverage.modes(at_least=2) == 0


def test_the_border_of_high_quality_is_sharp_far_from_the_origin():
    grid, angle = toy.grid(), torch.arange(0, 6.28, 0.01)
    circle = 0.05 * torch.stack([angle.cos(), angle.sin()], 1)
    for sds, expected in ((2.9998, 1), (3.0002, 0)):
        assert metrics.mode_coverage(grid.means[-1] + sds * circle, grid).high_quality == expected
    assert metrics.mode_coverage(grid.means[-1] + 1.9 * circle, grid, sds=2).high_quality == 1
    assert metrics.mode_coverage(grid.means[-1] + 2.1 * circle, grid, sds=2).high_quality == 0


def test_what_a_perfect_sampler_scores():
    assert metrics.perfect_high_quality() == pytest.approx(1 - math.exp(-4.5), abs=1e-12)
    assert metrics.perfect_high_quality() == pytest.approx(0.9889, abs=5e-5)
    assert metrics.perfect_high_quality(1, 2.0) == pytest.approx(math.erf(math.sqrt(2)), abs=1e-12)


@pytest.mark.parametrize("batch", [500, 7])
def test_nearest_neighbours_against_brute_force(batch):
    images, bank = (torch.rand(n, 1, 6, 6, generator=seeded(n)) * 2 - 1 for n in (40, 60))
    distances, indices = metrics.nearest_neighbours(images, bank, batch)
    for image, distance, index in zip(images, distances, indices, strict=True):
        each = (bank - image).square().sum((1, 2, 3)).sqrt()
        assert index == each.argmin() and distance == pytest.approx(each.min().item(), rel=1e-6)


def test_an_image_of_the_bank_has_distance_zero():
    bank = torch.rand(60, 1, 28, 28, generator=seeded()) * 2 - 1
    distances, indices = metrics.nearest_neighbours(bank, bank)
    assert not distances.any() and indices.equal(torch.arange(60))


@pytest.mark.parametrize(
    ("measure", "shapes", "said"),
    [
        (metrics.frechet_distance, [(1, 4), (9, 4)], r"shape \(N, d\) with N of at least 2, not \(1, 4\)"),
        (metrics.frechet_distance, [(9, 4), (9, 1, 2, 2)], r"shape \(N, d\) with N of at least 2, not \(9, 1, 2, 2\)"),
        (metrics.frechet_distance, [(9, 4), (9, 5)], "only at one width, but these have 4 and 5"),
        (metrics.kernel_distance, [(9, 4), (1, 4)], r"shape \(N, d\) with N of at least 2, not \(1, 4\)"),
        (metrics.kernel_distance, [(9, 4), (9, 5)], "only at one width, but these have 4 and 5"),
        (metrics.manifold_scores, [(9, 4), (5, 4)], r"shape \(N, d\) with N of at least 6, not \(5, 4\)"),
        (metrics.manifold_scores, [(9, 4), (9, 5)], "only at one width, but these have 4 and 5"),
        (lambda a, b: metrics.manifold_scores(a, b, k=0), [(9, 4), (9, 4)], "k of at least 1, not 0"),
        (metrics.inception_score, [(9,)], r"shape \(N, classes\), N > 0, not \(9,\)"),
        (metrics.inception_score, [(0, 10)], r"shape \(N, classes\), N > 0, not \(0, 10\)"),
        (metrics.nearest_neighbours, [(3, 1, 4, 4), (9, 1, 5, 5)], r"have \(3, 1, 4, 4\) and \(9, 1, 5, 5\)"),
        (metrics.nearest_neighbours, [(3, 1, 4, 4), (0, 1, 4, 4)], r"have \(3, 1, 4, 4\) and \(0, 1, 4, 4\)"),
        (lambda x: metrics.mode_coverage(x, toy.ring()), [(9, 3)], r"shape \(N, 2\) with N > 0, not \(9, 3\)"),
        (lambda x: metrics.mode_coverage(x, toy.ring()), [(0, 2)], r"shape \(N, 2\) with N > 0, not \(0, 2\)"),
        (lambda x: metrics.mode_coverage(x, toy.ring()), [(2,)], r"shape \(N, 2\) with N > 0, not \(2,\)"),
    ],
)
def test_wrong_shapes_are_refused(measure, shapes, said):
    with pytest.raises(ValueError, match=said):
        measure(*(torch.zeros(shape) for shape in shapes))
