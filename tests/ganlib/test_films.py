"""Films: their pictures, their time, what stands beside them, and what they refuse."""

import base64
import io

import matplotlib.pyplot as plt
import pytest
import torch
from bs4 import BeautifulSoup
from PIL import Image, ImageSequence
from torch import nn

from ganlib import films, plots

RED, BLUE = (Image.new("RGB", (8, 6), colour) for colour in ("red", "blue"))


def test_the_fold_holds_the_pictures_in_their_order_and_time():
    film = films.Film([RED, BLUE, RED, BLUE], "Film: <two>", 'red & "blue"', seconds=2)
    fold = BeautifulSoup(film._repr_html_(), "html.parser").details
    assert fold["class"] == ["film"] and fold.summary.text == "Film: <two>" and not fold.has_attr("open")
    assert (fold.img["alt"], fold.img["width"], fold.img["height"]) == ('red & "blue"', "8", "6")
    kind, data = fold.img["src"].split(",")
    assert kind == "data:image/webp;base64"
    shown = Image.open(io.BytesIO(base64.b64decode(data)))
    colours, times = [], []
    for picture in ImageSequence.Iterator(shown):
        picture.load()
        times.append(picture.info["duration"])
        red, _, blue = picture.convert("RGB").getpixel((4, 3))
        colours.append("red" if red > blue else "blue")
    assert colours == ["red", "blue", "red", "blue"] and times == [500, 500, 500, 1500]
    assert shown.info["loop"] == 0
    assert repr(film) == 'Film: <two>: red & "blue"'


@pytest.mark.parametrize(
    ("pictures", "title", "alt", "message"),
    [
        ([RED], "a", "b", "here are 1"),
        ([RED, RED.resize((3, 3))], "a", "b", "of several"),
        ([RED, BLUE], " ", "b", "give both"),
        ([RED, BLUE], "a", "", "give both"),
    ],
)
def test_what_is_no_film_is_refused(pictures, title, alt, message):
    with pytest.raises(ValueError, match=message):
        films.Film(pictures, title, alt)


def test_each_frame_is_drawn_on_an_axis_of_its_own():
    heights = []

    def draw(axis, height):
        heights.append(height)
        axis.axhspan(0, 1, color=height)

    open_before = plt.get_fignums()
    pictures = films.drawn(draw, ["#ff0000", "#0000ff"], side=1.5)
    assert heights == ["#ff0000", "#0000ff"] and plt.get_fignums() == open_before
    assert [picture.size for picture in pictures] == [(150, 150)] * 2
    assert [picture.getpixel((90, 60)) for picture in pictures] == [(255, 0, 0), (0, 0, 255)]


def test_a_moment_of_a_game_can_be_drawn():
    def draw(axis, moment):
        plots.frame(axis, moment, torch.zeros(3, 2), extent=2)
        assert axis.get_title() == moment[0] and len(axis.collections) == 2

    net = nn.Sequential(nn.Linear(2, 1), nn.Flatten(0))
    assert len(films.drawn(draw, [("step 0", torch.ones(4, 2), net), ("step 1", torch.zeros(4, 2), net)])) == 2


@pytest.mark.parametrize("channels", [1, 3])
def test_images_lie_in_rows(channels):
    images = torch.full((6, channels, 4, 5), -1.0)
    images[4] = 1
    [picture] = films.tiled([images], columns=3, zoom=2)
    assert picture.size == (3 * 5 * 2, 2 * 4 * 2)
    bright = torch.tensor(list(picture.convert("L").tobytes())).view(16, 30)
    assert (bright[8:, 10:20] == 255).all() and bright.sum() == 255 * 80
