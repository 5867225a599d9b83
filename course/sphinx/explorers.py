"""Explorers in pages without a kernel: their files below _static/explorers, and on a page only those that it shows."""

import html
import json
import re
import shutil
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive

from course.notebook import Notebook

HERE = Path(__file__).parent
EXPLORER = "application/vnd.ganlib.explorer+json"


def holder(still: dict) -> str:
    """The place of an explorer in a page, from what ``Explorer.still`` returns; in words where no script runs."""
    state = json.dumps(still["state"]).replace("</", "<\\/")
    words = html.escape(still["about"])
    script = f'<script type="application/json">{state}</script>'
    return f'<div class="explorer-here" data-explorer="{still["file"]}">{script}<p>{words}</p></div>'


def place_explorers(notebook: Notebook) -> None:
    """Put the holder in place of each widget that an executed notebook shows, and drop the state that Jupyter keeps."""
    notebook.metadata.pop("widgets", None)
    for output in notebook.outputs:
        if still := output.get("data", {}).get(EXPLORER):
            output.data, output.metadata = {"text/html": holder(still)}, {}


class ExplorerHere(Directive):
    """``:::{explorer} Name`` in a page of words: the explorer of that name in its first state."""

    required_arguments = 1

    def run(self):
        from ganlib import widgets

        name = self.arguments[0]
        if name not in widgets.__all__:
            raise self.error(f"There is no explorer {name!r}: choose from {', '.join(widgets.__all__)}.")
        return [nodes.raw("", holder(getattr(widgets, name)().still()), format="html")]


def scripts_of(page: str) -> list[str]:
    """The scripts that a page needs for the explorers that it holds: theirs, then the host."""
    files = sorted(set(re.findall(r'data-explorer="(\w+)"', page)))
    return [f"explorers/{name}.js" for name in (*files, "host")] if files else []


def _copy(app):
    # Not by html_static_path: Jupyter Book makes every .js below it a script of every page.
    if app.builder.format != "html":
        return
    from ganlib.widgets import explorer

    folder = Path(app.outdir) / "_static" / "explorers"
    folder.mkdir(parents=True, exist_ok=True)
    for path in explorer.SCRIPTS.glob("*.js"):
        text = json.dumps(explorer.source(path.stem))
        line = f"(window.ganlibExplorers ??= {{}})[{json.dumps(path.stem)}] = {text};\n"
        (folder / path.name).write_text(line, encoding="utf-8")
    shutil.copy2(HERE / "explorers_host.js", folder / "host.js")
    shutil.copy2(explorer.SCRIPTS / "explorer.css", folder)


def _scripts(app, pagename, templatename, context, doctree):
    needed = scripts_of(context.get("body", ""))
    for script in needed:
        app.add_js_file(script, loading_method="defer")
    if needed:
        app.add_css_file("explorers/explorer.css")


def setup(app):
    app.add_directive("explorer", ExplorerHere)
    app.connect("builder-inited", _copy)
    app.connect("html-page-context", _scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
