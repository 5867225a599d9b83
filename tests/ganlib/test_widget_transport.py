"""The transport explorer: its bars under a mouse, a finger and the keyboard, its presets, and its plan."""

import math

import numpy as np
import pytest
from test_widgets import SET, page_of, show  # noqa: F401

pytest.importorskip("anywidget")

import traitlets
from scipy.optimize import linprog

from ganlib.widgets.transport import BINS, Transport

GET = "(name) => document.querySelector('[data-explorer]').explorer.model.get(name)"
NUMBERS = """() => { const { model, module } = document.querySelector('[data-explorer]').explorer;
    return module.numbers(Object.fromEntries(['p', 'q', 'shift', 'bar'].map((name) => [name, model.get(name)]))); }"""
LEFT, TOP, TALL, FOOT, REST = 44, 54, 88, 282, 262  # of the picture at a desktop's width


def top_of(page, bar, mass):
    """Where on the screen the top of a bar of unmoved histograms is, at a scale of 0.5."""
    box = page.locator("canvas").bounding_box()
    x = LEFT + (int(bar[1]) + 0.5) * (box["width"] - REST - LEFT) / (2 * BINS)
    y = TOP + TALL - 2 * mass * TALL if bar[0] == "p" else FOOT + 2 * mass * TALL
    return box["x"] + x, box["y"] + y


@pytest.mark.parametrize(("bar", "mass", "down"), [("p1", 0.25, -TALL * 0.2), ("q4", 0.30, TALL * 0.2)])
def test_a_bar_follows_the_mouse_and_the_rest_share_what_is_left(show, bar, mass, down):  # noqa: F811
    page = show(Transport())
    page.mouse.move(*top_of(page, bar, mass))
    page.mouse.down()
    x, y = top_of(page, bar, mass)
    page.mouse.move(x, y + down / 2)
    page.mouse.move(x, y + down)
    page.mouse.up()
    page.mouse.move(x, y)  # released: nothing more moves
    name, bin = bar[0], int(bar[1])
    after, before = page.evaluate(GET, name), np.array(getattr(Transport(), name)) / 20
    before[np.arange(BINS) != bin] *= (1 - mass - 0.1) / (1 - mass)
    before[bin] = mass + 0.1
    assert after == pytest.approx(before.tolist(), abs=1e-6) and page.evaluate(GET, "bar") == bar
    assert page.get_by_label("histograms").input_value() == ""  # these are the reader's own


def test_a_finger_on_a_bar_drags_it_and_elsewhere_scrolls_the_page(show):  # noqa: F811
    page = show(Transport(), has_touch=True)
    page.evaluate("document.body.style.height = '3000px'")
    client = page.context.new_cdp_session(page)

    def swipe(x, y, by):
        client.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
        for step in range(1, 11):
            client.send(
                "Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x, "y": y + by * step / 10}]}
            )
        client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        page.wait_for_timeout(200)

    swipe(*top_of(page, "p1", 0.25), -TALL * 0.4)
    assert page.evaluate(GET, "p")[1] == pytest.approx(0.45, abs=1e-6) and page.evaluate("scrollY") == 0
    after = page.evaluate(GET, "p")
    box = page.locator("canvas").bounding_box()
    swipe(box["x"] + 200, box["y"] + (TOP + TALL + FOOT) / 2, -60)
    assert page.evaluate(GET, "p") == after and page.evaluate("scrollY") > 0


def test_the_keyboard_sets_any_bar(show):  # noqa: F811
    page = show(Transport())
    page.get_by_label("bar to set").select_option("p3")
    mass = page.get_by_role("slider", name="its mass")
    mass.focus()
    for _ in range(4):
        mass.press("ArrowRight")
    assert page.evaluate(GET, "p")[3] == pytest.approx(0.04) and sum(page.evaluate(GET, "p")) == pytest.approx(1)
    mass.press("End")
    mass.press("Home")
    assert page.evaluate(GET, "p") == pytest.approx((np.array([4, 5, 2, 0, 1, 2, 4, 2]) / 20).tolist())


def test_the_only_bar_can_be_lowered(show):  # noqa: F811
    page = show(Transport(p=[1, 0, 0, 0, 0, 0, 0, 0], bar="p0"))
    page.get_by_role("slider", name="its mass").press("ArrowLeft")
    masses = page.evaluate(GET, "p")
    assert masses[0] == pytest.approx(0.98) and masses[1:] == pytest.approx([0.02 / 7] * 7)


@pytest.mark.parametrize(
    ("name", "w1", "jsd"),
    [
        ("overlapping", 1.55, 0.3116388),
        ("equal", 0, 0),
        ("moved", 1, 0.1951908),
        ("far", 8, math.log(2)),
        ("points", 3, math.log(2)),
    ],
)
def test_the_presets(show, name, w1, jsd):  # noqa: F811
    page = show(Transport())
    page.get_by_label("histograms").select_option(name)
    numbers = page.evaluate(NUMBERS)
    assert numbers["w1"] == pytest.approx(w1, abs=1e-9) and numbers["jsd"] == pytest.approx(jsd, abs=1e-7)
    assert page.get_by_label("histograms").input_value() == name


def test_the_plan_that_is_drawn_costs_as_little_as_a_linear_program(show):  # noqa: F811
    widget = Transport(p=[0, 3, 0, 1, 1, 0, 2, 5], q=[2, 0, 1, 0, 4, 1, 0, 0], shift=3)
    page = show(widget)
    place = np.arange(BINS)
    cost = np.abs(place[:, None] - (place + 3))
    sums = np.vstack([np.kron(np.eye(BINS), np.ones(BINS)), np.kron(np.ones(BINS), np.eye(BINS))])
    masses = np.concatenate([np.array(widget.p) / sum(widget.p), np.array(widget.q) / sum(widget.q)])
    assert page.evaluate(NUMBERS)["w1"] == pytest.approx(linprog(cost.ravel(), A_eq=sums, b_eq=masses).fun, abs=1e-9)


def test_once_apart_only_w1_tells_how_far(show):  # noqa: F811
    page = show(Transport(p=[1, 2, 1, 0, 0, 0, 0, 0], q=[1, 2, 1, 0, 0, 0, 0, 0]))
    for shift in (3, 5, 8):
        page.evaluate(SET, ["shift", shift])
        assert page.evaluate(NUMBERS) == pytest.approx({"w1": shift, "jsd": math.log(2), "tv": 1})
        assert "no bin holds mass of both" in page.inner_text(".tell")


@pytest.mark.parametrize("heights", [[0] * 8, [1] * 7, [-1] + [1] * 7, [math.inf] + [1] * 7])
def test_heights_that_are_no_distribution_are_refused(heights):
    with pytest.raises(traitlets.TraitError):
        Transport(p=heights)
