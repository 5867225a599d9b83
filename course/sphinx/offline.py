"""Serve MathJax from the book itself, so that no page asks another host for anything."""

import shutil
from importlib.metadata import distribution
from pathlib import Path

# The bundle, its fonts, and what its accessibility menu loads when a reader turns it on.
PARTS = ("tex-chtml-full.js", "output/chtml/fonts/woff-v2", "a11y", "sre")


def copy_mathjax(static: Path) -> None:
    """Copy the needed parts of MathJax from the package sphinx-mathjax-offline into ``static``/mathjax."""
    package = Path(str(distribution("sphinx-mathjax-offline").locate_file("sphinx-mathjax-offline/static/mathjax")))
    for part in PARTS:
        source, target = package / part, static / "mathjax" / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copy2(source, target)


def _copy(app):
    # Not by html_static_path: Jupyter Book makes every .js below it a script of every page.
    if app.builder.format == "html":
        copy_mathjax(Path(app.outdir) / "_static")


def _one_script_each(app, pagename, templatename, context, doctree):
    # Sphinx 7.4 lists an inline script that was added after Builder.init() twice.
    seen, once = set(), []
    for script in context["script_files"]:
        body = getattr(script, "attributes", {}).get("body")
        if body is None or body not in seen:
            once.append(script)
        seen.add(body)
    context["script_files"][:] = once


def setup(app):
    app.connect("builder-inited", _copy)
    app.connect("html-page-context", _one_script_each, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
