"""What a page need not carry: the icons that no page shows, and colours of figures that nobody can tell apart."""

import io
import re
from collections.abc import Iterable
from pathlib import Path

from fontTools.subset import Options, Subsetter, load_font, save_font
from PIL import Image
from sphinx.application import Sphinx

# One icon in the theme's script: its name, then [width, height, other names, code, path or paths].
ICON = re.compile(
    r'(?:"(?P<quoted>[\w-]+)"|(?P<plain>\w+)):\[\d+,\d+,\[(?P<aliases>[^\]]*)\],"\w+",(?:"[^"]*"|\[[^\]]*\])\],?'
)
USED = re.compile(r"\bfa-([a-z0-9-]+)")


def keep_icons(script: str, names: set[str]) -> str:
    """The theme's script of icons without those that bear none of ``names``."""

    def keep(icon: re.Match) -> str:
        own = {icon["quoted"] or icon["plain"], *re.findall(r'"([\w-]+)"', icon["aliases"])}
        return icon[0] if own & names else ""

    return ICON.sub(keep, script)


def glyphs_used(style: str, names: set[str]) -> set[int]:
    """The characters of the icon font, escaped or not, that a style sets by itself or for one of ``names``."""
    codes = set()
    for selector, body in re.findall(r"([^{}]+)\{([^{}]*)\}", style):
        classes = set(re.findall(r"\.fa-([\w-]+)", selector))
        if not classes or classes & names:
            codes |= {int(code, 16) for code in re.findall(r"""["']\\(f[0-9a-f]{3})["']""", body)}
            codes |= {ord(character) for character in body if 0xE000 <= ord(character) <= 0xF8FF}
    return codes


def subset(font: Path, codes: set[int]) -> None:
    """Leave in a font file the glyphs of ``codes`` alone."""
    options = Options(layout_features=[], name_IDs=[1, 2], notdef_outline=True)
    loaded = load_font(font, options)
    small = Subsetter(options)
    small.populate(unicodes=codes)
    small.subset(loaded)
    save_font(loaded, font, options)


def smaller(png: bytes) -> bytes:
    """The picture in 256 colours where that is smaller; one that is not opaque stays as it is."""
    picture = Image.open(io.BytesIO(png))
    if picture.mode not in ("RGB", "RGBA") or (picture.mode == "RGBA" and min(picture.getchannel("A").tobytes()) < 255):
        return png
    made = io.BytesIO()
    picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(made, "PNG", optimize=True)
    return min(made.getvalue(), png, key=len)


def icons_used(files: Iterable[Path]) -> set[str]:
    return {name for file in files for name in USED.findall(file.read_text(encoding="utf-8"))}


def lighten(app: Sphinx, failure: Exception | None) -> None:
    if failure or app.builder.name != "html":
        return
    out = Path(app.outdir)
    for figure in (out / "_images").glob("*.png"):
        figure.write_bytes(smaller(figure.read_bytes()))
    icons = out / "_static/scripts/fontawesome.js"
    if icons.is_file():
        scripts = [file for file in out.glob("_static/**/*.js") if file != icons]
        names = icons_used([*out.rglob("*.html"), *scripts])
        icons.write_text(keep_icons(icons.read_text(encoding="utf-8"), names), encoding="utf-8")
        theme = out / "_static/styles/pydata-sphinx-theme.css"
        style = theme.read_text(encoding="utf-8")
        styles = "".join(file.read_text(encoding="utf-8") for file in out.glob("_static/**/*.css"))
        for font in (out / "_static/vendor/fontawesome/webfonts").glob("*.ttf"):
            subset(font, glyphs_used(styles, names))
        # What is left is too small to need packing.
        theme.write_text(re.sub(r'url\([^()]*\.woff2\) format\("woff2"\),', "", style), encoding="utf-8")


def setup(app: Sphinx) -> dict:
    app.connect("build-finished", lighten)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
