"""Every page of the built book in a real browser, loaded once from a server and once from a file: no foreign request,
no error, math, links, images, weight, axe's rules, explorers, a phone, the dark.

The pages are those below `_build/html`. Where there is no book or no Chromium the tests are skipped and say why; a
missing book is a failure where the variable CI is set.
"""

import functools
import gzip
import os
import random
import re
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup
from fontTools.ttLib import TTFont
from nbformat.v4 import new_code_cell, new_notebook, new_output
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from course.book.paper import MATH_SET, OPEN_FOLDS
from course.layout import BOOK, EXECUTED
from course.notebook import Notebook
from course.sphinx.explorers import EXPLORER

PAGES = [str(path.relative_to(BOOK).as_posix()) for path in sorted(BOOK.rglob("*.html")) if "_static" not in path.parts]
DESKTOP, PHONE = {"width": 1400, "height": 900}, {"width": 390, "height": 844}
MAX_PAGE_BYTES = 1_500_000  # of a page and its own images
MAX_WIRE_BYTES = 1_500_000  # of all that a page loads, zipped
PATIENCE = 60_000  # milliseconds, for what comes at once on a quiet machine
OF_COLOURS = ("color-contrast", "link-in-text-block")  # axe's rules that another theme can break
# What the theme itself leaves, each only outside the article: the label of the search button and of the colour switch
# differs from their text; the sidebars lie in no landmark; its lists of contents scroll without a focus of their own.
# Sphinx itself writes the lists of the API page, with nothing but a description in some, and the roles of citations.
OF_THE_THEME = {"label-content-name-mismatch", "region", "scrollable-region-focusable", "landmark-unique"}

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
# How many boxes of lesson code and of output there are, and the beginnings of those that scroll sideways.
SIDEWAYS = """() => {
  const scrolls = (e) => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX !== "visible";
  const wide = (e) => { for (; !e.matches(".cell"); e = e.parentElement) if (scrolls(e)) return true; return false; };
  const boxes = [...document.querySelectorAll("article .cell :is(.cell_input, .cell_output) pre")]
      .filter((e) => !e.closest("details.hide"));
  return [boxes.length, boxes.filter(wide).map((e) => e.textContent.trim().slice(0, 60))];
}"""
NUMBERS = """() => [...document.querySelectorAll("article .math:has(.eqno)")].filter((e) => {
    const [a, b, line] = [".eqno", "mjx-math", "mjx-container"].map((s) => e.querySelector(s).getBoundingClientRect());
    const right = getComputedStyle(e.querySelector("mjx-container")).overflowX === "visible" ? b.right : line.right;
    if (innerWidth > 600 && a.left < b.left) return true;
    return a.left < Math.min(b.right, right) && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  }).map((e) => `a formula touches its number, or follows it: ${e.id}`)"""
DARK = """() => [...document.querySelectorAll("figure img, .cell_output img")].filter((e) => {
    const { backgroundColor, filter } = getComputedStyle(e);
    return backgroundColor !== "rgb(255, 255, 255)" || filter !== "none";
  }).map((e) => `not on a white card in the dark: ${e.src}`)"""
ICONS = """() => [...document.querySelectorAll("*")].flatMap((element) =>
    ["::before", "::after"].map((part) => getComputedStyle(element, part))
        .filter((style) => style.fontFamily.includes("Font Awesome") && style.content.length === 3)
        .map((style) => style.content.codePointAt(1)))"""
# What axe need not look at a thousand times: the inside of a formula, which takes the colour of its text, a token of
# code that looks like one before it, and what a program writes row by row: long tables, and entries of the API page.
# Without them axe takes a tenth of its time.
LIGHTEN = """() => {
  const seen = new Set();
  for (const e of document.querySelectorAll(".highlight span")) {
    const look = e.className + e.closest(".cell_input, .cell_output")?.className;
    if (seen.has(look) && !e.id && !e.children.length) e.replaceWith(e.textContent);
    seen.add(look);
  }
  for (const e of document.querySelectorAll("mjx-container")) e.replaceChildren("x");
  for (const e of document.querySelectorAll("article table")) [...e.rows].slice(40).forEach((row) => row.remove());
  [...document.querySelectorAll("article dl.py:not(dl.py dl.py)")].slice(40).forEach((entry) => entry.remove());
}"""
LOOK = "[node.querySelector('canvas').toDataURL(), node.querySelector('.tell').textContent]"


def axe_faults(page, only: tuple[str, ...] = ()) -> list[str]:
    """What axe finds, by all its rules or ``only`` some, but for the theme's own faults outside the article."""
    chosen = {"runOnly": list(only)} if only else {}
    options = {"resultTypes": ["violations"], **chosen}
    options["preload"] = False  # axe would fetch style sheets anew, some by addresses that are wrong
    violations = Axe().run(page, options=options).response["violations"]
    inside = "(target) => Boolean(document.querySelector(target)?.closest('article'))"
    return [
        f"{rule['id']}: {node['html'][:120]}"
        for rule in violations
        for node in rule["nodes"]
        if rule["id"] not in OF_THE_THEME or page.evaluate(inside, node["target"][-1])
        if not (rule["id"] == "definition-list" and "dl" in node["html"][:4])
        if not (rule["id"].startswith("aria-") and 'class="citation' in node["html"])
    ]


def too_heavy(finished: list) -> list[str]:
    """Where all that was loaded, zipped, is more than a page may weigh: the heaviest files."""
    bodies = {request.url: request.response().body() for request in finished if request.url.startswith("http")}
    weights = {url.rsplit("/", 1)[-1]: min(len(body), len(gzip.compress(body, 6))) for url, body in bodies.items()}
    heaviest = sorted(weights.items(), key=lambda entry: -entry[1])[:8]
    return (
        [f"{sum(weights.values())} bytes over the wire: {heaviest}"] if sum(weights.values()) > MAX_WIRE_BYTES else []
    )


def asleep(page) -> list[str]:
    """The explorers of a page whose picture or words do not answer to their first slider."""
    faults = []
    for place in page.locator("[data-explorer]").all():
        place.scroll_into_view_if_needed()
        place.locator("canvas").first.wait_for()
        page.wait_for_timeout(300)  # until the first picture stands
        before = place.evaluate(f"(node) => {LOOK}")
        place.locator("input[type=range]").first.press("ArrowRight")
        changed = f"([node, before]) => {{ const now = {LOOK}; return now.every((each, i) => each !== before[i]); }}"
        try:
            page.wait_for_function(changed, arg=[place.element_handle(), before], timeout=PATIENCE)
        except PlaywrightTimeout:
            faults.append(f"an explorer does not answer: {place.get_attribute('data-explorer')[:60]}")
    return faults


def sideways(page, share: float) -> list[str]:
    """Boxes of lesson code and of output that scroll sideways, where more than a share of them do."""
    count, wide = page.evaluate(SIDEWAYS)
    width = page.viewport_size["width"]
    return (
        [f"{len(wide)} of {count} boxes scroll sideways at {width} px: {wide[:3]}"] if len(wide) > share * count else []
    )


def faults_of(browser, base: str, page_path: str, fully: bool = False) -> list[str]:
    """What is wrong with one page below ``base``, opened once, with an empty profile: desktop, phone, dark.

    ``fully`` asks also what does not depend on where the page lies: axe's rules, icons, weight and explorers.
    """
    context = browser.new_context(viewport=DESKTOP, color_scheme="light", reduced_motion="reduce")
    page, faults, finished = context.new_page(), [], []

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
    page.on("requestfinished", lambda request: finished.append(request))
    page.on("response", lambda reply: faults.append(f"{reply.status}: {reply.url}") if reply.status >= 400 else None)
    page.goto(base + page_path, wait_until="load")
    try:
        page.wait_for_function(MATH_SET, timeout=PATIENCE)
    except PlaywrightTimeout:
        faults.append("math was not set")
    page.evaluate(OPEN_FOLDS)
    faults += page.evaluate(FAULTS) + page.evaluate(NUMBERS) + sideways(page, 0)
    if fully:
        page.wait_for_load_state("networkidle")
        faults += too_heavy(finished)
        faults += [f"icon {code:#x} is in no font" for code in set(page.evaluate(ICONS)) - icons_drawn()]
        faults += asleep(page)
    faults += in_theme(page, "dark")
    page.set_viewport_size(PHONE)
    faults += page.evaluate(NARROW) + page.evaluate(DARK) + page.evaluate(NUMBERS) + sideways(page, 0.1)
    if fully:
        page.set_viewport_size(DESKTOP)
        page.evaluate(LIGHTEN)
        faults += axe_faults(page, OF_COLOURS)
        faults += in_theme(page, "light") + axe_faults(page)
    context.close()
    return faults


def in_theme(page, theme: str) -> list[str]:
    """Bring the page into the light or the dark, as the reader's system would; a fault where it stays as it is."""
    page.emulate_media(color_scheme=theme)
    try:  # the theme answers in its own time
        page.wait_for_function(f"() => document.documentElement.dataset.theme === '{theme}'", timeout=PATIENCE)
    except PlaywrightTimeout:
        return [f"no {theme} mode"]
    return []


@functools.cache
def icons_drawn() -> set[int]:
    """The characters that the icon fonts of the book draw."""
    fonts = (BOOK / "_static/vendor/fontawesome/webfonts").glob("*.ttf")
    return {code for font in fonts for code in TTFont(font).getBestCmap() or {}}


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
        elif parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in anchors(target):
            broken.append(f"no such anchor: {url}")
    return broken


@functools.cache
def anchors(path: Path) -> set[str]:
    """What a link to a page may name after its #."""
    return {node["id"] for node in soup(path).select("[id]")} | {node["name"] for node in soup(path).select("a[name]")}


def test_the_book_is_there():
    if not (BOOK / "index.html").is_file():
        reason = "no book at _build/html: run `make book` first"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    assert {"index.html", "appendix/verified.html"} <= set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_page_over_http(browser, serve, page):
    assert faults_of(browser, serve(BOOK), page, fully=True) == []


@pytest.mark.parametrize("page", PAGES)
def test_page_from_a_file(browser, page):
    assert faults_of(browser, BOOK.as_uri() + "/", page) == []


EXECUTED_CHAPTERS = sorted((EXECUTED / "glyphs").glob("*.ipynb"))


def careless(notebook: Notebook) -> list[str]:
    """What a reader should not meet among the outputs: the bare value of a last line, and warnings."""
    bare = [each for each in notebook.outputs if each.output_type == "execute_result" and EXPLORER not in each.data]
    warnings = [each for each in notebook.outputs if each.get("name") == "stderr"]
    return [str(each.get("text") or each.data)[:80] for each in [*bare, *warnings]]


@pytest.mark.parametrize("path", EXECUTED_CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_shows_no_bare_value_and_no_warning(path):
    assert careless(Notebook.read(path)) == []


def test_a_bare_value_and_a_warning_are_found_out():
    outputs = [
        new_output("execute_result", {"text/plain": "History(…)"}),
        new_output("stream", name="stderr", text="Warning"),
        new_output("execute_result", {EXPLORER: {}}),
        new_output("stream", name="stdout", text="fine"),
    ]
    named = careless(Notebook(new_notebook(cells=[new_code_cell("train()", outputs=outputs)])))
    assert len(named) == 2 and "History" in named[0] and named[1] == "Warning"


@pytest.mark.parametrize("page", PAGES)
def test_links_and_weight(page):
    assert broken_links(BOOK, page) == []
    sources = {image["src"] for image in soup(BOOK / page).select("article img[src]")}
    images = {(BOOK / page).parent / each for each in sources if not each.startswith("data:")}  # a film is in the page
    assert (BOOK / page).stat().st_size + sum(path.stat().st_size for path in images) <= MAX_PAGE_BYTES
    assert not re.search(r"github\.com/executablebooks|your-repo", soup(BOOK / page).decode()), "a repository's address"


GOOD = """<!DOCTYPE html><html lang="en"><head><title>T</title><link rel="icon" href="data:,"><script>
const dark = matchMedia("(prefers-color-scheme: dark)");
dark.onchange = () => { document.documentElement.dataset.theme = dark.matches ? "dark" : "light"; };
dark.onchange();
</script></head><body><main><h1>T</h1><article><p>Words. <a href="#here" id="here">A link</a></p></article>
</main></body></html>"""
FORMULA = "<script>window.MathJax = { startup: { promise: Promise.resolve() } }</script>"
FORMULA += "<article><div class=math id=eq><span class=eqno style='NUMBER'>(1)</span>"
FORMULA += "<mjx-container><mjx-math>x</mjx-math></mjx-container></div></article>"
HEAVY = "heavy.js"
SLEEPER = "<article data-explorer=Sleeper><canvas></canvas><p class=tell>Words</p>"
SLEEPER += "<input type=range aria-label=x><script></script></article>"
ANSWER = "addEventListener('input', () => { document.querySelector('canvas').width += 1; "
ANSWER += "document.querySelector('.tell').textContent += '.'; });"


def box(columns: int) -> str:
    """A box of code as wide as it is told, which scrolls where it does not fit."""
    code = f"<pre style='overflow-x: auto' tabindex=0>{'x' * columns}</pre>"
    return f"<article><div class=cell><div class=cell_input>{code}</div></div></article>"


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
        ("<script>dark.onchange = null</script>", "no dark mode"),
        (box(200), "1 of 1 boxes scroll sideways at 1400 px"),
        (box(60), "1 of 1 boxes scroll sideways at 390 px"),
        (f"<details>{box(200)}</details>", "1 of 1 boxes scroll sideways at 1400 px"),
        (f"<div class=cell><details class=hide>{box(200)}</details></div>", None),
        (FORMULA.replace("NUMBER", "position: absolute"), "a formula touches its number, or follows it: eq"),
        (FORMULA.replace("NUMBER", "float: right"), None),
        ("<article><input></article>", "label: <input"),
        ("<style>p { color: #eee; background: #fff }</style>", "color-contrast: <p>"),
        ("<style>p::before { font-family: 'Font Awesome'; content: '\\20' }</style>", "icon 0x20 is in no font"),
        (SLEEPER, "an explorer does not answer: Sleeper"),
        (SLEEPER.replace("<script>", f"<script>{ANSWER}"), None),
        (f"<script src='data:text/javascript,'></script><script src='{HEAVY}'></script>", "bytes over the wire"),
    ],
)
def test_a_damaged_page_is_found_out(browser, serve, tmp_path, monkeypatch, damage, fault):
    if fault and fault.startswith(("no dark mode", "an explorer")):  # what is waited for in vain
        monkeypatch.setattr(sys.modules[__name__], "PATIENCE", 2_000)
    (tmp_path / HEAVY).write_bytes(b"//" + random.Random(0).randbytes(MAX_WIRE_BYTES).hex().encode())
    (tmp_path / "page.html").write_text(GOOD.replace("</main>", damage + "</main>"))
    faults = faults_of(browser, serve(tmp_path), "page.html", fully=True)
    if fault:
        assert any(fault in message for message in faults), faults
    else:
        assert faults == []


def test_a_broken_link_is_found_out(tmp_path):
    (tmp_path / "page.html").write_text(GOOD.replace("#here", "#there"))
    assert broken_links(tmp_path, "page.html") == ["no such anchor: #there"]
    (tmp_path / "other.html").write_text(GOOD.replace("#here", "gone.html"))
    assert broken_links(tmp_path, "other.html") == ["no such file: gone.html"]
