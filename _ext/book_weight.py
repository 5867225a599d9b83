"""What a page need not carry: the icons that no page shows, and colours of figures that nobody can tell apart."""

import io
import re
from collections.abc import Iterable
from pathlib import Path

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


def smaller(png: bytes) -> bytes:
    """The picture in 256 colours where that is smaller; one that is not opaque stays as it is."""
    picture = Image.open(io.BytesIO(png))
    if picture.mode not in ("RGB", "RGBA") or (picture.mode == "RGBA" and picture.getextrema()[3][0] < 255):
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


def setup(app: Sphinx) -> dict:
    app.connect("build-finished", lighten)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
