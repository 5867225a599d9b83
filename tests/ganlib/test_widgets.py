"""The explorers in a real browser: their numbers beside ganlib's, their controls, and what they say to each other."""

import json
import math
import random

import pytest

from course.layout import ROOT
from course.sphinx import explorers as book_explorers
from ganlib import widgets
from ganlib.widgets import explorer

EXPLORERS = [getattr(widgets, name) for name in widgets.__all__]
MAX_BYTES = 60_000
PAGE = """<!DOCTYPE html><html lang="en"><head><title>T</title><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width"><style>body {{ margin: 0 }} {css}</style></head><body>{place}
<script>(window.ganlibExplorers ??= {{}})[{file}] = {source};</script><script>{host}</script></body></html>"""

SET = "([name, value]) => document.querySelector('[data-explorer]').explorer.model.set(name, value)"


def page_of(widget) -> str:
    """A page that holds one explorer as the book does."""
    host = (ROOT / "course/sphinx/explorers_host.js").read_text(encoding="utf-8")
    source = json.dumps(explorer.source(widget._file)).replace("</", "<\\/")
    css = (explorer.SCRIPTS / "explorer.css").read_text(encoding="utf-8")
    place = book_explorers.holder(widget.still())
    return PAGE.format(css=css, place=place, file=json.dumps(widget._file), source=source, host=host)


@pytest.fixture
def show(browser, tmp_path):
    """Open a page with one explorer, from a file, at a desktop's width; a script error fails the test."""
    contexts, errors = [], []

    def open_page(widget, **options):
        contexts.append(browser.new_context(viewport={"width": 900, "height": 900}, **options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        file = tmp_path / f"{widget._file}.html"
        file.write_text(page_of(widget), encoding="utf-8")
        page.goto(file.as_uri())
        page.wait_for_function("() => document.querySelector('[data-explorer]').explorer")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


def stop_the_clock(page) -> None:
    """From now on the page's time, its timers and its frames go on by ``page.clock.run_for`` alone."""
    page.clock.install(time=0)
    page.clock.pause_at(1000)


def varied(kind, n=12):
    """The explorer with traits drawn at random within their bounds; see ``examples`` of a class for other traits."""
    draw = random.Random(0)
    for _ in range(n):
        yield kind.random(draw) if hasattr(kind, "random") else kind(**drawn(kind, draw))


def drawn(kind, draw) -> dict:
    """A value for each float and each choice that the explorer shares with its page."""
    values = {}
    for name, trait in kind.class_own_traits(sync=True).items():
        if hasattr(trait, "values"):
            values[name] = draw.choice(trait.values)
        elif getattr(trait, "min", None) is not None and math.isfinite(trait.min):
            values[name] = draw.uniform(trait.min, trait.max)
    return values


@pytest.mark.parametrize("kind", EXPLORERS, ids=lambda kind: kind.__name__)
def test_the_numbers_in_the_page_are_ganlibs(kind, show):
    page = show(kind())
    for widget in varied(kind):
        for name, value in widget.still()["state"].items():
            page.evaluate(
                "([name, value]) => document.querySelector('[data-explorer]').explorer.model.set(name, value)",
                [name, value],
            )
        numbers = page.evaluate(
            """(names) => { const { model, module } = document.querySelector('[data-explorer]').explorer;
            return module.numbers(Object.fromEntries(names.map((name) => [name, model.get(name)]))); }""",
            list(widget.still()["state"]),
        )
        assert numbers == pytest.approx(widget.numbers(), abs=1e-5, rel=1e-5), widget.still()["state"]


@pytest.mark.parametrize("kind", EXPLORERS, ids=lambda kind: kind.__name__)
def test_every_slider_changes_the_picture_and_the_sentence_and_reset_takes_it_back(kind, show):
    page = show(kind())
    look = "() => document.querySelector('canvas').toDataURL()"
    page.wait_for_timeout(100)
    first = page.evaluate(look), page.inner_text(".tell")
    for slider in page.locator("input[type=range]").all():
        assert slider.evaluate("(node) => node.labels.length || node.ariaLabel"), "a slider without a name"
        slider.focus()
        for _ in range(3):
            slider.press("ArrowRight")
        page.wait_for_timeout(100)
        assert page.evaluate(look) != first[0] and page.inner_text(".tell") != first[1]
        page.get_by_role("button", name="Reset").click()
        page.wait_for_timeout(100)
        assert (page.evaluate(look), page.inner_text(".tell")) == first


@pytest.mark.parametrize("kind", EXPLORERS, ids=lambda kind: kind.__name__)
def test_it_fits_a_phone_and_the_dark(kind, show):
    page = show(kind())
    page.set_viewport_size({"width": 390, "height": 844})
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_timeout(150)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert (
        page.evaluate("getComputedStyle(document.querySelector('.ganlib-explorer')).backgroundColor")
        == "rgb(23, 28, 36)"
    )


@pytest.mark.parametrize("kind", EXPLORERS, ids=lambda kind: kind.__name__)
def test_it_is_light_and_says_in_words_what_it_shows(kind):
    assert len(explorer.source(kind._file).encode()) < MAX_BYTES
    bundle, _ = kind()._repr_mimebundle_()
    assert bundle["text/plain"] == kind.about and len(kind.about) > 60
    assert bundle[explorer.MEDIA_TYPE]["file"] == kind._file and explorer.MEDIA_TYPE == book_explorers.EXPLORER


@pytest.mark.parametrize("kind", EXPLORERS, ids=lambda kind: kind.__name__)
def test_it_is_clean_for_axe(kind, show):
    from axe_playwright_python.sync_playwright import Axe

    page = show(kind())
    for theme in ("light", "dark"):
        page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
        page.wait_for_timeout(100)
        violations = Axe().run(page, context="[data-explorer]").response["violations"]
        assert [(each["id"], each["nodes"][0]["html"][:80]) for each in violations] == []


@pytest.mark.parametrize("kind", EXPLORERS, ids=lambda kind: kind.__name__)
def test_it_is_a_widget_like_others(kind):
    import ipywidgets

    one, two = kind(), kind()
    name, trait = next(
        (n, t) for n, t in kind.class_own_traits(sync=True).items() if getattr(t, "min", None) is not None
    )
    seen = []
    one.observe(lambda change: seen.append(change["new"]), name)
    link = ipywidgets.jslink((one, name), (two, name))
    setattr(one, name, trait.max)
    assert seen == [trait.max] and ipywidgets.VBox([one, two]).children == (one, two)
    link.unlink()
