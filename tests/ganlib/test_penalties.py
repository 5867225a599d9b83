"""The penalties on a critic's gradient against their closed forms, the points that they are taken at, and weights."""

import math

import nbformat
import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d

from course.layout import CHAPTERS
from ganlib import penalties
from ganlib.penalties import half_squared_norm, squared_gap

FORMULAS = (half_squared_norm, squared_gap)
UNIT = torch.full((1, 28, 28), 1 / 28, dtype=torch.float64)  # a gradient of norm 1 over a 28 x 28 image


def draw(*shape):
    points = torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return points.requires_grad_()


def linear(w):
    return lambda x: x.flatten(1) @ torch.as_tensor(w, dtype=x.dtype).flatten()


def distance(x):
    return x.flatten(1).norm(dim=1)


def on(penalty, critic, points, **options):
    value = penalty(points, critic(points), **options)
    assert value.shape == () and value.dtype == points.dtype
    return value.item()


def test_half_the_squared_norm_of_a_linear_critic():
    assert on(half_squared_norm, linear([3.0, 4.0]), draw(6, 2)) == pytest.approx(25 / 2, abs=1e-12)


def test_the_squared_gap_of_a_linear_critic():
    points = draw(6, 2)
    assert on(squared_gap, linear([3.0, 4.0]), points) == pytest.approx(16, abs=1e-12)
    assert on(squared_gap, linear([3.0, 4.0]), points, target=2.0) == pytest.approx(9, abs=1e-12)
    centred = on(squared_gap, linear([3.0, 4.0]), points, target=0.0)
    assert centred == pytest.approx(2 * on(half_squared_norm, linear([3.0, 4.0]), points), abs=1e-12)


@pytest.mark.parametrize("critic", [linear([0.6, -0.8]), distance], ids=["plane", "cone"])
def test_a_critic_of_unit_slope_pays_nothing(critic):
    assert on(squared_gap, critic, draw(6, 2)) == pytest.approx(0, abs=1e-12)
    assert on(half_squared_norm, critic, draw(6, 2)) == pytest.approx(1 / 2, abs=1e-12)


def test_a_constant_critic_pays_the_squared_target():
    assert on(squared_gap, linear([0.0, 0.0]), draw(6, 2)) == 1
    assert on(squared_gap, linear([0.0, 0.0]), draw(6, 2), target=3.0) == 9
    assert on(half_squared_norm, linear([0.0, 0.0]), draw(6, 2)) == 0


@pytest.mark.parametrize("shape", [(50, 1), (50, 2), (50, 3, 4, 4)])
def test_a_quadratic_critic_shows_the_mean_over_samples_of_the_sum_over_coordinates(shape):
    points, c = draw(*shape), 1.7
    size = distance(points.detach())

    def bowl(x):
        return c * x.flatten(1).square().sum(1) / 2

    assert on(half_squared_norm, bowl, points) == pytest.approx((c * size).square().mean().item() / 2, rel=1e-12)
    expected = (c * size - 1).square().mean().item()
    assert on(squared_gap, bowl, points) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("shape", [(-1,), (-1, 1), (-1, 1, 1, 1)])
@pytest.mark.parametrize("penalty", FORMULAS)
def test_logits_may_keep_axes_of_length_one(penalty, shape):
    points = draw(6, 2)
    assert on(penalty, lambda x: distance(x).square().reshape(shape), points) == on(
        penalty, lambda x: distance(x).square(), points
    )


def norm_over_the_channel_axis(points, logits):
    """The classic bug: each pixel's gradient, and not each image's, is asked to have norm 1."""
    (gradients,) = torch.autograd.grad(logits.sum(), points, create_graph=True)
    return (gradients.norm(dim=1) - 1).square().mean()


def test_the_norm_is_taken_over_the_whole_image():
    images = draw(4, 1, 28, 28)
    assert on(norm_over_the_channel_axis, linear(UNIT), images) == pytest.approx((27 / 28) ** 2, abs=1e-12)
    assert (27 / 28) ** 2 == pytest.approx(0.92985, abs=5e-6)
    uneven = torch.linspace(-1, 1, 3 * 28 * 28, dtype=torch.float64)
    for critic, points in ((linear(UNIT), images), (linear(uneven / uneven.norm()), draw(4, 3, 28, 28))):
        assert on(squared_gap, critic, points) == pytest.approx(0, abs=1e-12)
        assert on(half_squared_norm, critic, points) == pytest.approx(1 / 2, abs=1e-12)


@pytest.mark.parametrize("penalty", FORMULAS)
def test_the_penalties_own_gradients_agree_with_finite_differences(penalty):
    plane, images = draw(5, 2), draw(3, 2, 4, 4)

    def of_a_mlp(w, b, v):
        return penalty(plane, (plane @ w + b).tanh() @ v)

    def of_a_convolution(w, b, v):
        return penalty(images, conv2d(images, w, b, stride=2).tanh().flatten(1) @ v)

    assert torch.autograd.gradcheck(of_a_mlp, (draw(2, 4), draw(4), draw(4, 1)))
    assert torch.autograd.gradcheck(of_a_convolution, (draw(2, 2, 2, 2), draw(2), draw(8)))


def test_the_penalty_trains_the_slope_of_a_linear_critic():
    points, w = draw(6, 2), torch.tensor([3.0, 4.0], dtype=torch.float64, requires_grad=True)
    half_squared_norm(points, points @ w).backward()
    assert w.grad.tolist() == pytest.approx([3, 4]) and points.grad is None
    (slope,) = torch.autograd.grad(squared_gap(points, points @ w), w)
    assert slope.tolist() == pytest.approx([2 * 4 * 0.6, 2 * 4 * 0.8])  # 2 (|w| - 1) w / |w|


@pytest.mark.parametrize("penalty", FORMULAS)
def test_a_gradient_of_norm_zero_leaves_no_nan(penalty):
    bottom = torch.zeros(3, 2, requires_grad=True)  # where the bowl's slope is 0
    c = torch.tensor(2.0, requires_grad=True)
    penalty(bottom, c * bottom.square().sum(1) / 2).backward()
    assert c.grad == 0
    dead, points = torch.nn.Linear(2, 1), torch.ones(3, 2, requires_grad=True)
    dead.bias.data.fill_(-100)
    penalty(points, dead(points).relu()).backward()
    assert dead.weight.grad.count_nonzero() == 0


def test_interpolated_points_lie_on_the_segments_at_one_uniform_fraction_a_sample():
    torch.manual_seed(0)
    real, fake = draw(2000, 3, 2, 2).detach(), 5 + torch.rand(2000, 3, 2, 2, dtype=torch.float64)
    points = penalties.interpolate(real, fake)
    assert points.shape == real.shape and points.dtype == torch.float64
    fractions = ((points - fake) / (real - fake)).detach().flatten(1)
    assert torch.allclose(fractions, fractions[:, :1].expand_as(fractions), rtol=0, atol=1e-12)
    assert 0 <= fractions.min() and fractions.max() <= 1
    ordered = fractions[:, 0].sort().values
    uniform = torch.linspace(0, 1, 2000, dtype=torch.float64)
    assert (ordered - uniform).abs().max() < 1.95 / math.sqrt(2000)  # Kolmogorov and Smirnov, 1 in 1000


def test_interpolated_points_are_new_leaves_ready_for_a_penalty():
    generator, encoder = torch.nn.Linear(3, 2), torch.nn.Linear(2, 2)
    real = torch.randn(6, 2)
    before = real.clone()
    points = penalties.interpolate(encoder(real), generator(torch.randn(6, 3)))
    assert points.requires_grad and points.is_leaf and points.dtype == torch.float32
    squared_gap(points, distance(points)).backward()
    assert generator.weight.grad is None and encoder.weight.grad is None
    assert penalties.interpolate(*torch.zeros(2, 6, 2, device="meta")).device.type == "meta"  # where the samples are
    again = penalties.interpolate(real, real)
    assert torch.allclose(again, before) and real.equal(before) and not real.requires_grad


@pytest.mark.parametrize("penalty", FORMULAS)
def test_what_a_penalty_cannot_be_taken_of_is_named(penalty):
    points = torch.randn(6, 1, 4, 4)
    with pytest.raises(ValueError, match=r"^The points do not require a gradient: call points\.requires_grad_\(\) "):
        penalty(points, distance(points))
    points.requires_grad_()
    for logits, shape in ((points.sum(1), r"\(6, 4, 4\)"), (points.sum(), r"\(\)"), (points[:5].sum(1), "")):
        with pytest.raises(ValueError, match=rf"^A penalty needs one logit a sample, but 6 points .* shape {shape}"):
            penalty(points, logits)


@pytest.mark.parametrize("fakes", [(5, 2), (6, 2, 1), (1, 2), (6, 3)])
def test_interpolation_needs_as_many_fakes_as_real_samples(fakes):
    with pytest.raises(ValueError, match=r"^Real and fake are compared in pairs, but their shapes are \(6, 2\) and "):
        penalties.interpolate(torch.zeros(6, 2), torch.zeros(fakes))


@pytest.mark.parametrize("penalty", FORMULAS)
def test_logits_of_other_points_are_refused(penalty):
    critic, points = torch.nn.Linear(2, 1), torch.randn(6, 2)
    early = critic(points)
    points.requires_grad_()
    with torch.no_grad():
        blind = critic(points)
    for logits in (early, blind, critic(points.detach())):
        with pytest.raises(ValueError, match="^The logits were not computed from these points: call points"):
            penalty(points, logits)


SLOPE = linear([3.0, 4.0])


def seen(critic=SLOPE):
    """What a penalty sees: a batch of two real samples and of two fakes, and the critic's logits of both."""
    real, fake = torch.ones(2, 2, requires_grad=True), torch.zeros(2, 2, requires_grad=True)
    return real, critic(real), fake, critic(fake)


def bowl(x):
    return x.square().sum(1) / 2  # whose gradient is x: of norm √2 at the real samples, and 0 at the fakes


@pytest.mark.parametrize(
    ("penalty", "plane", "bent"),
    [
        (penalties.r1(0.2), 2.5, 0.2),
        (penalties.r2(0.2), 2.5, 0.0),
        (penalties.r1_and_r2(0.2), 5.0, 0.2),
        (penalties.gradient_penalty(10, SLOPE), 160.0, 160.0),
        (penalties.gradient_penalty(10, SLOPE, target=5.0), 0.0, 0.0),
    ],
)
def test_each_penalty_is_its_weight_times_the_formula_at_its_own_points(penalty, plane, bent):
    assert penalty(*seen()).item() == pytest.approx(plane, rel=1e-6, abs=1e-6)
    assert penalty(*seen(bowl)).item() == pytest.approx(bent, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    "make",
    [penalties.r1, penalties.r2, penalties.r1_and_r2, lambda w: penalties.gradient_penalty(w, SLOPE)],
)
def test_a_weight_may_be_a_function_of_the_steps_done(make):
    fixed, scheduled = make(1.0), make(lambda done: 0.5**done)
    for done in range(4):
        assert scheduled(*seen(), done=done).item() == pytest.approx(0.5**done * fixed(*seen()).item())
    assert fixed(*seen(), done=7) == fixed(*seen())
    with pytest.raises(ValueError, match="^The weight of this penalty is a function of the steps done: "):
        scheduled(*seen())


def test_a_lazy_penalty_acts_at_every_so_many_steps_and_makes_up_for_the_others():
    counted = penalties.lazy(penalties.r1(lambda done: 1 + done), 4)
    values = [(penalty := counted(done)) and penalty(*seen()).item() for done in range(9)]
    assert values == [4 * 12.5, None, None, None, 4 * 5 * 12.5, None, None, None, 4 * 9 * 12.5]
    assert penalties.lazy(None)(0) is None
    steps = []
    for penalty in (lambda *batch: steps.append(None), lambda *batch, done: steps.append(done)):
        for done in (0, 1):
            with pytest.raises(TypeError):  # nothing was returned that could be made stronger
                penalties.lazy(penalty)(done)(*seen())
    assert steps == [None, None, 0, 1]  # one that has no such parameter is not told


def test_a_compiled_discriminator_is_refused():
    compiled = torch.compile(nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1)), backend="aot_eager")
    with pytest.raises(ValueError, match="^A penalty on the gradient needs a second derivative .* torch.compile"):
        penalties.r1(1.0)(*seen(compiled))


class Donated(torch.autograd.Function):
    """What torch.compile's own backend makes of a critic: a backward pass that refuses to be followed."""

    said = "compiled with non-empty donated buffers which requires create_graph=False"

    @staticmethod
    def forward(_, x):
        return x.sum(1)

    @staticmethod
    def backward(*_):
        raise RuntimeError(Donated.said)


def test_a_backward_pass_that_refuses_is_one_sentence_and_other_errors_pass(monkeypatch):
    with pytest.raises(ValueError, match="^A penalty on the gradient needs a second derivative .* torch.compile"):
        penalties.r1(1.0)(*seen(Donated.apply))
    monkeypatch.setattr(Donated, "said", "something else")
    with pytest.raises(RuntimeError, match="something else"):
        penalties.r1(1.0)(*seen(Donated.apply))


def test_the_penalty_that_chapter_8_writes_out_is_ganlibs():
    notebook = nbformat.read(next(CHAPTERS.glob("*_taming_the_critic.ipynb")), as_version=4)
    (source,) = [cell.source for cell in notebook.cells if cell.source.startswith("def gradient_penalty(")]
    names = {"torch": torch}
    exec(source, names)
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    real, fake = torch.rand(2, 9, 2)
    torch.manual_seed(1)
    theirs = names["gradient_penalty"](critic, real, fake).item()
    torch.manual_seed(1)
    ours = penalties.gradient_penalty(1.0, critic)(real, critic(real), fake, critic(fake)).item()
    assert ours == pytest.approx(theirs, rel=1e-5) and ours > 0.1
