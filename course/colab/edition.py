"""Write the chapters as Colab opens them: the executed notebooks in plain Markdown, with links to the published book.

    python -m course.colab.edition [--executed DIR] [--book DIR] [--output DIR]

What is written, _build/colab, is the content of the branch `colab`, to which the launch buttons of the book point.

The builder sphinx-tojupyter 0.6.0 was read and not taken. It writes notebooks from the parsed pages, so that cells get
new borders and new ids, skips the outputs of executed cells, and drops an unknown node in silence; it wants Dask and
nbdime. Here each cell of the executed notebook stays the cell that it is, and only its markup is translated.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

from course import repository
from course.book.build import BookError, read_executed
from course.colab.plain_markdown import MarkupError, Page, folded, plain
from course.exercises import links as exercise_links
from course.exercises.source import ExerciseError
from course.layout import BOOK, COLAB, EXECUTED, EXERCISES, ROOT, STUDENT
from course.markup import CAPTION, PROMPTS, TITLE
from course.notebook import CHECK, DEEPER, FIGURE, Notebook, NotebookError, tags
from course.templates import render

REFERENCES = "references.json"  # written by course/sphinx/refs.py
OWN = "application/vnd.ganlib."  # records for the book
WIDGET = "application/vnd.jupyter.widget-view+json"  # dead without the kernel that showed it
EXPLORER = OWN + "explorer+json"


def bare(output, page: Page):
    """An output that shows itself without the book: an explorer as words and a link, no records."""
    data = output.get("data", {})
    if EXPLORER in data:
        about = data[EXPLORER]["about"]
        place = page.link("Move its controls on the page of the book", page.address) if page.site else ""
        output.data = {"text/plain": about, "text/markdown": f"{about}\n\n{place}".strip()}
        output.metadata = {}
    for kind in [kind for kind in data if kind.startswith(OWN) or kind == WIDGET]:
        del data[kind]
    return output


def fold_code(cell, kinds: set[str], deeper: str) -> None:
    """Let Colab and JupyterLab hide the code of a cell that the page folds, below a title."""
    if title := deeper or next((PROMPTS[kind] for kind in (CHECK, FIGURE) if kind in kinds), ""):
        cell.source = f"# @title {title}\n{cell.source}"
        cell.metadata = {"cellView": "form", "jupyter": {"source_hidden": True}}


def setup_cell(url: str) -> str:
    """The set-up cell that installs ganlib from a repository by itself."""
    return render("colab/setup.py.jinja", url=url)


def with_source(notebook: Notebook, home: repository.Repository | None) -> Notebook:
    """The notebook with a set-up cell that installs ganlib from the repository by itself, where there is one."""
    if home:
        notebook.setup.source = setup_cell(home.url)
    return notebook


def edition(notebook: Notebook, page: Page, home: repository.Repository | None) -> Notebook:
    """The executed notebook of a chapter as Colab's readers get it; raises a ``MarkupError`` that names the cell."""
    title = ""
    for number, cell in enumerate(with_source(notebook, home).cells):
        kinds, cell.metadata = tags(cell), {}
        title = title if DEEPER in kinds else ""
        if cell.cell_type == "code":
            cell.outputs = [bare(output, page) for output in cell.outputs]
            fold_code(cell, kinds, title)
            continue
        source = cell.source
        try:
            cell.source = plain(source, page)
        except MarkupError as error:
            raise MarkupError(f"cell {number} ({cell.source.strip().splitlines()[0][:60]!r}): {error}.") from None
        if DEEPER in kinds and not CAPTION.match(source):
            begins = TITLE.match(cell.source)
            title = f"Deeper: {begins['title']}" if begins else title
            cell.source = folded(title if begins else f"{title}, continued", TITLE.sub("", cell.source).strip())
    page.end()
    if page.site:
        link = page.link("a page of the book", page.address)
        notebook.cells[0].source += f"\n\n*This notebook is made from {link}, to which its references lead.*"
    notebook.metadata = {name: notebook.metadata[name] for name in ("kernelspec", "language_info")}
    notebook.node.nbformat_minor = max(notebook.node.nbformat_minor, 5)  # the first with cell ids
    notebook.validate()
    return notebook


def write_all(executed: Path, book: Path, output: Path, home, site: str | None) -> list[Path]:
    """Write the edition of every chapter and exercise below ``output``, in place of an earlier one."""
    if not (book / REFERENCES).is_file():
        raise BookError(f"There is no {book / REFERENCES}: run `make book` first, it says what the references lead to.")
    pages = json.loads((book / REFERENCES).read_text(encoding="utf-8"))
    links = exercise_links.find(EXERCISES)
    notebooks = {}
    for link in links:
        notebooks[output / link.file] = with_source(Notebook.read(STUDENT / f"{link.name}.ipynb"), home)
    for name, page in pages.items():
        notebook = read_executed(executed / f"{Path(name).name}.ipynb")
        for link in links:
            if home and link.chapter == Path(name).name:
                raw = f"[{link.name}.ipynb]({home.url}/raw/{repository.BRANCH}/{link.file})"
                exercise_links.offer(notebook, exercise_links.words(link, raw, home))
        try:
            notebooks[output / f"{name}.ipynb"] = edition(notebook, Page(**page, site=site), home)
        except MarkupError as error:
            raise BookError(f"{name}: {error}") from None
    for folder in {path.parent for path in notebooks}:
        shutil.rmtree(folder, ignore_errors=True)
    for path, notebook in notebooks.items():
        notebook.write(path)
    return list(notebooks)


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--executed", type=Path, default=EXECUTED / "glyphs", help="the executed chapters")
    parser.add_argument("--book", type=Path, default=BOOK, help="the built book")
    parser.add_argument("--output", type=Path, default=COLAB, help="where the notebooks go")
    args = parser.parse_args(arguments)
    try:
        home = repository.find(ROOT)
        site = repository.site(home)
        written = write_all(args.executed, args.book, args.output, home, site)
    except (BookError, ExerciseError, NotebookError, repository.AddressError) as error:
        print(error, file=sys.stderr)
        return 2
    links = f"with links to {site}" if site else "without links, as no site is known"
    print(f"{len(written)} notebooks for Colab are in {args.output}, {links}.")
    if home is None:
        print("No repository is known: give GITHUB_REPOSITORY=owner/name, so that the notebooks can install ganlib.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
