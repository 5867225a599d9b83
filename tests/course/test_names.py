"""Names say what they hold: words that name anything are no variables, and ganlib knows no number of a chapter."""

import ast
import json
import re
from pathlib import Path

import pytest

from course.layout import ROOT
from course.magic import without_magic

VAGUE = {"found", "told"}
FILES = [
    path
    for room in ("ganlib", "experiments", "course", "scripts", "tests")
    for path in sorted((ROOT / room).rglob("*.py"))
]
FILES += sorted((ROOT / "chapters").glob("*.ipynb")) + sorted((ROOT / "exercises/src").glob("*.md"))


def code_of(path: Path) -> list[str]:
    """The pieces of Python in a module, a notebook or the source of an exercise, without what is magic in them."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return [text]
    if path.suffix == ".ipynb":
        pieces = ["".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    else:
        pieces = [
            piece.replace("{{", "").replace("}}", "") for piece in re.findall(r"```{code-cell}\n(.*?)```", text, re.S)
        ]
    return [without_magic(piece) for piece in pieces]


def names_in(source: str) -> set[str]:
    """The variables, functions and arguments that Python code defines."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_name_is_a_word_that_names_anything(path):
    vague = set().union(*map(names_in, code_of(path))) & VAGUE
    assert not vague, f"{path.name} calls something {' and '.join(sorted(vague))}"


def test_every_way_to_name_something_counts():
    source = "a, [b] = 1, [2]\ndef c(d, *e, **f):\n    if g := d: return g\nclass h:\n    i: int\nfor j in (): pass"
    assert names_in(source) == set("abcdefghij")


def test_ganlib_knows_no_number_of_a_chapter():
    numbered = re.compile(r"\bchapters?\s+\d", re.IGNORECASE)
    files = [path for kind in ("*.py", "*.js", "*.css") for path in (ROOT / "ganlib").rglob(kind)]
    assert [str(path) for path in files if numbered.search(path.read_text(encoding="utf-8"))] == []
