"""Every page of the built book in a real browser: no foreign request, no error, math, links, images, phone, dark mode.

The pages are those below `_build/html`. Where there is no book or no Chromium the tests are skipped and say why; a
missing book is a failure where the variable CI is set.
"""

import functools
import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

from course.layout import BOOK

PAGES = [str(path.relative_to(BOOK).as_posix()) for path in sorted(BOOK.rglob("*.html")) if "_static" not in path.parts]
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
MAX_PAGE_BYTES = 1_500_000  # of a page and its own images

# What is wrong with a page once it stands: a list of sentences.
FAULTS = r"""() => {
  const faults = [], all = (s) => [...document.querySelectorAll(s)], start = (e) => e.outerHTML.slice(0, 100);
  const fault = (wrong, sentence) => wrong && faults.push(sentence);
  const titles = all("h1").filter((e) => e.checkVisibility()).length;
  fault(titles !== 1, `${titles} visible h1`);
  fault(!document.title.trim() || document.title.includes("<"), `title ${JSON.stringify(document.title)}`);
  fault(!document.documentElement.lang, "no language");
  for (const e of all(".math")) fault(!e.querySelector("mjx-container"), `math not set: ${start(e)}`);
  for (const e of all("mjx-merror, mjx-mtext[style*=red]")) fault(true, `math in error: ${e.textContent || start(e)}`);
  const words = all("article p, article li, article td, figcaption").map((e) => e.innerText).join(" ");
  fault(/\\\(|\\\[|\$\$/.test(words), "math left as source");
  for (const e of document.images) {
    const decoration = e.getAttribute("alt") === "" && !e.closest("article");  // the logo beside the book's name
    const file = /\.(png|svg|jpe?g|gif)$|_images|[0-9a-f]{20}/i.test(e.alt);
    fault(e.complete && !e.naturalWidth, `image not shown: ${e.src}`);
    fault(file || (!decoration && !e.alt.trim()), `no alt text: ${start(e)}`);
  }
  return faults;
}"""
NARROW = """() => {
  const width = document.documentElement.scrollWidth;
  return width > innerWidth ? [`${width} px wide on a phone`] : [];
}"""
DARK = """() => document.documentElement.dataset.theme !== "dark" ? ["no dark mode"] :
  [...document.querySelectorAll("figure img, .cell_output img")].filter((e) => {
    const { backgroundColor, filter } = getComputedStyle(e);
    return backgroundColor !== "rgb(255, 255, 255)" || filter !== "none";
  }).map((e) => `not on a white card in the dark: ${e.src}`)"""
MATH_DONE = "() => !document.querySelector('.math') || (window.MathJax?.startup?.promise?.then(() => true) ?? false)"


def faults_of(browser, base: str, page_path: str) -> list[str]:
    """Open one page below ``base`` with an empty profile, as a desktop, a phone and in the dark; say what is wrong."""
    context = browser.new_context(viewport=DESKTOP, color_scheme="light")
    page, faults = context.new_page(), []

    def route(request_route):
        url = request_route.request.url
        if url.startswith((base, "data:", "blob:")):
            request_route.continue_()
        else:
            faults.append(f"request outside: {url}")
            request_route.abort()

    context.route("**/*", route)
    page.on("console", lambda message: faults.append(f"console: {message.text}") if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(f"script error: {error}"))
    page.on("requestfailed", lambda request: faults.append(f"not loaded: {request.url}"))
    page.on("response", lambda reply: faults.append(f"{reply.status}: {reply.url}") if reply.status >= 400 else None)
    page.goto(base + page_path, wait_until="load")
    try:
        page.wait_for_function(MATH_DONE, timeout=10_000)
    except Exception as error:
        faults.append(f"math was not set in 10 s: {type(error).__name__}")
    faults += page.evaluate(FAULTS)
    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(100)  # the theme answers to both in its own time
    faults += page.evaluate(NARROW) + page.evaluate(DARK)
    context.close()
    return faults


@functools.cache
def soup(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def broken_links(root: Path, page_path: str) -> list[str]:
    """The links of a page to a file or an anchor that is not there."""
    broken, here = [], root / page_path
    for link in soup(here).select("a[href], img[src], link[href], script[src]"):
        url = link.get("href") or link.get("src")
        parts = urlsplit(url)
        if parts.scheme in ("http", "https", "mailto", "data"):
            continue
        target = (here.parent / unquote(parts.path)).resolve() if parts.path else here
        if not target.is_file():
            broken.append(f"no such file: {url}")
        elif parts.fragment and target.suffix == ".html":
            anchor = unquote(parts.fragment)
            if not soup(target).find(id=anchor) and not soup(target).find("a", attrs={"name": anchor}):
                broken.append(f"no such anchor: {url}")
    return broken


def test_the_book_is_there():
    if not (BOOK / "index.html").is_file():
        reason = "no book at _build/html: run `make book` first"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    assert {"index.html", "appendix/verified.html"} <= set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_page_over_http(browser, serve, page):
    assert faults_of(browser, serve(BOOK), page) == []


@pytest.mark.parametrize("page", PAGES)
def test_page_from_a_file(browser, page):
    assert faults_of(browser, BOOK.as_uri() + "/", page) == []


@pytest.mark.parametrize("page", PAGES)
def test_links_and_weight(page):
    assert broken_links(BOOK, page) == []
    images = {(BOOK / page).parent / image["src"] for image in soup(BOOK / page).select("article img[src]")}
    assert (BOOK / page).stat().st_size + sum(path.stat().st_size for path in images) <= MAX_PAGE_BYTES
    assert not re.search(r"github\.com/executablebooks|your-repo", soup(BOOK / page).decode()), "a repository's address"


GOOD = """<!DOCTYPE html><html lang="en" data-theme="dark"><head><title>T</title><link rel="icon" href="data:,">
</head><body><h1>T</h1><article><p>Words. <a href="#here" id="here">A link</a></p></article></body></html>"""


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        ("", None),
        ("<h1>Two</h1>", "2 visible h1"),
        ("<script src='http://example.invalid/a.js'></script>", "request outside"),
        ("<script>throw new Error('bad')</script>", "script error"),
        ("<script>console.error('bad')</script>", "console: bad"),
        ("<img src='none.png' alt='A dot'>", "image not shown"),
        ("<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw=' alt='../_images/0a.png'>", "no alt text"),
        ("<figure><img src='data:image/gif;base64,R0lGODlhAQABAAAAACw=' alt='A dot'></figure>", "not on a white card"),
        ("<article><img src='data:image/gif;base64,R0lGODlhAQABAAAAACw=' alt=''></article>", "no alt text"),
        ("<div style='width: 600px'>wide</div>", "px wide on a phone"),
        ("<article><p>\\(x\\)</p></article>", "math left as source"),
        ("<mjx-container><mjx-merror>oops</mjx-merror></mjx-container>", "math in error: oops"),
        ("<script>document.documentElement.dataset.theme = 'light'</script>", "no dark mode"),
    ],
)
def test_a_damaged_page_is_found_out(browser, serve, tmp_path, damage, fault):
    (tmp_path / "page.html").write_text(GOOD.replace("</body>", damage + "</body>"))
    faults = faults_of(browser, serve(tmp_path), "page.html")
    assert any(fault in message for message in faults) if fault else faults == []


def test_a_broken_link_is_found_out(tmp_path):
    (tmp_path / "page.html").write_text(GOOD.replace("#here", "#there"))
    assert broken_links(tmp_path, "page.html") == ["no such anchor: #there"]
    (tmp_path / "other.html").write_text(GOOD.replace("#here", "gone.html"))
    assert broken_links(tmp_path, "other.html") == ["no such file: gone.html"]
