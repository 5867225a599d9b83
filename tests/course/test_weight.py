"""That pages lose weight and nothing that can be seen."""

import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from fontTools.ttLib import TTFont
from matplotlib import font_manager
from PIL import Image

from course.sphinx import weight as book_weight

SCRIPT = 'var i={sun:[576,512,[9728],"f185","M1 2"],"angle-left":[256,512,[8249],"f104",["M3","M4"]],\
"magnifying-glass":[512,512,[128269,"search"],"f002","M5"],bars:[448,512,["navicon"],"f0c9","M6"]};'


def test_icons_that_no_page_shows_are_left_out():
    assert book_weight.keep_icons(SCRIPT, {"sun", "search"}) == (
        'var i={sun:[576,512,[9728],"f185","M1 2"],"magnifying-glass":[512,512,[128269,"search"],"f002","M5"],};'
    )
    assert book_weight.keep_icons(SCRIPT, {"sun", "angle-left", "search", "bars"}) == SCRIPT


def test_icons_used(tmp_path):
    (tmp_path / "page.html").write_text('<i class="fa-solid fa-angle-left"></i><b class="sofa-1">')
    assert book_weight.icons_used(tmp_path.glob("*.html")) == {"solid", "angle-left"}


STYLE = (
    ':root{--icon:"\\f071";--bell:"\uf0f3"}.fa-sun:before{content:"\\f185"}.fa-moon:before,.fa-night{content:"\\f186"}'
)


def test_glyphs_that_the_style_or_a_page_uses():
    assert book_weight.glyphs_used(STYLE, {"night"}) == {0xF071, 0xF0F3, 0xF186}


def test_a_font_keeps_those_glyphs_alone(tmp_path):
    font = tmp_path / "font.ttf"
    font.write_bytes(Path(font_manager.findfont("DejaVu Sans")).read_bytes())
    book_weight.subset(font, {ord("a"), ord("é")})
    assert set(TTFont(font).getBestCmap()) == {ord("a"), ord("é")} and font.stat().st_size < 5000


def png(array: np.ndarray) -> bytes:
    made = io.BytesIO()
    Image.fromarray(array).save(made, "PNG")
    return made.getvalue()


def test_a_picture_in_more_than_256_colours_becomes_smaller_and_stays_alike():
    ramp, noise = np.linspace(9, 240, 400), np.random.default_rng(0).integers(0, 9, (400, 400))
    colours = ramp[:, None] + noise, ramp[None, :] + noise, 80 + noise, np.full((400, 400), 255)
    array = np.stack(colours, -1).astype(np.uint8)
    smaller = book_weight.smaller(png(array))
    assert len(smaller) < len(png(array)) / 2
    seen = np.asarray(Image.open(io.BytesIO(smaller)).convert("RGB")).astype(int)
    assert np.abs(seen - array[..., :3]).mean() < 8


@pytest.mark.parametrize("alpha", [255, 0])
def test_few_colours_stay_exact_and_transparent_pictures_as_they_are(alpha):
    array = np.full((200, 200, 4), alpha, np.uint8)
    array[::2, 1::3, :3] = (40, 90, 140)
    smaller = book_weight.smaller(png(array))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(smaller)).convert("RGBA")), array)
    assert (smaller == png(array)) or alpha == 255


def test_a_failed_build_is_left_alone(tmp_path):
    (tmp_path / "_images").mkdir()
    (tmp_path / "_images/a.png").write_bytes(b"no picture")
    app = SimpleNamespace(outdir=tmp_path, builder=SimpleNamespace(name="html"))
    book_weight.lighten(app, RuntimeError("stopped"))
    assert (tmp_path / "_images/a.png").read_bytes() == b"no picture"
