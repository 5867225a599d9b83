"""Films: a run as a short moving picture in a fold, which a page plays without a kernel and without a script."""

import base64
import html
import io
from collections.abc import Callable, Sequence
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from ganlib import plots

LAST = 1.5  # seconds that the last picture stands still before the film begins anew
QUALITY = 70  # of the pictures, as WebP counts it, up to 100


class Film:
    """Pictures (PIL images, all of one size) that follow each other when the fold with this title is opened.

    The film starts anew after its end and stops when the fold is closed. ``alt`` says in words what it shows, and
    ``seconds`` how long it takes, without the rest on its last picture. A notebook shows it by ``display(film)``.
    Raises ValueError for fewer than two pictures, pictures of several sizes, and an empty title or ``alt``.
    """

    def __init__(self, pictures: Sequence[Image.Image], title: str, alt: str, seconds: float = 5.0):
        if len(pictures) < 2:
            raise ValueError(f"A film has two pictures at least, and here are {len(pictures)}.")
        if len({picture.size for picture in pictures}) > 1:
            raise ValueError("The pictures of a film are of one size, and these are of several.")
        if not title.strip() or not alt.strip():
            raise ValueError("A film has a title, and a text that says what it shows: give both.")
        self.pictures, self.title, self.alt = list(pictures), title, alt
        self.durations = [round(1000 * seconds / len(pictures))] * (len(pictures) - 1) + [round(1000 * LAST)]

    def webp(self) -> bytes:
        """The film as an animated WebP, without end."""
        made, (first, *rest) = io.BytesIO(), self.pictures
        first.save(
            made, "WEBP", save_all=True, append_images=rest, duration=self.durations, loop=0, quality=QUALITY, method=4
        )
        return made.getvalue()

    def __repr__(self) -> str:
        return f"{self.title}: {self.alt}"

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.webp()).decode("ascii")
        width, height = self.pictures[0].size
        return (
            f'<details class="film"><summary>{html.escape(self.title)}</summary>'
            f'<img alt="{html.escape(self.alt)}" width="{width}" height="{height}" src="data:image/webp;base64,{data}">'
            "</details>"
        )


def drawn(draw: Callable[[Axes, Any], None], frames: Sequence[Any], side: float = 3.6) -> list[Image.Image]:
    """One picture for each frame, a square of ``side`` inches: ``draw(axis, frame)`` fills its only axis."""
    pictures = []
    for frame in frames:
        figure = Figure(figsize=(side, side), dpi=100, layout="constrained")
        canvas = FigureCanvasAgg(figure)
        draw(figure.subplots(), frame)
        canvas.draw()
        pictures.append(Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba()).convert("RGB"))
    return pictures


def tiled(batches: Sequence[Tensor], columns: int = 10, zoom: int = 2) -> list[Image.Image]:
    """One picture for each batch of images (N, C, H, W) in [-1, 1], in rows of ``columns``, ``zoom`` times as large."""
    pictures = []
    for batch in batches:
        rows = [torch.cat([*row], dim=1) for row in plots.to_pixels(batch).split(columns)]
        sheet = torch.cat(rows).mul(255).round().byte()
        picture = Image.fromarray(sheet.numpy())
        pictures.append(picture.resize((zoom * picture.width, zoom * picture.height), Image.Resampling.NEAREST))
    return pictures
