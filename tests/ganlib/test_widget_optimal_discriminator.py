"""What the explorer of the best discriminator shows beyond its numbers: the theorem, and handles to drag."""

import math

import pytest
from test_widgets import show, varied  # noqa: F401

from ganlib.widgets.optimal_discriminator import OptimalDiscriminator

STATE = "(name) => document.querySelector('[data-explorer]').explorer.model.get(name)"
FLOOR = -math.log(4)


def test_the_value_is_the_divergence_and_no_other_discriminator_has_more():
    for widget in varied(OptimalDiscriminator):
        numbers = widget.numbers()
        assert numbers["value"] == pytest.approx(2 * numbers["jsd"] + FLOOR, abs=1e-9)
        assert numbers["own_value"] <= numbers["value"] + 1e-12 and numbers["value"] > FLOOR


def test_the_best_discriminator_of_equal_distributions_is_a_coin():
    numbers = OptimalDiscriminator(theta=0.0, sd=1.0, steepness=0.0).numbers()
    expected = {"jsd": 0, "value": FLOOR, "own_value": FLOOR, "best_at_0": 0.5}
    assert numbers == pytest.approx(expected, abs=1e-9)


def test_a_logistic_discriminator_is_the_best_one_where_only_the_means_differ():
    numbers = OptimalDiscriminator(theta=2.0, sd=1.0, place=1.0, steepness=2.0).numbers()
    assert numbers["own_value"] == pytest.approx(numbers["value"], abs=1e-12)


def pixels(page, x, y):
    """Where the upper chart's point (x, y) lies on the page at a desktop's width."""
    box = page.locator("canvas").bounding_box()
    width = box["width"] - 54 - 12
    return box["x"] + 54 + (x + 6) / 12 * width, box["y"] + 58 + 190 * (1 - y / 1.05)


def drag(page, start, end):
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=4)
    page.mouse.up()


def test_the_bell_can_be_dragged_onto_the_data(show):  # noqa: F811
    page = show(OptimalDiscriminator(theta=2.0, sd=0.6))
    drag(page, pixels(page, 2, 0.3989 / 0.6), pixels(page, 0, 0.3989))
    assert [page.evaluate(STATE, name) for name in ("theta", "sd")] == [0, 1]
    assert page.inner_text(".tell").startswith("q = p") and "−1.3863" in page.inner_text(".tell")


def test_the_readers_own_discriminator_can_be_dragged_along_the_line(show):  # noqa: F811
    page = show(OptimalDiscriminator())
    drag(page, pixels(page, 0.5, 0.5), pixels(page, -3, 0.9))
    assert [page.evaluate(STATE, name) for name in ("place", "theta", "sd")] == [-3, 2, 1]


def test_a_press_beside_every_handle_moves_nothing(show):  # noqa: F811
    page = show(OptimalDiscriminator())
    drag(page, pixels(page, -4, 0.8), pixels(page, 3, 0.2))
    assert [page.evaluate(STATE, name) for name in ("theta", "sd", "place", "steepness")] == [2, 1, 0.5, 1]
