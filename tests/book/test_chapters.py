"""The contract that every chapter keeps, as CONTRIBUTING.md states it in words; all violations come together."""

import ast
import re
import statistics

import nbformat
import pytest
from helpers import ANNOUNCED, code_after_code

from course.book import reading
from course.layout import ROOT
from course.magic import without_magic
from course.markup import CAPTION, FOLD, deeper_runs
from course.notebook import CHECK, DEEPER, FIGURE, FOLDED, SETUP, Notebook, tags

CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
OPENING = ("What you will do", "What you will learn", "What you need", "Time")
SECTIONS = ("Recap", "Exercises", "Further reading")
COLUMNS, LINES, MEDIAN = 79, 25, 8
# Minutes of the main line: a chapter of images is shorter, as it is tried out more than read.
CORE = {number: 45 for number in ("09", "10", "11", "12", "13")}
LONGEST_CORE = 60
APART = 5  # how far, in minutes, or a tenth, a stated time may lie from the measured one
A_CHECK = re.compile(r"\bchecks\.(close|at_least|at_most|holds)\(")


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


def lesson(notebook: Notebook) -> list:
    """The code cells that a reader reads: all but set-up, imports, checks and the drawing of figures."""
    return [cell for cell in notebook.code if not tags(cell) & FOLDED]


def code_violations(notebook: Notebook) -> list[str]:
    """What is wrong with the code: cell sizes, prose between cells, set-up, checks, forbidden imports."""
    wrong = []
    code, lines = notebook.code, [len(cell.source.splitlines()) for cell in lesson(notebook)]
    if statistics.median(lines or [0]) > MEDIAN:
        wrong.append(f"a lesson cell has {statistics.median(lines):g} lines at the median: {MEDIAN} at most")
    if max(lines, default=0) > LINES:
        wrong.append(f"a lesson cell has {max(lines)} lines, {LINES} lines are the most: split it, with prose between")
    if wide := [line for cell in code for line in cell.source.splitlines() if len(line) > COLUMNS]:
        wrong.append(f"{len(wide)} lines have more than {COLUMNS} columns, such as {wide[0].strip()!r}")
    if pairs := code_after_code(notebook, may_follow=FOLDED):
        wrong.append(f"no prose between two code cells (only what is folded may follow another): cells {pairs}")
    if not code or code[0].get("id") != SETUP:
        wrong.append(f"the first code cell is not the set-up: give it the id {SETUP!r}")
    elif not re.search(r'^if find_spec\("ganlib"\) is None:', code[0].source, re.MULTILINE):
        wrong.append('the set-up cell is not guarded by find_spec("ganlib")')
    if [SETUP in tags(cell) for cell in code] != [at < 2 for at in range(len(code))]:
        wrong.append(f"set-up and imports, and no other cells, are tagged {SETUP!r}")
    everything = notebook.program
    if not A_CHECK.search(everything):
        wrong.append("nothing is checked: state numbers through ganlib.checks")
    if "(1 if so)" in everything:
        wrong.append("a yes or no stands as a number: say it through checks.holds")
    if banned := re.findall(r"\b(tqdm|ipywidgets|interact)\b", everything):
        wrong.append(f"uses {', '.join(sorted(set(banned)))}, which is dead in a page")
    return wrong + syntax_violations(code) + check_violations(notebook)


def check_violations(notebook: Notebook) -> list[str]:
    """Checks outside check cells, and check cells that hold none, draw or print."""
    wrong = []
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "code" or SETUP in tags(cell):
            continue
        if bool(A_CHECK.search(cell.source)) != (CHECK in tags(cell)):
            wrong.append(f"cell {number}: a cell that checks is tagged {CHECK!r}, and no other")
        if CHECK in tags(cell) and (other := re.search(r"\b(print|plt\.\w+)\(", cell.source)):
            wrong.append(f"cell {number}: a check cell holds more than checks: {other[0]!r}")
    return wrong


def fold_violations(notebook: Notebook) -> list[str]:
    """Deeper runs without a title or with a heading, and sections that must never be folded."""
    wrong, cells = [], notebook.cells
    for begin, end, title in deeper_runs(notebook):
        if not title:
            wrong.append(f"cells {begin} to {end - 1} go deeper and have no title")
        if any(re.search(r"^#+ ", cell.source, re.MULTILINE) for cell in cells[begin:end] if cell.cell_type != "code"):
            wrong.append(f"cells {begin} to {end - 1} go deeper and hold a heading")
        if CAPTION.match(cells[begin].source) or end < len(cells) and CAPTION.match(cells[end].source):
            wrong.append(f"cells {begin} to {end - 1} go deeper, and part a figure from its caption")
    for cell in notebook.markdown:
        if DEEPER in tags(cell) and FOLD.search(cell.source):
            wrong.append("a fold lies inside another")
    return wrong


def time_violations(notebook: Notebook, number: str) -> list[str]:
    """A main line that is too long, and stated times that the measured ones do not support."""
    wrong = []
    measured, said, most = reading.minutes(notebook), reading.stated(notebook), CORE.get(number, LONGEST_CORE)
    if round(measured.core) > most:
        wrong.append(f"the main line takes {measured.core:.0f} minutes, {most} at most: move what can wait into a fold")
    if said is None:
        wrong.append("the time is not stated as '**Time.** Core: about 55 minutes; all: about 95.'")
    elif any(abs(a - b) > max(APART, b / 10) for a, b in zip(said, measured, strict=True)):
        wrong.append(f"it states {said.core} and {said.all} minutes, and takes {measured.core:.0f}, {measured.all:.0f}")
    return wrong


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
    return (
        form_violations(notebook) + prose_violations(notebook) + code_violations(notebook) + fold_violations(notebook)
    )


def test_there_are_chapters():
    assert CHAPTERS and all(re.fullmatch(r"\d\d_[a-z_]+", path.stem) for path in CHAPTERS)


@pytest.mark.parametrize("page", ANNOUNCED)
def test_every_chapter_is_announced(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert [path.stem for path in CHAPTERS if f"chapters/{path.stem}" not in text] == []


STATED = {path.stem: reading.stated(Notebook.read(path)) for path in CHAPTERS}
ROUTES = {  # by the chapters' numbers; whether the folds are read too
    "The essentials": ("01 02 03 04 06 09 10 11 14", False),
    "Theory": ("01 02 03 04 05 07 08 11", True),
    "Practice": ("06 09 10 11 12 13 14 15 17", False),
}


def hours(numbers: str, folds: bool) -> float:
    """The stated times of chapters, summed."""
    return sum(STATED[name][folds] for name in STATED if name[:2] in numbers.split()) / 60


@pytest.mark.parametrize("page", ["index.md", "appendix/instructors.md"])
def test_pages_state_the_times_that_the_chapters_state(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    entry = re.compile(r"chapters/(\d\d_\w+)`[^\n]*?\((\d+)\smin; all (\d+)\)")
    assert {name: (int(core), int(everything)) for name, core, everything in entry.findall(text)} == STATED


def test_the_landing_page_sums_the_times_of_parts_and_routes():
    text = (ROOT / "index.md").read_text(encoding="utf-8")
    for part in re.findall(r":::\{grid-item-card\} Part.*?\n:::", text, re.DOTALL):
        numbers = " ".join(re.findall(r"chapters/(\d\d)_", part))
        stated = re.search(r"About ([\d.]+) hours; ([\d.]+) with all folds", part).groups()
        assert [float(each) for each in stated] == pytest.approx([hours(numbers, False), hours(numbers, True)], abs=0.3)
    for route, (numbers, folds) in ROUTES.items():
        stated = float(re.search(rf"\*\*{route}\*\*, about ([\d.]+) hours", text)[1])
        assert stated == pytest.approx(hours(numbers, folds), abs=0.3)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_keeps_the_contract(path):
    notebook = Notebook.read(path)
    notebook.validate()
    wrong = violations(notebook) + time_violations(notebook, path.stem[:2])
    assert not wrong, "\n  ".join([path.name, *wrong])


def good_chapter() -> Notebook:
    opening = "# A game\n\n" + "\n".join(f"* **{label}.** Something." for label in OPENING)
    markdown, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    setup = 'from importlib.util import find_spec\nif find_spec("ganlib") is None:\n    %pip install -q ganlib'
    cells = [
        markdown(opening.replace("**Time.** Something.", "**Time.** Core: about 1 minutes; all: about 1.")),
        code(setup, id=SETUP, metadata={"tags": [SETUP]}),
        code("from ganlib import checks", metadata={"tags": [SETUP]}),
        markdown("Two and two."),
        code("x = 4"),
        code('checks.close("x", x, 4, tol=0)', metadata={"tags": [CHECK]}),
        markdown("Once more."),
        code("x + 1"),
        markdown("**Deeper: three.**\n\nAnd again.", metadata={"tags": [DEEPER]}),
        code("x + 2", metadata={"tags": [DEEPER]}),
    ]
    cells += [markdown(f"## {section}\n\nWords.") for section in SECTIONS]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python"}, "language_info": {"name": "python"}}
    return Notebook(nbformat.v4.new_notebook(cells=cells, metadata=metadata))


def break_it(notebook: Notebook, how: str) -> None:
    cells = notebook.cells
    if how == "holds outputs":
        cells[4].outputs = [nbformat.v4.new_output("stream", text="4")]
    elif how == "cell ids":
        cells[4].id = cells[6].id
    elif how == "kernel":
        notebook.metadata.kernelspec.name = "mine"
    elif how == "the language":
        del notebook.metadata["language_info"]
    elif how == "title":
        cells[0].source = cells[0].source.replace("# A", "A")
    elif how == "opening lacks":
        cells[0].source = cells[0].source.replace("**You", "You").replace("**What you need.**", "What you need.")
    elif how == "sections":
        cells[-1], cells[-2] = cells[-2], cells[-1]
    elif how == "at the median":
        for cell in lesson(notebook):
            cell.source += "\nx" * 9
    elif how == "are the most":
        cells[4].source += "\n1" * 25
    elif how == "79 columns":
        cells[5].source += "  # " + "long " * 15
    elif how == "no prose between":
        del cells[6]
    elif how == "not the set-up":
        cells[1].id = "imports"
    elif how == "not guarded":
        cells[1].source = "import torch"
    elif how == "are tagged 'setup'":
        cells[7].metadata.tags = [SETUP]
    elif how == "nothing is checked":
        cells[5].source, cells[5].metadata = "x == 4", {"tags": [FIGURE]}
    elif how == "a yes or no":
        cells[5].source = 'checks.close("x is four (1 if so)", x == 4, 1, tol=0)'
    elif how == "dead in a page":
        cells[4].source = "from tqdm import tqdm"
    elif how == "not Python":
        cells[4].source = "x = = 4"
    elif how == "and no other":
        cells[7].source = 'checks.holds("x", x == 4)'
    elif how == "more than checks":
        cells[5].source += "\nprint(x)"
    elif how == "no title":
        cells[8].source = "And again."
    elif how == "hold a heading":
        cells[8].source += "\n\n### Three"
    elif how == "from its caption":
        cells.insert(10, nbformat.v4.new_markdown_cell(":::{caption} fig-a\n:alt: A dot.\nA dot.\n:::"))
    elif how == "inside another":
        cells[8].source += "\n\n:::{dropdown} Deeper: four\nWords.\n:::"


BREAKS = ["holds outputs", "cell ids", "kernel", "the language", "title", "opening lacks", "sections", "at the median"]
BREAKS += ["are the most", "79 columns", "no prose between", "not the set-up", "not guarded", "are tagged 'setup'"]
BREAKS += ["nothing is checked", "a yes or no", "dead in a page", "not Python", "and no other", "more than checks"]
BREAKS += ["no title", "hold a heading", "from its caption", "inside another"]


@pytest.mark.parametrize("how", BREAKS)
def test_each_rule_of_the_contract_can_fail(how):
    notebook = good_chapter()
    assert violations(notebook) == []
    break_it(notebook, how)
    wrong = violations(notebook)
    assert len(wrong) == 1 and how in wrong[0], wrong


def test_the_times_are_held_to_the_measured_ones():
    notebook = good_chapter()
    assert time_violations(notebook, "01") == []
    notebook.cells[3].source = "word " * 200 * 50
    assert "it states 1 and 1 minutes, and takes 50, 50" in time_violations(notebook, "01")[0]
    assert "the main line takes 50 minutes, 45 at most" in time_violations(notebook, "09")[0]
    notebook.cells[0].source = notebook.cells[0].source.replace("Core: about 1 minutes", "An hour")
    assert "the time is not stated" in time_violations(notebook, "01")[0]
