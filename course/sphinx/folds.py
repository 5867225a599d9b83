"""What a page folds: code that is no lesson, and runs of cells that go deeper than a first reading needs.

Tags on cells say which: see course/markup.py. A link into a fold opens it, and so does printing: _static/book.js.
"""

from typing import Any

import nbformat
from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx_design.shared import create_component

from course.markup import HOW, PROMPTS, TITLE, deeper_runs
from course.notebook import Notebook, tags

logger = logging.getLogger(__name__)


def fold_code(notebook: Notebook) -> None:
    """Tell MyST-NB to fold the code of set-up, figures and checks, and in which words."""
    for cell in notebook.code:
        for tag, prompt in PROMPTS.items():
            if tag in tags(cell):
                cell.metadata.tags.append("hide-input")
                words = {"code_prompt_show": prompt, "code_prompt_hide": prompt}
                cell.metadata["mystnb"] = cell.metadata.get("mystnb", {}) | words
                break


def mark_deeper(notebook: Notebook) -> list[str]:
    """Put a mark before and after each run of deeper cells, for ``Fold`` below, and return what is wrong."""
    problems: list[str] = []
    for begin, end, title in reversed(deeper_runs(notebook)):
        if not title:
            problems.append(f"a run of deeper cells has no title: begin its first cell with the line '{HOW}'")
            continue
        first = notebook.cells[begin]
        first.source = TITLE.sub("", first.source)
        notebook.cells.insert(end, nbformat.v4.new_markdown_cell(":::{deeper-end}\n:::"))
        notebook.cells.insert(begin, nbformat.v4.new_markdown_cell(f":::{{deeper}} {title}\n:::"))
    return problems


class deeper_begin(nodes.General, nodes.Element):
    """Where a fold begins; its children are the words of its title."""


class deeper_end(nodes.General, nodes.Element):
    """Where a fold ends."""


class DeeperBegin(Directive):
    """``:::{deeper} title``, as ``mark_deeper`` writes it."""

    required_arguments, final_argument_whitespace = 1, True

    def run(self):
        title, messages = self.state.inline_text(f"Deeper: {self.arguments[0]}", self.lineno)
        return [deeper_begin("", *title), *messages]


class DeeperEnd(Directive):
    """``:::{deeper-end}``, as ``mark_deeper`` writes it."""

    def run(self):
        return [deeper_end()]


class Fold(SphinxTransform):
    """Make one drop-down of all that stands between two marks."""

    default_priority = 200

    def apply(self, **kwargs):
        for begin in list(self.document.findall(deeper_begin)):
            parent = begin.parent
            at = parent.index(begin)
            end = next((k for k in range(at, len(parent)) if isinstance(parent[k], deeper_end)), None)
            if end is None:
                words = f"the fold {begin.astext()!r} holds a heading: end it before, or write no heading in it"
                logger.warning(words, location=self.env.docname, type="book", subtype="deeper")
                parent.remove(begin)
                continue
            look: dict[str, Any] = {
                "opened": False,
                "type": "dropdown",
                "has_title": True,
                "icon": None,
                "chevron": None,
            }
            classes: dict[str, Any] = {"container_classes": ["sd-mb-3"], "title_classes": [], "body_classes": []}
            fold = create_component("dropdown", **look, **classes)
            fold += nodes.rubric(begin.astext(), "", *begin.children)
            fold += parent[at + 1 : end]
            parent[at : end + 1] = [fold]
        for left in list(self.document.findall(deeper_end)):
            left.parent.remove(left)


def _name_folds(app, pagename, templatename, context, doctree):
    """Let the words of a fold of MyST-NB be its name: it hides them from those who listen behind one for all."""
    if "body" in context:
        context["body"] = context["body"].replace('<summary aria-label="Toggle hidden content">', "<summary>")


def setup(app):
    app.connect("html-page-context", _name_folds)
    app.add_directive("deeper", DeeperBegin)
    app.add_directive("deeper-end", DeeperEnd)
    app.add_transform(Fold)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
