"""What a chapter depends on: the modules it imports, those behind them, their data, and the results it names."""

from course.book import dependencies
from course.layout import ROOT

PACKAGE = ROOT / "ganlib"


def used(code: str) -> set[str]:
    return {path.relative_to(PACKAGE).as_posix() for path in dependencies.used(code, PACKAGE)}


def test_modules_behind_a_module_and_their_data_count():
    names = used("from ganlib.images import digits")
    assert {"images.py", "glyphs.py", "faces/outlines.npz", "batches.py"} <= names
    assert "weights/digit_features.safetensors" not in names and "doctor.py" not in names
    assert "weights/digit_features.safetensors" in used("import ganlib.features")


def test_an_explorer_depends_on_its_javascript():
    assert {"widgets/dirac.py", "widgets/js/dirac.js", "widgets/js/kit/chart.js"} <= used(
        "from ganlib.widgets import DiracGAN"
    )


def test_of_the_stored_results_those_that_are_named_count():
    names = used('from ganlib import results\nresults.stored("modes")')
    assert "results/modes.json" in names and "results/speed.json" not in names


def test_lines_of_ipython_are_no_obstacle():
    assert "toy.py" in used("%pip install x\nif 1:\n    !ls\nfrom ganlib import toy")
