"""What a reader waits for: the glyphs from cold, and the first content of each page of the built book.

    python -m experiments.waits

The figures depend on the machine, which should do nothing else meanwhile; so no test asks for them. The pages are
those below _build/html, in Chromium with an empty cache, on a processor slowed down four times; the best of five visits
counts. The exit status is 1 where a goal is missed.
"""

import functools
import shutil
import sys
import threading
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from experiments.bench_scores import goal
from experiments.stored import ROOT
from ganlib import glyphs, results

BOOK = ROOT / "_build/html"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
GLYPHS, GLYPH_SECONDS, PAGE_SECONDS, VISITS, SLOWER = 20_000, 10, 1.5, 5, 4
PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def glyph_seconds() -> float:
    """CPU-seconds to draw the glyphs, with the measuring of their outlines."""
    glyphs._fields.cache_clear()
    start = time.process_time()
    glyphs.render(GLYPHS, seed=0)
    return time.process_time() - start


def first_content(browser, address: str) -> float:
    """Seconds until the first content of a page stands, at the best visit."""
    seconds = []
    for _ in range(VISITS):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        page.goto(address, wait_until="load")
        seconds.append(page.wait_for_function(PAINTED).json_value() / 1000)
        context.close()
    return min(seconds)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def pages(book: Path, programme: str) -> dict[str, float]:
    """Seconds until the first content of the landing page and of each chapter."""
    from playwright.sync_api import sync_playwright

    paths = [book / "index.html", *sorted((book / "chapters").glob("*.html"))]
    names = [path.relative_to(book).as_posix() for path in paths]
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=book))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=programme, args=["--no-sandbox"])
            return {name: first_content(browser, f"http://127.0.0.1:{server.server_port}/{name}") for name in names}
    finally:
        server.shutdown()


def main() -> int:
    goals = [goal(f"CPU-seconds of {GLYPHS:,} glyphs from cold", glyph_seconds(), GLYPH_SECONDS)]
    programme = next(filter(None, map(shutil.which, BROWSERS)), None)
    if programme and (BOOK / "index.html").is_file():
        measured = pages(BOOK, programme)
        goals += [
            goal(f"seconds to the first content, {page}", value, PAGE_SECONDS) for page, value in measured.items()
        ]
    else:
        print("The pages are left out: they need Chromium and a built book (make book).")
    print(f"{'Goals':60}{'measured':>9}  bound")
    for each in goals:
        print(
            f"{each['claim']:60}{each['measured']:9.3f}  {results.bound(each):14}  {'met' if each['met'] else 'MISSED'}"
        )
    return int(not all(each["met"] for each in goals))


if __name__ == "__main__":
    sys.exit(main())
