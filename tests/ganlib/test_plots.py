"""The figures: what they show, that they fit the column, and that their text is no smaller than the page's."""

import os
import subprocess
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text
from torch import nn

from ganlib import plots, toy, training


@pytest.fixture(autouse=True)
def style():
    with matplotlib.rc_context():
        plots.use_style()
        yield
    plt.close("all")


def history(n=120):
    ramp = torch.arange(n).float()
    return training.History(ramp, -ramp, ramp, ramp)


def logistic():
    """A discriminator of points whose logit is 4x: real to the right."""
    net = nn.Sequential(nn.Linear(2, 1), nn.Flatten(0))
    nn.init.constant_(net[0].bias, 0)
    net[0].weight.data = torch.tensor([[4.0, 0.0]])
    return net


def strip(n=4):
    ring = toy.ring()
    frames = [(f"step {i}", ring.sample(50), logistic()) for i in range(n)]
    return plots.filmstrip(frames, ring.sample(50), 1.5)


def ramps(n, channels):
    return torch.linspace(-1, 1, n * channels * 64).view(n, channels, 8, 8)


FIGURES = {
    "grid": lambda: plots.image_grid(ramps(25, 1)),
    "grid in colour, with titles": lambda: plots.image_grid(ramps(12, 3), 6, ["real", "generated"]),
    "losses": lambda: plots.losses(history(), guides=[(1.386, "2 log 2")]),
    "filmstrip": strip,
}


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_fits_the_column_with_text_of_twelve_points(name):
    figure = FIGURES[name]()
    figure.canvas.draw()
    assert isinstance(figure, Figure) and figure.get_size_inches()[0] <= 7
    texts = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    assert all(text.get_fontsize() >= 12 for text in texts)
    assert texts or name == "grid"
    canvas = figure.bbox
    for axes in (axes for axes in figure.axes if axes.axison):
        inside = axes.get_tightbbox()
        assert canvas.x0 <= inside.x0 and inside.x1 <= canvas.x1, "text is cut off"


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_of_images(channels):
    images = ramps(3, channels).requires_grad_()
    pixels = plots.to_pixels(2 * images)  # values beyond the range are clipped
    assert pixels.shape == (3, 8, 8) + (3,) * (channels == 3) and not pixels.requires_grad
    assert pixels.min() == 0 and pixels.max() == 1
    expected = (images[1, channels - 1] + 1) / 2
    assert torch.allclose(plots.to_pixels(images)[1].view(8, 8, -1)[..., -1], expected, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_grid_shows_every_image_in_order_and_no_more(channels):
    images = ramps(7, channels)
    figure = plots.image_grid(images, 5)
    shown = [axis.images[0] for axis in figure.axes if axis.images]
    assert len(figure.axes) == 10 and len(shown) == 7 and not any(axis.axison for axis in figure.axes)
    for artist, pixels in zip(shown, plots.to_pixels(images), strict=True):
        assert torch.allclose(torch.as_tensor(artist.get_array()), pixels) and artist.get_clim() == (0, 1)


def test_titles_stand_beside_their_rows():
    figure = plots.image_grid(ramps(12, 1), 4, ["a", "b", "c"])
    figure.canvas.draw()
    for row, text in enumerate(figure.texts):
        box = figure.axes[4 * row].get_window_extent()
        assert box.y0 < text.get_window_extent().y0 < text.get_window_extent().y1 < box.y1
        assert text.get_window_extent().x1 <= box.x0


def test_losses_are_running_means_of_both_players():
    (axis,) = plots.losses(history(120), smooth=50, guides=[(0.5, "guide")]).axes
    d, g, guide = axis.lines
    assert d.get_label() == "discriminator" and g.get_label() == "generator"
    assert list(d.get_xdata()) == list(range(50, 121)) and d.get_ydata()[0] == 24.5 == -g.get_ydata()[0]
    assert list(guide.get_ydata()) == [0.5, 0.5] and "guide" in [text.get_text() for text in axis.texts]
    assert len(plots.losses(history(10)).axes[0].lines[0].get_xdata()) == 1  # a run shorter than the window


def test_field_is_the_probability_of_real_where_it_stands():
    _, axis = plt.subplots()
    plots.field(axis, logistic(), 1.5, steps=31)
    shown = torch.as_tensor(axis.images[0].get_array())
    line = torch.linspace(-1.5, 1.5, 31)
    assert torch.allclose(shown, (4 * line).sigmoid().expand(31, 31))  # grows to the right, the same at every height
    assert axis.images[0].get_extent() == [-1.5, 1.5, -1.5, 1.5] and axis.images[0].origin == "lower"


def test_filmstrip_has_a_frame_for_each_moment():
    figure = strip(4)
    titles = [axis.get_title() for axis in figure.axes if axis.axison]
    assert titles == [f"step {i}" for i in range(4)] and len(figure.axes) == 6
    for axis in figure.axes[:4]:
        assert axis.get_xlim() == axis.get_ylim() == (-1.5, 1.5) and len(axis.collections) == 2 == len(axis.images) + 1


def test_the_style_starts_no_shell_where_no_notebook_runs(tmp_path):
    code = "import sys; from ganlib import plots; plots.use_style(); print('IPython' in sys.modules)"
    run = [sys.executable, "-c", code]
    environment = {"IPYTHONDIR": str(tmp_path / "ipython"), "MPLBACKEND": "Agg", "MPLCONFIGDIR": str(tmp_path)}
    subprocess.run(run, check=True, env=os.environ | environment)
    assert not (tmp_path / "ipython").exists()


def test_the_losses_of_a_resumed_run_begin_where_it_began():
    resumed = history()
    resumed.start = 1000
    steps = [plots.losses(each).axes[0].lines[0].get_xdata() for each in (history(), resumed)]
    assert steps[0][[0, -1]].tolist() == [50, 120] and steps[1][[0, -1]].tolist() == [1050, 1120]


def test_a_history_of_no_steps_has_nothing_to_draw():
    with pytest.raises(ValueError, match="^There is nothing to draw: the history holds no steps"):
        plots.losses(history(0))
