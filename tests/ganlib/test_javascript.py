"""The JavaScript of the repository as text: what each module promises, and that a wheel holds all of the explorers'."""

import json
import re
import tomllib

import pytest

from course.layout import ROOT

WIDGETS = ROOT / "ganlib/widgets"
MODULES = sorted((WIDGETS / "js").rglob("*.js"))
LOCK = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(WIDGETS / "js").as_posix())
def test_a_module_is_short_and_describes_itself_and_what_it_exports(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 250 and re.match(r"/\*\* .+ \*/$", lines[0])
    for number, line in enumerate(lines):
        if re.match(r"export (const|function)", line):
            assert lines[number - 1].endswith("*/"), f"no comment above {line!r}"
            start = max(i for i in range(number) if lines[i].startswith("/**"))
            first = lines[start + 1] if lines[start] == "/**" else lines[start]
            assert re.match(r"(/\*\*| \*) [\w`]", first), f"no sentence above {line!r}"
    assert not re.search(r"@ts-|biome-ignore", "\n".join(lines))


def test_chance_has_one_source():
    used = {path.name for path in MODULES if re.search(r"Math\.imul|Math\.random", path.read_text(encoding="utf-8"))}
    assert used == {"random.js"}


def test_a_wheel_holds_every_file_of_the_explorers_and_no_tool():
    with open(ROOT / "pyproject.toml", "rb") as file:
        patterns = tomllib.load(file)["tool"]["setuptools"]["package-data"]["ganlib.widgets"]
    packed = {path for pattern in patterns for path in WIDGETS.glob(pattern)}
    there = {path for path in WIDGETS.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert packed == there and {path.suffix for path in there} == {".js", ".css", ".safetensors"}


def test_the_tools_are_pinned_and_the_lock_names_no_host():
    tools = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    assert "dependencies" not in tools and LOCK["packages"][""]["devDependencies"] == tools["devDependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in tools["devDependencies"].values())
    assert not [name for name, package in LOCK["packages"].items() if "resolved" in package]
    assert all("integrity" in package for name, package in LOCK["packages"].items() if name)
