"""The Dirac-GAN's explorer: the chapter's closed forms, the start under a mouse and a finger, and Play, Pause, Step."""
# ruff: noqa: F811

import math

import pytest
from test_widgets import SET, show, stop_the_clock  # noqa: F401  (a fixture, as below)

from ganlib.widgets.dirac import DiracGAN

GET = "(name) => document.querySelector('[data-explorer]').explorer.model.get(name)"


@pytest.mark.parametrize(
    ("traits", "radius"),
    [
        ({"eta": 0.2}, math.sqrt(1 + 0.2**2 / 4)),
        ({"eta": 0.2, "game": "wasserstein"}, math.sqrt(1 + 0.2**2)),
        ({"eta": 3.9, "rule": "alternating"}, 1),
        ({"eta": 4.1, "rule": "alternating"}, 1.5625),
        ({"eta": 4.1, "rule": "generator_first"}, 1.5625),
        ({"eta": 0.4, "rule": "extragradient"}, math.sqrt(1 - 0.2**2 + 0.2**4)),
        ({"eta": 1.2, "gamma": 0.3}, 1),
        ({"eta": 1.3, "gamma": 0.3, "rule": "alternating"}, math.sqrt(1 - 0.3 * 1.3)),
    ],
)
def test_the_spectral_radius_is_the_chapters(traits, radius):
    assert DiracGAN(steps=0, **traits).numbers()["radius"] == pytest.approx(radius, abs=1e-7)


def test_the_bilinear_step_of_1_is_back_after_six():
    numbers = DiracGAN(game="wasserstein", rule="alternating", eta=1, steps=6).numbers()
    assert (numbers["theta"], numbers["phi"]) == pytest.approx((1, -1), abs=1e-12)


def test_alternating_steps_of_1_drift_outwards_in_the_minimax_game_alone():
    knobs = {"rule": "alternating", "eta": 1, "steps": 300}
    assert DiracGAN(**knobs).numbers()["distance"] == pytest.approx(3.2407, abs=1e-3)
    assert DiracGAN(game="wasserstein", **knobs).numbers()["distance"] == pytest.approx(math.sqrt(2), abs=1e-9)


def test_a_run_ends_far_away():
    numbers = DiracGAN(game="wasserstein", eta=4, steps=300).numbers()
    assert 1000 < numbers["distance"] < 4200


def place(page, theta, phi):
    """The point of the window at which the plane shows theta and phi."""
    box = page.locator("canvas").bounding_box()
    side = min(max(box["width"] - 342, 240), 380) if box["width"] > 600 else box["width"] - 50
    left = 44 if box["width"] > 600 else 36
    return box["x"] + left + side * (0.5 + theta / 5), box["y"] + 58 + side * (0.5 - phi / 5)


def start(page):
    return page.evaluate(GET, "theta"), page.evaluate(GET, "phi")


@pytest.mark.parametrize(
    ("traits", "verdict"),
    [
        ({"eta": 0.2}, "above 1: they are driven from the equilibrium."),
        ({"eta": 4.1, "rule": "alternating"}, "above 1: they are driven from the equilibrium."),
        ({"gamma": 1}, "below 1: they converge from every start close enough."),
        *(
            ({"eta": 1, "rule": rule}, "the linear part circles, the next terms push outwards.")
            for rule in ("alternating", "generator_first")
        ),
        ({"eta": 1, "rule": "alternating", "game": "wasserstein"}, "exactly 1 in a linear game: they circle for ever."),
        ({"eta": 1, "rule": "alternating", "game": "non_saturating"}, "silent: the next terms decide."),
    ],
)
def test_the_verdict_says_what_the_eigenvalues_decide(show, traits, verdict):
    assert show(DiracGAN(**traits)).inner_text(".tell").endswith(verdict)


def test_the_start_follows_the_mouse(show):
    page = show(DiracGAN())
    page.mouse.move(*place(page, 1, -1))
    page.mouse.down()
    page.mouse.move(*place(page, 0.5, 1.5), steps=5)
    page.mouse.up()
    assert start(page) == pytest.approx((0.5, 1.5), abs=0.051)
    page.mouse.click(*place(page, -2.4, 0))
    assert start(page) == pytest.approx((-2, 0), abs=0.051)
    page.mouse.move(*place(page, 1, 1))  # no button down
    assert start(page) == pytest.approx((-2, 0), abs=0.051)


def test_a_tap_moves_the_start(show):
    page = show(DiracGAN(), has_touch=True)
    page.set_viewport_size({"width": 390, "height": 900})
    page.wait_for_timeout(150)
    page.touchscreen.tap(*place(page, -1, 0.5))
    assert start(page) == pytest.approx((-1, 0.5), abs=0.051)


def test_play_pause_and_step_move_the_run(show):
    page = show(DiracGAN(steps=20))
    steps = page.locator("input[type=range]").last
    stop_the_clock(page)
    page.get_by_role("button", name="Play").click()
    page.clock.run_for(700)
    page.get_by_role("button", name="Pause").click()
    paused = page.evaluate(GET, "steps")
    assert paused == int(paused) and 21 < paused < 60 and float(steps.input_value()) == paused
    page.clock.run_for(200)
    assert page.evaluate(GET, "steps") == paused
    page.get_by_role("button", name="Step").click()
    assert page.evaluate(GET, "steps") == paused + 1
    assert page.inner_text(".tell").startswith(f"After {paused + 1:g} steps")


def test_play_begins_anew_once_the_run_is_over_and_ends_at_its_end(show):
    page = show(DiracGAN(steps=300, eta=0.05))
    stop_the_clock(page)
    page.get_by_role("button", name="Play").click()
    assert page.evaluate(GET, "steps") == 0
    page.clock.run_for(15_000)
    assert page.evaluate(GET, "steps") == 300
    page.get_by_role("button", name="Play").wait_for()


@pytest.mark.parametrize("how", ["Reset", "slider", "kernel"])
def test_whoever_moves_the_steps_ends_the_playing(show, how):
    page = show(DiracGAN(steps=20))
    page.get_by_role("button", name="Play").click()
    page.wait_for_timeout(300)
    if how == "Reset":
        page.get_by_role("button", name="Reset").click()
    elif how == "slider":
        page.locator("input[type=range]").last.press("Home")
    else:
        page.evaluate(SET, ["steps", 7])
    page.get_by_role("button", name="Play").wait_for()
    page.wait_for_timeout(200)
    assert page.evaluate(GET, "steps") == {"Reset": 20, "slider": 0, "kernel": 7}[how]


def test_with_reduced_motion_play_takes_whole_steps_twice_a_second(show):
    page = show(DiracGAN(steps=0), reduced_motion="reduce")
    page.evaluate(
        """() => { const { model } = document.querySelector('[data-explorer]').explorer;
        window.seen = []; model.on('change:steps', () => window.seen.push(model.get('steps'))); }"""
    )
    stop_the_clock(page)
    page.get_by_role("button", name="Play").click()
    page.clock.run_for(1800)
    seen = page.evaluate("window.seen")
    assert len(seen) == 3 and all(step == int(step) for step in seen)
