"""The book's build: what is staged, captions of figures, records of checks, numbers of chapters, warnings as errors."""

import copy
import json

import pytest
from bs4 import BeautifulSoup
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course.book import benchmark_page
from course.book import build as build_book
from course.layout import ROOT
from course.notebook import Notebook
from course.sphinx import api as book_api
from course.sphinx import chapters as book_chapters
from ganlib import widgets

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
CAPTION = ":::{caption} fig-dot\n:alt: One dot.\nA dot, with $x$.\nA second line.\n:::\n"
CLAIMS = """\
from ganlib import checks
checks.close("a | pipe and $money$", 1.5, 1.5, 0)
checks.at_least("high quality", 0.931, 0.9)
checks.at_most("distance", 12345, 20000)
checks.holds("the loss is infinite", True)
"""


def figure_cell(images=1, **more):
    outputs = [new_output("display_data", {"image/png": PIXEL, "text/plain": "<Figure>"}) for _ in range(images)]
    return new_code_cell("plt.show()", outputs=outputs, execution_count=1, **more)


@pytest.fixture(scope="module")
def executed():
    """A notebook of checks that a kernel has run, as course/book/execute.py leaves one."""
    cells = [new_markdown_cell("# A title"), new_code_cell(CLAIMS, metadata={"tags": ["check"]})]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = new_notebook(cells=cells, metadata=kernel)
    NotebookClient(notebook, timeout=60).execute()
    return Notebook(notebook)


@pytest.fixture
def small_book(bare_book, monkeypatch, executed):
    """A book of one chapter that has a figure and the checks."""
    words = "See {numref}`fig-dot`.\n\n## A section\n\n$$x = 1$$ (eq-one)\n\n{eq}`eq-one` says more."
    notebook = copy.deepcopy(executed)
    notebook.cells += [figure_cell(), new_markdown_cell(CAPTION + words)]
    notebook.write(bare_book / "executed/07_dots.ipynb")
    monkeypatch.setattr(build_book, "ROOT", bare_book)
    return bare_book


def run(book, *more):
    return build_book.main(["--executed", str(book / "executed"), "--output", str(book / "html"), *more])


def test_every_check_reaches_the_page(executed):
    assert len(executed.checks) == 4
    page = build_book.verified_page({"06_a": executed, "09_b": executed})
    assert page.count("| a \\| pipe and \\$money\\$ | 1.5 | 1.5 | none |") == 2
    assert page.count("| high quality | at least 0.9 | 0.931 |  |") == 2
    assert page.count("| distance | at most 20,000 | 12,345 |  |") == 2
    assert page.count("| the loss is infinite | yes | yes |  |") == 2
    assert "8 claims checked in 2 chapters" in page
    assert "## 6. A title" in page and "{doc}`/chapters/09_b`" in page


def test_a_small_book_end_to_end(small_book, capfd):
    assert run(small_book) == 0
    html = (small_book / "html/chapters/07_dots.html").read_text()
    assert 'alt="One dot."' in html and "Fig. 7.1" in html and "(7.1)" in html
    assert '<span class="section-number">7.1. </span>A section' in html
    assert "✓ high quality: 0.931 (at least 0.9)" in html and "tag_check " in html
    assert "Code of these checks" in html and "Toggle hidden content" not in html
    assert "✓ the loss is infinite: yes" in html
    assert "12,345" in (small_book / "html/appendix/verified.html").read_text()
    assert "4 claims checked in 1 chapter." in (small_book / "html/index.html").read_text()
    assert (small_book / "html/_static/mathjax/tex-chtml-full.js").is_file()
    capfd.readouterr()
    assert run(small_book) == 0 and "Nothing has changed" in capfd.readouterr().out

    (small_book / "index.md").write_text(
        "# Small\n\n<!-- generated: totals -->\n\n<!-- generated: paper -->\n\n{doc}`nowhere`\n"
    )
    for _ in range(2):  # the second run must not pass over the page that is at fault
        assert run(small_book) == 2
        assert "nowhere" in capfd.readouterr().err


QUESTION = """
:::{question} Predict: is $1 < 2$?
* [x] Yes.
* [ ] No, `1` is more.

Count: {eq}`eq-one`.
:::
"""


def test_deeper_cells_and_questions_become_folds(small_book, capfd):
    path = small_book / "executed/07_dots.ipynb"
    notebook = Notebook.read(path)
    words = "**Deeper: why it is a dot.**\n\nBecause $y$.\n\n$$y = 2$$ (eq-deep)"
    deeper = {"metadata": {"tags": ["deeper"]}}
    notebook.cells += [
        new_markdown_cell("See {eq}`eq-deep`." + QUESTION),
        new_markdown_cell(words, **deeper),
        new_code_cell("inside = 1", execution_count=3, **deeper),
        new_markdown_cell("The main line again."),
    ]
    notebook.write(path)
    assert run(small_book) == 0
    page = BeautifulSoup((small_book / "html/chapters/07_dots.html").read_text(), "html.parser")
    fold = page.select_one("details.sd-dropdown")
    assert fold.summary.get_text(strip=True) == "Deeper: why it is a dot"
    assert "inside" in fold.get_text() and fold.select_one("#equation-eq-deep")
    assert "main line again" not in fold.get_text() and "**Deeper" not in page.get_text()
    question = page.select_one("fieldset.question")
    assert " ".join(question.legend.get_text().split()) == r"Predict: is \(1 < 2\)?"
    assert [each["value"] for each in question.select("input[type=radio]")] == ["right", "wrong"]
    assert [" ".join(each.get_text().split()) for each in question.select("label")] == ["Yes.", "No, 1 is more."]
    assert question.details.summary.get_text() == "Answer" and question.select_one("details a[href='#equation-eq-one']")

    for source, sentence in (
        ("No title.", "a run of deeper cells has no title"),
        (words + "\n\n## A heading", "holds a heading"),
    ):
        notebook.cells[-3].source = source
        notebook.write(path)
        assert run(small_book) == 2 and sentence in capfd.readouterr().err
    notebook.cells[-3].source = words
    notebook.cells[-4].source = "See {eq}`eq-deep`." + QUESTION.replace("[x]", "[ ]")
    notebook.write(path)
    assert run(small_book) == 2 and "one right choice" in capfd.readouterr().err


def test_a_second_clean_build_differs_in_nothing_but_the_search_index(small_book):
    def site() -> dict[str, bytes]:
        assert run(small_book, "--force") == 0
        files = (path for path in (small_book / "html").rglob("*") if path.is_file())
        return {path.relative_to(small_book / "html").as_posix(): path.read_bytes() for path in files}

    one, two = site(), site()
    assert one.keys() == two.keys()
    assert {name for name in one if one[name] != two[name]} <= {"searchindex.js"}  # the order of its terms may change


def test_an_explorer_stands_where_a_chapter_shows_it_and_nowhere_else(small_book):
    path = small_book / "executed/07_dots.ipynb"
    notebook = Notebook.read(path)
    bundle, _ = widgets.Saturation(logit=2.5)._repr_mimebundle_()
    shown = new_output("display_data", bundle)
    notebook.cells.insert(2, new_code_cell("Saturation()", execution_count=9, outputs=[shown]))
    notebook.metadata.widgets = {"application/vnd.jupyter.widget-state+json": {"state": {}}}
    notebook.write(path)
    index = "# Small\n\n<!-- generated: totals -->\n\n<!-- generated: paper -->\n\n:::{explorer} NONE\n:::\n"
    (small_book / "index.md").write_text(index.replace("NONE", "Saturation"))
    assert run(small_book) == 0
    html = (small_book / "html/chapters/07_dots.html").read_text()
    assert 'data-explorer="saturation"' in html and '{"logit": 2.5}' in html and "explorers/saturation.js" in html
    assert "widget-view" not in html and "require.js" not in html
    assert "explorers/host.js" in (small_book / "html/index.html").read_text()
    assert "explorers/host.js" not in (small_book / "html/appendix/api.html").read_text()
    (small_book / "index.md").write_text(index)
    assert run(small_book) == 2


def test_a_figure_without_caption_stops_the_build(small_book, capfd):
    path = small_book / "executed/07_dots.ipynb"
    notebook = Notebook.read(path)
    notebook.cells[-1].source = "No caption."
    notebook.write(path)
    assert run(small_book) == 2
    assert "a figure has no caption or alt text" in capfd.readouterr().err


def test_a_missing_chapter_says_what_to_do(small_book, capfd):
    (small_book / "executed/07_dots.ipynb").unlink()
    assert run(small_book) == 2
    assert (
        capfd.readouterr().err.strip().endswith("run `python -m course.book.execute` first, it executes the chapters.")
    )


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        (new_code_cell("1 + 1"), "has cells that were not run"),
        (
            new_code_cell("1 / 0", execution_count=1, outputs=[new_output("error", ename="E", evalue="by zero")]),
            r"failed when it was executed \(by zero\)",
        ),
    ],
)
def test_a_chapter_that_did_not_run_is_refused(tmp_path, cell, sentence):
    Notebook(new_notebook(cells=[cell])).write(tmp_path / "06_a.ipynb")
    with pytest.raises(build_book.BookError, match=sentence):
        build_book.read_executed(tmp_path / "06_a.ipynb")


def test_a_lost_mark_is_an_error(tmp_path):
    (tmp_path / "index.md").write_text("# No mark")
    with pytest.raises(build_book.BookError, match="generated: totals"):
        build_book.fill(tmp_path / "index.md", "totals", "3")


def test_every_module_has_a_section():
    sections = build_book.module_sections(ROOT / "ganlib")
    for path in (ROOT / "ganlib").glob("[a-z]*.py"):
        assert f"automodule:: ganlib.{path.stem}\n" in sections


def test_caption_becomes_metadata():
    notebook = Notebook(new_notebook(cells=[figure_cell(), new_markdown_cell(CAPTION + "\nProse.")]))
    assert book_chapters.fold_captions(notebook) == []
    assert notebook.cells[0].metadata.mystnb == {
        "figure": {"name": "fig-dot", "caption": "A dot, with $x$.\nA second line."},
        "image": {"alt": "One dot."},
    }
    assert notebook.cells[1].source == "\nProse."


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ([figure_cell()], "no caption"),
        ([figure_cell(), new_markdown_cell("Prose.")], "no caption"),
        ([figure_cell(), new_markdown_cell(CAPTION.replace(":alt: One dot.\n", ""))], "no caption or alt"),
        ([figure_cell(), new_markdown_cell(CAPTION.replace("One dot.", ""))], "no caption or alt"),
        ([figure_cell(2), new_markdown_cell(CAPTION)], "2 things are shown"),
        ([new_code_cell("1"), new_markdown_cell(CAPTION)], "does not follow"),
        ([new_markdown_cell("Prose.\n" + CAPTION)], "cannot be read"),
    ],
)
def test_a_wrong_caption_is_a_problem(cells, problem):
    problems = book_chapters.fold_captions(Notebook(new_notebook(cells=copy.deepcopy(cells))))
    assert problems and problem in problems[0]


def test_docstrings_are_shown_as_they_were_written():
    written = "* |mu|² of `x`, ``a|b``, :func:`draw` and A*B or b_ in a_b."
    assert book_api.plain(written) == r"* \|mu\|² of ``x``, ``a|b``, :func:`draw` and A\*B or b\_ in a_b."


def test_the_benchmark_page_shows_what_is_stored_and_how_it_was_made(tmp_path):
    assert benchmark_page.benchmark_tables(tmp_path, tmp_path).count("is stored since the recipe last changed") == 2
    facts = {"command": "python -m experiments bench", "date": "2026-01-02", "seeds": [0, 1], "torch": "2.9"}
    facts |= {"cpu": "a CPU", "cores": 2, "threads": 2}
    runs = [{"budget": budget, "frechet": score} for budget, score in ((30, 8.0), (30, 10.0), (100, 4.5))]
    frechet = {"data": "mnist", "samples": 10_000, "floor": 0.64, "goals": []}
    frechet |= {"runs": {"recipe": runs, "plain": runs[:1]}}
    (tmp_path / "bench.json").write_text(json.dumps({"frechet": facts | frechet}))
    ring = {"seed": 0, "modes": 8, "modes by 20": 8, "high quality": 0.97, "reverse KL": 0.003, "CPU-seconds": 31.4}
    (tmp_path / "modes.json").write_text(json.dumps(facts | {"runs": {"ring of 8": [ring]}}))
    page = benchmark_page.benchmark_tables(tmp_path, tmp_path)
    drawn = (tmp_path / benchmark_page.CURVES).read_bytes()
    assert "| recipe | 9.0 | 4.5 |" in page and "| plain | 8.0 |  |" in page
    assert "| ring of 8 | 0 | 8 | 8 | 97.0% | 0.0030 | 31 |" in page
    assert "`python -m experiments bench` on 2026-01-02 (a CPU, 2 cores, 2 threads, PyTorch 2.9; seeds: 0, 1)" in page
    assert f":::{{figure}} {benchmark_page.CURVES}" in page and b"</svg>" in drawn
    benchmark_page.draw_curves(frechet, tmp_path / benchmark_page.CURVES)
    assert (tmp_path / benchmark_page.CURVES).read_bytes() == drawn
