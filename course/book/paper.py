"""Print the built book: one PDF of the whole, and one of each chapter for handouts.

    python -m course.book.paper [--book DIR] [--output DIR]

Chromium prints the pages as they stand, in reading order, with folds open. They are joined with an outline of parts,
chapters and sections and with page numbers, and a link from one page of the book to another leads to its place there.
"""

import argparse
import os
import shutil
import sys
from collections import defaultdict
from io import BytesIO
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import yaml
from bs4 import BeautifulSoup
from playwright.sync_api import Browser, PdfMargins, sync_playwright
from pypdf import PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    DictionaryObject,
    FloatObject,
    IndirectObject,
    NameObject,
    NullObject,
    TextStringObject,
)

from course import repository
from course.book.build import BookError
from course.layout import BOOK, PAPER, ROOT, WHOLE

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
MARGINS: PdfMargins = {"top": "18mm", "bottom": "20mm", "left": "18mm", "right": "18mm"}
NO_MARGINS: PdfMargins = {"top": "0", "bottom": "0", "left": "0", "right": "0"}
PATIENCE = 180_000  # milliseconds, for a page's formulas on a busy machine

OPEN_FOLDS = "() => document.querySelectorAll('article details').forEach((fold) => { fold.open = true; })"
MATH_SET = "() => !document.querySelector('.math') || (window.MathJax?.startup?.promise?.then(() => true) ?? false)"
# Chromium keeps the place of an element only where a link of its own page leads there.
KEEP_PLACES = """(names) => {
  const links = document.createElement("div");
  links.style.cssText = "position: absolute; top: 0; font-size: 1px; color: transparent; opacity: 0";
  for (const name of names) {
    const link = document.createElement("a");
    link.href = "#" + name;
    link.textContent = ".";
    links.append(link);
  }
  document.querySelector("article").append(links);
}"""


class Printed(NamedTuple):
    """A page of the book on paper: its address, such as ``chapters/01_x.html``, the part it stands in, its sheets."""

    address: str
    part: str
    sheets: PdfReader


class Site(NamedTuple):
    """Where the built book lies on this machine, and where it is published; each ends with a slash."""

    here: str
    published: str | None


def reading_order(toc: dict) -> list[tuple[str, str]]:
    """The address and the part of every page that the table of contents names."""
    parts = [(entry["file"], part["caption"]) for part in toc.get("parts", []) for entry in part["chapters"]]
    return [(f"{toc['root']}.html", ""), *((f"{Path(file).with_suffix('')}.html", part) for file, part in parts)]


def places_wanted(book: Path, addresses: list[str]) -> dict[str, set[str]]:
    """For each page the names of the places to which the book's links lead."""
    wanted = defaultdict(set)
    for address in addresses:
        page = BeautifulSoup((book / address).read_text(encoding="utf-8"), "html.parser")
        for link in page.select("article a[href*='#']"):
            target, name = urldefrag(urljoin(address, str(link["href"])))
            if target in addresses and name:
                wanted[target].add(unquote(name))
    return wanted


def print_page(browser: Browser, site: str, address: str, places: set[str]) -> PdfReader:
    """One page of the site on paper."""
    context = browser.new_context(color_scheme="light", reduced_motion="reduce")
    page = context.new_page()
    page.goto(site + address, wait_until="load", timeout=PATIENCE)
    page.wait_for_function(MATH_SET, timeout=PATIENCE)
    page.evaluate(OPEN_FOLDS)
    for explorer in page.locator("[data-explorer]").all():  # one that is out of sight does not draw
        explorer.scroll_into_view_if_needed()
        explorer.locator("canvas").first.wait_for()
        page.wait_for_timeout(500)  # until the first picture stands
    page.evaluate(KEEP_PLACES, sorted(places))
    page.emulate_media(media="print")
    sheets = page.pdf(outline=True, tagged=True, scale=0.9, format="A4", margin=MARGINS)
    context.close()
    return PdfReader(BytesIO(sheets))


def with_numbers(writer: PdfWriter, browser: Browser) -> None:
    """Write its number at the foot of each sheet."""
    count = len(writer.pages)
    look = "height: 297mm; position: relative; break-after: page; font: 9pt sans-serif; color: #555; text-align: center"
    foot = "position: absolute; bottom: 9mm; width: 100%"
    sheets = "".join(f'<div style="{look}"><div style="{foot}">{number + 1}</div></div>' for number in range(count))
    page = browser.new_page()
    page.set_content(f"<style>body {{ margin: 0 }}</style>{sheets}")
    numbers = PdfReader(BytesIO(page.pdf(format="A4", margin=NO_MARGINS)))
    page.close()
    for sheet, number in zip(writer.pages, numbers.pages, strict=False):
        sheet.merge_page(number)


def lead_inside(writer: PdfWriter, printed: list[Printed], starts: list[int], site: Site) -> None:
    """Let the links between pages of the book lead to their places on paper.

    One to a page that is not in this document leads to the published book, or nowhere where none is known.
    """
    first = {each.address: start for each, start in zip(printed, starts, strict=True)}
    places: dict[tuple[str, str], tuple[int, float]] = {}
    for each, start in zip(printed, starts, strict=True):
        for name, place in each.sheets.named_destinations.items():
            number = each.sheets.get_destination_page_number(place)
            if number is not None:
                places[each.address, unquote(name.removeprefix("/"))] = (start + number, float(place.top or 0))

    def destination(address: str, name: str) -> ArrayObject | None:
        if (address, name) in places:
            number, top = places[address, name]
        elif address in first:
            number, top = first[address], float(writer.pages[first[address]].mediabox.top)
        else:
            return None
        ends = [NullObject(), FloatObject(top), NullObject()]
        return ArrayObject([writer.pages[number].indirect_reference, NameObject("/XYZ"), *ends])

    for each, start in zip(printed, starts, strict=True):
        for sheet in writer.pages[start : start + len(each.sheets.pages)]:
            for reference in sheet.get("/Annots", []):
                note = reference.get_object()
                action = note.get("/A", DictionaryObject()).get_object()
                if "/Dest" in note:
                    target = destination(each.address, unquote(str(note["/Dest"]).removeprefix("/")))
                elif str(action.get("/URI", "")).startswith(site.here):
                    rest = str(action["/URI"]).removeprefix(site.here)
                    address, name = urldefrag(rest)
                    target = destination(unquote(urlsplit(address).path), unquote(name))
                    if target is None and site.published:
                        action[NameObject("/URI")] = TextStringObject(site.published + rest)
                        continue
                else:
                    continue
                note.pop("/A", None)  # the address of a file on the machine that printed the book
                if target is not None:
                    note[NameObject("/Dest")] = target


def joined(printed: list[Printed], browser: Browser, site: Site, parts: bool) -> PdfWriter:
    """The sheets of several pages as one document, with outline, page numbers and links."""
    writer, starts = PdfWriter(), []
    headings: dict[str, IndirectObject] = {}
    for each in printed:
        starts.append(len(writer.pages))
        writer.append(each.sheets, import_outline=False)
        if parts and each.part and each.part not in headings:
            headings[each.part] = writer.add_outline_item(title=each.part, page_number=starts[-1])
        outline(writer, each.sheets, each.sheets.outline, starts[-1], headings.get(each.part))
    lead_inside(writer, printed, starts, site)
    with_numbers(writer, browser)
    writer.compress_identical_objects()
    for sheet in writer.pages:
        sheet.compress_content_streams()
    writer.add_metadata({"/Title": "The Adversarial Game"})
    return writer


def outline(writer: PdfWriter, sheets: PdfReader, items: list, start: int, parent) -> None:
    """Take over the outline that Chromium made of a page's headings."""
    last = parent
    for item in items:
        if isinstance(item, list):
            outline(writer, sheets, item, start, last)
        else:
            sheet = sheets.get_destination_page_number(item) or 0
            title = str(item.title).rstrip("#").strip()
            last = writer.add_outline_item(title=title, page_number=start + sheet, parent=parent)


def print_book(book: Path, output: Path, toc: dict, published: str | None = None) -> list[Path]:
    """Write the PDFs of a built book below ``output``, and return them, the whole book first.

    ``published`` is the address of the site, with a slash at the end.
    """
    order = reading_order(toc)
    if missing := [address for address, _ in order if not (book / address).is_file()]:
        raise BookError(f"{book / missing[0]} is missing: run `make book` first.")
    programme = next(filter(None, map(shutil.which, BROWSERS)), None)
    if programme is None:
        raise BookError(f"No Chromium was found, which prints the book: install one of {', '.join(BROWSERS)}.")
    wanted = places_wanted(book, [address for address, _ in order])
    site, written = Site(book.resolve().as_uri() + "/", published), []
    (output / "chapters").mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=programme, args=OPTIONS)
        printed = []
        for address, part in order:
            printed.append(Printed(address, part, print_page(browser, site.here, address, wanted[address])))
            print(f"{address}: {len(printed[-1].sheets.pages)} sheets", flush=True)
        joined(printed, browser, site, parts=True).write(output / WHOLE)
        written.append(output / WHOLE)
        for each in printed:
            if each.address.startswith("chapters/"):
                path = output / Path(each.address).with_suffix(".pdf")
                joined([each], browser, site, parts=False).write(path)
                written.append(path)
        browser.close()
    return written


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--book", type=Path, default=BOOK, help="the built book")
    parser.add_argument("--output", type=Path, default=PAPER, help="where the PDFs go")
    args = parser.parse_args(arguments)
    try:
        toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
        written = print_book(args.book, args.output, toc, repository.site(repository.find(ROOT)))
    except (BookError, repository.AddressError) as error:
        print(error, file=sys.stderr)
        return 2
    size = os.path.getsize(written[0]) / 1e6
    print(f"The book is {written[0]} ({size:.1f} MB); {len(written) - 1} chapters lie beside it.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
