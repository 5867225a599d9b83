"""The book on paper: sheets, outline, page numbers, folds, and links that lead to their place."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from pypdf import PdfReader

from course.book import paper
from course.book.build import BookError, paper_words

PAGE = "<!DOCTYPE html><html lang='en'><head><title>T</title></head><body><article>{}</article></body></html>"
ONE = """<h1>One</h1><p>First words. <a href="02_two.html#far">To the place</a>, <a href="02_two.html">to the page</a>,
<a href="#near">near by</a>, <a href="https://example.org/x">away</a>.</p>
<details><summary>Deeper: a proof</summary><p>Hidden words.</p></details>
<h2 id="near">A section</h2><pre>{}</pre>"""
TWO = "<h1>Two</h1>" + "<p>Long.</p>" * 150 + "<h2 id='far'>Far away</h2><p>The end.</p>"
TOC = {
    "root": "index",
    "parts": [{"caption": "Part I", "chapters": [{"file": "chapters/01_one.ipynb"}, {"file": "chapters/02_two"}]}],
}

needs_chromium = pytest.mark.skipif(
    not any(map(shutil.which, paper.BROWSERS)), reason="no Chromium found to print with"
)


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """A small site on paper."""
    site, output = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("paper")
    (site / "chapters").mkdir()
    (site / "index.html").write_text(PAGE.format("<h1>The book</h1><p><a href='chapters/01_one.html'>Begin</a></p>"))
    (site / "chapters/01_one.html").write_text(PAGE.format(ONE.format("x" * 60)))
    (site / "chapters/02_two.html").write_text(PAGE.format(TWO))
    with ThreadPoolExecutor(1) as pool:  # the tests' own browser runs in this thread already
        paths = pool.submit(paper.print_book, site, output, TOC, "https://example.org/book/").result()
    return {path.relative_to(output).as_posix(): PdfReader(path) for path in paths}


def targets(sheets: PdfReader, number: int) -> list:
    """Where the links of a sheet lead: to the number of another sheet, or to an address."""
    notes = [note.get_object() for note in sheets.pages[number].get("/Annots", [])]
    ids = {page.indirect_reference.idnum: at for at, page in enumerate(sheets.pages)}
    return [ids[note["/Dest"][0].idnum] if "/Dest" in note else note["/A"]["/URI"] for note in notes]


def titles(outline: list) -> list:
    return [titles(item) if isinstance(item, list) else item.title for item in outline]


@needs_chromium
def test_the_whole_book_has_an_outline_numbers_and_open_folds(printed):
    assert list(printed) == ["the-adversarial-game.pdf", "chapters/01_one.pdf", "chapters/02_two.pdf"]
    whole = printed["the-adversarial-game.pdf"]
    assert titles(whole.outline) == ["The book", "Part I", ["One", ["A section"], "Two", ["Far away"]]]
    texts = [page.extract_text() for page in whole.pages]
    assert len(texts) >= 5 and "Hidden words." in texts[1]
    assert [text.split()[-1] for text in texts] == [str(number + 1) for number in range(len(texts))]


@needs_chromium
def test_links_lead_to_their_place_on_paper(printed):
    whole = printed["the-adversarial-game.pdf"]
    last = len(whole.pages) - 1
    assert "Far away" in whole.pages[last].extract_text()
    assert targets(whole, 0) == [1]
    assert targets(whole, 1)[:4] == [last, 2, 1, "https://example.org/x"]


@needs_chromium
def test_a_chapter_alone_keeps_its_own_links(printed):
    alone = printed["chapters/01_one.pdf"]
    assert titles(alone.outline) == ["One", ["A section"]]
    published = "https://example.org/book/chapters/02_two.html"
    assert targets(alone, 0) == [f"{published}#far", published, 0, "https://example.org/x"]
    assert alone.pages[0].extract_text().split()[-1] == "1"


@needs_chromium
def test_no_path_of_the_machine_is_printed(tmp_path):
    (tmp_path / "index.html").write_text(PAGE.format("<h1>The book</h1><p><a href='search.html'>Search</a></p>"))
    (tmp_path / "search.html").write_text("x")
    with ThreadPoolExecutor(1) as pool:
        (whole,) = pool.submit(paper.print_book, tmp_path, tmp_path / "out", {"root": "index"}).result()
    notes = [note.get_object() for note in PdfReader(whole).pages[0].get("/Annots", [])]
    assert len(notes) == 1 and "/A" not in notes[0] and b"file:" not in whole.read_bytes()


def test_without_a_book_or_a_browser_one_sentence_says_what_to_do(tmp_path, monkeypatch):
    with pytest.raises(BookError, match="index.html is missing: run `make book` first"):
        paper.print_book(tmp_path, tmp_path / "out", {"root": "index"})
    (tmp_path / "index.html").write_text("x")
    monkeypatch.setattr(paper.shutil, "which", lambda name: None)
    with pytest.raises(BookError, match="No Chromium was found"):
        paper.print_book(tmp_path, tmp_path / "out", {"root": "index"})


def test_the_landing_page_says_where_the_book_on_paper_is():
    assert "(https://example.org/book/pdf/the-adversarial-game.pdf)" in paper_words("https://example.org/book/")
    assert "`make pdf`" in paper_words(None)
