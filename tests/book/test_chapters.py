"""The contract that every chapter keeps, as CONTRIBUTING.md states it in words; all violations come together."""

import ast
import re
import statistics

import nbformat
import pytest
from helpers import ANNOUNCED, code_after_code, long_cells

from course.layout import ROOT
from course.notebook import SETUP, Notebook, without_magic

CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
OPENING = ("What you will do", "What you will learn", "What you need", "Time")
SECTIONS = ("Recap", "Exercises", "Further reading")


def form_violations(notebook: Notebook) -> list[str]:
    """What is wrong with the file: outputs, cell ids, kernel."""
    wrong = []
    if any(cell.outputs or cell.execution_count for cell in notebook.code):
        wrong.append("holds outputs: strip them with nbstripout --keep-id")
    ids = [cell.get("id") for cell in notebook.cells]
    if not all(ids) or len(set(ids)) < len(ids):
        wrong.append("cell ids are missing or doubled")
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        wrong.append("the kernel is not python3")
    if "language_info" not in notebook.metadata:
        wrong.append("the language is not named in its metadata")
    return wrong


def prose_violations(notebook: Notebook) -> list[str]:
    """What is wrong with the words: title, opening, closing sections."""
    wrong = []
    prose = [cell.source for cell in notebook.markdown]
    opening, text = "\n".join(prose[:2]), notebook.prose
    if not prose or notebook.cells[0].cell_type != "markdown" or not re.match(r"# \S", prose[0].lstrip()):
        wrong.append("the first cell does not begin with a title")
    if len(re.findall(r"^# \S", text, re.MULTILINE)) > 1:
        wrong.append("there is more than one title")
    places = [opening.find(f"**{label}.**") for label in OPENING]
    if -1 in places or places != sorted(places):
        wrong.append(f"the opening lacks, in this order, {', '.join(f'**{label}.**' for label in OPENING)}")
    headings = re.findall(r"^## (.+?)\s*$", text, re.MULTILINE)
    if [heading for heading in headings if heading in SECTIONS] != list(SECTIONS):
        wrong.append(f"the sections {', '.join(SECTIONS)} do not close the chapter in this order")
    return wrong


def code_violations(notebook: Notebook) -> list[str]:
    """What is wrong with the code: cell sizes, prose between cells, set-up, checks, forbidden imports."""
    wrong = []
    code = notebook.code
    lines = [len(cell.source.splitlines()) for cell in code]
    if statistics.median(lines or [0]) > 8:
        wrong.append(f"a code cell has {statistics.median(lines):g} lines at the median: 8 at most")
    if len(long_cells(notebook)) > 1:
        wrong.append("more than one code cell is longer than 30 lines")
    pairs, kinds = code_after_code(notebook), [cell.cell_type for cell in notebook.cells]
    if pairs and pairs != [kinds.index("code") + 1]:
        wrong.append(f"no prose between two code cells (only set-up and imports may follow each other): cells {pairs}")
    if not code or code[0].get("id") != SETUP:
        wrong.append(f"the first code cell is not the set-up: give it the id {SETUP!r}")
    elif not re.search(r'^if find_spec\("ganlib"\) is None:', code[0].source, re.MULTILINE):
        wrong.append('the set-up cell is not guarded by find_spec("ganlib")')
    everything = notebook.program
    if not re.search(r"\bchecks\.(close|at_least|at_most|holds)\(", everything):
        wrong.append("nothing is checked: state numbers through ganlib.checks")
    if "(1 if so)" in everything:
        wrong.append("a yes or no stands as a number: say it through checks.holds")
    if banned := re.findall(r"\b(tqdm|ipywidgets|interact)\b", everything):
        wrong.append(f"uses {', '.join(sorted(set(banned)))}, which is dead in a page")
    return wrong + syntax_violations(code)


def syntax_violations(code: list) -> list[str]:
    """Cells that are not plain Python, apart from lines that begin with % or !."""
    wrong = []
    for number, cell in enumerate(code):
        try:
            ast.parse(without_magic(cell.source))
        except SyntaxError as error:
            wrong.append(f"code cell {number} is not Python: {error.msg}")
    return wrong


def violations(notebook: Notebook) -> list[str]:
    return form_violations(notebook) + prose_violations(notebook) + code_violations(notebook)


def test_there_are_chapters():
    assert CHAPTERS and all(re.fullmatch(r"\d\d_[a-z_]+", path.stem) for path in CHAPTERS)


@pytest.mark.parametrize("page", ANNOUNCED)
def test_every_chapter_is_announced(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert [path.stem for path in CHAPTERS if f"chapters/{path.stem}" not in text] == []


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_keeps_the_contract(path):
    notebook = Notebook.read(path)
    notebook.validate()
    assert not (wrong := violations(notebook)), "\n  ".join([path.name, *wrong])


def good_chapter() -> Notebook:
    opening = "# A game\n\n" + "\n".join(f"* **{label}.** Something." for label in OPENING)
    markdown, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    setup = 'from importlib.util import find_spec\nif find_spec("ganlib") is None:\n    %pip install -q ganlib'
    cells = [
        markdown(opening),
        code(setup, id=SETUP),
        code("from ganlib import checks"),
        markdown("Two and two."),
        code("x = 4"),
    ]
    cells += [markdown("Check it."), code('checks.close("x", x, 4, tol=0)')]
    cells += [markdown("Once more."), code("x + 1"), markdown("And again."), code("x + 2")]
    cells += [markdown(f"## {section}\n\nWords.") for section in SECTIONS]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python"}, "language_info": {"name": "python"}}
    return Notebook(nbformat.v4.new_notebook(cells=cells, metadata=metadata))


def break_it(notebook: Notebook, how: str) -> None:
    cells = notebook.cells
    if how == "holds outputs":
        cells[4].outputs = [nbformat.v4.new_output("stream", text="4")]
    elif how == "cell ids":
        cells[4].id = cells[5].id
    elif how == "kernel":
        notebook.metadata.kernelspec.name = "mine"
    elif how == "the language":
        del notebook.metadata["language_info"]
    elif how == "title":
        cells[0].source = cells[0].source.replace("# A", "A")
    elif how == "opening lacks":
        cells[0].source = cells[0].source.replace("**Time.**", "Time.")
    elif how == "sections":
        cells[-1], cells[-2] = cells[-2], cells[-1]
    elif how == "at the median":
        for cell in notebook.code:
            cell.source += "\nx" * 9
    elif how == "30 lines":
        cells[4].source = cells[6].source = cells[6].source + "\n1" * 30
    elif how == "no prose between":
        del cells[5]
    elif how == "not the set-up":
        cells[1].id = "imports"
    elif how == "not guarded":
        cells[1].source = "import torch"
    elif how == "nothing is checked":
        cells[6].source = "x == 4"
    elif how == "a yes or no":
        cells[6].source = 'checks.close("x is four (1 if so)", x == 4, 1, tol=0)'
    elif how == "dead in a page":
        cells[4].source = "from tqdm import tqdm"
    elif how == "not Python":
        cells[4].source = "x = = 4"


BREAKS = [
    "holds outputs",
    "cell ids",
    "kernel",
    "the language",
    "title",
    "opening lacks",
    "sections",
    "at the median",
    "30 lines",
]
BREAKS += [
    "no prose between",
    "not the set-up",
    "not guarded",
    "nothing is checked",
    "a yes or no",
    "dead in a page",
    "not Python",
]


@pytest.mark.parametrize("how", BREAKS)
def test_each_rule_of_the_contract_can_fail(how):
    notebook = good_chapter()
    assert violations(notebook) == []
    break_it(notebook, how)
    wrong = violations(notebook)
    assert len(wrong) == 1 and how in wrong[0], wrong
