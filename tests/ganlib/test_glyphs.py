"""The renderer: real digits, drawn as asked, with labels that can be measured in the images."""

import hashlib
import os
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
import torch

from experiments import trace_faces
from ganlib import glyphs

N_FACES = len(glyphs.FACES)
FACE = torch.arange(N_FACES).repeat_interleave(10)  # every digit of every face, once
LABELS = torch.arange(10).repeat(N_FACES)


@pytest.fixture(scope="module")
def rendered():
    return glyphs.render(4800, seed=0)


def moments(images):
    """Ink (N,), and the variance upwards (N,) and covariance (N,) of its position, in pixels: right with upwards."""
    ink = images[:, 0].double()
    size = ink.shape[-1]
    right = torch.arange(size).double()
    up = size - 1 - right
    total = ink.sum((1, 2))
    from_right = right - (ink.sum(1) @ right / total)[:, None]
    from_up = up - (ink.sum(2) @ up / total)[:, None]
    variance = torch.einsum("nij,ni,ni->n", ink, from_up, from_up) / total
    covariance = torch.einsum("nij,ni,nj->n", ink, from_up, from_right) / total
    return total, variance, covariance


def euler_number(images):
    """Pieces of ink minus holes in them, counted from the 2×2 blocks (Gray 1971), diagonal pixels touching."""
    on = torch.nn.functional.pad(images[:, 0] > 127, (1, 1, 1, 1))
    first, second, third, fourth = on[:, :-1, :-1], on[:, 1:, :-1], on[:, :-1, 1:], on[:, 1:, 1:]
    count = first.int() + second + third + fourth
    diagonal = (count == 2) & (first == fourth)
    return ((count == 1).sum((1, 2)) - (count == 3).sum((1, 2)) - 2 * diagonal.sum((1, 2))) // 4


def within_pairs(values, labels, face):
    """What is left of each value once the mean of its digit and face is taken away."""
    pair = face * 10 + labels
    sums = torch.zeros(10 * N_FACES, dtype=torch.float64).index_add_(0, pair, values.double())
    return values - (sums / pair.bincount(minlength=10 * N_FACES))[pair]


def correlation(a, b):
    return torch.corrcoef(torch.stack([a.double(), b.double()]))[0, 1]


def test_at_least_twenty_faces_all_different():
    assert N_FACES >= 20 and len(set(glyphs.FACES)) == N_FACES
    flat = glyphs.draw(LABELS, FACE).view(N_FACES, -1).float() / 255
    distances = torch.cdist(flat, flat) + torch.diag(torch.full((N_FACES,), torch.inf))
    assert distances.min() > 3


def test_every_face_holds_the_ten_digits():
    numbers = euler_number(glyphs.draw(LABELS, FACE, size=56)).view(N_FACES, 10)
    expected = torch.tensor([0, 1, 1, 1, 0, 1, 0, 1, -1, 0])
    # Each face may differ in one digit: DejaVu Sans Mono has a dot in its zero, Computer Modern Italic an open four.
    assert (numbers != expected).sum(1).max() <= 1
    assert (numbers == expected).float().mean(0).min() > 0.8


def test_a_plain_digit_is_twenty_pixels_high_and_centred():
    rows = glyphs.draw(LABELS, FACE)[:, 0].amax(2) > 127
    columns = glyphs.draw(LABELS, FACE)[:, 0].amax(1) > 127
    assert rows.sum(1).eq(glyphs.DIGIT).all()
    for inked in (rows, columns):
        before, after = inked.int().argmax(1), inked.flip(1).int().argmax(1)
        assert (before - after).abs().max() <= 1


def test_same_seed_same_images_and_other_seed_others():
    first, labels, factors = glyphs.render(300, seed=7)
    second, labels_again, factors_again = glyphs.render(300, seed=7)
    assert first.equal(second) and labels.equal(labels_again)
    assert all(factors[name].equal(factors_again[name]) for name in factors)
    assert not first.equal(glyphs.render(300, seed=8)[0])


def test_global_generator_is_untouched():
    before = torch.get_rng_state()
    glyphs.render(50, seed=3)
    assert torch.get_rng_state().equal(before)


def test_shapes_types_and_ranges(rendered):
    images, labels, factors = rendered
    assert images.shape == (4800, 1, 28, 28) and images.dtype == torch.uint8
    assert images.min() == 0 and images.flatten(1).amax(1).min() > 127 and images.max() == 255
    assert labels.dtype == factors["face"].dtype == torch.int64
    for name, (low, high) in {"slant": glyphs.SLANT, "weight": glyphs.WEIGHT, "scale": glyphs.SCALE}.items():
        values = factors[name]
        assert values.dtype == torch.float32 and low <= values.min() and values.max() <= high
        assert values.max() - values.min() > 0.95 * (high - low)


def test_digits_and_faces_are_balanced(rendered):
    _, labels, factors = rendered
    assert labels.bincount().eq(480).all()
    assert (factors["face"] * 10 + labels).bincount(minlength=10 * N_FACES).eq(4800 // (10 * N_FACES)).all()
    few, few_factors = glyphs.render(40, seed=0)[1:]
    assert few.bincount().eq(4).all() and few_factors["face"].unique().numel() > N_FACES / 2
    assert labels[:100].unique().numel() == 10  # in random order, not sorted


def test_all_ink_lies_inside(rendered):
    images = rendered[0]
    border = torch.ones(28, 28, dtype=torch.bool)
    border[1:-1, 1:-1] = False
    assert images[:, 0, border].max() == 0


@pytest.mark.parametrize("size", [16, 32, 64])
def test_other_sizes_show_the_same_digits(size):
    large = torch.nn.functional.interpolate(
        glyphs.render(200, seed=2, size=size)[0].float(), size=(28, 28), mode="bilinear", antialias=True
    )
    assert (large - glyphs.render(200, seed=2)[0]).abs().mean() < 0.08 * 255


def test_more_weight_is_more_ink_in_every_face_and_digit():
    inks = torch.stack([moments(glyphs.draw(LABELS, FACE, weight=weight))[0] for weight in (-0.3, 0.1, 0.5, 0.9)])
    assert (inks[1:] / inks[:-1]).min() > 1.05


def test_slant_is_the_shear_in_every_face_and_digit():
    _, variance, covariance = moments(glyphs.draw(LABELS, FACE))
    for slant in (-0.2, 0.2):
        _, sheared_variance, sheared_covariance = moments(glyphs.draw(LABELS, FACE, slant=slant))
        shear = sheared_covariance / sheared_variance - covariance / variance
        assert (shear - slant).abs().max() < 0.02


def test_scale_is_the_height_in_every_face_and_digit():
    _, small, _ = moments(glyphs.draw(LABELS, FACE, scale=0.8))
    _, plain, _ = moments(glyphs.draw(LABELS, FACE, scale=1.0))
    assert ((plain / small).sqrt() - 1 / 0.8).abs().max() < 0.03


def test_shift_moves_right_and_down():
    plain = glyphs.draw(LABELS, FACE)
    moved = glyphs.draw(LABELS, FACE, shift=torch.tensor([2.0, 1.0]))
    difference = moved[:, :, 1:, 2:].int() - plain[:, :, :-1, :-2].int()
    assert difference.abs().max() <= 1


def test_warp_bends_and_a_constant_warp_only_moves():
    constant = torch.ones(2, 4, 4) * torch.tensor([2.0, 1.0])[:, None, None]
    moved = glyphs.draw(LABELS, FACE, shift=torch.tensor([2.0, 1.0]))
    assert (glyphs.draw(LABELS, FACE, warp=constant).int() - moved.int()).abs().max() <= 1
    bent = glyphs.draw(LABELS, FACE, warp=torch.randn(2, 4, 4, generator=torch.Generator().manual_seed(0)))
    assert (bent.int() - glyphs.draw(LABELS, FACE).int()).abs().float().mean() > 5


def test_random_digits_measure_like_drawings_of_their_labels(rendered):
    images, labels, factors = rendered

    def measures(images):
        ink, variance, covariance = moments(images)
        return {"ink": ink, "shear": covariance / variance, "height": variance.sqrt()}

    measured, drawn = measures(images), measures(glyphs.draw(labels, **factors))
    for name in measured:
        assert correlation(measured[name], drawn[name]) > 0.9, name
        # Also among images of one digit in one face, where slant, weight and scale alone tell them apart.
        pairs = [within_pairs(values[name], labels, factors["face"]) for values in (measured, drawn)]
        assert correlation(*pairs) > 0.85, name


def test_each_outline_is_measured_once_however_many_glyphs_are_drawn(monkeypatch):
    distance, measured = glyphs._distance, []
    monkeypatch.setattr(glyphs, "_distance", lambda *pair: measured.append(pair[1]) or distance(*pair))
    glyphs._fields.cache_clear()
    for n in (1200, 3):  # more than are drawn in one part
        glyphs.render(n, seed=0)
    assert len(measured) == 10 * len(glyphs.FACES)


def test_digits_need_no_font_of_another_package():
    """In a fresh process whose matplotlib has an empty font folder, and in one that cannot import matplotlib at all."""
    program = """
import sys, hashlib
if sys.argv[1] == "absent":
    sys.modules["matplotlib"] = None
else:
    import matplotlib
    matplotlib.get_data_path = lambda: sys.argv[1]
from ganlib import glyphs
print(hashlib.sha256(glyphs.render(480, seed=3)[0].numpy().tobytes()).hexdigest())
"""
    here = hashlib.sha256(glyphs.render(480, seed=3)[0].numpy().tobytes()).hexdigest()
    for fonts in ("absent", os.devnull):
        ran = subprocess.run([sys.executable, "-c", program, fonts], capture_output=True, text=True)
        assert ran.stdout.strip() == here, ran.stderr


def test_every_face_has_outlines_and_a_licence():
    with np.load(glyphs.OUTLINES) as file:
        assert tuple(file["names"]) == glyphs.FACES
        for name, licence in zip(file["names"], file["licences"], strict=True):
            text = (glyphs.OUTLINES.parent / licence).read_text(encoding="ascii")
            owner = {"DejaVu": "Bitstream", "STIX": "STI Pub", "Computer": "Malyshev"}[name.split()[0]]
            assert owner in text and "ermission" in text
    assert glyphs.OUTLINES.stat().st_size < 300_000


def test_the_outlines_are_those_that_matplotlib_ships():
    with np.load(glyphs.OUTLINES) as file:
        traced = trace_faces.outlines() if matplotlib.__version__ in str(file["source"]) else {}
        if not traced:
            pytest.skip(f"traced from {file['source']}, and this is matplotlib {matplotlib.__version__}")
        for name, array in traced.items():
            assert np.array_equal(file[name], array), name
