"""The figures that more than one chapter draws, in one style: white ground, colour-blind safe, text of 12 points.

Every function returns its matplotlib Figure; a chapter shows it by ``plt.show()``. No figure is wider than 7 inches,
the column of the book, so that no text shrinks below the text around it.
"""

import sys
from collections.abc import Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from torch import Tensor, nn

WIDTH = 7.0  # inches
REAL, FAKE, THIRD = "#0072B2", "#D55E00", "#009E73"  # blue, vermilion, green of Okabe and Ito
FIELD = "RdBu"  # red where the discriminator sees fake, blue where it sees real


def use_style() -> None:
    """Set matplotlib's defaults for this course, and sharp inline figures where a notebook runs."""
    plt.rcParams.update(
        {
            "figure.facecolor": "white",
            "figure.figsize": (WIDTH, 3.2),
            "figure.dpi": 100,
            "figure.constrained_layout.use": True,
            "font.size": 12,
            "axes.titlesize": 12,
            "axes.prop_cycle": plt.cycler(color=[REAL, FAKE, THIRD, "#CC79A7", "#E69F00", "#56B4E9", "#000000"]),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "image.cmap": "gray",
        }
    )
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if hasattr(shell, "kernel"):  # elsewhere the call below would start a shell of its own
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("retina")


def image_grid(images: Tensor, columns: int = 10, titles: Sequence[str] = ()) -> Figure:
    """Images (N, C, H, W) in [-1, 1] in rows of ``columns``; ``titles`` names the rows, at their left."""
    rows = -(-len(images) // columns)
    label = 1.3 if titles else 0.0
    side = (WIDTH - label) / columns
    layout = ConstrainedLayoutEngine(
        w_pad=0.01, h_pad=0.01, wspace=0, hspace=0, rect=(label / WIDTH, 0, 1 - label / WIDTH, 1)
    )
    fig, axes = plt.subplots(rows, columns, figsize=(WIDTH, rows * side), squeeze=False, layout=layout)
    for axis in axes.flat:
        axis.axis("off")
    for axis, image in zip(axes.flat, to_pixels(images), strict=False):
        axis.imshow(image.numpy(), vmin=0, vmax=1)
    for row, title in enumerate(titles):
        fig.text(0, 1 - (row + 0.5) / rows, title, va="center")
    return fig


def to_pixels(images: Tensor) -> Tensor:
    """Images (N, C, H, W) in [-1, 1] as matplotlib wants them: (N, H, W) or (N, H, W, 3), in [0, 1], on the CPU."""
    pixels = ((images.detach().float().cpu() + 1) / 2).clamp(0, 1)
    return pixels[:, 0] if pixels.shape[1] == 1 else pixels.movedim(1, -1)


def losses(history, smooth: int = 50, guides: Sequence[tuple[float, str]] = ()) -> Figure:
    """Both players' losses against the step, each a running mean over ``smooth`` steps; ``guides`` are named levels."""
    if not len(history):
        raise ValueError("There is nothing to draw: the history holds no steps.")
    fig, axis = plt.subplots()
    smooth = min(smooth, len(history))
    first = getattr(history, "start", 0) + smooth
    for values, name in ((history.d_loss, "discriminator"), (history.g_loss, "generator")):
        mean = values.unfold(0, smooth, 1).mean(1)
        axis.plot(torch.arange(first, first + len(mean)), mean, label=name)
    for level, name in guides:
        axis.axhline(level, color="black", linewidth=1, linestyle="--")
        axis.annotate(name, (1, level), xycoords=("axes fraction", "data"), ha="right", va="bottom")
    axis.set(xlabel="step", ylabel="loss (nats)")
    # Above the axes: inside, it would meet the names of the guides.
    axis.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
    return fig


def scatter(axis: Axes, points: Tensor, color: str, extent: float, label: str | None = None) -> None:
    """Draw 2-D ``points`` (N, 2) in a square of half-width ``extent``, without ticks."""
    x, y = points.detach().cpu().T
    axis.scatter(x, y, s=4, color=color, alpha=0.5, linewidths=0, label=label)
    axis.spines[:].set_visible(True)
    axis.set(xlim=(-extent, extent), ylim=(-extent, extent), xticks=[], yticks=[], aspect="equal")


@torch.no_grad()
def field(axis: Axes, discriminator: nn.Module, extent: float, steps: int = 80) -> None:
    """Colour a square by the discriminator's probability of real: blue near 1, red near 0, white at 1/2."""
    line = torch.linspace(-extent, extent, steps)
    points = torch.cartesian_prod(line, line).to(next(discriminator.parameters()).device)
    probability = discriminator(points).sigmoid().view(steps, steps).T.cpu()
    axis.imshow(
        probability.numpy(),
        extent=(-extent, extent, -extent, extent),
        origin="lower",
        cmap=FIELD,
        vmin=0,
        vmax=1,
        alpha=0.6,
        interpolation="bilinear",
    )


def frame(axis: Axes, moment: tuple[str, Tensor, nn.Module], real: Tensor, extent: float) -> None:
    """Draw a moment ``(title, samples, discriminator)`` of a 2-D game: field, real points and samples."""
    title, samples, discriminator = moment
    field(axis, discriminator, extent)
    scatter(axis, real, "black", extent)
    scatter(axis, samples, FAKE, extent)
    axis.set_title(title)


def filmstrip(frames: Sequence[tuple[str, Tensor, nn.Module]], real: Tensor, extent: float, columns: int = 3) -> Figure:
    """Moments ``(title, samples, discriminator)`` of a 2-D game side by side, each as ``frame`` draws it."""
    rows = -(-len(frames) // columns)
    fig, axes = plt.subplots(rows, columns, figsize=(WIDTH, rows * (WIDTH / columns + 0.3)), squeeze=False)
    for axis in axes.flat[len(frames) :]:
        axis.axis("off")
    for axis, moment in zip(axes.flat, frames, strict=False):
        frame(axis, moment, real, extent)
    return fig
