"""CONTRIBUTING.md: its map names every room, its lists every place that a test asks for, and every path is there."""

import re
import subprocess

import pytest
from helpers import ANNOUNCED

from course.layout import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
ASKED = {  # the places that tests ask for, by what is added
    "A chapter": ["chapters/NN_topic.ipynb", *ANNOUNCED],
    "An explorer": ["ganlib/widgets/__init__.py", "ganlib/widgets/js/name.js", "tests/ganlib/test_widget_name.py"],
    "An experiment": ["experiments/name.py", "tests/experiments/test_name.py"],
    "An exercise": ["exercises/student/exNN.ipynb", "tests/course/test_exercises.py"],
    "A loss or a penalty": ["tests/ganlib/test_losses.py", "tests/ganlib/test_devices.py"],
    "A data set": ["ganlib/images.py", "tests/ganlib/test_devices.py"],
    "A module of ganlib": ["tests/ganlib/test_name.py", "tests/ganlib/test_devices.py"],
    "A package": ["requirements.txt", "pyproject.toml", "course/colab/runtime.txt"],
}


def check_lists(text: str) -> dict[str, str]:
    """The check lists by title."""
    titles = re.findall(r"^\*\*(.+?)\*\*\n\n((?:\* .+\n)+)", text, re.MULTILINE)
    return dict(titles)


def forgotten(text: str) -> list[str]:
    """The places that a test asks for and a check list does not name."""
    lists = check_lists(text)
    return [f"{title}: {place}" for title, places in ASKED.items() for place in places if place not in lists[title]]


def test_no_check_list_forgets_a_place():
    assert check_lists(TEXT).keys() == ASKED.keys() and forgotten(TEXT) == []


def test_a_forgotten_place_is_seen():
    assert forgotten(TEXT.replace("`_toc.yml`, `index.md`", "`index.md`")) == ["A chapter: _toc.yml"]


def test_the_map_names_every_room():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.splitlines()
    if not tracked:
        pytest.skip("not a clone")
    tops = {name.split("/")[0] for name in tracked if "/" in name and name[0] not in "."}
    rooms = {name.rsplit("/", 1)[0] for name in tracked if name.startswith("course/") and name.count("/") > 1}
    house = TEXT[TEXT.index("## The house") : TEXT.index("## What to touch")]
    assert [room for room in sorted(tops | rooms) if f"`{room}/" not in house] == []


def test_every_path_that_it_names_is_there():
    paths = re.findall(r"`((?:ganlib|experiments|course|scripts|tests|chapters|appendix|exercises)/[\w./]+)`", TEXT)
    real = [path for path in paths if not re.search(r"NN|name\.|_name|module>|topic", path)]
    assert len(real) > 20 and [path for path in real if not (ROOT / path).exists()] == []


def test_the_map_names_every_module_of_ganlib():
    modules = [path.name for path in (ROOT / "ganlib").glob("[a-z]*.py")]
    assert len(modules) > 20 and [name for name in sorted(modules) if f"`{name}`" not in TEXT] == []
