"""What several tests need: a browser, a server of a folder, and a book without chapters."""

import functools
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from course.book.paper import BROWSERS, OPTIONS
from course.layout import ROOT


@pytest.fixture
def bare_book(tmp_path):
    """A folder with this book's settings and a table of contents of one chapter, ``07_dots``, that is yet to come."""
    for name in ("_config.yml", "_static", "references.bib"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, tmp_path / name)
    (tmp_path / "_toc.yml").write_text(
        "format: jb-book\nroot: index\nparts:\n"
        "- {caption: One, numbered: 2, chapters: [{file: chapters/07_dots}]}\n"
        "- {caption: More, chapters: [{file: appendix/api}, {file: appendix/verified}]}\n"
    )
    for folder in ("appendix", "ganlib", "executed"):
        (tmp_path / folder).mkdir()
    (tmp_path / "index.md").write_text("# Small\n\n<!-- generated: totals -->\n\n<!-- generated: paper -->\n")
    (tmp_path / "appendix/api.md").write_text("# API\n\n<!-- generated: modules -->\n")
    return tmp_path


@pytest.fixture
def small_dcgan(monkeypatch):
    """A narrow pair in place of the reference net ``dcgan-32``, whose steps take seconds on one core."""
    from ganlib import models

    pair = (models.dcgan_generator, models.dcgan_discriminator)
    monkeypatch.setitem(models.REFERENCE, "dcgan-32", lambda: tuple(net(32, width=4) for net in pair))


@pytest.fixture(scope="session")
def browser():
    programme = next(filter(None, map(shutil.which, BROWSERS)), None)
    if programme is None:
        pytest.skip(f"no Chromium found: install one of {', '.join(BROWSERS)} to check the pages")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=programme, args=OPTIONS)
        yield chromium
        chromium.close()


@pytest.fixture
def serve():
    """Serve a folder on a free port of this machine; returns its address."""
    servers = []

    def start(folder: Path) -> str:
        class Quiet(SimpleHTTPRequestHandler):
            def log_message(self, *args):
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
