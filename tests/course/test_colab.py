"""The Colab edition: addresses, plain Markdown, references of the built book, outputs, and a run as in Colab."""

import re
import subprocess
import sys
import sysconfig
import tomllib

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from packaging.requirements import Requirement

from course import environments, oldest, repository
from course.book import build as build_book
from course.colab import edition as colab
from course.colab import pins
from course.colab import run as colab_run
from course.colab.execute import unpassed
from course.colab.plain_markdown import MarkupError, Page, plain
from course.layout import ROOT
from course.notebook import Notebook, NotebookError
from course.sphinx import refs as book_refs
from ganlib import checks

CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
HOME = repository.Repository("https://github.com", "owner/name")
SITE = "https://owner.github.io/name/"
RAW = re.compile(r":::|```\{|\{[\w:.-]+\}`|^\([\w:.-]+\)=|\$\$[ \t]*\([\w:.-]+\)", re.MULTILINE)
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SETUP = 'from importlib.util import find_spec\n\nif find_spec("ganlib") is None:\n    %pip install ganlib'
KERNEL = {
    "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
    "language_info": {"name": "python"},
}


class Anything(dict):
    """References of a book in which every label exists."""

    def __contains__(self, name):
        return True

    def __missing__(self, name):
        return [[f"Thing {name.rpartition(':')[2]}", "page.html#thing"]]


def page_for(notebook: Notebook) -> Page:
    return Page("page.html", [""] * len(re.findall(r"^#+ ", notebook.prose, re.MULTILINE)), Anything(), SITE)


def a_page(site=SITE) -> Page:
    references = {
        "eq:eq-x": [["(3.1)", "c/03.html#equation-eq-x"]],
        "numref:fig-x": [["Fig. 3.2", "c/03.html#fig-x"]],
        "prf:ref:thm-x": [["Theorem 3.1", "c/03.html#thm-x"]],
        "doc:04_next": [["What comes next", "c/04.html"]],
        "term:mode collapse": [["mode collapse", "glossary.html#term-mode-collapse"]],
        "cite:p:a,b": [["[", None], ["A, 2014", "r.html#a"], [", ", None], ["B, 2016", "r.html#b"], ["]", None]],
    }
    return Page("c/03.html", ["3", "3.1", ""], references, site)


# Addresses


@pytest.mark.parametrize(
    ("remote", "url"),
    [
        ("https://github.com/owner/name.git", "https://github.com/owner/name"),
        ("https://GitHub.com/owner/na.me/", "https://github.com/owner/na.me"),
        ("https://someone:secret@github.com/owner/name", "https://github.com/owner/name"),
        ("git@github.com:owner/name.git", "https://github.com/owner/name"),
        ("ssh://git@github.com/owner/name.git", "https://github.com/owner/name"),
        ("https://gitlab.com/owner/name", "https://gitlab.com/owner/name"),
        ("git@an-alias:owner/name.git", None),
        ("https://gitlab.com/group/owner/name", None),
        ("../name", None),
        ("file:///somewhere/owner/name", None),
    ],
)
def test_the_repository_is_read_from_the_remote_without_secrets(tmp_path, remote, url):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    assert repository.find(tmp_path, {}) is None
    subprocess.run(["git", "-C", tmp_path, "remote", "add", "origin", remote], check=True)
    repo = repository.find(tmp_path, {})
    assert (repo and repo.url) == url
    (tmp_path / "unpacked").mkdir()  # a copy without git inside somebody's repository is not that repository
    assert repository.find(tmp_path / "unpacked", {}) is None


def test_the_environment_names_the_repository_and_the_site(tmp_path):
    assert repository.find(tmp_path, {"GITHUB_REPOSITORY": "owner/name"}) == HOME
    other = repository.find(tmp_path, {"GITHUB_REPOSITORY": "o/n", "GITHUB_SERVER_URL": "https://git.example.org/"})
    assert other.url == "https://git.example.org/o/n" and other.site is None and not other.opens_in_colab
    assert repository.site(HOME, {}) == SITE and repository.site(None, {}) is None
    assert repository.Repository(HOME.server, "Owner/owner.github.io").site == "https://owner.github.io/"
    assert repository.site(HOME, {"BOOK_URL": "https://example.org/book"}) == "https://example.org/book/"
    with pytest.raises(repository.AddressError, match="write it as owner/name"):
        repository.find(tmp_path, {"GITHUB_REPOSITORY": "https://github.com/owner/name"})
    with pytest.raises(repository.AddressError, match="from https:// on"):
        repository.site(HOME, {"BOOK_URL": "example.org"})


def test_no_file_names_an_address_of_the_course():
    kept = [ROOT / name for name in ("_config.yml", "index.md", "README.md", "pyproject.toml", "CITATION.cff")]
    for path in [*kept, *CHAPTERS, *(ROOT / "course").rglob("*.py")]:
        named = re.findall(r"github\.com/[\w-]+/[\w-]+|[\w-]+\.github\.io", path.read_text(encoding="utf-8"))
        assert [name for name in named if not name.startswith("github.com/jupyter")] == [], path.name


def test_without_a_repository_on_github_there_are_no_launch_buttons():
    config = {"launch_buttons": {"thebe": False}, "repository": {"url": ""}}
    for home in (None, repository.Repository("https://gitlab.com", "owner/name")):
        assert repository.with_launch_buttons(config, home) == config
    assert repository.with_launch_buttons(config, HOME)["launch_buttons"]["colab_url"]


# Markdown


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("By {eq}`eq-x`.", f"By [(3.1)]({SITE}c/03.html#equation-eq-x)."),
        ("{doc}`Go on <04_next>`, {doc}`04_next`", f"[Go on]({SITE}c/04.html), [What comes next]({SITE}c/04.html)"),
        ("{term}`Mode\ncollapse`", f"[Mode collapse]({SITE}glossary.html#term-mode-collapse)"),
        ("a {cite:p}`a,b`", f"a [[A, 2014]({SITE}r.html#a), [B, 2016]({SITE}r.html#b)]"),
        ("(sec-x)=\n# Title\n\n## Part\n### Deep", "# 3. Title\n\n## 3.1. Part\n### Deep"),
        ("$$\nx = 1\n$$ (eq-x)", "$$\nx = 1 \\tag{3.1}\n$$"),
        ("$$x$$ and $y$, `{eq}` and ``{eq}`eq-x` ``", "$$x$$ and $y$, `{eq}` and ``{eq}`eq-x` ``"),
        (r"\$5, {eq}`eq-x`, \$6", rf"\$5, [(3.1)]({SITE}c/03.html#equation-eq-x), \$6"),
        ("```python\n:::{note}\n# no heading\n```", "```python\n:::{note}\n# no heading\n```"),
        (
            ":::{prf:theorem} On $x$\n:label: thm-x\nLet\n\n$$\nx\n= 1\n$$ (eq-x)\n:::\nThen {eq}`eq-x`.",
            "> **Theorem 3.1 (On $x$).**\n>\n> Let\n>\n> $$ x = 1 \\tag{3.1} $$\n\n"
            f"Then [(3.1)]({SITE}c/03.html#equation-eq-x).",
        ),
        ("::::{prf:proof}\n:::{note}\nA $b$.\n:::\n::::", "**Proof.**\n\n> **Note.**\n>\n> A $b$.\n\n∎"),
        (":::{prf:proof}\nClear.\n:::", "**Proof.**\n\nClear. ∎"),
        (":::{admonition} In PyTorch\n:class: note\nA leaf.\n:::", "> **In PyTorch.**\n>\n> A leaf."),
        (
            ':::{caption} fig-x\n:alt: A "dot".\nOne dot,\nred.\n:::',
            "*Fig. 3.2.* One dot,\nred.\n\n"
            "<details><summary>This figure in words</summary>A &quot;dot&quot;.</details>",
        ),
        (
            "::::{dropdown} Deeper: a proof\n:::{prf:proof}\nClear.\n:::\n::::",
            "<details><summary>Deeper: a proof</summary>\n\n**Proof.**\n\nClear. ∎\n\n</details>",
        ),
        (
            ":::{question} Predict: is $x$ {eq}`eq-x`?\n* [ ] No.\n* [x] Yes, $y$.\n\nSee {eq}`eq-x`.\n:::",
            f"**Predict: is $x$ [(3.1)]({SITE}c/03.html#equation-eq-x)?**\n\n* No.\n* Yes, $y$.\n\n"
            "<details><summary>Answer</summary>\n\n*Yes, $y$.*\n\n"
            f"See [(3.1)]({SITE}c/03.html#equation-eq-x).\n\n</details>",
        ),
    ],
)
def test_markup_becomes_plain(source, expected):
    assert plain(source, a_page()) == expected
    assert not RAW.search(re.sub(r"(`+).+?\1", "", expected, flags=re.DOTALL))


def test_without_a_site_references_are_words():
    assert plain("{prf:ref}`thm-x`, {cite:p}`a,b`", a_page(site=None)) == "Theorem 3.1, [A, 2014, B, 2016]"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{glue}`x`", "role {glue} has no plain form"),
        ("{eq}`eq-y`", "nothing in the book is called 'eq:eq-y'"),
        (":::{figure} x.png\n:::", "directive {figure} has no plain form"),
        (":::{prf:theorem}\nNo label.\n:::", "a theorem has no label"),
        (":::{note}\n:class: wide\nA.\n:::", "the option :class: of {note}"),
        (":::{note}\nA.", "is never closed"),
        (":::{question} Why?\nBecause.\n:::", "at least two choices"),
        ("# A\n# B\n# C\n# D", "more headings than on the page"),
    ],
)
def test_what_has_no_plain_form_is_named(source, message):
    cells = [new_markdown_cell("Fine."), new_markdown_cell("Begin.\n\n" + source), new_code_cell(SETUP, id="setup")]
    notebook = Notebook(new_notebook(cells=cells))
    with pytest.raises(MarkupError, match=re.escape(message)) as caught:
        colab.edition(notebook, a_page(), HOME)
    assert str(caught.value).startswith("cell 1 ('Begin.')") and "\n" not in str(caught.value)


def test_a_book_that_is_older_than_its_chapters_is_noticed():
    with pytest.raises(MarkupError, match="2 headings of the page are missing: build the book again"):
        cells = [new_markdown_cell("# One"), new_code_cell(SETUP, id="setup")]
        colab.edition(Notebook(new_notebook(cells=cells, metadata=KERNEL)), a_page(), HOME)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_no_chapter_keeps_raw_markup(path):
    notebook = Notebook.read(path)
    ids, before = [cell.id for cell in notebook.cells], notebook.prose
    made = colab.edition(notebook, page_for(notebook), HOME)
    assert RAW.search(before) and not RAW.search(made.prose)
    assert [cell.id for cell in made.cells] == ids
    first = made.code[0]
    assert '%pip install -q "ganlib[widgets] @ git+https://github.com/owner/name"' in first.source
    assert made.cells.index(first) == 1 and "source =" not in first.source


# Notebooks


def small_chapter():
    """An executed chapter with a figure, a check, an explorer and every kind of reference."""
    figure = new_output("display_data", {"image/png": PIXEL, "text/plain": "<Figure>"})
    check = new_output("display_data", {"text/plain": "✓ two", checks.MEDIA_TYPE: {}})
    still = {"file": "dirac", "state": {}, "about": "Two players chase each other."}
    widget = new_output("display_data", {"text/plain": "x", colab.WIDGET: {"model_id": "1"}, colab.EXPLORER: still})
    words = (
        ":::{caption} fig-dot\n:alt: A dot.\nA dot.\n:::\n\n(sec-a)=\n## A section\n\n"
        ":::{prf:theorem} Two\n:label: thm-two\nAs {cite:t}`goodfellow2014`:\n\n$$\n1 + 1 = 2\n$$ (eq-two)\n:::\n\n"
        ":::{prf:proof}\nCount.\n:::\n\n{prf:ref}`thm-two`, {eq}`eq-two`, {numref}`fig-dot`, {numref}`sec-a`, "
        "{doc}`07_dots`, {term}`coupling`, {cite:p}`goodfellow2014`."
    )
    cells = [
        new_markdown_cell("# Dots"),
        new_code_cell(SETUP, execution_count=1, id="setup"),
        new_code_cell("plt.show()", outputs=[figure], execution_count=2),
        new_markdown_cell(words),
        new_code_cell("checks.close()", outputs=[check, widget], execution_count=3, metadata={"tags": ["check"]}),
    ]
    return Notebook(new_notebook(cells=cells, metadata=KERNEL | {"widgets": {}, "ganlib": {}}))


def test_outputs_show_themselves_without_the_book():
    made = colab.edition(small_chapter(), Page("c/07.html", ["7", "7.1"], Anything(), SITE), HOME)
    made.validate()
    assert set(made.metadata) == {"kernelspec", "language_info"}
    assert made.cells[2].outputs[0].data["image/png"] == PIXEL and made.cells[2].execution_count == 2
    check, explorer = made.cells[4].outputs
    assert dict(check.data) == {"text/plain": "✓ two"}
    assert explorer.data["text/markdown"].startswith("Two players chase each other.")
    assert f"({SITE}c/07.html)" in explorer.data["text/markdown"] and set(explorer.data) <= {
        "text/plain",
        "text/markdown",
    }


def test_what_the_page_folds_is_folded():
    chapter = small_chapter()
    deeper = {"metadata": {"tags": ["deeper"]}}
    chapter.cells += [
        new_markdown_cell("**Deeper: how {eq}`eq-x` comes.**\n\nWords, {eq}`eq-x`.", **deeper),
        new_code_cell("inside()", execution_count=4, **deeper),
        new_markdown_cell("More words.", **deeper),
        new_code_cell("outside()", execution_count=5),
    ]
    made = colab.edition(chapter, Page("c/07.html", ["7", "7.1"], Anything(), SITE), HOME)
    check, words, inside, more, outside = made.cells[-5:]
    form = {"cellView": "form", "jupyter": {"source_hidden": True}}
    assert check.source.splitlines() == ["# @title Code of these checks", "checks.close()"] and check.metadata == form
    assert words.source.startswith("<details><summary>Deeper: how") and words.source.endswith("</details>")
    assert inside.source.splitlines()[1:] == ["inside()"] and inside.source.startswith("# @title Deeper: how")
    assert "continued</summary>\n\nMore words.\n\n</details>" in more.source and inside.metadata == form
    assert outside.source == "outside()" and outside.metadata == {}


def test_without_a_repository_the_set_up_cell_stays():
    made = colab.edition(small_chapter(), Page("c/07.html", ["7", "7.1"], Anything(), None), None)
    assert made.cells[1].source == SETUP
    assert "http" not in made.text()


def test_the_set_up_cell_is_known_by_its_id_and_not_by_its_words():
    chapter = small_chapter()
    chapter.setup.source = "import ganlib"  # other words, and the old ones in another cell
    chapter.cells[2].source = SETUP
    made = colab.edition(chapter, Page("c/07.html", ["7", "7.1"], Anything(), None), HOME)
    assert "git+https://github.com/owner/name" in made.setup.source and made.cells[2].source == SETUP
    del made.cells[1]
    with pytest.raises(NotebookError, match="give its first code cell the id 'setup'"):
        colab.with_source(made, HOME)


@pytest.fixture
def small_book(bare_book, monkeypatch):
    """A book of that chapter and a glossary."""
    words = "```{glossary}\ncoupling\n  A joint distribution.\n```\n\n```{bibliography}\n```\n"
    (bare_book / "appendix/api.md").write_text(f"# API\n\n<!-- generated: modules -->\n\n{words}")
    chapter = small_chapter()
    chapter.cells[-1].outputs = []
    chapter.write(bare_book / "executed/07_dots.ipynb")
    for module in (build_book, colab):
        monkeypatch.setattr(module, "ROOT", bare_book)
    for name in ("GITHUB_REPOSITORY", "GITHUB_SERVER_URL", "BOOK_URL"):
        monkeypatch.delenv(name, raising=False)
    return bare_book


def test_a_small_book_and_its_edition(small_book, monkeypatch, capfd):
    build = ["--executed", str(small_book / "executed"), "--output", str(small_book / "html")]
    write = ["--executed", build[1], "--book", build[3], "--output", str(small_book / "colab")]
    assert colab.main(write) == 2 and "run `make book` first" in capfd.readouterr().err
    assert build_book.main(build) == 0
    html = (small_book / "html/chapters/07_dots.html").read_text(encoding="utf-8")
    assert "colab.research" not in html
    assert colab.main(write) == 0 and "No repository is known" in capfd.readouterr().out

    monkeypatch.setenv("GITHUB_REPOSITORY", "owner/name")
    assert build_book.main(build) == 0 and colab.main(write) == 0
    html = (small_book / "html/chapters/07_dots.html").read_text(encoding="utf-8")
    assert "https://colab.research.google.com/github/owner/name/blob/colab/chapters/07_dots.ipynb" in html
    made = Notebook.read(small_book / "colab/chapters/07_dots.ipynb")
    text = made.cells[3].source
    page, references = f"{SITE}chapters/07_dots.html", f"{SITE}appendix/api.html"
    assert made.cells[0].source.startswith("# 7. Dots\n") and "## 7.1. A section" in text
    assert "*Fig. 7.1.* A dot." in text and "> **Theorem 7.1 (Two).**" in text and r"\tag{7.1}" in text
    for part in (
        f"[Theorem 7.1]({page}#thm-two), [(7.1)]({page}#equation-eq-two), [Fig. 7.1]({page}#fig-dot), ",
        f"[Section 7.1]({page}#sec-a), [Dots]({page}), [coupling]({references}#term-coupling), [[Goodfellow",
        f", 2014]({references}#",
    ):
        assert part in text
    for address in set(re.findall(rf"{SITE}([^)#]+)(?:#([^)]+))?\)", text)):  # every link leads somewhere
        assert not address[1] or f'id="{address[1]}"' in (small_book / "html" / address[0]).read_text(encoding="utf-8")


def test_the_name_of_the_references_is_one():
    assert colab.REFERENCES == book_refs.FILE


# A run as in Colab


@pytest.fixture
def first_chapter(tmp_path):
    notebook = Notebook.read(CHAPTERS[0])
    colab.edition(notebook, page_for(notebook), HOME).write(tmp_path / "01.ipynb")
    return tmp_path / "01.ipynb"


def ends_after_set_up(path, code):
    """Leave a notebook its set-up, and ``code`` in the place of all that follows."""
    notebook = Notebook.read(path)
    notebook.cells = [*notebook.cells[:2], new_code_cell(code)]
    notebook.write(path)


no_links = pytest.mark.skipif(sys.platform == "win32", reason="Windows links files for administrators only")


@no_links
def test_a_chapter_runs_where_ganlib_is_not(first_chapter, capsys):
    assert colab_run.main(["--here", "--edition", str(first_chapter.parent)]) == 0
    assert re.search(r"01: ran in \d+ s", capsys.readouterr().out)


@no_links
@pytest.mark.parametrize(("old", "new"), [("torch>=2.4", "torch>=99"), ("", "")])
def test_the_run_as_in_colab_can_fail(first_chapter, monkeypatch, capsys, old, new):
    make = colab_run.make_repository

    def make_other(folder):
        make(folder)
        text = (folder / "pyproject.toml").read_text()
        (folder / "pyproject.toml").write_text(text.replace(old, new))
        subprocess.run(
            ["git", "-C", folder, *"-c user.name=t -c user.email=t@localhost commit -qam x".split()], check=True
        )

    if old:
        monkeypatch.setattr(colab_run, "make_repository", make_other)
    else:
        ends_after_set_up(first_chapter, "1 / 0")
    assert colab_run.main(["--here", "--edition", str(first_chapter.parent)]) == 1
    said = capsys.readouterr().out
    assert "01: it failed: " in said and said.count("\n") == 1
    assert ("ModuleNotFoundError" if old else "ZeroDivisionError") in said


# Colab's packages


def test_the_pins_of_colab_hold_what_ganlib_needs_and_chapters_import():
    held = {pin.split("==")[0].lower(): pin.split("==")[1] for pin in pins.pins()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for need in map(Requirement, [*project["dependencies"], *project["optional-dependencies"]["widgets"]]):
        assert need.specifier.contains(held[need.name]), need
    assert pins.python() == "3.13" and len(held) == len(pins.pins())


def test_a_colab_that_has_moved_on_is_named(tmp_path, capsys):
    freeze = tmp_path / "freeze.txt"
    freeze.write_text("# pip\n" + "\n".join(pins.pins()))
    assert pins.main(["--freeze", str(freeze)]) == 0
    text = re.sub(
        r"(?m)^torch==.*$", "torch @ https://a.example/cpu/torch-9.9.1%2Bcpu-cp313-linux.whl", freeze.read_text()
    )
    freeze.write_text(text.replace("tqdm==", "tqdm-other=="))
    assert pins.main(["--freeze", str(freeze)]) == 1
    lines = capsys.readouterr().out.splitlines()[1:]
    assert len(lines) == 2 and "Colab has 9.9.1" in lines[0] and "Colab has none" in lines[1]


ANSWER = "def half(x):\n    return x / 2"


def test_an_exercise_runs_with_its_answers_and_is_not_passed_without(tmp_path, monkeypatch):
    released = [new_code_cell("install()", id="setup"), new_code_cell("write()", id="checks")]
    question = [new_code_cell("def half(x):\n    ..."), new_code_cell('grader.check("q1")')]
    exercise = Notebook(new_notebook(cells=[*released, *question]))
    exercise.write(tmp_path / "ex04.ipynb")
    monkeypatch.setattr(colab_run, "SOLUTIONS", tmp_path / "solutions")
    with pytest.raises(colab_run.ColabError, match="run `make exercises` first"):
        colab_run.ready(tmp_path / "ex04.ipynb")
    cells = [new_code_cell('import otter\ngrader = otter.Notebook("a")'), new_code_cell(ANSWER), exercise.cells[3]]
    (tmp_path / "solutions").mkdir()
    Notebook(new_notebook(cells=cells)).write(tmp_path / "solutions/ex04.ipynb")
    ready = colab_run.ready(tmp_path / "ex04.ipynb")
    assert [cell.source for cell in ready.code] == ["install()", "write()", ANSWER, 'grader.check("q1")']
    check = ready.cells[3]
    check.outputs = [new_output("execute_result", {"text/plain": "q1 results: All test cases passed!"})]
    assert unpassed(ready.node) == []
    check.outputs = [new_output("stream", name="stdout", text="Not checked: otter-grader is missing here.")]
    assert unpassed(ready.node) == ['grader.check("q1")']


@no_links
def test_a_notebook_that_replaces_a_package_is_caught(first_chapter, monkeypatch, capsys):
    ends_after_set_up(first_chapter, "import ganlib")
    before = {"torch==2.0", "numpy==1.0"}
    lists = iter([before, {"torch==2.1", "numpy==1.0", "ganlib==1"}])
    monkeypatch.setattr(colab_run, "listed", lambda *_: next(lists))
    assert colab_run.main(["--here", "--edition", str(first_chapter.parent)]) == 1
    assert "01: it replaced torch==2.0\n" in capsys.readouterr().out


# Environments of other packages


def test_an_environment_is_made_once_for_its_pins(tmp_path, monkeypatch, capsys):
    installed = []
    run = subprocess.run

    def note(command, **options):
        if "pip" in map(str, command):
            installed.append(command[-1])
            return subprocess.CompletedProcess(command, 0)
        return run([*command, "--without-pip"] if "venv" in map(str, command) else command, **options)

    monkeypatch.setattr(environments.subprocess, "run", note)
    python = environments.find_python(sysconfig.get_python_version())
    first = environments.environment("trial", ["a==1"], python, tmp_path)
    assert environments.environment("trial", ["a==1"], python, tmp_path) == first and installed == ["a==1"]
    assert environments.environment("trial", ["a==2"], python, tmp_path) != first and installed == ["a==1", "a==2"]
    assert capsys.readouterr().out.count("Making trial-") == 2


def test_a_python_that_is_missing_or_another_is_one_sentence(monkeypatch):
    monkeypatch.setattr(environments.shutil, "which", lambda name: None)
    with pytest.raises(environments.EnvironmentMissing, match="Python 9.9 is needed, and python9.9 is not there"):
        environments.find_python("9.9")
    monkeypatch.setattr(environments.shutil, "which", lambda name: sys.executable)
    with pytest.raises(environments.EnvironmentMissing, match="Python 9.9 is needed, and p is 3"):
        environments.find_python("9.9", "p")


def test_the_oldest_packages_are_the_lower_bounds():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    bounds = project["dependencies"] + project["optional-dependencies"]["board"]
    for series in ("", ".*"):
        assert oldest.pins(series) == [f"{a}=={b}{series}" for a, b in (bound.split(">=") for bound in bounds)]
    assert all((ROOT / test).is_file() for test in oldest.tests())
