"""Digits drawn from 24 typefaces, whose outlines ganlib ships, with every factor of variation known.

Each digit of each face is turned once into a signed distance field: for every point of a small grid, how far the
digit's outline is, positive inside. A field can be sheared, scaled, shifted and warped by sampling it elsewhere, and
its strokes thickened by adding a constant, so that 20,000 digits cost a few tensor operations.
"""

from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

VERSION = 2  # raise it whenever the same arguments would give other pixels: it is part of the cache's file name

OUTLINES = Path(__file__).parent / "faces/outlines.npz"
# The names of the faces, in the order of the ``face`` factor and of the file of outlines.
FACES = (
    "DejaVu Sans",
    "DejaVu Sans Oblique",
    "DejaVu Sans Bold",
    "DejaVu Sans Bold Oblique",
    "DejaVu Sans Mono",
    "DejaVu Sans Mono Oblique",
    "DejaVu Sans Mono Bold",
    "DejaVu Sans Mono Bold Oblique",
    "DejaVu Serif",
    "DejaVu Serif Italic",
    "DejaVu Serif Bold",
    "DejaVu Serif Bold Italic",
    "STIX General",
    "STIX General Italic",
    "STIX General Bold",
    "STIX General Bold Italic",
    "STIX Sans",
    "STIX Sans Bold",
    "STIX Mono",
    "Computer Modern Roman",
    "Computer Modern Bold",
    "Computer Modern Italic",
    "Computer Modern Sans",
    "Computer Modern Typewriter",
)

CANVAS, DIGIT = 28, 20  # pixels: as in MNIST, a digit of scale 1 is 20 pixels high on a canvas of 28
SLANT = (-0.25, 0.25)
WEIGHT = (-0.3, 0.9)
SCALE = (0.8, 1.04)
SHIFT = 0.8
WARP = 1.2
_KNOTS = 4  # the warp's control points along each side
_GRID, _REACH = 64, 0.65  # a distance field: points along each side, and half its side in digit heights


def render(n: int, *, seed: int, size: int = CANVAS) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Draw ``n`` digits at random: images, labels and the factors that made them.

    Digits and faces come in equal numbers, as nearly as ``n`` allows, in random order; slant, weight, scale, shift and
    warp are uniform on the ranges that this module names; :func:`draw` says what each means. The same arguments give
    the same images (on other hardware a pixel may differ by one grey level); no global generator is touched.

    Returns images, uint8 of shape (n, 1, size, size); labels, int64 of shape (n,); and a dict of the factors ``face``
    (int64, an index into ``FACES``), ``slant``, ``weight`` and ``scale`` (float32), each of shape (n,).
    """
    generator = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(n, *shape, generator=generator, dtype=torch.float32) * (high - low) + low

    place = torch.randperm(n, generator=generator)
    labels, turn = place % 10, place // 10
    orders = torch.rand(10, len(FACES), generator=generator, dtype=torch.float32).argsort(1)
    face = orders[labels, turn % len(FACES)]  # each digit takes the faces in turn, in a random order of its own
    factors = {"face": face, "slant": uniform(*SLANT), "weight": uniform(*WEIGHT), "scale": uniform(*SCALE)}
    shift, warp = uniform(-SHIFT, SHIFT, 2), uniform(-WARP, WARP, 2, _KNOTS, _KNOTS)
    return draw(labels, **factors, shift=shift, warp=warp, size=size), labels, factors


def draw(
    labels: Tensor,
    face: Tensor,
    *,
    slant: Tensor | float = 0.0,
    weight: Tensor | float = 0.0,
    scale: Tensor | float = 1.0,
    shift: Tensor | float = 0.0,
    warp: Tensor | float = 0.0,
    size: int = CANVAS,
) -> Tensor:
    """Draw the digits ``labels`` in the faces ``face`` with the given factors, white on black.

    Returns uint8 of shape (n, 1, size, size), on the device of ``labels``. Lengths are in pixels of a 28×28 canvas,
    whatever ``size`` is. Each factor is one number for all digits, or a tensor with a value for each:

    * ``slant``: the shear that is added to the face's own, sideways per upwards; positive leans to the right.
    * ``weight``: how much wider each stroke is than the face draws it.
    * ``scale``: the digit's height over 20 pixels, before weight and warp.
    * ``shift``: how far the centre of the digit's box moves, (right, down), shape (n, 2).
    * ``warp``: a smooth displacement by its values at 4×4 control points, (right, down), shape (n, 2, 4, 4).
    """
    n, pixel, device = len(labels), size / CANVAS, labels.device

    def each(value: Tensor | float, *shape: int) -> Tensor:
        return torch.as_tensor(value, dtype=torch.float32, device=device).expand(n, *shape)

    height = DIGIT * pixel * each(scale)
    slant, boldness = each(slant), pixel / 2 * each(weight)
    shift, warp = pixel * each(shift, 2), pixel * each(warp, 2, _KNOTS, _KNOTS)
    centre = (torch.arange(size, device=device) + 0.5) - size / 2
    down, right = torch.meshgrid(centre, centre, indexing="ij")
    images = torch.empty(n, 1, size, size, dtype=torch.uint8, device=device)
    outlines = _fields().to(device)
    for part in torch.arange(n, device=device).split(1000):  # in parts, to keep the memory small
        bend = F.interpolate(warp[part], size=(size, size), mode="bicubic", align_corners=True)
        x = right - bend[:, 0] - shift[part, 0, None, None]
        y = down - bend[:, 1] - shift[part, 1, None, None]
        x = x + slant[part, None, None] * y  # y points down, so what leans right above the centre is moved back left
        where = torch.stack([x, y], dim=-1) / (height[part, None, None, None] * _REACH)
        fields = outlines[face[part], labels[part]].unsqueeze(1)
        distance = F.grid_sample(fields, where, mode="bilinear", padding_mode="border", align_corners=True)
        distance = distance * height[part, None, None, None] + boldness[part, None, None, None]
        images[part] = ((distance + 0.5).clamp_(0, 1) * 255).round_().to(torch.uint8)
    return images


@cache
def _fields() -> Tensor:
    """The signed distance fields of all faces and digits, in digit heights: float32 (faces, 10, _GRID, _GRID)."""
    axis = torch.linspace(-_REACH, _REACH, _GRID)
    points = torch.cartesian_prod(axis, axis).flip(1)  # (right, down), row by row
    return torch.stack([_distance(points, outline) for outline in _outlines()]).view(len(FACES), 10, _GRID, _GRID)


def _outlines() -> Iterator[Tensor]:
    """The outline of each digit of each face as line segments (start and end), float32 (segments, 2, 2).

    Its box has height 1 and is centred at 0, downwards positive.
    """
    with np.load(OUTLINES) as file:
        contours = iter(np.split(file["points"].astype(np.float64), file["lengths"].cumsum()[:-1]))
        counts = file["counts"].flat
    for count in counts:
        lines = [np.stack([line[:-1], line[1:]], axis=1) for line in islice(contours, count)]
        segments = np.concatenate(lines)
        low, high = segments.min((0, 1)), segments.max((0, 1))
        segments = (segments - (low + high) / 2) / (high[1] - low[1]) * [1, -1]
        yield torch.as_tensor(segments, dtype=torch.float32)


def _distance(points: Tensor, segments: Tensor) -> Tensor:
    """The distance from each point to the nearest segment, positive where the outline winds around the point."""
    start, along = segments[:, 0], segments[:, 1] - segments[:, 0]
    length = along.square().sum(1).clamp_min(1e-12)
    forward = points @ along.T - (start * along).sum(1)  # dot products of (point - start) and the segment
    share = (forward / length).clamp_(0, 1)  # how far along its segment the nearest point lies
    squared = points.square().sum(1, keepdim=True) - 2 * points @ start.T + start.square().sum(1)
    nearest = (squared + share * (share * length - 2 * forward)).amin(1).clamp_min_(0).sqrt()
    normal = torch.stack([along[:, 1], -along[:, 0]], dim=1)
    side = points @ normal.T - (start * normal).sum(1)
    height = points[:, 1:]
    crossing = (height >= start[:, 1]).float() - (height >= segments[:, 1, 1]).float()
    winding = (crossing * (side * crossing > 0)).sum(1)  # only what crosses on one side of the point counts
    return torch.where(winding != 0, nearest, -nearest)
