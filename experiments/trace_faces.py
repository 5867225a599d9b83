"""Trace the digits of 24 typefaces that matplotlib ships, and store their outlines in ganlib/faces/outlines.npz.

    python -m experiments.trace_faces

ganlib draws its digits from that file, so that no other package's version changes a pixel of them.
"""

from pathlib import Path as File

import matplotlib
import numpy as np
from matplotlib import ft2font
from matplotlib.path import Path

from ganlib.glyphs import OUTLINES

# Every face was looked at: matplotlib's other files hold symbols, hollow or old-style digits, or none.
SANS, SANS_BOLD, MONO = 0x1D7E2, 0x1D7EC, 0x1D7F6  # the zeros of Unicode's mathematical alphabets
FACES = {
    "DejaVu Sans": ("DejaVuSans", ord("0")),
    "DejaVu Sans Oblique": ("DejaVuSans-Oblique", ord("0")),
    "DejaVu Sans Bold": ("DejaVuSans-Bold", ord("0")),
    "DejaVu Sans Bold Oblique": ("DejaVuSans-BoldOblique", ord("0")),
    "DejaVu Sans Mono": ("DejaVuSansMono", ord("0")),
    "DejaVu Sans Mono Oblique": ("DejaVuSansMono-Oblique", ord("0")),
    "DejaVu Sans Mono Bold": ("DejaVuSansMono-Bold", ord("0")),
    "DejaVu Sans Mono Bold Oblique": ("DejaVuSansMono-BoldOblique", ord("0")),
    "DejaVu Serif": ("DejaVuSerif", ord("0")),
    "DejaVu Serif Italic": ("DejaVuSerif-Italic", ord("0")),
    "DejaVu Serif Bold": ("DejaVuSerif-Bold", ord("0")),
    "DejaVu Serif Bold Italic": ("DejaVuSerif-BoldItalic", ord("0")),
    "STIX General": ("STIXGeneral", ord("0")),
    "STIX General Italic": ("STIXGeneralItalic", ord("0")),
    "STIX General Bold": ("STIXGeneralBol", ord("0")),
    "STIX General Bold Italic": ("STIXGeneralBolIta", ord("0")),
    "STIX Sans": ("STIXGeneral", SANS),
    "STIX Sans Bold": ("STIXGeneral", SANS_BOLD),
    "STIX Mono": ("STIXGeneral", MONO),
    "Computer Modern Roman": ("cmr10", ord("0")),
    "Computer Modern Bold": ("cmb10", ord("0")),
    "Computer Modern Italic": ("cmti10", ord("0")),
    "Computer Modern Sans": ("cmss10", ord("0")),
    "Computer Modern Typewriter": ("cmtt10", ord("0")),
}
LICENCES = {"DejaVu": "LICENSE_DEJAVU", "STIX": "LICENSE_STIX", "cm": "LICENSE_BAKOMA"}  # by the file's beginning
PIECES = 4  # straight pieces that a curve is cut into
UNITS = 64 * PIECES**2  # in a pixel: FreeType's own fractions, and what a quadratic curve makes of them


def trace(file: str, zero: int, digit: int) -> list[np.ndarray]:
    """The closed contours of one digit's outline as polylines, float64 (points, 2) each, in pixels, at size 1,000."""
    path = File(matplotlib.get_data_path(), "fonts", "ttf", f"{file}.ttf")
    if not path.is_file():
        raise SystemExit(f"This matplotlib has no {path.name}: trace with matplotlib 3.11 or newer.")
    font = ft2font.FT2Font(str(path))
    font.set_size(1000, 72)  # so large that hinting and rounding no longer show
    font.load_char(zero + digit)
    contours = []
    for curve, code in Path(*font.get_path()).iter_bezier():
        if code == Path.MOVETO:
            contours.append([*curve.control_points])
        share = np.linspace(0, 1, 2 if code == Path.LINETO else PIECES + 1)
        contours[-1].extend(curve(share)[1:])
    return [np.array(contour) for contour in contours]


def outlines() -> dict[str, np.ndarray]:
    """The arrays of the file; its README says what each holds."""
    points, lengths, counts = [], [], np.zeros((len(FACES), 10), dtype=np.int64)
    for face, place in enumerate(FACES.values()):
        for digit in range(10):
            contours = trace(*place, digit)
            lengths += map(len, contours)
            counts[face, digit] = len(contours)
            traced = np.concatenate(contours) * UNITS
            points.append((traced - traced.min(0)).astype(np.int32))
            assert (points[-1] == traced - traced.min(0)).all()
    licences = [next(LICENCES[start] for start in LICENCES if file.startswith(start)) for file, _ in FACES.values()]
    source = f"matplotlib {matplotlib.__version__}, FreeType {ft2font.__freetype_version__}"
    words = {"names": np.array([*FACES]), "licences": np.array(licences), "source": np.array(source)}
    return {**words, "counts": counts, "lengths": np.array(lengths), "points": np.concatenate(points)}


if __name__ == "__main__":
    np.savez_compressed(OUTLINES, **outlines())
    print(f"{OUTLINES}: {OUTLINES.stat().st_size:,} bytes")
