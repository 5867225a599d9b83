"""What the code imports: packages that are declared, and no room that stands above or beside its own."""

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from course.layout import ROOT
from course.magic import without_magic
from course.notebook import Notebook

BELOW = {"ganlib": set(), "experiments": {"ganlib"}, "course": {"ganlib"}, "scripts": set()}  # the rooms a room may use
ROOMS = ("ganlib", "experiments", "course", "scripts", "tests")
OWN = {*ROOMS, *(path.stem for room in ("scripts", "tests") for path in (ROOT / room).rglob("*.py"))}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DECLARED = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line and line[0] != "#"]
OPTIONAL = [each for extra in PROJECT["optional-dependencies"].values() for each in extra]


def names_of(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(each).name) for each in requirements}


def modules_of(source: str) -> set[str]:
    """The first names of all that Python code imports, wherever in it."""
    modules = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules.add(node.module)
    return {module.split(".")[0] for module in modules}


def imports_of(source: str) -> set[str]:
    """The packages that Python code imports, but for the standard library and our own modules."""
    return modules_of(source) - sys.stdlib_module_names - OWN


def rooms_used(room: str) -> set[str]:
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / room).rglob("*.py"))
    return {module for source in sources for module in modules_of(source)} & set(ROOMS) - {room}


def undeclared(room: str, declared: set[str]) -> list[str]:
    """Each import of a room whose package is none of ``declared``, with the file that has it."""
    packages, missing = packages_distributions(), []
    for path in sorted((ROOT / room).rglob("*.py")):
        for module in sorted(imports_of(path.read_text(encoding="utf-8"))):
            if not {canonicalize_name(name) for name in packages.get(module, [module])} & declared:
                missing.append(f"{path.relative_to(ROOT)} imports {module}")
    return missing


@pytest.mark.parametrize("room", ROOMS)
def test_what_is_imported_stands_in_the_requirements(room):
    assert undeclared(room, names_of(DECLARED)) == []


def test_what_ganlib_imports_is_a_dependency_or_an_extra_of_it():
    assert undeclared("ganlib", names_of([*PROJECT["dependencies"], *OPTIONAL])) == []


def test_an_import_anywhere_in_a_file_counts():
    source = "import os, yaml.nodes\ndef later():\n    from PIL import Image\nfrom . import near\nimport ganlib.toy"
    assert imports_of(source) == {"yaml", "PIL"}


@pytest.mark.parametrize("room", BELOW)
def test_a_room_imports_only_the_rooms_below_it(room):
    assert rooms_used(room) == BELOW[room]


def test_chapters_import_ganlib_alone_of_our_rooms():
    for path in sorted((ROOT / "chapters").glob("*.ipynb")):
        assert modules_of(without_magic(Notebook.read(path).program)) & set(ROOMS) == {"ganlib"}, path.name
