"""How chapters are read into the book: captions of figures, records of checks, and chapter numbers."""

import re

from docutils import nodes
from nbformat import NotebookNode
from sphinx.util import logging
from sphinx_external_toc.collectors import TocTreeCollectorWithStyles, disable_builtin_toctree_collector

from course.markup import CAPTION
from course.notebook import Notebook
from course.sphinx.explorers import place_explorers
from course.sphinx.folds import fold_code, mark_deeper
from ganlib import checks

logger = logging.getLogger(__name__)

HOW = "write ':::{caption} fig-name', then ':alt: what it shows', the caption, and ':::'"


def fold_captions(notebook: Notebook) -> list[str]:
    """Move each caption cell into the code cell before it, as the metadata that MyST-NB turns into a figure.

    A figure is the one image that a code cell shows; the markdown cell after it begins with the caption (see HOW),
    so that the caption can be read in JupyterLab and Colab too. Changes ``notebook`` and returns what is wrong in it.
    """
    problems: list[str] = []
    before = NotebookNode()
    for cell in notebook.cells:
        match = CAPTION.match(cell.source) if cell.cell_type == "markdown" else None
        images = _images(before)
        if images and match:
            shown = [output for output in before.outputs if output.output_type != "stream"]
            if len(shown) > 1:
                several = f"{len(shown)} things are shown above one caption"
                problems.append(f"{several}: keep one figure in the cell {_name(before)}")
            figure = {"name": match["name"], "caption": match["caption"].strip()}
            shape = {"figure": figure, "image": {"alt": match["alt"].strip()}}
            before.metadata["mystnb"] = before.metadata.get("mystnb", {}) | shape
            cell.source = cell.source[match.end() :]
        elif images:
            problems.append(f"a figure has no caption or alt text: after the cell {_name(before)} {HOW}")
        elif match:
            problems.append(f"the caption {match['name']!r} does not follow a code cell that shows a figure")
        elif cell.cell_type == "markdown" and ":::{caption}" in cell.source:
            problems.append(f"a caption cannot be read: begin the cell {_name(cell)} with it; {HOW}")
        before = cell
    if _images(before):
        problems.append(f"a figure has no caption or alt text: after the cell {_name(before)} {HOW}")
    return problems


def show_checks(notebook: Notebook) -> None:
    """Keep of each check the line that is read.

    The record itself is shown on the page "What this build verified", which course/book/build.py writes.
    """
    for output in notebook.outputs:
        output.get("data", {}).pop(checks.MEDIA_TYPE, None)


def _images(cell: NotebookNode) -> list[NotebookNode]:
    outputs = cell.get("outputs", [])
    return [output for output in outputs if any(kind.startswith("image/") for kind in output.get("data", {}))]


def _name(cell: NotebookNode) -> str:
    lines = cell.source.strip().splitlines()
    return f"that begins {lines[0]!r}" if lines else "that is empty"


def _read_chapter(app, docname, source):
    if not app.env.doc2path(docname).endswith(".ipynb"):
        return
    notebook = Notebook.parse(source[0])
    for problem in fold_captions(notebook) + mark_deeper(notebook):
        logger.warning(problem, location=docname, type="book", subtype="chapter")
    fold_code(notebook)
    show_checks(notebook)
    place_explorers(notebook)
    source[0] = notebook.text()


def number_by_file_name(env) -> None:
    """Give ``chapters/06_topic`` the number 6 and its sections 6.1, 6.2, …, whichever other chapters exist."""
    for docname, numbers in env.toc_secnumbers.items():
        match = re.match(r"chapters/(\d+)_", docname)
        if not match:
            continue
        chapter = int(match[1])
        env.toc_secnumbers[docname] = {k: v and (chapter, *v[1:]) for k, v in numbers.items()}
        for node in [env.titles[docname], *env.tocs[docname].findall(nodes.reference)]:
            if node.get("secnumber"):
                node["secnumber"] = [chapter, *node["secnumber"][1:]]


class _Collector(TocTreeCollectorWithStyles):
    """Numbers as sphinx-external-toc assigns them (1, 2, … through all parts), then by file name."""

    def assign_section_numbers(self, env):
        changed = super().assign_section_numbers(env)
        number_by_file_name(env)
        return changed


def _number_chapters(app):
    disable_builtin_toctree_collector(app)
    app.add_env_collector(_Collector)


def setup(app):
    app.connect("config-inited", lambda app, config: _number_chapters(app), priority=950)
    app.connect("source-read", _read_chapter)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
