"""The built book as people use it: before its scripts come, below another path, on paper, by search."""

import os
import re

import pytest
from test_book import BOOK, DESKTOP, PAGES, PATIENCE, faults_of, soup

CHAPTERS = [page for page in PAGES if page.startswith("chapters/")]
EXPLORERS = [page for page in PAGES if ' data-explorer="' in (BOOK / page).read_text(encoding="utf-8")]

pytestmark = pytest.mark.skipif(
    not PAGES and not os.environ.get("CI"), reason="no book at _build/html: run `make book` first"
)


@pytest.fixture
def open_page(browser, serve):
    """Open a page of the book on a server; returns Playwright's page."""
    contexts = []

    def start(path: str, **options):
        contexts.append(browser.new_context(viewport=DESKTOP, **options))
        page = contexts[-1].new_page()
        page.goto(serve(BOOK) + path, wait_until="load")
        return page

    yield start
    for context in contexts:
        context.close()


@pytest.mark.parametrize("page", ["index.html", *CHAPTERS[:1], *EXPLORERS[-1:]])
def test_the_first_content_waits_for_no_large_script(browser, serve, page):
    """What the reader sees first stands while MathJax, the explorers and all else that is deferred have not come."""
    early = {each["src"].rpartition("/")[2] for each in soup(BOOK / page).select("script[src]:not([defer], [async])")}
    context = browser.new_context(viewport=DESKTOP)
    opened, held = context.new_page(), []

    def route(request_route):
        request = request_route.request
        if request.resource_type == "script" and request.url.rpartition("/")[2] not in early:
            held.append(request.url)  # and gets no answer
        else:
            request_route.continue_()

    context.route("**/*", route)
    opened.goto(serve(BOOK) + page, wait_until="commit")
    opened.wait_for_function("() => performance.getEntriesByName('first-contentful-paint').length", timeout=PATIENCE)
    opened.locator("h1:visible").first.wait_for(timeout=PATIENCE)
    assert any("mathjax" in url for url in held)
    context.close()


def test_the_book_works_below_another_path(browser, serve):
    base = serve(BOOK.parent)
    for page in ("index.html", *EXPLORERS[-1:]):
        assert faults_of(browser, base, f"{BOOK.name}/{page}") == []


def test_search_finds_mode_collapse(open_page):
    opened = open_page("search.html?q=mode+collapse")
    opened.wait_for_selector("#search-results li a")
    links = [link.get_attribute("href") for link in opened.locator("#search-results li a").all()]
    assert any("chapters/" in href for href in links)


def test_next_and_previous_lead_through_the_whole_book_and_back():
    there, page = [], "index.html"
    while page:
        there.append(page)
        following = soup(BOOK / page).select_one("a.right-next")
        page = following and os.path.normpath(os.path.join(os.path.dirname(page), following["href"]))
    assert [each for each in there if each in CHAPTERS] == CHAPTERS
    back = []
    page = there[-1]
    while page:
        back.append(page)
        before = soup(BOOK / page).select_one("a.left-prev")
        page = before and os.path.normpath(os.path.join(os.path.dirname(page), before["href"]))
    assert back == there[::-1]


INSIDE = "details.sd-dropdown .sd-summary-content :is(div.math, figure)[id]"
FOLDED = [page for page in CHAPTERS if soup(BOOK / page).select_one("details.sd-dropdown")]
ASKED = [page for page in CHAPTERS if soup(BOOK / page).select_one("fieldset.question")]


def test_every_chapter_has_folds_and_questions():
    assert FOLDED == CHAPTERS and ASKED == CHAPTERS


@pytest.mark.parametrize("page", [page for page in FOLDED if soup(BOOK / page).select_one(INSIDE)][:1])
def test_a_link_into_a_fold_opens_it(open_page, page):
    inside = soup(BOOK / page).select_one(INSIDE)["id"]
    opened = open_page(page)
    assert not opened.locator(f"[id='{inside}']").is_visible()
    opened.evaluate("(id) => { location.hash = id; }", inside)
    opened.locator(f"[id='{inside}']").wait_for(timeout=PATIENCE)
    straight = open_page(f"{page}#{inside}")
    straight.locator(f"[id='{inside}']").wait_for(timeout=PATIENCE)


def test_a_question_is_answered_by_keyboard_and_remembered_on_the_device(open_page):
    opened = open_page(ASKED[0])
    question = opened.locator("fieldset.question").first
    question.locator("details").wait_for()
    assert question.locator("details[open]").count() == 0
    right = question.locator("input[value=right]")
    question.locator("input").first.focus()
    opened.keyboard.press("Space")
    for _ in range(question.locator("input").count()):
        if right.is_checked():
            break
        opened.keyboard.press("ArrowDown")
    assert question.locator("details[open]").count() == 1
    assert question.locator(".verdict").inner_text() == "Yes."
    opened.reload(wait_until="load")
    assert right.is_checked() and question.locator(".verdict").inner_text() == "Yes."
    wrong = question.locator("input[value=wrong]").first
    wrong.check()
    assert question.locator(".verdict").inner_text().startswith("Not this one")


@pytest.mark.parametrize("page", [page for page in CHAPTERS if soup(BOOK / page).select_one("details.film")][:1])
def test_a_film_plays_while_its_fold_is_open_and_not_on_paper(open_page, page):
    opened = open_page(page)
    film = opened.locator("details.film").first
    picture = film.locator("img")
    assert not picture.is_visible() and picture.get_attribute("alt").strip()
    film.locator("summary").focus()
    opened.keyboard.press("Enter")
    picture.wait_for()
    shots = set()
    for _ in range(PATIENCE // 300):
        shots.add(picture.screenshot())
        if len(shots) == 4:
            break
        opened.wait_for_timeout(300)
    assert len(shots) == 4
    opened.keyboard.press("Enter")
    picture.wait_for(state="hidden")
    film.evaluate("(fold) => { fold.open = true; }")
    opened.emulate_media(media="print")
    assert film.is_visible() and not picture.is_visible()


def test_print_opens_what_is_folded_and_closes_it_again(open_page):
    opened = open_page(FOLDED[0])
    closed = "document.querySelectorAll('article details:not([open])').length"
    before = opened.evaluate(closed)
    opened.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert before > 0 and opened.evaluate(closed) == 0
    opened.evaluate("dispatchEvent(new Event('afterprint'))")
    assert opened.evaluate(closed) == before


def test_paper_shows_the_text_alone(open_page):
    opened = open_page(CHAPTERS[0])
    opened.emulate_media(media="print")
    for hidden in (".bd-sidebar-primary", ".bd-sidebar-secondary", ".bd-header-article", ".prev-next-area"):
        assert not opened.locator(hidden).first.is_visible(), hidden
    assert opened.locator("h1:visible").count() == 1


def test_the_landing_page_has_its_doors_and_every_chapter():
    text = soup(BOOK / "index.html").select_one("article").get_text(" ")
    assert all(door in text for door in ("Read", "Run", "Teach"))
    links = soup(BOOK / "index.html").select("article a[href]")
    linked = {os.path.normpath(link["href"].split("#")[0]) for link in links}
    assert set(CHAPTERS) <= linked and re.search(r"[\d,]+ claims checked in \d+ chapters", text)
